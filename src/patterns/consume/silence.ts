import { setTimeout as delay } from 'node:timers/promises';
import type { Consumer } from '../../amqp/consumer/consumer.ts';
import { releaseTime } from '../../amqp/consumer/queue-depth.ts';
import { leaderless, queueCounts, readyWhileSubscribed, stuck } from '../../amqp/topology/queue-facts.ts';
import type { Failure } from '../../model/failure.ts';
import type { End } from './limits.ts';

/** How often a queue is asked whether it is empty, when its messages stopped coming before the depth at the start was reached. */
const DRAIN_CHECK = 500;
/** A stream hands out what it has at once; silence of so many milliseconds means that there is nothing from there on. */
const STREAM_SILENCE = 3_000;

/** A run as those see it who wait for the end of its messages. */
export interface Watched {
  readonly consumer: Consumer;
  readonly queue: string;
  readonly seen: () => { readonly received: number; readonly running: number; readonly lastDelivery: number };
  readonly end: (end: End | Failure) => void;
  /** Aborted when the run has ended. */
  readonly over: AbortSignal;
}

/** When a connection was lost, and whether the broker may not know it yet, of a consumer that it does not count. */
export interface Lost {
  readonly since: number;
  readonly unseen: boolean;
}

const NONE_KNOWN = { messages: undefined, consumers: undefined };

/** True after so many milliseconds, false at once when the run has ended. */
export function pause(milliseconds: number, over: AbortSignal): Promise<boolean> {
  return delay(milliseconds, true, { signal: over }).catch(() => false);
}

/** Calls back when the last sign of work is so many milliseconds ago. */
export function watchIdle(idle: number, lastSign: () => number, end: () => void): NodeJS.Timeout {
  return setInterval(
    () => {
      if (performance.now() - lastSign() >= idle) end();
    },
    Math.min(idle, Math.max(10, idle / 10)),
  );
}

/** Another consumer may take some of what was there at the start; then the queue is empty before the limit is reached. */
export async function watchDrain({ consumer, queue, seen, end, over }: Watched): Promise<void> {
  let since = performance.now();
  while (await pause(DRAIN_CHECK, over)) {
    const before = seen();
    if (!consumer.subscribed || before.running > 0) {
      since = performance.now();
      continue;
    }
    if (performance.now() - before.lastDelivery < DRAIN_CHECK) continue;
    const depth = await consumer.ask(readyWhileSubscribed).catch(() => undefined);
    const now = seen();
    const silent = performance.now() - Math.max(since, now.lastDelivery);
    if (depth === 0 || !consumer.subscribed) since = performance.now();
    else if (silent > consumer.connected().answerTimeout) end(depth === undefined ? leaderless(queue, silent) : stuck(queue, depth));
    if (depth === 0 && now.received === before.received && now.running === 0) end('drained');
  }
}

/**
 * After a lost connection, messages do not come again whose answers the broker had. Once the queue has nothing left, and no lost connection holds anything of it,
 * they are taken, and the run ends when no others are missing.
 */
export async function watchAway({ consumer, seen, end, over }: Watched, limit: number, lost: () => Lost): Promise<void> {
  while (await pause(DRAIN_CHECK, over)) {
    const before = seen();
    const { away, given } = consumer.answers;
    if (!consumer.subscribed || before.running > 0 || performance.now() - before.lastDelivery < DRAIN_CHECK) continue;
    if (limit - given > away) continue;
    const { messages, consumers } = await consumer.ask(queueCounts).catch(() => NONE_KNOWN);
    const { since, unseen } = lost();
    const isReleased = (consumers === 1 && !unseen) || performance.now() - since > releaseTime(consumer.connected());
    if (messages === 0 && isReleased && seen().received === before.received && seen().running === 0) end('count');
  }
}

/** A time or an age may lie behind the last message, which then never comes. */
export async function watchStream({ consumer, seen, end, over }: Watched): Promise<void> {
  while (await pause(STREAM_SILENCE, over)) if (seen().received === 0 && consumer.subscribed) end('drained');
}
