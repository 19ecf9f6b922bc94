import * as z from 'zod/mini';
import { MAX_PREFETCH } from '../../amqp/consumer/config.ts';
import { MAX_TIMER } from '../../model/quantity.ts';

const timer = (least = 1) => z.int().check(z.minimum(least), z.maximum(MAX_TIMER));

/** A range of pauses: the first retry waits `from`, each further one twice as long, none longer than `to`. Milliseconds. */
const Backoff = z.strictObject({ from: timer(), to: timer() }).check(z.refine(({ from, to }) => from <= to, { error: 'must not begin with the longer pause' }));

export const DEFAULT_BACKOFF = { from: 1_000, to: 60_000 };

/** How messages are handed to a handler, and what becomes of those that fail. Durations are milliseconds. */
export const workerShape = {
  /** Handlers at a time. */
  concurrency: z._default(z.int().check(z.minimum(1), z.maximum(MAX_PREFETCH)), 1),
  /** Unanswered messages at a time; absent: as many as handlers. */
  prefetch: z.optional(z.int().check(z.minimum(1), z.maximum(MAX_PREFETCH))),
  /** How long a handler may take for a message. */
  handlerTimeout: z.optional(timer()),
  /** Attempts after the first one. */
  retries: z._default(z.int().check(z.minimum(0), z.maximum(1_000)), 0),
  backoff: z._default(Backoff, DEFAULT_BACKOFF),
  /** How long a message is held back before it returns to the queue on `requeue`. */
  requeueDelay: z._default(timer(0), 1_000),
  /** How long handlers may continue once the run is stopped. */
  grace: z._default(timer(0), 30_000),
  /** True: messages that fail for good are dropped where the queue has no dead-letter exchange. */
  dropDead: z._default(z.boolean(), false),
  /** True: a policy of the broker dead-letters rejected messages. */
  policyDlx: z._default(z.boolean(), false),
  /** True: the run fails when messages failed for good. */
  failOnDead: z._default(z.boolean(), false),
  /** Stop after this many messages. */
  count: z.optional(z.int().check(z.minimum(1))),
  /** Stop after this long without a message. */
  idle: z.optional(timer()),
  /** Stop at the depth that the queue had at the start. */
  drain: z._default(z.boolean(), false),
  /** Stop after this long in any case. */
  timeout: z.optional(timer()),
};

export const WorkerConfig = z.strictObject(workerShape);
export type WorkerConfig = z.output<typeof WorkerConfig>;

/** The pause before each attempt after the first. */
export function retryPauses({ retries, backoff }: Pick<WorkerConfig, 'retries' | 'backoff'>): number[] {
  return Array.from({ length: retries }, (_, index) => Math.min(backoff.from * 2 ** Math.min(index, 40), backoff.to));
}
