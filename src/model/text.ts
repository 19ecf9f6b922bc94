/** Half of a surrogate pair: a JavaScript string may hold one, UTF-8 cannot. */
const LONE_SURROGATE = /\p{Surrogate}/u;
const ANY_SURROGATE = /[\ud800-\udfff]/;

/** True when UTF-8 can hold the text without loss. */
export function isWellFormed(text: string): boolean {
  return !ANY_SURROGATE.test(text) || !LONE_SURROGATE.test(text);
}

/** The bytes of standard base64 with padding; undefined for any other text. */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

/** Text for a shell's single quotes, in which nothing but the closing quote means anything. */
export function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** A value in a message for people: JSON, shortened. */
export function quote(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : `an object${classOf(value)}`;
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** True for an object that is an AMQP table or a JSON object; false for dates, maps, bytes, promises and the like. */
export function isPlainObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.prototype.toString.call(value) === '[object Object]';
}

function classOf(value: object): string {
  return isPlainObject(value) ? '' : ` of type ${Object.prototype.toString.call(value).slice('[object '.length, -1)}`;
}

/** The name that was probably meant, among a few; undefined when none is near. */
export function nearest(given: string, names: readonly string[]): string | undefined {
  const plain = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '');
  const typed = plain(given.slice(0, 40));
  const ranked = names.map((name) => ({ name, distance: editDistance(typed, plain(name)) })).sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= Math.max(1, Math.floor(best.name.length / 3)) ? best.name : undefined;
}

/** The edit distance of two texts (Levenshtein); two neighbours that are swapped count once. */
function editDistance(from: string, to: string): number {
  let twoAbove: readonly number[] = [];
  let above = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const line = [row];
    for (let column = 1; column <= to.length; column++) {
      const change = from[row - 1] === to[column - 1] ? 0 : 1;
      const swapped = row > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1] ? (twoAbove[column - 2] ?? 0) + 1 : row + column;
      line.push(Math.min((above[column - 1] ?? 0) + change, (above[column] ?? 0) + 1, (line[column - 1] ?? 0) + 1, swapped));
    }
    twoAbove = above;
    above = line;
  }
  return above[to.length] ?? 0;
}

/** A thrown value as text for people; any value can be thrown. */
export function thrownText(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error);
  } catch {
    return 'a value was thrown that cannot be shown as text';
  }
}
