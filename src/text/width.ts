import stringWidth from 'string-width';
import { visibleLine } from './escape.ts';

/** Characters of one column each: Latin letters, dashes and quotes, lines and bars. They need no tables of Unicode, which take tens of milliseconds to load. */
const PLAIN = /^[\x20-\x7e\xa0-\xac\xae-\u02ff\u2010-\u2027\u2500-\u259f]*$/;
const ELLIPSIS = '…';
let characters: Intl.Segmenter | undefined;

/** The number of terminal columns of a line. */
export function textWidth(text: string): number {
  return PLAIN.test(text) ? text.length : stringWidth(text);
}

/** A line cut to this many columns, with an ellipsis where something is missing. */
export function cutToWidth(text: string, most: number): string {
  if (textWidth(text) <= most) return text;
  if (PLAIN.test(text)) return `${text.slice(0, Math.max(0, most - 1))}${ELLIPSIS}`;
  let cut = '';
  let width = 0;
  characters ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  for (const { segment } of characters.segment(text)) {
    width += textWidth(segment);
    if (width > most - 1) break;
    cut += segment;
  }
  return `${cut}${ELLIPSIS}`;
}

/** Untrusted text, on one line and cut to this many columns of a terminal. */
export function shortLine(text: string, most: number): string {
  // A megabyte of text is not searched for a few characters.
  const start = visibleLine(text.slice(0, most * 4));
  return cutToWidth(text.length <= most * 4 ? start : `${start}${' '.repeat(most)}`, most);
}

const BYTES_SHOWN = 16;

/** The start of a body: text, or bytes. */
export function previewOf(body: Buffer, most: number): string {
  const start = body.subarray(0, most * 4);
  const cut = start.length < body.length;
  // The cut may be inside a character.
  const text = cut ? start.toString('utf8').replace(/\ufffd{1,3}$/, '') : start.toString('utf8');
  if (!/[\0\ufffd]/.test(text)) return shortLine(cut ? `${text}${' '.repeat(most * 4)}` : text, most).trimEnd();
  const hex = [...body.subarray(0, BYTES_SHOWN)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return body.length > BYTES_SHOWN ? `${hex} …` : hex;
}
