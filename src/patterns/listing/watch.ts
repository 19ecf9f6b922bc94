import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod/mini';
import type { Emit } from '../../model/event.ts';
import { abortFailure, Failure } from '../../model/failure.ts';
import { formatCount } from '../../model/quantity.ts';
import { milliseconds } from '../names.ts';
import { QUEUES } from './columns.ts';
import { absentFailure, type Lister, type ListRow, type ListSource, QueueListConfig, testOf } from './list.ts';

export const QueueWatchConfig = z.extend(QueueListConfig, {
  /** Milliseconds from one look to the next. */
  interval: z._default(milliseconds(100), 2_000),
  /** Looks, at most. */
  count: z.optional(z.int().check(z.minimum(1))),
  /** A CEL expression over the columns: the watch ends once it is true for every queue that is watched. */
  until: z.optional(z.string().check(z.minLength(1))),
});
export type QueueWatchConfig = z.output<typeof QueueWatchConfig>;

/** Whether the watch is over: the test of `until`. */
export async function endOf({ until }: QueueWatchConfig): Promise<(rows: readonly ListRow[]) => boolean> {
  if (until === undefined) return () => false;
  const test = await testOf(QUEUES, until, 'until');
  return (rows) => rows.length > 0 && rows.every((row) => test(row) === true);
}

/**
 * Looks at queues again and again, and hands on what it sees: undefined where the broker does not answer, with a note that says why. A broker that does not answer for a while, or a queue that is deleted, is noted; a queue that was never there is not waited for.
 *
 * @throws Failure `missing` when no named queue is there, `negative` when `until` was not true when it left, or its reader did, `interrupted`, and as the first look fails
 */
export async function watchQueues(
  config: QueueWatchConfig,
  { rows: ask }: Lister,
  source: ListSource,
  show: (rows: readonly ListRow[] | undefined, note: string | undefined) => Promise<void>,
  { emit, signal, left, vhost }: { readonly emit: Emit; readonly signal: AbortSignal; readonly left: AbortSignal; readonly vhost: string },
): Promise<void> {
  const { interval, count = Number.POSITIVE_INFINITY, until } = config;
  const isOver = await endOf(config);
  const stopped = AbortSignal.any([signal, left]);
  const stillNot = (after: string): Failure => new Failure('negative', `${after}, this is still not true: ${until}`);
  const leaving = (): Failure => {
    const failure = abortFailure(signal);
    return failure.kind === 'closed' && until !== undefined ? stillNot(failure.message) : failure;
  };
  for (let look = 1; ; look++) {
    const started = performance.now();
    try {
      const { rows, absent } = await ask(source, emit);
      if (absent.length > 0 && (look === 1 || rows.length === 0)) throw absentFailure(absent, vhost);
      await show(rows, absent.length === 0 ? undefined : `gone: ${absent.map((name) => `"${name}"`).join(', ')}`);
      if (isOver(rows)) return;
    } catch (error) {
      if (signal.aborted) throw leaving();
      if (look === 1 || !(error instanceof Failure) || error.kind !== 'unavailable') throw error;
      await show(undefined, `${error.message}; asking again`);
    }
    if (look >= count) {
      if (until === undefined) return;
      throw stillNot(`after ${formatCount(look, 'look')}`);
    }
    // A broker that is busy for long with one look has as long without any.
    const took = performance.now() - started;
    await delay(Math.max(interval - took, took), undefined, { signal: stopped }).catch(() => undefined);
    if (signal.aborted) throw leaving();
    if (!left.aborted) continue;
    if (until === undefined) return;
    throw stillNot(`after ${formatCount(look, 'look')}`);
  }
}
