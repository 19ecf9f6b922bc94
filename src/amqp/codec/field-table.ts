import { Failure } from '../../model/failure.ts';
import { exactUnsigned, isTyped, MAX_NESTING } from '../../model/message/field.ts';
import type { FieldTable, FieldType, FieldValue, TypedField } from '../../model/message/message.ts';

/** Bytes that grow as they are written; the positions are plain numbers so that a caller can patch lengths in. */
export interface Growing {
  bytes: Buffer;
  length: number;
}

/** Makes room for `more` bytes and returns the buffer to write into. */
export function reserve(to: Growing, more: number): Buffer {
  if (to.length + more > to.bytes.length) {
    const larger = Buffer.allocUnsafe(Math.max(to.bytes.length * 2, to.length + more));
    to.bytes.copy(larger, 0, 0, to.length);
    to.bytes = larger;
  }
  return to.bytes;
}

const wrong = (what: string): Failure => new Failure('data', what);

/**
 * Writes a table in RabbitMQ's field types (https://www.rabbitmq.com/amqp-0-9-1-errata#section_3), length first.
 *
 * @throws Failure `data` for a value that no field type holds
 */
export function writeTable(to: Growing, table: FieldTable): void {
  writeEntries(to, table, 0);
}

function writeEntries(to: Growing, table: FieldTable, depth: number): void {
  if (depth >= MAX_NESTING) throw wrong(`headers nest deeper than ${MAX_NESTING} levels`);
  const start = open(to);
  for (const name of Object.keys(table)) {
    const value = table[name];
    if (value === undefined) continue;
    const size = Buffer.byteLength(name);
    if (size > 255) throw wrong(`the header name ${name.slice(0, 40)}… has ${size} bytes; at most 255 fit`);
    reserve(to, 1 + size)[to.length] = size;
    to.bytes.write(name, to.length + 1, 'utf8');
    to.length += 1 + size;
    writeValue(to, value, name, depth + 1);
  }
  close(to, start);
}

function open(to: Growing): number {
  reserve(to, 4);
  to.length += 4;
  return to.length;
}

function close(to: Growing, start: number): void {
  to.bytes.writeUInt32BE(to.length - start, start - 4);
}

function tag(to: Growing, letter: string, size: number): number {
  reserve(to, 1 + size)[to.length] = letter.charCodeAt(0);
  const at = to.length + 1;
  to.length = at + size;
  return at;
}

function writeBytes(to: Growing, letter: string, bytes: Buffer): void {
  const at = tag(to, letter, 4 + bytes.length);
  to.bytes.writeUInt32BE(bytes.length, at);
  bytes.copy(to.bytes, at + 4);
}

function writeValue(to: Growing, value: FieldValue, name: string, depth: number): void {
  if (typeof value === 'string') {
    const size = Buffer.byteLength(value);
    const at = tag(to, 'S', 4 + size);
    to.bytes.writeUInt32BE(size, at);
    to.bytes.write(value, at + 4, 'utf8');
  } else if (typeof value === 'number') writeNumber(to, value);
  else if (typeof value === 'boolean') reserve(to, 2)[tag(to, 't', 1)] = value ? 1 : 0;
  else if (value === null) tag(to, 'V', 0);
  else if (Array.isArray(value)) {
    if (depth >= MAX_NESTING) throw wrong(`headers nest deeper than ${MAX_NESTING} levels`);
    tag(to, 'A', 0);
    const start = open(to);
    for (const item of value as readonly FieldValue[]) writeValue(to, item, name, depth + 1);
    close(to, start);
  } else if (isTyped(value as FieldTable | TypedField)) writeTyped(to, value as TypedField, name, depth);
  else {
    tag(to, 'F', 0);
    writeEntries(to, value as FieldTable, depth);
  }
}

function writeNumber(to: Growing, value: number): void {
  const type = Number.isSafeInteger(value) && !Object.is(value, -0) ? (value >= -0x80000000 && value <= 0x7fffffff ? 'int32' : 'int64') : 'double';
  WRITERS[type](to, value, 0);
}

/** RabbitMQ has no NaN and no infinity: reading one, it closes the connection with an internal error. */
function finiteNumber(value: FieldValue): number {
  const number = Number(value);
  if (!Number.isFinite(number)) throw wrong(`a header cannot be ${number}: RabbitMQ holds finite numbers only`);
  return number;
}

/** A writer of a fixed size. It takes the place first: taking it may move the bytes. */
const fixed =
  (letter: string, size: number, write: (bytes: Buffer, at: number, value: FieldValue) => void) =>
  (to: Growing, value: FieldValue): void => {
    const at = tag(to, letter, size);
    write(to.bytes, at, value);
  };

const WRITERS: Readonly<Record<FieldType, (to: Growing, value: FieldValue, depth: number) => void>> = {
  int8: fixed('b', 1, (bytes, at, value) => bytes.writeInt8(value as number, at)),
  uint8: fixed('B', 1, (bytes, at, value) => bytes.writeUInt8(value as number, at)),
  int16: fixed('s', 2, (bytes, at, value) => bytes.writeInt16BE(value as number, at)),
  uint16: fixed('u', 2, (bytes, at, value) => bytes.writeUInt16BE(value as number, at)),
  int32: fixed('I', 4, (bytes, at, value) => bytes.writeInt32BE(value as number, at)),
  uint32: fixed('i', 4, (bytes, at, value) => bytes.writeUInt32BE(value as number, at)),
  int64: fixed('l', 8, (bytes, at, value) => bytes.writeBigInt64BE(BigInt(value as number | string), at)),
  float: fixed('f', 4, (bytes, at, value) => bytes.writeFloatBE(finiteNumber(value), at)),
  double: fixed('d', 8, (bytes, at, value) => bytes.writeDoubleBE(finiteNumber(value), at)),
  timestamp: fixed('T', 8, (bytes, at, value) => bytes.writeBigUInt64BE(BigInt(value as number | string), at)),
  decimal: fixed('D', 5, (bytes, at, value) => {
    const { places, digits } = value as { places: number; digits: number };
    bytes.writeUInt8(places, at);
    bytes.writeUInt32BE(digits, at + 1);
  }),
  bytes: (to, value) => writeBytes(to, 'x', Buffer.from(value as string, 'base64')),
  longstr: (to, value) => writeBytes(to, 'S', Buffer.from(value as string, 'base64')),
  table: (to, value, depth) => {
    tag(to, 'F', 0);
    writeEntries(to, value as FieldTable, depth);
  },
  raw: (to, value) => {
    const bytes = Buffer.from(value as string, 'base64');
    if (!isField(bytes)) throw wrong('a raw header must be one encoded field: its type letter, and its value');
    const at = reserve(to, bytes.length);
    bytes.copy(at, to.length);
    to.length += bytes.length;
  },
};

function writeTyped(to: Growing, typed: TypedField, name: string, depth: number): void {
  const write = Object.hasOwn(WRITERS, typed['!']) ? WRITERS[typed['!']] : undefined;
  if (write === undefined) throw wrong(`the header ${name} has the unknown type ${JSON.stringify(typed['!'])}`);
  try {
    write(to, typed.value, depth);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw wrong(`the header ${name} cannot be ${JSON.stringify(typed.value)} as ${typed['!']}`);
  }
}

/**
 * Reads a table exactly: a value that a plain JavaScript value would change keeps its type.
 * amqplib's own decoding loses integer widths, whole doubles, digits beyond 2^53 and bytes that are not UTF-8. A value that nests deeper than `MAX_NESTING`
 * levels, or that is no field, stays bytes (`raw`).
 *
 * @throws RangeError where the name of a field is cut off
 */
export function readTable(bytes: Buffer): FieldTable {
  return readEntries({ bytes, offset: 0 }, bytes.length, 0);
}

const TABLE = 0x46;
const ARRAY = 0x41;

const UNKNOWN = 255;
const TELLS_ITS_SIZE = 254;
/** The sizes of values by the letter of their type. */
const SIZES = new Uint8Array(256).fill(UNKNOWN);
for (const [letter, size] of Object.entries({ b: 1, B: 1, t: 1, s: 2, u: 2, I: 4, i: 4, f: 4, D: 5, l: 8, d: 8, T: 8, V: 0 }))
  SIZES[letter.charCodeAt(0)] = size;
for (const letter of 'SxFA') SIZES[letter.charCodeAt(0)] = TELLS_ITS_SIZE;

/** Where the value ends whose type letter is at `at`; undefined when it does not end within `end`. */
function fieldEnd(bytes: Buffer, at: number, end: number): number | undefined {
  if (at >= end) return undefined;
  const size = SIZES[bytes[at] as number] as number;
  if (size < TELLS_ITS_SIZE) return at + 1 + size <= end ? at + 1 + size : undefined;
  if (size === UNKNOWN || at + 5 > end) return undefined;
  const last = at + 5 + bytes.readUInt32BE(at + 1);
  return last <= end ? last : undefined;
}

/** Walks through encoded fields without recursion. Returns how deep they nest; undefined when they are not fields. */
function nesting(bytes: Buffer, kind: typeof TABLE | typeof ARRAY): number | undefined {
  const open: { readonly kind: number; readonly end: number }[] = [{ kind, end: bytes.length }];
  let deepest = 1;
  for (let at = 0; ; ) {
    const inner = open[open.length - 1];
    if (inner === undefined) return deepest;
    if (at === inner.end) {
      open.pop();
      continue;
    }
    if (inner.kind === TABLE) at += 1 + (bytes[at] as number);
    const end = fieldEnd(bytes, at, inner.end);
    if (end === undefined) return undefined;
    const letter = bytes[at] as number;
    if (letter === TABLE || letter === ARRAY) {
      open.push({ kind: letter, end });
      deepest = Math.max(deepest, open.length);
      at += 5;
    } else at = end;
  }
}

/** True when the entries of a table nest deeper than a decoder must support, or are not fields. */
export function nestsDeep(entries: Buffer): boolean {
  const depth = nesting(entries, TABLE);
  return depth === undefined || depth > MAX_NESTING;
}

/** True when the bytes are one encoded field of any depth. */
function isField(bytes: Buffer): boolean {
  return bytes.length > 0 && nesting(bytes, ARRAY) !== undefined && fieldEnd(bytes, 0, bytes.length) === bytes.length;
}

interface Cursor {
  readonly bytes: Buffer;
  offset: number;
}

function readEntries(at: Cursor, end: number, depth: number): FieldTable {
  const table: Record<string, FieldValue> = {};
  while (at.offset < end) {
    const start = at.offset + 1;
    const nameEnd = start + at.bytes.readUInt8(at.offset);
    if (nameEnd > end) throw new RangeError('the name of a header is cut off');
    const name = at.bytes.toString('utf8', start, nameEnd);
    at.offset = nameEnd;
    const value = readValue(at, end, depth + 1);
    // A header may be named __proto__; an assignment would set the prototype.
    if (name === '__proto__') Object.defineProperty(table, name, { value, enumerable: true, configurable: true, writable: true });
    else table[name] = value;
  }
  return table;
}

const typed = (type: FieldType, value: FieldValue): TypedField => ({ '!': type, value });

function readRaw(at: Cursor, end: number): TypedField {
  const from = at.offset;
  at.offset = end;
  return typed('raw', at.bytes.toString('base64', from, end));
}

function readValue(at: Cursor, limit: number, depth: number): FieldValue {
  const { bytes } = at;
  const last = fieldEnd(bytes, at.offset, limit);
  // A value that does not end within its table takes the rest of it.
  if (last === undefined) return readRaw(at, limit);
  const letter = bytes[at.offset] as number;
  if ((letter === TABLE || letter === ARRAY) && depth >= MAX_NESTING) return readRaw(at, last);
  const start = at.offset + 1;
  switch (letter) {
    case 0x53: // S
      return readText(bytes, start + 4, sized(at));
    case 0x49: // I
      return bytes.readInt32BE(take(at, 4));
    case 0x6c: // l
      return readLong(bytes.readBigInt64BE(take(at, 8)));
    case 0x74: // t
      return bytes.readUInt8(take(at, 1)) !== 0;
    case 0x56: // V
      take(at, 0);
      return null;
    case 0x46: // F
      return readNested(at, start + 4, sized(at), depth);
    case 0x41: // A
      return readArray(at, start + 4, sized(at), depth);
    case 0x54: // T
      return typed('timestamp', exactUnsigned(bytes.readBigUInt64BE(take(at, 8))));
    case 0x64: // d
      return readDouble(bytes.readDoubleBE(take(at, 8)));
    case 0x66: // f
      return typed('float', finite(bytes.readFloatBE(take(at, 4))));
    case 0x62: // b
      return typed('int8', bytes.readInt8(take(at, 1)));
    case 0x42: // B
      return typed('uint8', bytes.readUInt8(take(at, 1)));
    case 0x73: // s
      return typed('int16', bytes.readInt16BE(take(at, 2)));
    case 0x75: // u
      return typed('uint16', bytes.readUInt16BE(take(at, 2)));
    case 0x69: // i
      return typed('uint32', bytes.readUInt32BE(take(at, 4)));
    case 0x44: // D
      return typed('decimal', { places: bytes.readUInt8(take(at, 5)), digits: bytes.readUInt32BE(start + 1) });
    case 0x78: // x
      return typed('bytes', bytes.toString('base64', start + 4, sized(at)));
    default:
      return readRaw(at, limit);
  }
}

/** Steps over a value of a fixed size; returns where it begins. */
function take(at: Cursor, size: number): number {
  const start = at.offset + 1;
  at.offset = start + size;
  return start;
}

/** Steps over a value that tells its size; returns where it ends. */
function sized(at: Cursor): number {
  const start = at.offset + 1;
  at.offset = start + 4 + at.bytes.readUInt32BE(start);
  return at.offset;
}

function readText(bytes: Buffer, start: number, end: number): FieldValue {
  const text = bytes.toString('utf8', start, end);
  if (!text.includes('\ufffd') || Buffer.from(text).equals(bytes.subarray(start, end))) return text;
  return typed('longstr', bytes.toString('base64', start, end));
}

function readLong(value: bigint): FieldValue {
  const plain = Number(value);
  if (!Number.isSafeInteger(plain)) return typed('int64', value.toString());
  return plain >= -0x80000000 && plain <= 0x7fffffff ? typed('int64', plain) : plain;
}

function readDouble(value: number): FieldValue {
  return Number.isFinite(value) && !Number.isInteger(value) ? value : typed('double', finite(value));
}

/** A number as JSON can hold it: NaN, the infinities and -0 as text. */
function finite(value: number): FieldValue {
  if (Object.is(value, -0)) return '-0';
  return Number.isFinite(value) ? value : String(value);
}

function readNested(at: Cursor, start: number, end: number, depth: number): FieldValue {
  at.offset = start;
  const table = readEntries(at, end, depth);
  at.offset = end;
  return Object.hasOwn(table, '!') ? typed('table', table) : table;
}

function readArray(at: Cursor, start: number, end: number, depth: number): FieldValue {
  const items: FieldValue[] = [];
  at.offset = start;
  while (at.offset < end) items.push(readValue(at, end, depth + 1));
  at.offset = end;
  return items;
}
