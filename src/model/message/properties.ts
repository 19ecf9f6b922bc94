import { Failure } from '../failure.ts';
import { isPlainObject, isWellFormed, nearest, quote } from '../text.ts';
import { type IntegerTypes, parseTable, parseTimestamp } from './field.ts';
import type { Properties } from './message.ts';

type PropertyKind = 'shortstr' | 'table' | 'priority' | 'deliveryMode' | 'timestamp' | 'expiration';

const PROPERTIES = {
  contentType: 'shortstr',
  contentEncoding: 'shortstr',
  headers: 'table',
  deliveryMode: 'deliveryMode',
  priority: 'priority',
  correlationId: 'shortstr',
  replyTo: 'shortstr',
  expiration: 'expiration',
  messageId: 'shortstr',
  timestamp: 'timestamp',
  type: 'shortstr',
  userId: 'shortstr',
  appId: 'shortstr',
  clusterId: 'shortstr',
} as const satisfies Record<keyof Properties, PropertyKind>;

/** The properties in the order in which AMQP lays them out. */
export const PROPERTY_NAMES = Object.keys(PROPERTIES) as readonly (keyof Properties)[];
const wrong = (what: string, hint?: string): Failure => new Failure('data', what, { hint });

/** Refuses an unknown name, and suggests the nearest known one. */
export function checkName(name: string, names: readonly string[], what: string): void {
  if (names.includes(name)) return;
  const meant = nearest(name, names);
  throw wrong(`unknown ${what} ${quote(name)}${meant === undefined ? '' : `; did you mean "${meant}"?`}`, `it may be one of ${names.join(', ')}`);
}

/**
 * Properties of an envelope, checked against what AMQP can hold.
 *
 * @throws Failure `data`, naming the property
 */
export function parseProperties(value: unknown, types: IntegerTypes): Properties {
  if (!isPlainObject(value)) throw wrong(`properties must be an object, got ${quote(value)}`);
  const properties: Record<string, unknown> = {};
  for (const [name, given] of Object.entries(value)) {
    if (given === undefined) continue;
    checkName(name, PROPERTY_NAMES, 'property');
    const kind: PropertyKind = PROPERTIES[name as keyof Properties];
    properties[name] = kind === 'table' ? parseTable(given, types) : parseProperty(name, kind, given);
  }
  if (properties['headers'] === undefined && types.size > 0) throw wrong('types is given, but there are no headers');
  return properties as Properties;
}

function parseProperty(name: string, kind: Exclude<PropertyKind, 'table'>, value: unknown): unknown {
  switch (kind) {
    case 'shortstr':
      return shortText(name, value);
    case 'priority':
      if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 255) return value;
      throw wrong(`priority must be a whole number from 0 to 255, got ${quote(value)}`);
    case 'deliveryMode':
      if (value === 1 || value === 2) return value;
      throw wrong(`deliveryMode must be 1 (transient) or 2 (persistent), got ${quote(value)}`);
    case 'timestamp':
      return timestamp(value);
    case 'expiration':
      // RabbitMQ 3.10 accepts a sign, and delivers it.
      if (typeof value === 'string' && /^\+?\d+$/.test(value)) return shortText(name, value);
      throw wrong(`expiration must be milliseconds as digits in quotes, as in "60000", got ${quote(value)}`);
  }
}

function timestamp(value: unknown): number | string {
  const seconds = parseTimestamp(value);
  if (seconds === undefined)
    throw wrong(`timestamp must be whole seconds since 1970, got ${quote(value)}`, 'beyond 2^53, and before 1970, it is 64 bits as digits in quotes');
  return seconds;
}

/** Text for one of AMQP's short strings. */
export function shortText(name: string, value: unknown): string {
  if (typeof value !== 'string') throw wrong(`${name} must be text, got ${quote(value)}`);
  if (!isWellFormed(value)) throw wrong(`${name} holds half of a surrogate pair, which UTF-8 cannot hold`);
  if (value.length > 85 && Buffer.byteLength(value) > 255) throw wrong(`${name} has ${Buffer.byteLength(value)} bytes; AMQP allows 255`);
  return value;
}
