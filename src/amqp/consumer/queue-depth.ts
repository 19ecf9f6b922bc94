import { setTimeout as delay } from 'node:timers/promises';
import type { Emit } from '../../model/event.ts';
import { Failure, orElse } from '../../model/failure.ts';
import { formatDuration } from '../../model/quantity.ts';
import { withinPatience } from '../connection/channel.ts';
import type { Connection } from '../connection/connection.ts';
import { type QueueCounts, queueCounts, queueType, readyCount } from '../topology/queue-facts.ts';
import { atLeast } from './return-rules.ts';

/** Milliseconds that a queue may take to make the next messages ready. Other consumers may take them at once, unseen. */
const PATIENCE = 1_000;
const CHECK = 10;
/** Milliseconds that a count has to stay the same, and the longest wait for that. */
const SETTLE = 250;
const MOST_SETTLE = 5_000;

/**
 * Waits until a queue has this many messages ready: it learns a little later that the channel that held them is gone, and then takes its time. Also resolves when
 * no more return, or when the broker cannot be asked. Returns how many are ready, where that is known.
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

/** How many messages are ready; undefined when the broker cannot tell. `count` asks for it. */
export async function readyNow(
  connection: Connection,
  queue: string,
  count: (connection: Connection, queue: string) => Promise<number | undefined> = readyCount,
): Promise<number | undefined> {
  if (!connection.open) return undefined;
  return withinPatience(count(connection, queue)).catch(() => undefined);
}

/** How many messages a queue has once it has back what a lost connection held; for a queue that is being published to, the number at some moment. */
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

/** How many messages a queue has once the number stays the same: a number that grows is new messages, or the return of what a killed run held. */
export async function steadyCount(connection: Connection, queue: string, momentAgo: number): Promise<number> {
  const count = await readyCount(connection, queue);
  return count > momentAgo ? settledCount(connection, queue) : count;
}

/** Milliseconds that a busy quorum queue may take to receive the answers that its channel holds back. */
const SETTLE_PATIENCE = 1_000;
const MOST_CHECK = 50;
/** Half of the frames from which on a channel holds answers back: a margin. */
const KEPT_BACK = 16;
/** What a queue holds that is deleted with its last consumer, and what a user learns who may not ask. */
const GONE: QueueCounts = { messages: 0, consumers: 0 };

/**
 * Waits until a queue has all answers of a channel whose consumer is cancelled. The channel passes them on, and says nothing when the node of the queue is down, where they are lost.
 *
 * That of a quorum queue also holds answers back while 32 `frames` of them are on their way, and forgets those when it is closed (tried on 3.10.8: a drain
 * without any fault left 230 of 20,000 messages). Until the queue has them all, it counts the cancelled consumer too. It counts other consumers as well: with those, the longest
 * wait is long enough for the channel.
 *
 * @throws Failure `unavailable` when the queue does not answer
 */
export async function untilSettled(connection: Connection, queue: string, frames: number): Promise<void> {
  const started = performance.now();
  for (let pause = 1; ; pause = Math.min(pause * 2, MOST_CHECK)) {
    const counts = await withinPatience(queueCounts(connection, queue)).catch(orElse('missing', GONE)).catch(orElse('denied', GONE));
    if (counts === undefined) throw new Failure('unavailable', `the queue "${queue}" does not answer`, { transient: true });
    if (frames < KEPT_BACK || counts.consumers === 0 || performance.now() - started > SETTLE_PATIENCE) return;
    await delay(pause);
  }
}

/** Milliseconds without a delivery after which none is on its way. */
const ON_THE_WAY = 300;

/**
 * Waits until everything has arrived that a queue has handed to a consumer that is about to be cancelled. Before 4.3, a quorum queue drops deliveries that are on their way then, and returns
 * them when the channel closes: at the delivery limit they are gone (tried on 3.10.8 and 4.0.5: up to 1,450 of 1,500 messages; not on 4.3.6). No more than `most`
 * can come; `pass` goes through the channel of the consumer once, behind all deliveries.
 */
export async function untilDelivered(connection: Connection, queue: string, arrived: () => number, most: number, pass: () => Promise<unknown>): Promise<void> {
  if (arrived() >= most || atLeast(connection.version, 4, 3)) return;
  const type = await withinPatience(queueType(connection, queue)).catch(() => undefined);
  if (type === 'classic' || type === 'stream') return;
  for (let [before, since] = [-1, performance.now()]; performance.now() - since < ON_THE_WAY; await delay(CHECK)) {
    const ready = await readyNow(connection, queue);
    if (ready === undefined) return;
    await pass();
    if (ready === 0 || arrived() >= most) return;
    if (arrived() > before) [before, since] = [arrived(), performance.now()];
  }
}

/** The default heartbeat of a broker in milliseconds, and after how many of them it gives a silent connection up. */
const HEARTBEAT = 60_000;
const BEATS = 2;
const GRACE = 5_000;
const RELEASE_CHECK = 20;

/** Milliseconds after which a broker has given up a connection that went silent. */
export function releaseTime(connection: Connection): number {
  const { heartbeat = HEARTBEAT / 1_000 } = connection.model.connection as { readonly heartbeat?: number };
  return BEATS * (heartbeat || HEARTBEAT / 1_000) * 1_000 + GRACE;
}

/** What a queue must have again once the broker knows that a connection is lost. */
export interface Held {
  /** Consumers of others. */
  readonly others: number;
  /** The least number of ready messages where no other consumer is there; and the number if none of the last answers arrived. */
  readonly least?: number;
  readonly most?: number;
  /** True when the connection was lost without a close: the broker may not know of it, nor have the last answers. */
  readonly silent?: boolean;
}

/**
 * Waits until a queue has back what a lost connection held. The broker notices a cut network only by missing heartbeats, and no
 * wait is longer than that. Until then the queue counts the connection's consumers, except cancelled ones that still hold messages. Returns how many messages are ready then.
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
  const longest = releaseTime(connection);
  const started = performance.now();
  for (let said = false; ; ) {
    const { messages, consumers } = await queueCounts(connection, queue);
    const waited = performance.now() - started;
    const isBack = others > 0 || messages >= (silent ? most : least);
    if ((consumers <= others && isBack) || waited > longest || signal.aborted) return messages;
    if (!said && waited > SETTLE_PATIENCE) {
      said = true;
      emit({ kind: 'note', text: `waiting for at most ${formatDuration(longest)} until what the lost connection held is back in "${queue}"` });
    }
    await delay(RELEASE_CHECK, undefined, { signal }).catch(() => undefined);
  }
}
