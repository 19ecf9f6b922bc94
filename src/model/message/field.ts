import { Failure } from '../failure.ts';
import { decodeBase64, isPlainObject, isWellFormed, nearest, quote } from '../text.ts';
import type { FieldTable, FieldType, FieldValue, TypedField } from './message.ts';

const MAX_UINT64 = 0xffff_ffff_ffff_ffffn;

/** How deep headers may nest; each level takes stack, here and in every other client. */
export const MAX_NESTING = 64;

/** The range of each integer type; values of `int64` beyond 2^53 are written as digits. */
const INTEGERS: Readonly<Partial<Record<string, readonly [min: number, max: number]>>> = {
  int8: [-0x80, 0x7f],
  uint8: [0, 0xff],
  int16: [-0x8000, 0x7fff],
  uint16: [0, 0xffff],
  int32: [-0x80000000, 0x7fffffff],
  uint32: [0, 0xffffffff],
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
};

const TYPES: readonly FieldType[] = [
  ...(Object.keys(INTEGERS) as FieldType[]),
  ...(['float', 'double', 'decimal', 'timestamp', 'bytes', 'longstr', 'table', 'raw'] as const),
];

/** The integer types of fields, by JSON pointer below the headers. */
export type IntegerTypes = Map<string, unknown>;

interface Place {
  readonly pointer: string;
  readonly depth: number;
}

const describe = ({ pointer }: Place): string => (pointer === '' ? 'headers' : `header ${pointer.slice(1)}`);
const wrong = (place: Place, what: string, hint?: string): Failure => new Failure('data', `${describe(place)} ${what}`, { hint });
const below = ({ pointer, depth }: Place, key: string | number): Place => ({ pointer: `${pointer}/${escapePointer(key)}`, depth: depth + 1 });

/** A key as a step of a JSON pointer (RFC 6901). */
export function escapePointer(key: string | number): string {
  return typeof key === 'number' ? String(key) : key.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** True for a table, and for a typed value. */
export function isTable(value: FieldValue | undefined): value is FieldTable {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** True for `{ '!': type, value }`; a table that has a key `!` is wrapped in one. */
export function isTyped(value: FieldTable | TypedField): value is TypedField {
  return Object.hasOwn(value, '!');
}

/** The number that a field holds, with or without its AMQP type. */
export function numberIn(field: FieldValue | undefined): number | undefined {
  const plain = typeof field === 'object' && field !== null && !Array.isArray(field) ? (field as FieldTable)['value'] : field;
  return typeof plain === 'number' && Number.isFinite(plain) ? plain : undefined;
}

/** True for the name of a type that holds whole numbers. */
export function isIntegerType(type: string): boolean {
  return Object.hasOwn(INTEGERS, type);
}

/** The type of a whole number without a written type. */
export function defaultIntegerType(value: number): 'int32' | 'int64' {
  return value >= -0x80000000 && value <= 0x7fffffff ? 'int32' : 'int64';
}

/**
 * The exact table that parsed JSON stands for. Each value has one form in the result, however it was spelled.
 *
 * @throws Failure `data`, naming the header and what is wrong with it
 */
export function parseTable(value: unknown, types: IntegerTypes = new Map()): FieldTable {
  const table = readTable(value, { pointer: '', depth: 0 }, types);
  const [left] = types.keys();
  if (left !== undefined) throw new Failure('data', `types names ${quote(left)}, where headers hold no plain whole number`);
  return table;
}

function readTable(value: unknown, place: Place, types: IntegerTypes): FieldTable {
  if (!isPlainObject(value)) throw wrong(place, `must be an object, got ${quote(value)}`);
  if (place.depth >= MAX_NESTING) throw new Failure('data', `headers nest deeper than ${MAX_NESTING} levels`);
  const table: Record<string, FieldValue> = {};
  for (const [name, field] of Object.entries(value)) {
    if (field === undefined) continue;
    const inside = below(place, name);
    if (!isWellFormed(name)) throw wrong(inside, 'has half of a surrogate pair in its name, which UTF-8 cannot hold');
    if (name.length > 85 && Buffer.byteLength(name) > 255) throw wrong(inside, `has a name of ${Buffer.byteLength(name)} bytes; AMQP allows 255`);
    // A header may be named __proto__; an assignment would set the prototype.
    if (name === '__proto__')
      Object.defineProperty(table, name, { value: readField(field, inside, types), enumerable: true, configurable: true, writable: true });
    else table[name] = readField(field, inside, types);
  }
  return table;
}

function readField(value: unknown, place: Place, types: IntegerTypes): FieldValue {
  if (typeof value === 'number') return readNumber(value, place, types);
  if (typeof value === 'boolean' || value === null) return value;
  if (typeof value === 'string') {
    if (!isWellFormed(value)) throw wrong(place, 'holds half of a surrogate pair, which UTF-8 cannot hold');
    return value;
  }
  if (Array.isArray(value)) {
    if (place.depth >= MAX_NESTING) throw new Failure('data', `headers nest deeper than ${MAX_NESTING} levels`);
    // A hole in the array is not a value.
    return Array.from(value, (item, index) => readField(item, below(place, index), types));
  }
  if (!isPlainObject(value)) throw wrong(place, `cannot be ${quote(value)}`, UNPLAIN);
  return Object.hasOwn(value, '!') ? readTyped(value as Partial<TypedField>, place, types) : readTable(value, place, types);
}

const UNPLAIN =
  'a value is text, a number, true, false, null, an array or an object; a time is {"!":"timestamp","value":SECONDS}, bytes are {"!":"bytes","value":BASE64}';

function readNumber(value: number, place: Place, types: IntegerTypes): FieldValue {
  if (!Number.isFinite(value)) throw wrong(place, `cannot be ${value}: RabbitMQ holds finite numbers only`);
  if (!Number.isInteger(value)) return value;
  if (!Number.isSafeInteger(value)) {
    throw wrong(place, `is ${value}: beyond 2^53 a number must say its type`, '{"!":"int64","value":"9007199254740993"} or {"!":"double","value":1e300}');
  }
  const type = types.get(place.pointer);
  if (type === undefined) return value;
  types.delete(place.pointer);
  if (typeof type !== 'string' || !isIntegerType(type)) {
    throw new Failure('data', `types gives ${quote(place.pointer)} the type ${quote(type)}; it must be one of ${Object.keys(INTEGERS).join(', ')}`);
  }
  return integer(type as FieldType, value, place);
}

function integer(type: FieldType, value: number, place: Place): FieldValue {
  const [min, max] = INTEGERS[type] ?? [0, 0];
  if (value < min || value > max) throw wrong(place, `is ${value}, which ${type} does not hold (${min} to ${max})`);
  return type === defaultIntegerType(value) ? value : { '!': type, value };
}

function readTyped(typed: Partial<TypedField>, place: Place, types: IntegerTypes): FieldValue {
  const type = typed['!'];
  if (typeof type !== 'string' || !TYPES.includes(type)) {
    const meant = typeof type === 'string' ? nearest(type, TYPES) : undefined;
    const hint = 'a table that has a key "!" is written {"!":"table","value":{…}}';
    throw wrong(place, `has the unknown type ${quote(type)}${meant === undefined ? '' : `; did you mean "${meant}"?`}`, hint);
  }
  if (!Object.hasOwn(typed, 'value') || Object.keys(typed).length !== 2) throw wrong(place, `must be {"!":"${type}","value":…} and nothing else`);
  const { value } = typed;
  if (type === 'table') {
    const table = readTable(value, { ...below(place, 'value'), depth: place.depth }, types);
    return Object.hasOwn(table, '!') ? { '!': 'table', value: table } : table;
  }
  const read = READERS[type] ?? ((given: unknown) => (Number.isSafeInteger(given) ? integer(type, given as number, place) : undefined));
  const field = read(value);
  if (field === undefined) throw wrong(place, `cannot be ${quote(value)} as ${type}; it takes ${TAKES[type] ?? 'a whole number'}`);
  return field;
}

const TAKES: Readonly<Partial<Record<FieldType, string>>> = {
  int64: 'a whole number, beyond 2^53 as digits in quotes',
  float: 'a number, "NaN", "Infinity", "-Infinity" or "-0"',
  double: 'a number, "NaN", "Infinity", "-Infinity" or "-0"',
  decimal: '{"places":0 to 255,"digits":0 to 4294967295}',
  timestamp: 'whole seconds since 1970, beyond 2^53 as digits in quotes',
  bytes: 'base64',
  longstr: 'base64',
  raw: 'base64',
};

const isWhole = (value: unknown, max: number): value is number => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= max;

/** Seconds in their one exact form: a number, or digits where a number does not hold them. Undefined when no AMQP timestamp is that value. */
export function parseTimestamp(value: unknown): number | string | undefined {
  if (isWhole(value, Number.MAX_SAFE_INTEGER)) return value;
  return typeof value === 'string' && /^\d{1,20}$/.test(value) && BigInt(value) <= MAX_UINT64 ? exactUnsigned(BigInt(value)) : undefined;
}

/** An unsigned number of 64 bits: digits where a double does not hold it. */
export function exactUnsigned(value: bigint): number | string {
  const plain = Number(value);
  return Number.isSafeInteger(plain) ? plain : value.toString();
}

/** The time of a timestamp in seconds. AMQP has no negative ones: clients write times before 1970 as the same 64 bits. */
export function secondsOf(timestamp: FieldValue): number {
  return typeof timestamp === 'string' && /^\d{1,20}$/.test(timestamp) ? Number(BigInt.asIntN(64, BigInt(timestamp))) : Number(timestamp);
}

/** The exact form of a typed value; undefined when the type does not take it. */
const READERS: Readonly<Partial<Record<FieldType, (value: unknown) => FieldValue | undefined>>> = {
  int64(value) {
    if (Number.isSafeInteger(value)) return defaultIntegerType(value as number) === 'int64' ? (value as number) : { '!': 'int64', value: value as number };
    if (typeof value !== 'string' || !/^-?\d{1,19}$/.test(value)) return undefined;
    const exact = BigInt(value);
    if (BigInt.asIntN(64, exact) !== exact) return undefined;
    return Number.isSafeInteger(Number(exact)) ? READERS.int64?.(Number(exact)) : { '!': 'int64', value: String(exact) };
  },
  timestamp(value) {
    const seconds = parseTimestamp(value);
    return seconds === undefined ? undefined : { '!': 'timestamp', value: seconds };
  },
  float(value) {
    const exact = typeof value === 'number' ? Math.fround(value) : value;
    return exact === Number.POSITIVE_INFINITY || exact === Number.NEGATIVE_INFINITY ? undefined : floating('float', exact);
  },
  double: (value) => (typeof value === 'number' && !Number.isInteger(value) ? value : floating('double', value)),
  decimal(value) {
    const { places, digits, ...more } = (value ?? {}) as Record<string, unknown>;
    return isWhole(places, 0xff) && isWhole(digits, 0xffffffff) && Object.keys(more).length === 0 ? { '!': 'decimal', value: { places, digits } } : undefined;
  },
  bytes: (value) => (typeof value === 'string' && decodeBase64(value) !== undefined ? { '!': 'bytes', value } : undefined),
  raw: (value) => (typeof value === 'string' && value !== '' && decodeBase64(value) !== undefined ? { '!': 'raw', value } : undefined),
  longstr(value) {
    const bytes = typeof value === 'string' ? decodeBase64(value) : undefined;
    if (bytes === undefined) return undefined;
    const text = bytes.toString('utf8');
    return bytes.equals(Buffer.from(text)) ? text : { '!': 'longstr', value: value as string };
  },
};

function floating(type: 'float' | 'double', value: unknown): FieldValue | undefined {
  if (Object.is(value, -0)) return { '!': type, value: '-0' };
  if (typeof value === 'number') return { '!': type, value };
  return value === 'NaN' || value === 'Infinity' || value === '-Infinity' || value === '-0' ? { '!': type, value } : undefined;
}
