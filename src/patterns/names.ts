import * as z from 'zod/mini';
import { Failure } from '../model/failure.ts';
import { parseTable } from '../model/message/field.ts';
import type { FieldTable } from '../model/message/message.ts';
import { MAX_TIMER } from '../model/quantity.ts';

/** A name as AMQP holds it: at most 255 bytes. */
export const shortString = z.string().check(z.refine((text) => Buffer.byteLength(text) <= 255, { error: 'must have at most 255 bytes' }));

/** A queue's name. RabbitMQ removes line breaks when it declares or deletes a queue, and would then use another name. */
export const queueName = shortString.check(
  z.minLength(1),
  z.refine((text) => !/[\r\n]/.test(text), { error: 'must not hold line breaks' }),
);

/** The name of an exchange to declare; RabbitMQ treats line breaks as in a queue's. */
export const exchangeName = queueName;

/** Headers or arguments, as AMQP can hold them. */
export const fieldTable = z.custom<FieldTable>().check((given) => {
  try {
    parseTable(given.value);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    given.issues.push({ code: 'custom', input: given.value, message: `is not valid: ${error.message}` });
  }
});

/** A duration in milliseconds, as long as a timer can be. */
export const milliseconds = (least = 1) => z.int().check(z.minimum(least), z.maximum(MAX_TIMER));

/** A unique name: the time and 52 random bits, without the start-up cost of node:crypto. */
export function uniqueId(): string {
  return `${Date.now().toString(36)}${Math.random().toString(36).slice(2)}`;
}

/** A longer name leaves no room for more in that of a queue. */
const LONGEST_BASE = 200;

/** The name of a queue that goes soon, after what it is for. The broker reserves names that begin with amq. */
export function temporaryName(base: string): string {
  return `${Buffer.byteLength(base) > LONGEST_BASE || base.startsWith('amq.') ? 'rmq' : base}.${uniqueId()}`;
}
