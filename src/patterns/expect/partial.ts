import { isUtf8 } from 'node:buffer';
import { Failure } from '../../model/failure.ts';
import { envelopeMembers } from '../../model/message/envelope.ts';
import { tableToJson } from '../../model/message/field-json.ts';
import { exactJson } from '../../model/message/json.ts';
import type { Delivery, Properties } from '../../model/message/message.ts';
import { parseProperties } from '../../model/message/properties.ts';
import { decodeBase64, quote } from '../../model/text.ts';

/** An envelope, or a part of one, as parsed JSON; whole numbers that a double does not hold are bigints. */
export type Part = Readonly<Record<string, unknown>>;

/** A place where a message is not as expected; undefined is what is not there. */
interface Mismatch {
  readonly at: string;
  readonly expected: unknown;
  readonly came: unknown;
}

const BODIES = ['body', 'bodyBase64', 'bodyJson'] as const;

const wrong = (what: string, hint?: string): Failure => new Failure('data', what, hint === undefined ? {} : { hint });

/** The message as `consume -o json` prints it, as far as these keys need it; `bodyJson` is a body that is JSON. */
export function viewOf({ queue, exchange, routingKey, redelivered, properties, body }: Delivery, keys: ReadonlySet<string>): Part {
  const view: Record<string, unknown> = { queue, exchange, routingKey, redelivered };
  if (keys.has('properties') || keys.has('types'))
    Object.assign(view, contentOf(properties.deliveryMode === undefined ? { ...properties, deliveryMode: 1 } : properties));
  if (!BODIES.some((key) => keys.has(key))) return view;
  if (!isUtf8(body)) return { ...view, bodyBase64: body.toString('base64') };
  const text = body.toString('utf8');
  view['body'] = text;
  if (!keys.has('bodyJson')) return view;
  try {
    view['bodyJson'] = exactJson(text, 'objects');
  } catch {
    // It is not JSON, or nests too deep.
  }
  return view;
}

/** Properties, and the types of their headers, as an envelope spells them. */
function contentOf(properties: Properties): { readonly properties: Properties | Part; readonly types?: Part } {
  const { headers } = properties;
  if (headers === undefined || Object.values(headers).every(isAsSpelled)) return { properties };
  const { json, types } = tableToJson(headers);
  return { properties: { ...properties, headers: exactJson(json, 'objects') }, ...(types.length > 0 && { types: Object.fromEntries(types) }) };
}

/** True for a value that an envelope spells as it is. */
function isAsSpelled(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'boolean' || (Number.isSafeInteger(value) && !Object.is(value, -0));
}

/**
 * Reads a line of an expect file: an envelope without what does not matter.
 *
 * @throws Failure `data`; the caller adds the line number
 */
export function parsePartial(line: string): Part {
  const given = envelopeMembers(line, true);
  const view: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(given)) {
    if (key === 'death' || key === 'call' || key === 'error') throw wrong(`${key} cannot be expected: it is no part of a message`);
    const type = key === 'redelivered' ? 'boolean' : key === 'properties' || key === 'types' ? 'object' : 'string';
    if (typeof value !== type) {
      throw wrong(`${key} must be ${type === 'string' ? 'text' : type}, got ${quote(value)}`, key === 'body' ? 'bodyJson takes any JSON value' : undefined);
    }
    view[key] = value;
  }
  const bodies = BODIES.filter((key) => view[key] !== undefined);
  if (bodies.length > 1) throw wrong(`only one of body, bodyBase64 and bodyJson may be given, got ${bodies.join(' and ')}`);
  if (view['properties'] !== undefined) view['properties'] = contentOf(parseProperties(view['properties'], new Map())).properties;
  if (typeof view['bodyJson'] === 'string') view['bodyJson'] = exactJson(view['bodyJson'], 'objects');
  if (typeof view['bodyBase64'] === 'string') {
    const bytes = decodeBase64(view['bodyBase64']);
    if (bytes === undefined) throw wrong(`bodyBase64 is not base64 in its standard alphabet with padding: ${quote(view['bodyBase64'])}`);
    if (isUtf8(bytes)) {
      delete view['bodyBase64'];
      view['body'] = bytes.toString('utf8');
    }
  }
  return view;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** True when everything expected is there: objects may have more keys, arrays have the same length. */
export function matches(expected: unknown, came: unknown): boolean {
  if (typeof expected !== 'object' || expected === null) return expected === came;
  if (Array.isArray(expected)) return Array.isArray(came) && came.length === expected.length && expected.every((item, index) => matches(item, came[index]));
  if (!isObject(came)) return false;
  for (const key of Object.keys(expected)) if (!Object.hasOwn(came, key) || !matches((expected as Part)[key], came[key])) return false;
  return true;
}

export function differences(expected: unknown, came: unknown, at = ''): Mismatch[] {
  const below = (key: string, index: boolean): string =>
    index || !/^[\w-]+$/.test(key) ? `${at}[${index ? key : JSON.stringify(key)}]` : at === '' ? key : `${at}.${key}`;
  const array = Array.isArray(expected);
  const inside = array ? Array.isArray(came) && came.length === expected.length : isObject(expected) && isObject(came);
  if (!inside) return matches(expected, came) ? [] : [{ at, expected, came }];
  return Object.entries(expected as object).flatMap(([key, value]) =>
    differences(value, Object.hasOwn(came as object, key) ? (came as Part)[key] : undefined, below(key, array)),
  );
}

/** JSON on one line, shortened; bigints as digits. */
export function shown(value: unknown, most = 160): string {
  const json = exactText(value);
  return json.length > most ? `${json.slice(0, most - 1)}…` : json;
}

function exactText(value: unknown): string {
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return `[${value.map(exactText).join(',')}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const parts = Object.keys(value).map((key) => `${JSON.stringify(key)}:${exactText(value[key])}`);
  return `{${parts.join(',')}}`;
}

/** As in `message 3 (id "…")`. */
export function titleOf(number: number, { properties: { messageId } }: Delivery): string {
  return `message ${number}${messageId === undefined ? '' : ` (id ${JSON.stringify(messageId)})`}`;
}
