import { Failure } from '../model/failure.ts';
import { formatCount, formatDuration } from '../model/quantity.ts';

/** Why a consumer stopped by itself. */
export type End = 'count' | 'idle' | 'timeout' | 'drained';

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
