import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '../../amqp/connection.ts';
import { Consumer } from '../../amqp/consumer.ts';
import type { Link } from '../../amqp/link.ts';
import { readyCount } from '../../amqp/queue-probe.ts';
import { readyNow, untilReady } from '../../amqp/returning.ts';
import type { Session } from '../../amqp/session.ts';
import type { WireDelivery } from '../../amqp/wire-delivery.ts';
import { Failure } from '../../model/failure.ts';
import { MAX_PREFETCH } from '../consume-config.ts';
import { STUCK, stuck } from './stuck.ts';

/** The first few tell how large messages are. */
const SAMPLE = 50;
/** Fewer leave the broker waiting; more would only wait here. */
const PREFETCH = 2_000;
/** Bodies that may have been delivered and wait. */
const PREFETCH_BYTES = 32 * 1_048_576;
const GROWTH = 4;
/** How often a queue is asked whether it is empty, when messages stopped coming that were there at the start. */
const EMPTY_CHECK = 500;
/** How long a count has to stand still. */
const SETTLE = 250;
const MOST_SETTLE = 5_000;

/** A delivery and the channel it is to be answered on. */
export interface Taken {
  readonly delivery: WireDelivery;
  readonly window: Window;
}

interface Window {
  readonly consumer: Consumer;
  readonly prefetch: number;
  readonly limit: number;
  delivered: number;
  held: number;
}

/**
 * Reads so many messages of a queue, once each and in order, over one connection, and holds those that are not wanted until the end. A channel delivers no more
 * than it may have unanswered: when all of these are held, another one goes on. Where everything is held, each is larger than the one before.
 */
export class TransferSource {
  readonly #session: Session;
  readonly #connection: Connection;
  readonly #queue: string;
  readonly #onTaken: (taken: Taken) => void;
  readonly #windows: Window[] = [];
  #left: number;
  #bytes = 0;
  #delivered = 0;
  #stopped = false;
  #closed = false;
  #lastTaken = performance.now();
  #end: (failure: Failure) => void = () => undefined;
  /** Resolves with the reason when it can go on no longer; what has no answer then goes back. */
  readonly lost: Promise<Failure> = new Promise((resolve) => {
    this.#end = resolve;
  });

  constructor(session: Session, connection: Connection, queue: string, limit: number, onTaken: (taken: Taken) => void) {
    this.#session = session;
    this.#connection = connection;
    this.#queue = queue;
    this.#left = limit;
    this.#onTaken = onTaken;
  }

  /**
   * Begins with a few, or carefully with one.
   *
   * @throws Failure `missing`, `denied` or `refused` as the broker gives it
   */
  async begin(careful: boolean): Promise<void> {
    const sample = careful ? 1 : SAMPLE;
    await this.#open(Math.min(sample, this.#left), sample);
  }

  /** True once it gives its messages back: what has not been acknowledged then comes again. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Resolves with true once nothing is left to come: another consumer has taken some of what was there at the start. `isIdle` tells whether all that came is done.
   *
   * @throws Failure `later` when the queue has messages and hands out none
   */
  async untilEmpty(isIdle: () => boolean, over: AbortSignal): Promise<boolean> {
    let idle = performance.now();
    while (await delay(EMPTY_CHECK, true, { signal: over }).catch(() => false)) {
      const left = this.#left;
      if (!isIdle()) idle = performance.now();
      const silent = performance.now() - Math.max(this.#lastTaken, idle);
      if (silent < EMPTY_CHECK) continue;
      const ready = await readyNow(this.#connection, this.#queue);
      if (ready === undefined || this.#left !== left || !isIdle()) continue;
      if (ready === 0) return true;
      if (silent > STUCK) throw stuck(this.#queue, ready);
    }
    return false;
  }

  settle({ delivery, window }: Taken, settlement: 'ack' | 'hold'): boolean {
    if (!window.consumer.settle(delivery, settlement)) return false;
    if (settlement === 'hold') {
      window.held++;
      this.#goOn(window);
    }
    return true;
  }

  /** Takes nothing more; what was taken can still be settled. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#windows.map(({ consumer }) => consumer.cancel()));
  }

  /**
   * Sends the answers, and gives back what is held, the oldest first: a quorum queue takes it back in this order. Resolves with how many were acknowledged, once
   * everything is back: who looks next finds it.
   */
  async close(): Promise<{ readonly acknowledged: number; readonly failure: Failure | undefined }> {
    this.#stopped = true;
    this.#closed = true;
    let failure: Failure | undefined;
    let acknowledged = 0;
    for (const { consumer, delivered } of this.#windows) {
      const before = await readyNow(this.#connection, this.#queue);
      await consumer.close().catch((error: Failure) => {
        failure ??= error;
      });
      const answered = consumer.counts.acknowledged;
      acknowledged += answered;
      if (before !== undefined && delivered > answered) await untilReady(this.#connection, this.#queue, before + delivered - answered);
    }
    return { acknowledged, failure };
  }

  async #open(limit: number, prefetch: number): Promise<void> {
    let subscriptions = 0;
    const config = {
      queue: this.#queue,
      prefetch,
      noAck: false,
      exclusive: false,
      // On a second channel everything comes again, also what is held: that is for a new source.
      onSubscribed: () => ++subscriptions > 1 && this.#fail(new Failure('unavailable', 'the broker took the messages back', { transient: true })),
    };
    const session: Session = { ...this.#session, open: () => oneTime(this.#connection) };
    const consumer = new Consumer(session, config, (delivery) => this.#take(delivery, window));
    const window: Window = { consumer, prefetch: Math.min(prefetch, limit), limit, delivered: 0, held: 0 };
    this.#windows.push(window);
    void consumer.ended.then((failure) => failure !== undefined && this.#fail(failure));
    await consumer.connect();
    await consumer.subscribe(limit);
  }

  #take(delivery: WireDelivery, window: Window): void {
    window.delivered++;
    this.#delivered++;
    this.#left--;
    this.#lastTaken = performance.now();
    this.#bytes += delivery.body.length;
    this.#onTaken({ delivery, window });
    this.#goOn(window);
  }

  /** Goes on with another channel when this one can deliver no more. */
  #goOn(window: Window): void {
    const { held, delivered, limit, prefetch } = window;
    const done = delivered === limit;
    if (this.#stopped || this.#left === 0 || window !== this.#windows.at(-1) || (!done && held < prefetch)) return;
    const most = Math.max(1, Math.min(MAX_PREFETCH, Math.floor(PREFETCH_BYTES / Math.max(1, this.#bytes / this.#delivered))));
    const next = Math.min(most, done ? PREFETCH : Math.max(PREFETCH, prefetch * GROWTH));
    // It has nothing on its way that would be lost by this: all that it may deliver is held.
    if (!done) void window.consumer.cancel();
    this.#open(this.#left, next).catch((error: Failure) => this.#fail(error));
  }

  #fail(failure: Failure): void {
    if (!this.#stopped) this.#end(failure);
  }
}

/** A link that hands out a connection that is there already, once, and leaves closing it to its owner. */
function oneTime(connection: Connection): Link {
  let used = false;
  return {
    comesBack: false,
    connect: async () => {
      if (used) throw new Failure('unavailable', (await connection.lost).message);
      used = true;
      return connection;
    },
    close: async () => undefined,
  };
}

/** True when another connection may go on. */
export async function isTemporary(failure: Failure, connection: Connection): Promise<boolean> {
  return connection.open ? failure.transient : (await connection.lost).transient;
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
