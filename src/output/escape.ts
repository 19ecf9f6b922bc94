/** What a terminal would obey rather than show: C0, DEL, C1, and the controls that reorder text. */
const CONTROLS = /[\0-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g;
const CONTROLS_BUT_LAYOUT = /[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g;
const NAMED: Readonly<Record<string, string>> = { '\t': '\\t', '\n': '\\n', '\r': '\\r' };

function spell(control: string): string {
  const code = control.charCodeAt(0);
  return NAMED[control] ?? (code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`);
}

/** Text that anybody may have chosen, safe to show on one line of a terminal. */
export function visibleLine(text: string): string {
  return text.replace(CONTROLS, spell);
}

/** The same for text of several lines: newlines and tabs stay. */
export function visibleText(text: string): string {
  return text.replace(CONTROLS_BUT_LAYOUT, spell);
}
