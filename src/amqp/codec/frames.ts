import { brokenRule, Failure } from '../../model/failure.ts';
import { exactUnsigned, parseTimestamp } from '../../model/message/field.ts';
import type { FieldTable, Message, Properties } from '../../model/message/message.ts';
import { type Growing, nestsDeep, readTable, reserve, writeTable } from './field-table.ts';

const TRANSIENT = 1;
const PERSISTENT = 2;

/** The properties of the basic class in the order of their flag bits, the first at bit 15. */
const LAYOUT = [
  ['contentType', 'shortstr'],
  ['contentEncoding', 'shortstr'],
  ['headers', 'table'],
  ['deliveryMode', 'octet'],
  ['priority', 'octet'],
  ['correlationId', 'shortstr'],
  ['replyTo', 'shortstr'],
  ['expiration', 'shortstr'],
  ['messageId', 'shortstr'],
  ['timestamp', 'timestamp'],
  ['type', 'shortstr'],
  ['userId', 'shortstr'],
  ['appId', 'shortstr'],
  ['clusterId', 'shortstr'],
] as const satisfies readonly (readonly [keyof Properties, string])[];

/** Writes a short string; `what` names it in the failure when it has more than 255 bytes. */
function writeShortString(to: Growing, text: string, what: string): void {
  const size = Buffer.byteLength(text);
  if (size > 255) throw new Failure('data', `the ${what} has ${size} bytes; AMQP allows 255`);
  reserve(to, 1 + size)[to.length] = size;
  if (size > 0) to.bytes.write(text, to.length + 1, 'utf8');
  to.length += 1 + size;
}

/**
 * Writes the property flags and the values that are there.
 *
 * @throws Failure `data` for a value that AMQP cannot hold
 */
export function writeProperties(to: Growing, properties: Properties): void {
  const start = to.length;
  reserve(to, 2);
  to.length += 2;
  let flags = 0;
  for (let index = 0; index < LAYOUT.length; index++) {
    const [name, type] = LAYOUT[index] as (typeof LAYOUT)[number];
    const value = properties[name];
    if (value === undefined) continue;
    flags |= 0x8000 >> index;
    if (type === 'shortstr') writeShortString(to, value as string, name);
    else if (type === 'table') writeTable(to, value as FieldTable);
    else if (type === 'octet') writeOctet(to, value as number, name);
    else writeTimestamp(to, value as number | string);
  }
  to.bytes.writeUInt16BE(flags, start);
}

function writeOctet(to: Growing, value: number, name: string): void {
  if (!(Number.isInteger(value) && value >= 0 && value <= 255)) throw new Failure('data', `${name} must be a whole number from 0 to 255, got ${value}`);
  reserve(to, 1)[to.length++] = value;
}

function writeTimestamp(to: Growing, value: number | string): void {
  const seconds = parseTimestamp(value);
  if (seconds === undefined) throw new Failure('data', `timestamp must be whole seconds since 1970, got ${value}`);
  reserve(to, 8).writeBigUInt64BE(BigInt(seconds), to.length);
  to.length += 8;
}

/**
 * Reads property flags and values, headers exactly (see `readTable`).
 *
 * @throws Failure `unavailable` for bytes that are no properties: a broker takes none from a publisher
 */
export function readProperties(bytes: Buffer): Properties {
  try {
    return decode(bytes);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw brokenRule(`it sent properties that cannot be decoded: ${error.message}`);
  }
}

const FLAGS = 2;
const HEADERS_FLAG = 0x2000;
const SHORT_STRINGS_BEFORE_HEADERS = [0x8000, 0x4000];
/** Type letter and length of the one field that stands in the place of headers, behind an empty name. */
const STAND_IN = 6;

/**
 * Overwrites headers that nest so deep that a decoder which calls itself would run out of stack: one field of the same length takes their place.
 * The answer is what stood there, in a copy where it was overwritten.
 */
export function defuseHeaders(bytes: Buffer): Buffer {
  if (bytes.length < FLAGS || (bytes.readUInt16BE(0) & HEADERS_FLAG) === 0) return bytes;
  const flags = bytes.readUInt16BE(0);
  let at = FLAGS;
  for (const flag of SHORT_STRINGS_BEFORE_HEADERS) if ((flags & flag) !== 0) at += 1 + (bytes[at] ?? 0);
  const start = at + 4;
  if (start > bytes.length) return bytes;
  const size = bytes.readUInt32BE(at);
  if (size < STAND_IN || start + size > bytes.length || !nestsDeep(bytes.subarray(start, start + size))) return bytes;
  const original = Buffer.from(bytes);
  bytes[start] = 0;
  bytes[start + 1] = 0x78; // x
  bytes.writeUInt32BE(size - STAND_IN, start + 2);
  return original;
}

function decode(bytes: Buffer): Properties {
  const flags = bytes.readUInt16BE(0);
  const properties: Record<string, unknown> = {};
  let offset = 2;
  for (let index = 0; index < LAYOUT.length; index++) {
    if ((flags & (0x8000 >> index)) === 0) continue;
    const [name, type] = LAYOUT[index] as (typeof LAYOUT)[number];
    if (type === 'octet') {
      const octet = bytes.readUInt8(offset++);
      // To RabbitMQ all modes but 2 are transient; 4.x hands out whatever a client wrote, and 3.10 would not take it.
      properties[name] = name === 'deliveryMode' && octet !== PERSISTENT ? TRANSIENT : octet;
    } else if (type === 'timestamp') {
      properties[name] = exactUnsigned(bytes.readBigUInt64BE(offset));
      offset += 8;
    } else if (type === 'shortstr') {
      const size = bytes.readUInt8(offset);
      properties[name] = bytes.toString('utf8', offset + 1, offset + 1 + size);
      offset += 1 + size;
    } else {
      const size = bytes.readUInt32BE(offset);
      if (offset + 4 + size > bytes.length) throw new RangeError('the headers are cut off');
      properties[name] = readTable(bytes.subarray(offset + 4, offset + 4 + size));
      offset += 4 + size;
    }
  }
  return properties as Properties;
}

const METHOD = 1;
const HEADER = 2;
const BODY = 3;
const FRAME_END = 0xce;
const BASIC_CLASS = 60;
const BASIC_PUBLISH = 40;
const FRAME_HEAD = 7;
/** Bytes of a frame besides its payload. */
const FRAME_OVERHEAD = FRAME_HEAD + 1;

/** What the frames of a message depend on besides the message. */
export interface Framing {
  readonly channel: number;
  /** The largest frame that was negotiated; 0 is no limit. */
  readonly frameMax: number;
  readonly mandatory: boolean;
}

/**
 * Writes a message as AMQP frames: basic.publish, content header, bodies. Writing many messages into one buffer and
 * handing that to the socket is what amqplib cannot do: it allocates four buffers and makes a write of its own per message.
 *
 * @throws Failure `data` when a name, a property or a header does not fit; whatever is thrown, nothing of the message has been written then
 */
export function writeMessage(to: Growing, message: Message, framing: Framing): void {
  const start = to.length;
  try {
    writePublish(to, message, framing);
    writeHeader(to, message.properties, message.body.length, framing);
    writeBody(to, message.body, framing);
  } catch (error) {
    to.length = start;
    throw error;
  }
}

/** About how many bytes a message's frames will take, for choosing a buffer. */
export function frameBytes(message: Message): number {
  return message.body.length + 1_024;
}

function openFrame(to: Growing, type: number, channel: number): number {
  const bytes = reserve(to, FRAME_HEAD);
  bytes[to.length] = type;
  bytes.writeUInt16BE(channel, to.length + 1);
  to.length += FRAME_HEAD;
  return to.length;
}

function closeFrame(to: Growing, start: number): void {
  reserve(to, 1);
  to.bytes.writeUInt32BE(to.length - start, start - 4);
  to.bytes[to.length++] = FRAME_END;
}

function writePublish(to: Growing, { exchange, routingKey }: Message, { channel, mandatory }: Framing): void {
  const start = openFrame(to, METHOD, channel);
  reserve(to, 6);
  to.bytes.writeUInt16BE(BASIC_CLASS, to.length);
  to.bytes.writeUInt16BE(BASIC_PUBLISH, to.length + 2);
  to.bytes.writeUInt16BE(0, to.length + 4);
  to.length += 6;
  writeShortString(to, exchange, 'exchange name');
  writeShortString(to, routingKey, 'routing key');
  reserve(to, 1)[to.length++] = mandatory ? 1 : 0;
  closeFrame(to, start);
}

function writeHeader(to: Growing, properties: Properties, bodySize: number, { channel, frameMax }: Framing): void {
  const start = openFrame(to, HEADER, channel);
  reserve(to, 12);
  to.bytes.writeUInt16BE(BASIC_CLASS, to.length);
  to.bytes.writeUInt16BE(0, to.length + 2);
  to.bytes.writeUInt32BE(Math.floor(bodySize / 0x1_0000_0000), to.length + 4);
  to.bytes.writeUInt32BE(bodySize >>> 0, to.length + 8);
  to.length += 12;
  writeProperties(to, properties);
  const size = to.length - start;
  if (frameMax > 0 && size + FRAME_OVERHEAD > frameMax) {
    throw new Failure('data', `the properties and headers have ${size} bytes; with this broker at most ${frameMax - FRAME_OVERHEAD} fit`);
  }
  closeFrame(to, start);
}

function writeBody(to: Growing, body: Buffer, { channel, frameMax }: Framing): void {
  const most = frameMax > 0 ? frameMax - FRAME_OVERHEAD : body.length;
  for (let offset = 0; offset < body.length; offset += most) {
    const start = openFrame(to, BODY, channel);
    const end = Math.min(offset + most, body.length);
    reserve(to, end - offset);
    to.length += body.copy(to.bytes, to.length, offset, end);
    closeFrame(to, start);
  }
}
