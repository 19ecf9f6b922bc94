import * as z from 'zod/mini';
import { MAX_PREFETCH } from '../../amqp/consumer/config.ts';
import { option } from '../../model/option.ts';
import { milliseconds, queueName } from '../names.ts';

const timer = z.optional(milliseconds());

/** Unanswered messages at a time. */
export const prefetch = (most: number) => z._default(z.int().check(z.minimum(1), z.maximum(MAX_PREFETCH)), most);

/** Which messages are consumed, and how they are settled; durations are milliseconds. */
export const limitsShape = {
  /** Stop after this many messages. */
  count: z.optional(z.int().check(z.minimum(1))),
  /** Stop after this long without a message. */
  idle: timer,
  /** Stop after this long in any case. */
  timeout: timer,
  /** Stop at the depth that the queue had at the start. */
  drain: z._default(z.boolean(), false),
  /** The number of messages that must come; more or fewer is a failure. */
  expect: z.optional(z.int().check(z.minimum(0))),
  /** How long to wait for a surplus once the expected messages have come; within the timeout. */
  settle: z._default(milliseconds(0), 200),
  /** Return every message to the queue at the end. */
  requeue: z._default(z.boolean(), false),
  /** Reject instead of acknowledging: dead-letter. */
  reject: z._default(z.boolean(), false),
  /** False: the queue forgets a message once it has sent it. */
  ack: z._default(z.boolean(), true),
  /** No other consumer beside this one. */
  exclusive: z._default(z.boolean(), false),
  /** Consumer priority: a higher one is served first. */
  priority: z.optional(z.int().check(z.minimum(-32_768), z.maximum(32_767))),
  /** Where to begin in a stream. */
  offset: z.optional(z.string()),
};

const LimitsConfig = z.object(limitsShape);
type LimitsConfig = z.output<typeof LimitsConfig>;

/** True when a run with these limits ends by itself; a run without any goes on until it is stopped. */
export function hasEnd({ count, idle, timeout, drain, expect, requeue }: Partial<LimitsConfig>): boolean {
  return count !== undefined || idle !== undefined || timeout !== undefined || expect !== undefined || drain === true || requeue === true;
}

/** What holds between limits: for `check` of every config that has them. */
export const limitsRules = [
  z.refine<LimitsConfig>(({ requeue, reject, ack }) => Number(requeue) + Number(reject) + Number(!ack) <= 1, {
    error: () => `${option('requeue')}, ${option('reject')} and ${option('ack', false)} exclude each other`,
  }),
  z.refine<LimitsConfig>(({ expect, count }) => expect === undefined || count === undefined, {
    error: () => `${option('expect')} and ${option('count')} exclude each other: ${option('expect')} stops by itself`,
  }),
  z.refine<LimitsConfig>(({ expect, idle, timeout, drain }) => expect !== 0 || drain || idle !== undefined || timeout !== undefined, {
    error: () => `${option('expect')} 0 needs ${option('timeout')} or ${option('idle')} for how long no message may come; ${option('drain')} does not wait`,
  }),
] as const;

export const ConsumeConfig = z.strictObject({ queue: queueName, prefetch: prefetch(1_000), ...limitsShape }).check(...limitsRules);
export type ConsumeConfig = z.output<typeof ConsumeConfig>;
