import { isUtf8 } from 'node:buffer';
import { Failure } from '../failure.ts';
import { decodeBase64, isWellFormed, quote } from '../text.ts';
import { bytesOf } from './body.ts';
import type { IntegerTypes } from './field.ts';
import { tableToJson } from './field-json.ts';
import { jsonDepth, jsonLoss, members } from './json.ts';
import type { Delivery, Message, Properties } from './message.ts';
import { checkName, PROPERTY_NAMES, parseProperties, shortText } from './properties.ts';

/** A message read from a line; the caller decides where it goes when the line does not say. */
export interface Envelope extends Pick<Message, 'properties' | 'body'> {
  readonly exchange?: string;
  readonly routingKey?: string;
}

const BODY_KEYS = ['body', 'bodyBase64', 'bodyJson'] as const;
/** Information only: `death` is what `dlx inspect` read from the headers; `call` and `error` belong to a reply. */
const KEYS = ['queue', 'exchange', 'routingKey', 'redelivered', 'properties', 'types', ...BODY_KEYS, 'death', 'call', 'error'] as const;

const wrong = (what: string, hint?: string): Failure => new Failure('data', what, { hint });

/**
 * One line of JSON, without the newline, from which {@link parseEnvelope} reads the same message. `jsonBody` asks for
 * a JSON body as `bodyJson` where parsing it loses nothing.
 *
 * @throws Failure `data` for headers that nest too deep, or a body that is too long for one line
 */
export function formatEnvelope(delivery: Delivery, { jsonBody }: { jsonBody: boolean }): string {
  return `{"queue":${JSON.stringify(delivery.queue)},${formatAddress(delivery)},"redelivered":${delivery.redelivered},${formatContent(delivery, jsonBody)}}`;
}

/**
 * One line of JSON for a returned message: an envelope with the reason, and with its line in the input.
 *
 * @throws Failure `data` as `formatEnvelope` does
 */
export function formatReturned(message: Message, reply: string): string {
  const { from } = message;
  const place = from?.line === undefined ? {} : { line: from.line, ...(from.file !== undefined && { file: from.file }) };
  return `{${formatAddress(message)},${formatContent(message, false)},"error":${JSON.stringify({ kind: 'unroutable', reason: reply, ...place })}}`;
}

function formatAddress({ exchange, routingKey }: Message): string {
  return `"exchange":${JSON.stringify(exchange)},"routingKey":${JSON.stringify(routingKey)}`;
}

function formatContent({ properties, body }: Message, jsonBody: boolean): string {
  try {
    return `"properties":${formatProperties(properties)},${formatBody(body, jsonBody)}`;
  } catch (error) {
    if (!(error instanceof RangeError) && (error as NodeJS.ErrnoException).code !== 'ERR_STRING_TOO_LONG') throw error;
    throw new Failure('data', `a body of ${body.length} bytes does not fit into one line of JSON`, { hint: 'use -o raw', cause: error });
  }
}

/** The properties and, where their headers need them, the types that stand next to them. */
function formatProperties(properties: Properties): string {
  let json = '';
  let types = '';
  for (const name of PROPERTY_NAMES) {
    // A message without a delivery mode is transient; written out, because publishing makes messages persistent by default.
    const value = properties[name] ?? (name === 'deliveryMode' ? 1 : undefined);
    if (value === undefined) continue;
    json += `${json === '' ? '' : ','}"${name}":`;
    if (typeof value === 'string') json += JSON.stringify(value);
    else if (typeof value === 'number') json += value;
    else {
      const headers = tableToJson(value);
      json += headers.json;
      if (headers.types.length > 0) types = `,"types":${JSON.stringify(Object.fromEntries(headers.types))}`;
    }
  }
  return `{${json}}${types}`;
}

function formatBody(given: Buffer, jsonBody: boolean): string {
  const body = Buffer.isBuffer(given) ? given : bytesOf(given);
  if (!isUtf8(body)) return `"bodyBase64":"${body.toString('base64')}"`;
  const text = body.toString('utf8');
  const json = jsonBody ? compactJson(text) : undefined;
  return json === undefined ? `"body":${JSON.stringify(text)}` : `"bodyJson":${json}`;
}

/** The depth at which older versions of jq stop, and which some versions of Node cannot write. */
const MAX_DEPTH = 256;

/** JSON on one line; undefined for text that is not JSON, that JavaScript cannot hold exactly, or that nests too deep. */
function compactJson(text: string): string | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    // A text that nests this deep is at least this long; the envelope around it is one level.
    if (text.length >= 2 * MAX_DEPTH && jsonDepth(text) >= MAX_DEPTH) return undefined;
    const json = JSON.stringify(parsed);
    return json === text || jsonLoss(text) === undefined ? json : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Reads one line. It guesses and corrects nothing: it refuses unknown keys, repeated keys and values that AMQP cannot hold.
 *
 * @throws Failure `data`; the caller adds the line number
 */
export function parseEnvelope(line: string): Envelope {
  const { queue, exchange, routingKey, redelivered, properties, types, ...bodies } = envelopeMembers(line);
  if (queue !== undefined && typeof queue !== 'string') throw wrong(`queue must be text, got ${quote(queue)}`);
  if (redelivered !== undefined && typeof redelivered !== 'boolean') throw wrong(`redelivered must be true or false, got ${quote(redelivered)}`);
  return {
    ...(exchange === undefined ? {} : { exchange: shortText('exchange', exchange) }),
    ...(routingKey === undefined ? {} : { routingKey: shortText('routingKey', routingKey) }),
    properties: parseProperties(properties ?? {}, parseTypes(types)),
    body: parseBody(bodies),
  };
}

type Line = { [K in (typeof KEYS)[number]]?: unknown };

/**
 * The line as an object of known keys; `bodyJson` keeps its spelling, since parsing it might lose digits. `partial`: an object or a list as `body` is `bodyJson`.
 *
 * @throws Failure `data`
 */
export function envelopeMembers(line: string, partial = false): Line {
  if (typeof line !== 'string') throw wrong(`an envelope is a line of text, got ${quote(line)}`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch (error) {
    throw wrong(`not JSON: ${(error as SyntaxError).message}`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw wrong(`an envelope must be a JSON object, got ${quote(parsed)}`);
  const known = new Set<string>();
  const object = parsed as Line;
  for (const { name: given, text } of members(line)) {
    checkName(given, KEYS, 'key');
    const name = partial && given === 'body' && typeof object.body === 'object' && object.body !== null ? 'bodyJson' : given;
    if (known.has(name)) throw wrong(`the key "${name}" stands twice`);
    known.add(name);
    if (object[given as keyof Line] === null && name !== 'bodyJson') throw wrong(`${name} must not be null`);
    const loss = name === 'properties' || name === 'types' ? jsonLoss(text) : undefined;
    if (loss !== undefined)
      throw wrong(`${name}: ${loss}`, 'exact digits are written as text: {"!":"int64","value":"9007199254740993"}, {"!":"double","value":"-0"}');
    if (name === 'bodyJson') object.bodyJson = text;
    if (name !== given) delete object.body;
  }
  return object;
}

function parseTypes(types: unknown): IntegerTypes {
  if (types === undefined) return new Map();
  if (typeof types !== 'object' || types === null || Array.isArray(types)) throw wrong(`types must be an object, got ${quote(types)}`);
  return new Map(Object.entries(types));
}

function parseBody(line: Line): Buffer {
  const given = BODY_KEYS.filter((key) => line[key] !== undefined);
  const [key] = given;
  if (key === undefined) throw wrong('one of body, bodyBase64 and bodyJson is needed', '"body":"" is an empty body');
  if (given.length > 1) throw wrong(`only one of body, bodyBase64 and bodyJson may be given, got ${given.join(' and ')}`);
  const value = line[key];
  if (typeof value !== 'string') throw wrong(`${key} must be text, got ${quote(value)}`, key === 'body' ? 'bodyJson takes any JSON value' : undefined);
  if (key !== 'bodyBase64') {
    if (!isWellFormed(value)) throw wrong(`${key} holds half of a surrogate pair, which UTF-8 cannot hold`);
    return Buffer.from(value);
  }
  const bytes = decodeBase64(value);
  if (bytes === undefined) throw wrong(`bodyBase64 is not base64 in its standard alphabet with padding: ${quote(value)}`);
  return bytes;
}
