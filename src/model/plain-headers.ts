import { isTyped, MAX_NESTING, secondsOf } from './field.ts';
import type { FieldTable, FieldValue, TypedField } from './message.ts';

/** A field value without its AMQP type. */
export type PlainValue = string | number | boolean | null | readonly PlainValue[] | { readonly [name: string]: PlainValue };

/**
 * A table as people read it: numbers of every width are numbers, timestamps ISO 8601, decimals numbers, bytes base64.
 * What JavaScript has no number for stays text, as do 64-bit integers beyond 2^53.
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
