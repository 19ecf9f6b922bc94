import widthOf from 'fast-string-truncated-width';

const PLAIN = /^[\x20-\x7e]*$/;
const ELLIPSIS = '…';

/** How many columns of a terminal a line takes. */
export function textWidth(text: string): number {
  return PLAIN.test(text) ? text.length : widthOf(text).width;
}

/** A line cut to so many columns, with an ellipsis where something is missing. */
export function cutToWidth(text: string, most: number): string {
  const { index, ellipsed } = widthOf(text, { limit: most, ellipsis: ELLIPSIS, ellipsisWidth: 1 });
  return ellipsed ? `${text.slice(0, index)}${ELLIPSIS}` : text.slice(0, index);
}
