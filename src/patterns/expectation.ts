import { setTimeout as delay } from 'node:timers/promises';
import { abortFailure, Failure } from '../model/failure.ts';
import { formatCount, formatDuration } from '../model/quantity.ts';

/** Why a consumer stopped by itself. */
export type End = 'count' | 'idle' | 'timeout' | 'drained';

/** How often a queue is asked that is to stay silent, in milliseconds. */
const SILENCE_CHECK = 100;

interface Wanted {
  readonly count?: number | undefined;
  readonly expect?: number | undefined;
  readonly timeout?: number | undefined;
}

/** What it means that a consumer ended in this way, with as many messages and no more than were expected. */
export function judgeEnd({ count, expect, timeout }: Wanted, end: End, received: number): Failure | undefined {
  const wanted = expect ?? count;
  if (end === 'timeout') {
    const got = wanted === undefined ? `${formatCount(received, 'message')} came` : `${formatCount(received, 'message')} of ${wanted} came`;
    return new Failure('deadline', `the deadline of ${formatDuration(timeout ?? 0)} passed: ${got}`);
  }
  if (expect === undefined) return undefined;
  return new Failure('negative', `expected ${formatCount(expect, 'message')}, got ${received}`);
}

/** What it means that as many messages came as were expected, and others are left. */
export function judgeSurplus(expect: number, left: number): Failure | undefined {
  if (left === 0) return undefined;
  return new Failure('negative', `expected ${formatCount(expect, 'message')}, and there are more: ${formatCount(left, 'message')} left in the queue`);
}

/**
 * Asks how many messages are left until there are some or the milliseconds are over: what was on its way when the last expected message came needs a
 * moment to arrive.
 *
 * @throws Failure what the signal was aborted with
 */
export async function surplusWithin(milliseconds: number, left: () => Promise<number>, signal: AbortSignal): Promise<number> {
  const end = performance.now() + milliseconds;
  for (;;) {
    const surplus = await left();
    const rest = end - performance.now();
    if (surplus > 0 || rest <= 0) return surplus;
    await delay(Math.min(SILENCE_CHECK, rest), undefined, { signal }).catch(() => Promise.reject(abortFailure(signal)));
  }
}
