import { Failure } from '../model/failure.ts';
import { isTyped } from '../model/field.ts';
import type { FieldTable, FieldType, FieldValue, TypedField } from '../model/message.ts';

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
  const start = open(to);
  for (const name of Object.keys(table)) {
    const value = table[name];
    if (value === undefined) continue;
    const size = Buffer.byteLength(name);
    if (size > 255) throw wrong(`the header name ${name.slice(0, 40)}… has ${size} bytes; at most 255 fit`);
    reserve(to, 1 + size)[to.length] = size;
    to.bytes.write(name, to.length + 1, 'utf8');
    to.length += 1 + size;
    writeValue(to, value, name);
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

function writeValue(to: Growing, value: FieldValue, name: string): void {
  if (typeof value === 'string') {
    const size = Buffer.byteLength(value);
    const at = tag(to, 'S', 4 + size);
    to.bytes.writeUInt32BE(size, at);
    to.bytes.write(value, at + 4, 'utf8');
  } else if (typeof value === 'number') writeNumber(to, value);
  else if (typeof value === 'boolean') reserve(to, 2)[tag(to, 't', 1)] = value ? 1 : 0;
  else if (value === null) tag(to, 'V', 0);
  else if (Array.isArray(value)) {
    tag(to, 'A', 0);
    const start = open(to);
    for (const item of value as readonly FieldValue[]) writeValue(to, item, name);
    close(to, start);
  } else if (isTyped(value as FieldTable | TypedField)) writeTyped(to, value as TypedField, name);
  else {
    tag(to, 'F', 0);
    writeTable(to, value as FieldTable);
  }
}

function writeNumber(to: Growing, value: number): void {
  const type = Number.isSafeInteger(value) && !Object.is(value, -0) ? (value >= -0x80000000 && value <= 0x7fffffff ? 'int32' : 'int64') : 'double';
  WRITERS[type](to, value);
}

/** RabbitMQ has no NaN and no infinity: reading one, it closes the connection with an internal error. */
function finiteNumber(value: FieldValue): number {
  const number = Number(value);
  if (!Number.isFinite(number)) throw wrong(`a header cannot be ${number}: RabbitMQ holds finite numbers only`);
  return number;
}

/** A writer of a fixed size. The place is taken first: taking it may move the bytes. */
const fixed =
  (letter: string, size: number, write: (bytes: Buffer, at: number, value: FieldValue) => void) =>
  (to: Growing, value: FieldValue): void => {
    const at = tag(to, letter, size);
    write(to.bytes, at, value);
  };

const WRITERS: Readonly<Record<FieldType, (to: Growing, value: FieldValue) => void>> = {
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
  table: (to, value) => {
    tag(to, 'F', 0);
    writeTable(to, value as FieldTable);
  },
};

function writeTyped(to: Growing, typed: TypedField, name: string): void {
  const write = Object.hasOwn(WRITERS, typed['!']) ? WRITERS[typed['!']] : undefined;
  if (write === undefined) throw wrong(`the header ${name} has the unknown type ${JSON.stringify(typed['!'])}`);
  try {
    write(to, typed.value);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw wrong(`the header ${name} cannot be ${JSON.stringify(typed.value)} as ${typed['!']}`);
  }
}

/**
 * Reads a table, exactly: whatever a plain JavaScript value would not be written back as keeps its type.
 * amqplib's own decoding forgets integer widths, whole doubles, digits beyond 2^53 and bytes that are not UTF-8.
 */
export function readTable(bytes: Buffer): FieldTable {
  const table: Record<string, FieldValue> = {};
  const at = { offset: 0 };
  while (at.offset < bytes.length) {
    const size = bytes.readUInt8(at.offset);
    const name = bytes.toString('utf8', at.offset + 1, at.offset + 1 + size);
    at.offset += 1 + size;
    const value = readValue(bytes, at);
    // A header may be named __proto__; an assignment would set the prototype.
    Object.defineProperty(table, name, { value, enumerable: true, configurable: true, writable: true });
  }
  return table;
}

const typed = (type: FieldType, value: FieldValue): TypedField => ({ '!': type, value });

function readValue(bytes: Buffer, at: { offset: number }): FieldValue {
  const letter = String.fromCharCode(bytes.readUInt8(at.offset));
  const start = at.offset + 1;
  const take = <T>(size: number, value: T): T => {
    at.offset = start + size;
    return value;
  };
  const sized = (): Buffer => {
    const size = bytes.readUInt32BE(start);
    return take(4 + size, bytes.subarray(start + 4, start + 4 + size));
  };
  switch (letter) {
    case 'S':
      return readText(sized());
    case 'I':
      return take(4, bytes.readInt32BE(start));
    case 'l':
      return take(8, readLong(bytes.readBigInt64BE(start)));
    case 't':
      return take(1, bytes[start] !== 0);
    case 'V':
      return take(0, null);
    case 'F':
      return readNested(sized());
    case 'A':
      return readArray(sized());
    case 'T':
      return take(8, typed('timestamp', exact(bytes.readBigUInt64BE(start))));
    case 'd':
      return take(8, readDouble(bytes.readDoubleBE(start)));
    case 'f':
      return take(4, typed('float', finite(bytes.readFloatBE(start))));
    case 'b':
      return take(1, typed('int8', bytes.readInt8(start)));
    case 'B':
      return take(1, typed('uint8', bytes.readUInt8(start)));
    case 's':
      return take(2, typed('int16', bytes.readInt16BE(start)));
    case 'u':
      return take(2, typed('uint16', bytes.readUInt16BE(start)));
    case 'i':
      return take(4, typed('uint32', bytes.readUInt32BE(start)));
    case 'D':
      return take(5, typed('decimal', { places: bytes.readUInt8(start), digits: bytes.readUInt32BE(start + 1) }));
    case 'x':
      return typed('bytes', sized().toString('base64'));
    default:
      throw wrong(`the headers hold a field of unknown type ${JSON.stringify(letter)}`);
  }
}

function readText(bytes: Buffer): FieldValue {
  const text = bytes.toString('utf8');
  return text.includes('\ufffd') && !Buffer.from(text).equals(bytes) ? typed('longstr', bytes.toString('base64')) : text;
}

function readLong(value: bigint): FieldValue {
  const plain = Number(value);
  if (!Number.isSafeInteger(plain)) return typed('int64', value.toString());
  return plain >= -0x80000000 && plain <= 0x7fffffff ? typed('int64', plain) : plain;
}

function exact(value: bigint): FieldValue {
  const plain = Number(value);
  return Number.isSafeInteger(plain) ? plain : value.toString();
}

function readDouble(value: number): FieldValue {
  return Number.isFinite(value) && !Number.isInteger(value) ? value : typed('double', finite(value));
}

/** A number as JSON can hold it: NaN, the infinities and -0 as text. */
function finite(value: number): FieldValue {
  if (Object.is(value, -0)) return '-0';
  return Number.isFinite(value) ? value : String(value);
}

function readNested(bytes: Buffer): FieldValue {
  const table = readTable(bytes);
  return Object.hasOwn(table, '!') ? typed('table', table) : table;
}

function readArray(bytes: Buffer): FieldValue {
  const items: FieldValue[] = [];
  const at = { offset: 0 };
  while (at.offset < bytes.length) items.push(readValue(bytes, at));
  return items;
}
