import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '../../amqp/connection/connection.ts';
import type { Session } from '../../amqp/connection/session.ts';
import type { HeldFacts } from '../../management/facts.ts';
import { Failure } from '../../model/failure.ts';
import { formatCount, formatNumber } from '../../model/quantity.ts';
import type { FindManagementApi } from '../management.ts';

/** What AMQP does not tell about a queue; undefined without the management API. */
export type AskHeld = (connection: Connection, queue: string) => Promise<HeldFacts | undefined>;

/** Milliseconds that the statistics of a queue may be old: it counts every five seconds, and they are collected as often. */
const OLDEST = 10_000;
const CHECK = 500;

/** Asks the management API, where there is one. */
export function heldBy(find: FindManagementApi): AskHeld {
  return async (connection, queue) => (await find(connection))?.held(queue).catch(unlessStopped);
}

/** An unanswered question leaves the numbers unknown. */
export function unlessStopped(error: unknown): undefined {
  if (error instanceof Failure && error.kind !== 'interrupted' && error.kind !== 'terminated') return undefined;
  throw error;
}

/**
 * Asks until nothing is unacknowledged, or what is was counted after the first question, or the time is over: statistics may still count
 * messages that have just been acknowledged.
 */
async function heldNow(ask: () => Promise<HeldFacts | undefined>, signal: AbortSignal, within = Number.POSITIVE_INFINITY): Promise<HeldFacts | undefined> {
  const started = performance.now();
  for (;;) {
    const held = await ask();
    const age = performance.now() - started;
    if (held === undefined || held.current || held.unacknowledged === 0 || held.unacknowledged === undefined) return held;
    if (age >= OLDEST) return { ...held, current: true };
    if (age >= within) return held;
    await delay(Math.min(CHECK, within - age), undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return held;
  }
}

/**
 * The number of unacknowledged messages; undefined when unknown. A 0 that was counted some seconds ago, when another number of messages was ready,
 * says nothing about now.
 */
export function unacknowledged(held: HeldFacts | undefined, ready: number): number | undefined {
  if (held?.unacknowledged === 0 && !held.current && held.ready !== ready) return undefined;
  return held?.unacknowledged;
}

/** The failure for an empty queue whose messages are held by consumers. Notes it where that is unknown, or not known yet. */
export async function judgeHeld(
  ask: () => Promise<HeldFacts | undefined>,
  within: number,
  { emit, signal }: Pick<Session, 'emit' | 'signal'>,
): Promise<Failure | undefined> {
  const held = await heldNow(ask, signal, within);
  const count = unacknowledged(held, 0);
  const delayed = held?.delayed ?? 0;
  if (count === undefined) emit({ kind: 'note', text: uncounted(held) });
  else if (count > 0 && held?.current === false) {
    emit({
      kind: 'note',
      text: `${formatCount(count, 'message')} ${count === 1 ? 'was' : 'were'} not acknowledged yet, as the management API told some seconds ago`,
    });
  } else if (count + delayed > 0) {
    const parts = [...(count > 0 ? [`${formatNumber(count)} not acknowledged yet`] : []), ...(delayed > 0 ? [`${formatNumber(delayed)} delayed`] : [])];
    return new Failure('negative', `expected 0 messages, and consumers hold some: ${parts.join(', ')}`, {
      hint: 'they come back unless they are acknowledged; rmq queue status shows them',
    });
  }
  return undefined;
}

/** Why the number of unacknowledged messages is unknown. */
export function uncounted(held: HeldFacts | undefined): string {
  const why = held === undefined ? 'only the management API knows their number' : 'the statistics of the broker are some seconds old';
  return `unacknowledged messages are not counted: ${why}`;
}
