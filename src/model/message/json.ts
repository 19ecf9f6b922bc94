const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const MINUS = 0x2d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** A member of a JSON object; its value as spelled. */
export interface Member {
  readonly name: string;
  readonly text: string;
}

/** The members of an object in a text that `JSON.parse` accepts, including repeated ones. */
export function members(json: string): Member[] {
  const found: Member[] = [];
  let name = '';
  let start = 0;
  let depth = 0;
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) {
      const end = stringEnd(json, at);
      if (depth === 1 && start === 0) name = unquote(json.slice(at, end));
      at = end - 1;
    } else if (code === OPEN_BRACE || code === OPEN_BRACKET) depth++;
    else if (code === COLON && depth === 1) start = at + 1;
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET || code === COMMA) {
      if (depth === 1 && start > 0) {
        found.push({ name, text: json.slice(start, at).trim() });
        start = 0;
      }
      if (code !== COMMA) depth--;
    }
  }
  return found;
}

/**
 * What `JSON.parse` would silently lose of a text: a repeated key, or digits that a double does not
 * hold. Undefined when it loses nothing. Needs no stack for nesting.
 */
export function jsonLoss(json: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) {
      const end = stringEnd(json, at);
      if (json.charCodeAt(skipSpace(json, end)) === COLON) {
        const key = unquote(json.slice(at, end));
        const keys = open[open.length - 1];
        if (keys?.has(key)) return `the key ${JSON.stringify(key)} stands twice in one object`;
        keys?.add(key);
      }
      at = end - 1;
    } else if (code === OPEN_BRACE) open.push(new Set());
    else if (code === OPEN_BRACKET) open.push(undefined);
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) open.pop();
    else if (isDigit(code) || code === MINUS) {
      const end = numberEnd(json, at);
      const digits = json.slice(at, end);
      if (!isExact(digits)) return `the number ${digits.length > 60 ? `${digits.slice(0, 57)}…` : digits} would be read as ${Number(digits)}`;
      at = end - 1;
    }
  }
  return undefined;
}

/** How deep the arrays and objects nest in a text that `JSON.parse` accepts. */
export function jsonDepth(json: string): number {
  let depth = 0;
  let deepest = 0;
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) at = stringEnd(json, at) - 1;
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) deepest = Math.max(deepest, ++depth);
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth--;
  }
  return deepest;
}

const LONG_NUMBER = /\d{16}/;
const INT64 = /^\0-?\d+$/;

/**
 * Parsed JSON: bigints for whole numbers of 64 bits that a double does not hold, and maps for objects unless told otherwise.
 *
 * @throws SyntaxError
 */
export function exactJson(json: string, as: 'maps' | 'objects' = 'maps'): unknown {
  const revive = as === 'maps' ? withMaps : undefined;
  if (!LONG_NUMBER.test(json)) return JSON.parse(json, revive);
  // Numbers and texts differ only in the JSON.
  JSON.parse(json);
  return JSON.parse(markIntegers(json), (key, value) =>
    typeof value === 'string' && INT64.test(value) ? BigInt(value.slice(1)) : (revive?.(key, value) ?? value),
  );
}

function withMaps(_key: string, value: unknown): unknown {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? new Map(Object.entries(value)) : value;
}

/** The same JSON, with texts instead of whole numbers that a double does not hold. */
function markIntegers(json: string): string {
  const parts: string[] = [];
  let from = 0;
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) at = stringEnd(json, at) - 1;
    else if (isDigit(code) || code === MINUS) {
      const end = numberEnd(json, at);
      const digits = json.slice(at, end);
      if (/^-?\d{16,19}$/.test(digits) && !Number.isSafeInteger(Number(digits)) && BigInt.asIntN(64, BigInt(digits)) === BigInt(digits)) {
        parts.push(json.slice(from, at), `"\\u0000${digits}"`);
        from = end;
      }
      at = end - 1;
    }
  }
  return parts.join('') + json.slice(from);
}

function stringEnd(json: string, quote: number): number {
  for (let end = json.indexOf('"', quote + 1); ; end = json.indexOf('"', end + 1)) {
    let before = end;
    while (json.charCodeAt(before - 1) === BACKSLASH) before--;
    if ((end - before) % 2 === 0) return end + 1;
  }
}

function unquote(quoted: string): string {
  return quoted.includes('\\') ? (JSON.parse(quoted) as string) : quoted.slice(1, -1);
}

function skipSpace(json: string, from: number): number {
  let at = from;
  while (json.charCodeAt(at) <= 0x20) at++;
  return at;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function numberEnd(json: string, from: number): number {
  let at = from + 1;
  while (at < json.length && /[\d.eE+-]/.test(json.charAt(at))) at++;
  return at;
}

function isExact(digits: string): boolean {
  const read = Object.is(Number(digits), -0) ? '0' : String(Number(digits));
  return read === digits || normalize(read) === normalize(digits);
}

/** A decimal number in one spelling: sign, digits without zeros around them, exponent. */
function normalize(number: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(number) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  return significant === '' ? `${sign}0` : `${sign}${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`;
}
