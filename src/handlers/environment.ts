import { type PlainValue, plainHeaders } from '../model/message/field-json.ts';
import type { Delivery } from '../model/message/message.ts';

/** The kernel's limits for the environment of a program, in bytes: for a single value, and for all of them. */
const MOST_BYTES_OF_ONE = 65_536;
const MOST_BYTES = 524_288;

const FIXED = [
  'RMQ_QUEUE',
  'RMQ_EXCHANGE',
  'RMQ_ROUTING_KEY',
  'RMQ_MESSAGE_ID',
  'RMQ_CORRELATION_ID',
  'RMQ_CONTENT_TYPE',
  'RMQ_REDELIVERED',
  'RMQ_ATTEMPT',
] as const;

/** This process' own environment, without the variables of an outer message. */
export function outerEnvironment(): Record<string, string | undefined> {
  const known: ReadonlySet<string> = new Set(FIXED);
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !known.has(name) && !name.startsWith('RMQ_HEADER_')));
}

/** True when a shell passes every variable on: it may drop other names. */
export function isPlainEnvironment(): boolean {
  return Object.keys(process.env).every((name) => /^[A-Za-z_]\w*$/.test(name));
}

/**
 * The environment of a handler. A header becomes `RMQ_HEADER_NAME`, with `_` for characters that a name cannot have; the
 * first of two equal names wins. What an environment cannot hold, such as a NUL, is left out.
 */
export function variablesOf(delivery: Delivery, attempt: number): Record<string, string> {
  const { queue, exchange, routingKey, redelivered, properties } = delivery;
  const { messageId, correlationId, contentType, headers } = properties;
  const known: Record<(typeof FIXED)[number], string | undefined> = {
    RMQ_QUEUE: queue,
    RMQ_EXCHANGE: exchange,
    RMQ_ROUTING_KEY: routingKey,
    RMQ_MESSAGE_ID: messageId,
    RMQ_CORRELATION_ID: correlationId,
    RMQ_CONTENT_TYPE: contentType,
    RMQ_REDELIVERED: String(redelivered),
    RMQ_ATTEMPT: String(attempt),
  };
  const variables: Record<string, string> = {};
  for (const name of FIXED) {
    const value = known[name];
    if (value !== undefined && fits(value)) variables[name] = value;
  }
  if (headers === undefined) return variables;
  let left = MOST_BYTES;
  for (const [header, value] of Object.entries(plainHeaders(headers))) {
    const name = `RMQ_HEADER_${header.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`;
    const text = textOf(value);
    const size = name.length + Buffer.byteLength(text);
    if (variables[name] !== undefined || !fits(text) || size > left) continue;
    variables[name] = text;
    left -= size;
  }
  return variables;
}

function textOf(value: PlainValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function fits(text: string): boolean {
  return !text.includes('\0') && Buffer.byteLength(text) <= MOST_BYTES_OF_ONE;
}
