/**
 * What a terminal would obey or hide instead of show: C0, DEL and C1, what reorders text, what has no width, what separates lines, annotations and tags.
 * The joiners U+200C and U+200D stay: scripts and emoji need them.
 */
const UNSEEN = '\\x7f-\\x9f\\u061c\\u180e\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\u{e0000}-\\u{e007f}';
const CONTROLS = new RegExp(`[\\0-\\x1f${UNSEEN}]`, 'gu');
const CONTROLS_BUT_LAYOUT = new RegExp(`[\\0-\\x08\\x0b-\\x1f${UNSEEN}]`, 'gu');
const NAMED: Readonly<Record<string, string>> = { '\t': '\\t', '\n': '\\n', '\r': '\\r' };

function spell(control: string): string {
  const named = NAMED[control];
  if (named !== undefined) return named;
  const hex = (control.codePointAt(0) ?? 0).toString(16);
  return hex.length <= 2 ? `\\x${hex.padStart(2, '0')}` : hex.length <= 4 ? `\\u${hex.padStart(4, '0')}` : `\\u{${hex}}`;
}

/** Untrusted text, safe to show on one line of a terminal. */
export function visibleLine(text: string): string {
  return text.replace(CONTROLS, spell);
}

/** The same for text of several lines: newlines and tabs stay. */
export function visibleText(text: string): string {
  return text.replace(CONTROLS_BUT_LAYOUT, spell);
}
