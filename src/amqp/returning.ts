import { setTimeout as delay } from 'node:timers/promises';
import { withinPatience } from './channel.ts';
import type { Connection } from './connection.ts';
import { readyCount } from './queue-probe.ts';

/** How long a queue may take to put back the next messages; others may have taken them at once, so that nobody sees it. */
const PATIENCE = 1_000;
const CHECK = 10;
/** How long a count has to stand still, and how long at the most that is waited for. */
const SETTLE = 250;
const MOST_SETTLE = 5_000;

/**
 * Waits until a queue has so many messages ready: it learns a little later that a channel is gone which held some, and then takes its time. Resolves as well when
 * no more come back, or when nobody can be asked any more.
 */
export async function untilReady(connection: Connection, queue: string, messages: number): Promise<void> {
  let most = -1;
  for (let since = performance.now(); performance.now() - since < PATIENCE; await delay(CHECK)) {
    const ready = await readyNow(connection, queue);
    if (ready === undefined || ready >= messages) return;
    if (ready > most) since = performance.now();
    most = Math.max(most, ready);
  }
}

/** How many messages are ready; undefined when the broker cannot tell any more. */
export async function readyNow(connection: Connection, queue: string): Promise<number | undefined> {
  if (!connection.open) return undefined;
  const ready = await withinPatience(readyCount(connection, queue)).catch(() => undefined);
  return ready === 'late' ? undefined : ready;
}

/** How many messages a queue has once the broker has put back what a connection held that is gone; of a queue that others fill, those of some moment. */
export async function settledCount(connection: Connection, queue: string): Promise<number> {
  const started = performance.now();
  let before = -1;
  let count = await readyCount(connection, queue);
  while (count !== before && performance.now() - started < MOST_SETTLE) {
    before = count;
    await delay(SETTLE);
    count = await readyCount(connection, queue);
  }
  return count;
}

/** How many messages a queue has. More than a moment ago: somebody fills it, or it is getting back what a run held that was killed. */
export async function steadyCount(connection: Connection, queue: string, momentAgo: number): Promise<number> {
  const count = await readyCount(connection, queue);
  return count > momentAgo ? settledCount(connection, queue) : count;
}
