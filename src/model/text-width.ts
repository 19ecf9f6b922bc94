/** Characters that take the room of two, as terminals draw them. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}\p{Emoji_Presentation}]/u;
/** Characters that take none: they join the one before. */
const JOINED = /[\p{Mn}\p{Me}\p{Cf}]/u;
const PLAIN = /^[\x20-\x7e]*$/;

/** How many columns of a terminal a line takes. */
export function textWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

/** A line cut to so many columns, with an ellipsis where something is missing. */
export function cutToWidth(text: string, most: number): string {
  if (textWidth(text) <= most) return text;
  let cut = '';
  let width = 0;
  for (const character of text) {
    width += characterWidth(character);
    if (width > most - 1) break;
    cut += character;
  }
  return `${cut}…`;
}

function characterWidth(character: string): number {
  if (PLAIN.test(character)) return 1;
  return WIDE.test(character) ? 2 : JOINED.test(character) ? 0 : 1;
}
