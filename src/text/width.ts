import stringWidth from 'string-width';
import { visibleLine } from './escape.ts';

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

/** Text that anybody may have chosen, on one line and cut to so many columns of a terminal. */
export function shortLine(text: string, most: number): string {
  // A megabyte of text is not looked through for the sake of a few characters.
  const start = visibleLine(text.slice(0, most * 4));
  return cutToWidth(text.length <= most * 4 ? start : `${start}${' '.repeat(most)}`, most);
}

const BYTES_SHOWN = 16;

/** How a body begins: its text, or its bytes where it is none. */
export function previewOf(body: Buffer, most: number): string {
  const start = body.subarray(0, most * 4);
  const cut = start.length < body.length;
  // The cut may be inside a character.
  const text = cut ? start.toString('utf8').replace(/\ufffd{1,3}$/, '') : start.toString('utf8');
  if (!/[\0\ufffd]/.test(text)) return shortLine(cut ? `${text}${' '.repeat(most * 4)}` : text, most).trimEnd();
  const hex = [...body.subarray(0, BYTES_SHOWN)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return body.length > BYTES_SHOWN ? `${hex} …` : hex;
}
