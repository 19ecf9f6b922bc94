import { setTimeout as delay } from 'node:timers/promises';
import type { Emit } from '../../model/event.ts';
import { formatDuration } from '../../model/quantity.ts';
import { withinPatience } from '../connection/channel.ts';
import type { Connection } from '../connection/connection.ts';
import { queueCounts, readyCount } from '../topology/queue-facts.ts';

/** How long a queue may take to put back the next messages; others may have taken them at once, so that nobody sees it. */
const PATIENCE = 1_000;
const CHECK = 10;
/** How long a count has to stand still, and how long at the most that is waited for. */
const SETTLE = 250;
const MOST_SETTLE = 5_000;

/**
 * Waits until a queue has so many messages ready: it learns a little later that a channel is gone which held some, and then takes its time. Resolves as well when
 * no more come back, or when nobody can be asked any more. Returns how many there are, where that is known.
 */
export async function untilReady(connection: Connection, queue: string, messages: number): Promise<number | undefined> {
  let most = -1;
  for (let since = performance.now(); performance.now() - since < PATIENCE; await delay(CHECK)) {
    const ready = await readyNow(connection, queue);
    if (ready === undefined || ready >= messages) return ready;
    if (ready > most) since = performance.now();
    most = Math.max(most, ready);
  }
  return most < 0 ? undefined : most;
}

/** How many messages are ready; undefined when the broker cannot tell any more. `count` asks for it. */
export async function readyNow(
  connection: Connection,
  queue: string,
  count: (connection: Connection, queue: string) => Promise<number | undefined> = readyCount,
): Promise<number | undefined> {
  if (!connection.open) return undefined;
  const ready = await withinPatience(count(connection, queue)).catch(() => undefined);
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

/** A quorum queue that is busy takes so long, in milliseconds, to hear of what its channel keeps for it. */
const SETTLE_PATIENCE = 1_000;
const MOST_CHECK = 50;

/**
 * Waits until a quorum queue has what was answered on a channel whose consumer is cancelled. Such a channel keeps answers back while 32 of them are on their way to the queue, says nothing of it,
 * and forgets them when it is closed (tried on 3.10.8: a drain without any fault left 230 of 20,000 messages). Until the queue has them all, it counts the cancelled consumer too.
 * Other consumers are counted as well: who waits in vain has waited long enough for the channel. Resolves as well when nobody may ask.
 */
export async function untilSettled(connection: Connection, queue: string): Promise<void> {
  const started = performance.now();
  for (let pause = 1; performance.now() - started < SETTLE_PATIENCE; pause = Math.min(pause * 2, MOST_CHECK)) {
    const counts = await withinPatience(queueCounts(connection, queue)).catch(() => undefined);
    if (counts === undefined || counts === 'late' || counts.consumers === 0) return;
    await delay(pause);
  }
}

/** The heartbeat that a broker expects where none was agreed on, in milliseconds, and how many it waits for before it gives a silent connection up. */
const HEARTBEAT = 60_000;
const BEATS = 2;
const GRACE = 5_000;
const RELEASE_CHECK = 20;

/** What a queue has to have again once a lost connection is gone for the broker. */
export interface Held {
  /** Consumers of others: they had been there before. */
  readonly others: number;
  /** How many messages are ready then at least, where nobody else takes any; and how many if none of the last answers has arrived. */
  readonly least?: number;
  readonly most?: number;
  /** True when the connection went without a word: the broker may not know of it, nor have heard the last answers. */
  readonly silent?: boolean;
}

/**
 * Waits until a queue has back what a lost connection held. A connection that was cut by the network is gone for the broker only after its heartbeats have failed to come, and no
 * wait is longer than that. Until then the queue counts its consumers, but not those that were cancelled and hold messages all the same. Returns how many messages are ready then.
 *
 * @throws Failure as the broker gives it
 */
export async function untilReleased(
  connection: Connection,
  queue: string,
  { others, least = 0, most = least, silent = false }: Held,
  emit: Emit,
  signal: AbortSignal,
): Promise<number> {
  const { heartbeat = HEARTBEAT / 1_000 } = connection.model.connection as { readonly heartbeat?: number };
  const longest = BEATS * (heartbeat || HEARTBEAT / 1_000) * 1_000 + GRACE;
  const started = performance.now();
  for (let said = false; ; ) {
    const { messages, consumers } = await queueCounts(connection, queue);
    const waited = performance.now() - started;
    const isBack = others > 0 || messages >= (silent ? most : least);
    if ((consumers <= others && isBack) || waited > longest || signal.aborted) return messages;
    if (!said && waited > SETTLE_PATIENCE) {
      said = true;
      emit({ kind: 'note', text: `waiting until "${queue}" has back what the lost connection held, ${formatDuration(longest)} at most` });
    }
    await delay(RELEASE_CHECK, undefined, { signal }).catch(() => undefined);
  }
}
