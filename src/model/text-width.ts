import stringWidth from 'string-width';

const PLAIN = /^[\x20-\x7e]*$/;
const ELLIPSIS = '…';
const characters = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** How many columns of a terminal a line takes. */
export function textWidth(text: string): number {
  return PLAIN.test(text) ? text.length : stringWidth(text);
}

/** A line cut to so many columns, with an ellipsis where something is missing. */
export function cutToWidth(text: string, most: number): string {
  if (textWidth(text) <= most) return text;
  let cut = '';
  let width = 0;
  for (const { segment } of characters.segment(text)) {
    width += textWidth(segment);
    if (width > most - 1) break;
    cut += segment;
  }
  return `${cut}${ELLIPSIS}`;
}
