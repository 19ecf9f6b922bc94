import { visibleLine } from './one-line.ts';
import { cutToWidth } from './text-width.ts';

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
