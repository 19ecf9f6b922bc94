/** What a terminal would obey rather than show. */
const CONTROLS = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;
const NAMED: Readonly<Record<string, string>> = { '\t': '\\t', '\n': '\\n', '\r': '\\r' };

/** Text that anybody may have chosen, on one line and without what a terminal would obey. */
export function oneLine(text: string): string {
  return text.replace(CONTROLS, (control) => NAMED[control] ?? `\\u${(control.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`);
}
