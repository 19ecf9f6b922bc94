import { Failure } from '../failure.ts';
import { defaultIntegerType, escapePointer, isIntegerType, isTyped, MAX_NESTING, secondsOf } from './field.ts';
import type { FieldTable, FieldValue, TypedField } from './message.ts';

/** A table as JSON, and by JSON pointer the integer types that plain numbers do not show. */
export interface TableJson {
  readonly json: string;
  readonly types: readonly (readonly [pointer: string, type: string])[];
}

/**
 * Writes a table so that `parseTable` reads exactly the same one. Integers of every width are plain numbers.
 *
 * @throws Failure `data` when it nests deeper than `MAX_NESTING`
 */
export function tableToJson(table: FieldTable): TableJson {
  const types: [string, string][] = [];
  return { json: writeTable(table, '', 0, types), types };
}

function checkNesting(depth: number): void {
  if (depth >= MAX_NESTING) throw new Failure('data', `headers nest deeper than ${MAX_NESTING} levels`, { hint: '-o raw prints the bodies alone' });
}

function writeTable(table: FieldTable, pointer: string, depth: number, types: [string, string][]): string {
  checkNesting(depth);
  let json = '';
  for (const name of Object.keys(table)) {
    const value = table[name];
    if (value === undefined) continue;
    json += `${json === '' ? '' : ','}${JSON.stringify(name)}:${writeField(value, pointer, name, depth + 1, types)}`;
  }
  return `{${json}}`;
}

function writeArray(items: readonly FieldValue[], pointer: string, depth: number, types: [string, string][]): string {
  checkNesting(depth);
  return `[${items.map((item, index) => writeField(item, pointer, index, depth + 1, types)).join(',')}]`;
}

function writeField(value: FieldValue, above: string, key: string | number, depth: number, types: [string, string][]): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') return writeNumber(value);
  if (typeof value === 'boolean' || value === null) return String(value);
  const pointer = `${above}/${escapePointer(key)}`;
  if (Array.isArray(value)) return writeArray(value, pointer, depth, types);
  const object = value as FieldTable | TypedField;
  return isTyped(object) ? writeTyped(object, pointer, depth, types) : writeTable(object, pointer, depth, types);
}

/** Plain numbers that JSON or the envelope would read as another type are doubles on the wire. */
function writeNumber(value: number): string {
  const plain = Number.isInteger(value) ? Number.isSafeInteger(value) && !Object.is(value, -0) : Number.isFinite(value);
  return plain ? String(value) : `{"!":"double","value":${writeFloating(value)}}`;
}

function writeFloating(value: number): string {
  if (Object.is(value, -0)) return '"-0"';
  return Number.isFinite(value) ? String(value) : `"${value}"`;
}

function writeTyped({ '!': type, value }: TypedField, pointer: string, depth: number, types: [string, string][]): string {
  if (typeof value === 'number') {
    if (!isIntegerType(type)) return `{"!":"${type}","value":${writeFloating(value)}}`;
    if (type !== defaultIntegerType(value)) types.push([pointer, type]);
    return String(value);
  }
  const json = type === 'table' ? writeTable(value as FieldTable, `${pointer}/value`, depth, types) : JSON.stringify(value);
  return `{"!":${JSON.stringify(type)},"value":${json}}`;
}

/** A field value without its AMQP type. */
export type PlainValue = string | number | boolean | null | readonly PlainValue[] | { readonly [name: string]: PlainValue };

/**
 * A table for people: numbers of every width are numbers, timestamps ISO 8601, decimals numbers, bytes base64.
 * Values without a JavaScript number stay text, as do 64-bit integers beyond 2^53.
 */
export function plainHeaders(table: FieldTable): { readonly [name: string]: PlainValue } {
  return plainTable(table, 1);
}

function plainTable(table: FieldTable, depth: number): { readonly [name: string]: PlainValue } {
  return Object.fromEntries(Object.entries(table).map(([name, value]) => [name, plainValue(value, depth)]));
}

function plainValue(value: FieldValue, depth: number): PlainValue {
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_NESTING) return '…';
  if (Array.isArray(value)) return (value as readonly FieldValue[]).map((item) => plainValue(item, depth + 1));
  const object = value as FieldTable | TypedField;
  return isTyped(object) ? plainTyped(object, depth) : plainTable(object, depth + 1);
}

function plainTyped({ '!': type, value }: TypedField, depth: number): PlainValue {
  if (type === 'timestamp') {
    const date = new Date(secondsOf(value) * 1_000);
    return Number.isNaN(date.getTime()) ? (value as PlainValue) : date.toISOString().replace('.000Z', 'Z');
  }
  if (type === 'decimal') {
    const { places, digits } = value as { places: number; digits: number };
    return Number(`${digits}e-${places}`);
  }
  return type === 'table' ? plainTable(value as FieldTable, depth + 1) : plainValue(value, depth);
}
