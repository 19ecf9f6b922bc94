import { setTimeout as delay } from 'node:timers/promises';
import { deferred } from '../../model/async.ts';
import { Failure } from '../../model/failure.ts';
import type { Connection } from '../connection/connection.ts';
import type { Link } from '../connection/reconnect.ts';
import type { Session } from '../connection/session.ts';
import { leaderless, readyWhileSubscribed, stuck } from '../topology/queue-facts.ts';
import { MAX_PREFETCH } from './config.ts';
import { Consumer } from './consumer.ts';
import type { WireDelivery } from './delivery.ts';
import type { PutBack } from './put-back.ts';
import { readyNow, untilReady } from './queue-depth.ts';
import { isLastReturn, type ReturnRules } from './return-rules.ts';

/** How many messages show how large the others are; while none is held, no more are unanswered at a time. */
export const SAMPLE = 50;
/** Fewer leave the broker waiting; more would wait here. */
const PREFETCH = 2_000;
/** Bytes of bodies that may be delivered and wait. */
const PREFETCH_BYTES = 32 * 1_048_576;
const GROWTH = 4;
/** A connection has 2,047 channels at most, and each window is one. */
const MOST_WINDOWS = 1_000;
/** Milliseconds between questions whether the queue is empty, once expected messages stop coming. */
const EMPTY_CHECK = 500;
/** Milliseconds after which a queue that has messages and delivers none is given up. */
const STUCK = 10_000;

export interface HeldReaderConfig {
  readonly queue: string;
  /** The most messages to take. */
  readonly limit: number;
  readonly rules: ReturnRules;
  /** Absent where returns cost nothing, or where copies are not permitted. */
  readonly putBack: PutBack | undefined;
  /** True: copies are made at the end, in `close`. A reader that takes messages after the start would take earlier copies again. */
  readonly copiesLate?: boolean;
  /** No other consumer beside this one. */
  readonly exclusive?: boolean;
  readonly priority?: number | undefined;
}

/** A delivery and the channel that answers it. */
export interface HeldDelivery {
  readonly delivery: WireDelivery;
  readonly window: Window;
}

interface Window {
  readonly consumer: Consumer;
  readonly prefetch: number;
  readonly limit: number;
  delivered: number;
  held: number;
  /** True once the next window has taken over. */
  followed: boolean;
  /** Originals acknowledged because a copy is in the queue. */
  replaced: number;
}

/** What became of the messages taken. */
export interface Released {
  /** Acknowledged as asked. */
  readonly acknowledged: number;
  /** Acknowledged once a copy was at the end of the queue: their next return would have been the last. */
  readonly copiedBack: number;
  /** Returned although that was the last return, because there is no copy: the queue dropped or dead-lettered them. */
  readonly stranded: number;
  /** Returned and not ready again: another consumer has them by now, or the queue hides them for a while. */
  readonly unready: number;
  /** Why the broker may not have received every answer. */
  readonly failure: Failure | undefined;
}

/**
 * Takes messages of a queue, once each and in order, over one connection, and holds those that are to stay until the end. Then it returns them in the
 * order of the queue, at no cost where the queue allows that. A message whose next return would be its last is never returned: a copy goes to
 * the end of the queue, and then the original is acknowledged.
 *
 * A channel delivers no more than it may have unanswered. When all of these are held, another channel continues with a larger window.
 */
export class HeldReader {
  readonly #session: Session;
  readonly #connection: Connection;
  readonly #config: HeldReaderConfig;
  readonly #onTaken: (taken: HeldDelivery) => void;
  readonly #windows: Window[] = [];
  /** Messages whose next return would be their last, in order; true for one that is to stay. */
  readonly #last = new Map<HeldDelivery, boolean>();
  readonly #copying = new Set<Promise<void>>();
  #opening: Promise<void> = Promise.resolve();
  #copiedBack = 0;
  #stranded = 0;
  #left: number;
  #bytes = 0;
  #delivered = 0;
  #stopped = false;
  #closed = false;
  #lastTaken = performance.now();
  readonly #end = deferred<Failure>();
  /** Resolves with the reason when it cannot go on; unanswered messages then return to the queue. */
  readonly lost = this.#end.promise;

  constructor(session: Session, connection: Connection, config: HeldReaderConfig, onTaken: (taken: HeldDelivery) => void) {
    this.#session = session;
    this.#connection = connection;
    this.#config = config;
    this.#left = config.limit;
    this.#onTaken = onTaken;
  }

  /**
   * Begins to take messages.
   *
   * @throws Failure `missing`, `denied` or `refused` as the broker gives it
   */
  async begin(): Promise<void> {
    this.#opening = this.#open(this.#left, Math.min(SAMPLE, this.#left));
    await this.#opening;
  }

  /** True once it returns its messages: unanswered ones come again. */
  get closed(): boolean {
    return this.#closed;
  }

  /** How many are to come. */
  get left(): number {
    return this.#left;
  }

  /**
   * Resolves with true once no more messages will come: another consumer took some that were there at the start. `isIdle` tells whether everything delivered is done.
   *
   * @throws Failure `later` when the queue has messages and delivers none
   */
  async untilEmpty(isIdle: () => boolean, over: AbortSignal): Promise<boolean> {
    let idle = performance.now();
    while (await delay(EMPTY_CHECK, true, { signal: over }).catch(() => false)) {
      const left = this.#left;
      if (!isIdle()) idle = performance.now();
      const silent = performance.now() - Math.max(this.#lastTaken, idle);
      if (silent < EMPTY_CHECK) continue;
      const ready = await readyNow(this.#connection, this.#config.queue, readyWhileSubscribed);
      if (ready === undefined && this.#connection.open && silent > this.#connection.answerTimeout) throw leaderless(this.#config.queue, silent);
      if (ready === undefined || this.#left !== left || !isIdle()) continue;
      if (ready === 0) return true;
      if (silent > STUCK) throw stuck(this.#config.queue, ready);
    }
    return false;
  }

  /** Makes room for more while a message waits for its answer. */
  keep({ window }: HeldDelivery): void {
    window.held++;
    this.#goOn(window);
  }

  /** Acknowledges a message, or leaves it in the queue. False when its connection is lost: then it comes again. */
  settle(taken: HeldDelivery, settlement: 'ack' | 'hold'): boolean {
    const { delivery, window } = taken;
    if (settlement === 'ack') {
      if (this.#last.delete(taken)) this.#replaceNext();
      return window.consumer.settle(delivery, 'ack');
    }
    if (!window.consumer.isCurrent(delivery)) return false;
    this.keep(taken);
    if (this.#last.has(taken)) {
      this.#last.set(taken, true);
      this.#replaceNext();
    }
    return true;
  }

  /** Takes nothing more; messages taken can still be settled. */
  async stop(): Promise<void> {
    this.#stopped = true;
    // A subscription that has just begun delivers before it can be cancelled.
    await this.#opening.catch(() => undefined);
    await Promise.all(this.#windows.map(({ consumer }) => consumer.cancel()));
  }

  /** Sends the answers and returns what is held, the oldest first: the queue takes it back in this order. Resolves once everything is ready again. */
  async close(): Promise<Released> {
    this.#stopped = true;
    this.#closed = true;
    let failure: Failure | undefined;
    let acknowledged = 0;
    let unready = 0;
    for (const taken of this.#last.keys()) this.#replace(taken);
    while (this.#copying.size > 0) await Promise.all(this.#copying);
    for (const { consumer, delivered, replaced } of this.#windows) {
      const before = await readyNow(this.#connection, this.#config.queue);
      await consumer.close().catch((error: Failure) => {
        failure ??= error;
      });
      const answered = consumer.answers.counts.acknowledged;
      acknowledged += Math.max(0, answered - replaced);
      if (before === undefined || delivered === answered) continue;
      const expected = before + delivered - answered;
      unready += Math.max(0, expected - ((await untilReady(this.#connection, this.#config.queue, expected)) ?? expected));
    }
    return { acknowledged, copiedBack: this.#copiedBack, stranded: this.#stranded, unready, failure };
  }

  /** Copies are made in the order of the queue. */
  #replaceNext(): void {
    if (this.#config.copiesLate === true) return;
    for (const [taken, stays] of this.#last) {
      if (!stays) return;
      this.#replace(taken);
    }
  }

  /** Also when its connection is lost: the queue then drops the original. */
  #replace(taken: HeldDelivery): void {
    const { delivery, window } = taken;
    this.#last.delete(taken);
    const replacing = (this.#config.putBack?.copy(delivery) ?? Promise.resolve(false)).then((isThere) => {
      this.#copying.delete(replacing);
      if (!isThere) {
        this.#stranded++;
        return;
      }
      this.#copiedBack++;
      if (window.consumer.settle(delivery, 'ack')) window.replaced++;
    });
    this.#copying.add(replacing);
  }

  async #open(limit: number, prefetch: number): Promise<void> {
    let subscriptions = 0;
    const config = {
      queue: this.#config.queue,
      prefetch,
      noAck: false,
      exclusive: this.#config.exclusive === true,
      priority: this.#config.priority,
      onLate: (delivery: WireDelivery) => this.#takeLate(delivery, window),
      // A second channel would deliver everything again, held messages too: a new reader has to begin.
      onSubscribed: () => ++subscriptions > 1 && this.#fail(new Failure('unavailable', 'the broker took the messages back', { transient: true })),
    };
    const session: Session = { ...this.#session, open: () => oneTime(this.#connection) };
    const consumer = new Consumer(session, config, (delivery) => this.#take(delivery, window));
    const window: Window = { consumer, prefetch: Math.min(prefetch, limit), limit, delivered: 0, held: 0, followed: false, replaced: 0 };
    this.#windows.push(window);
    void consumer.ended.then((failure) => failure !== undefined && this.#fail(failure));
    await consumer.connect();
    await consumer.subscribe(limit);
  }

  /** Not handed out; returns like the others. */
  #takeLate(delivery: WireDelivery, window: Window): void {
    window.delivered++;
    if (isLastReturn(this.#config.rules, delivery.properties.headers)) this.#last.set({ delivery, window }, true);
  }

  #take(delivery: WireDelivery, window: Window): void {
    window.delivered++;
    this.#delivered++;
    this.#left--;
    this.#lastTaken = performance.now();
    this.#bytes += delivery.body.length;
    const taken = { delivery, window };
    const { rules } = this.#config;
    if (rules.limit !== undefined && isLastReturn(rules, delivery.properties.headers)) this.#last.set(taken, false);
    this.#onTaken(taken);
    this.#goOn(window);
  }

  /** Continues on another channel when this one can deliver no more. */
  #goOn(window: Window): void {
    const { held, delivered, limit, prefetch, followed } = window;
    const done = delivered === limit;
    if (this.#stopped || this.#left === 0 || followed || (!done && held < prefetch)) return;
    window.followed = true;
    const fitting = Math.max(1, Math.floor(PREFETCH_BYTES / Math.max(1, this.#bytes / this.#delivered)));
    const most = Math.min(MAX_PREFETCH, Number.isFinite(this.#left) ? Math.max(fitting, Math.ceil(this.#left / MOST_WINDOWS)) : fitting);
    const next = Math.min(most, done ? PREFETCH : Math.max(PREFETCH, prefetch * GROWTH));
    // Nothing is lost: everything that this channel may deliver is held.
    const goOn = async (): Promise<void> => {
      await window.consumer.cancel();
      if (!this.#stopped) await this.#open(this.#left, next);
    };
    this.#opening = goOn();
    this.#opening.catch((error: Failure) => this.#fail(error));
  }

  #fail(failure: Failure): void {
    if (!this.#stopped) this.#end.resolve(failure);
  }
}

/** A link that hands out an existing connection once, and leaves closing it to its owner. */
function oneTime(connection: Connection): Link {
  let used = false;
  return {
    comesBack: false,
    endless: false,
    closed: false,
    connect: async (_, because) => {
      if (used) throw because ?? new Failure('unavailable', (await connection.lost).message);
      used = true;
      return connection;
    },
    close: async () => undefined,
  };
}
