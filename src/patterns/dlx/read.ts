import type { Connection } from '../../amqp/connection.ts';
import { deliveryLimit } from '../../amqp/delivery-limit.ts';
import { lastOffset, type QueueType, readyCount } from '../../amqp/queue-probe.ts';
import { readyNow, untilReady } from '../../amqp/returning.ts';
import type { Session } from '../../amqp/session.ts';
import { type Window, type WindowOpener, windowsOf } from '../../amqp/window.ts';
import type { WireDelivery } from '../../amqp/wire-delivery.ts';
import { abortFailure, Failure } from '../../model/failure.ts';
import { MAX_PREFETCH } from '../consume-config.ts';
import { type Attempts, attemptsOf, describeSpent } from './read-attempts.ts';
import type { OnDelivery, ReadOptions, ReadSummary } from './read-options.ts';
import { STUCK, stuck } from './stuck.ts';

/** How often a queue that has gone silent is asked whether it is empty. */
const CHECK = 500;
const MOST_WINDOWS = 1_000;
const STREAM_CREDIT = 2_000;
const PROGRESS = 100;

/**
 * Hands out every message that is in the queue at the start, in order, and gives all of them back when the last has been
 * handled: nobody else gets them meanwhile. What it knows of a message is forgotten as soon as it was handled.
 *
 * @throws Failure `missing` for a queue that does not exist, `refused` where looking would cost messages, `later` when the
 * queue hands out nothing, `unavailable` when the connection is lost (nothing was changed), or what stopped the session
 */
export async function readThrough(session: Session, queue: string, options: ReadOptions, onDelivery: OnDelivery): Promise<ReadSummary> {
  const link = session.open('consumer');
  const connection = await link.connect(session.signal);
  try {
    const depth = await readyCount(connection, queue);
    const { type, limit } = await deliveryLimit(connection, queue);
    const reading = new Reading(session, connection, queue, options, onDelivery);
    if (type === 'stream') return await reading.stream(await lastOffset(connection, queue));
    const attempts = type === 'quorum' ? attemptsOf(connection.version, limit, await options.policyLimit?.(queue, connection)) : undefined;
    return await reading.queue(type, depth, attempts);
  } finally {
    await link.close();
  }
}

class Reading {
  readonly #session: Session;
  readonly #connection: Connection;
  readonly #queue: string;
  readonly #options: ReadOptions;
  readonly #onDelivery: OnDelivery;
  readonly #open: WindowOpener;
  /** Those that hold messages, in the order of the queue, and which messages of each were chosen. */
  readonly #windows: { readonly window: Window; readonly chosen: number[] }[] = [];
  #pending: Promise<unknown>[] = [];
  #read = 0;
  #chosen = 0;
  #done = false;
  #enough = false;
  #acknowledged = false;
  #attempts: Attempts | undefined;
  /** Messages at the delivery limit: those that came, and those of them that were chosen. */
  readonly #last = { taken: 0, chosen: 0 };
  #isQuorum = false;
  #isStream = false;
  #lastDelivery = 0;
  #lastProgress = performance.now();
  #stop: (reason: Failure | 'done') => void = () => undefined;
  readonly #stopped: Promise<Failure | 'done'> = new Promise((resolve) => {
    this.#stop = resolve;
  });

  constructor(session: Session, connection: Connection, queue: string, options: ReadOptions, onDelivery: OnDelivery) {
    this.#session = session;
    this.#connection = connection;
    this.#queue = queue;
    this.#options = options;
    this.#onDelivery = onDelivery;
    this.#open = windowsOf(connection, queue);
  }

  async queue(type: QueueType | undefined, depth: number, attempts: Attempts | undefined): Promise<ReadSummary> {
    this.#isQuorum = type === 'quorum';
    this.#attempts = attempts;
    // A connection has 2,047 channels at most.
    const most = Math.min(Math.max(this.#options.window ?? MAX_PREFETCH, Math.ceil(depth / MOST_WINDOWS)), MAX_PREFETCH);
    await this.#whileRunning(async () => {
      // The first one tells whether looking at the others would cost them their last attempt.
      let size = attempts === undefined || this.#options.force === true ? most : 1;
      for (let left = depth; left > 0 && !this.#done; ) {
        size = Math.min(size, left);
        const chosen: number[] = [];
        const window = await this.#open({ size }, (delivery) => this.#take(delivery, chosen));
        this.#windows.push({ window, chosen });
        if (!(await this.#filled(window))) break;
        left -= size;
        size = most;
      }
      const { take } = this.#options;
      if (take === undefined) return;
      await take(this.#chosen);
      for (const { window, chosen } of this.#windows) window.acknowledge(chosen);
      this.#acknowledged = true;
      if (await this.#close()) return;
      throw this.#connection.open ? unheard() : await this.#connection.lost;
    });
    return { type, depth, read: this.#read, chosen: this.#chosen, spent: this.#spent };
  }

  /** A stream takes nothing back, for nothing is taken from it. */
  async stream(last: number): Promise<ReadSummary> {
    if (this.#options.take !== undefined) throw new Failure('refused', 'a stream keeps its messages until its retention drops them: none can be removed');
    this.#isStream = true;
    let at = last;
    await this.#whileRunning(async () => {
      if (last < 0) return;
      const window = await this.#open({ size: STREAM_CREDIT, arguments: { 'x-stream-offset': 'first' } }, (delivery) => {
        const offset = delivery.offset ?? 0;
        if (offset <= last && !this.#done) {
          at = offset;
          this.#take(delivery, []);
        }
        if (offset >= last) this.#stop('done');
        else if (delivery.tag % (STREAM_CREDIT / 4) === 0) {
          const pending = this.#pending.splice(0);
          void Promise.all(pending).then(() => window.credit(delivery.tag));
        }
      });
      this.#windows.push({ window, chosen: [] });
      const end = await Promise.race([this.#stopped, window.ended]);
      await Promise.all(this.#pending);
      if (end !== 'done') throw end;
    });
    return { type: 'stream', depth: this.#read + last - at, read: this.#read, chosen: this.#chosen, spent: 0 };
  }

  get #spent(): number {
    return this.#last.taken - (this.#acknowledged ? this.#last.chosen : 0);
  }

  #take(delivery: WireDelivery, chosen: number[]): void {
    this.#lastDelivery = performance.now();
    // Where nothing is counted, headers are not decoded for it.
    if (this.#attempts?.isLast(delivery.properties.headers)) this.#last.taken++;
    if (this.#done) return;
    const refusal = this.#options.force === true ? undefined : this.#attempts?.refusal(delivery.properties.headers, this.#queue);
    if (refusal !== undefined) {
      this.#finish(refusal);
      return;
    }
    if (this.#enough) return;
    this.#read++;
    try {
      const answer = this.#onDelivery(delivery, this.#read);
      if (answer === true) this.#choose(delivery, chosen);
      else if (answer instanceof Promise) {
        const handled = answer.then((yes) => yes === true && this.#choose(delivery, chosen));
        handled.catch((error) => this.#finish(asFailure(error)));
        this.#pending.push(handled);
      }
      this.#enough = this.#options.enough?.() === true;
      if (this.#enough && !this.#isQuorum) this.#finish('done');
    } catch (error) {
      this.#finish(asFailure(error));
    }
    if (this.#lastDelivery - this.#lastProgress < PROGRESS) return;
    this.#lastProgress = this.#lastDelivery;
    this.#session.emit({ kind: 'consuming', counts: { received: this.#read } });
  }

  #choose(delivery: WireDelivery, chosen: number[]): void {
    chosen.push(delivery.tag);
    this.#chosen++;
    if (this.#attempts?.isLast(delivery.properties.headers)) this.#last.chosen++;
  }

  #finish(reason: Failure | 'done'): void {
    this.#done = true;
    this.#stop(reason);
  }

  /** True when the window is full and everything in it was handled; false when there is nothing more to read. */
  async #filled(window: Window): Promise<boolean> {
    this.#lastDelivery = performance.now();
    const over = new AbortController();
    const silence = this.#untilSilent(window, over.signal);
    try {
      const end = await Promise.race([window.full.then(() => 'full' as const), this.#stopped, window.ended, silence]);
      // What is taken off or given back later makes room, which must not be filled once more.
      await window.cancel();
      await Promise.all(this.#pending.splice(0));
      if (end instanceof Failure) throw end;
      return end === 'full' && !this.#done;
    } finally {
      over.abort();
    }
  }

  /** Another consumer may take some of what was there at the start; then the queue is empty before the depth is reached. */
  #untilSilent(window: Window, over: AbortSignal): Promise<'drained' | Failure> {
    return new Promise((resolve) => {
      const timer = setInterval(() => {
        const received = window.received;
        const silent = performance.now() - this.#lastDelivery;
        if (silent < CHECK) return;
        readyCount(this.#connection, this.#queue).then(
          (ready) => {
            if (window.received !== received) return;
            if (ready === 0) resolve('drained');
            else if (silent > STUCK) resolve(stuck(this.#queue, ready));
          },
          (error) => resolve(asFailure(error)),
        );
      }, CHECK);
      over.addEventListener('abort', () => clearInterval(timer), { once: true });
    });
  }

  /** However the work ends, what it holds goes back: the windows in the order of the queue. */
  async #whileRunning(work: () => Promise<void>): Promise<void> {
    const { signal } = this.#session;
    const abort = (): void => this.#finish(abortFailure(signal));
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    try {
      await work();
      const reason = this.#done ? await this.#stopped : 'done';
      if (reason !== 'done') throw reason;
    } catch (error) {
      throw this.#connection.open ? error : lost(error);
    } finally {
      this.#done = true;
      signal.removeEventListener('abort', abort);
      await this.#close();
      if (this.#spent > 0) this.#session.emit({ kind: 'note', text: describeSpent(this.#spent, this.#queue) });
    }
  }

  /** True when the broker has heard everything that it was told. */
  async #close(): Promise<boolean> {
    let clean = true;
    let returning = 0;
    let before = this.#windows.length > 0 && !this.#isStream ? await readyNow(this.#connection, this.#queue) : undefined;
    for (const { window, chosen } of this.#windows.splice(0)) {
      clean = (await window.close()) && clean;
      returning += window.received - (this.#acknowledged ? chosen.length : 0);
      // The next window's messages belong behind these.
      if (!this.#isQuorum || before === undefined) continue;
      await untilReady(this.#connection, this.#queue, before + returning);
      before = await readyNow(this.#connection, this.#queue);
      returning = 0;
    }
    if (before !== undefined) await untilReady(this.#connection, this.#queue, before + returning);
    return clean;
  }
}

function unheard(): Failure {
  return new Failure('unavailable', 'the broker may not have heard of everything that was to be removed', { hint: 'look what is still there' });
}

function lost(error: unknown): Failure {
  return new Failure('unavailable', 'the connection was lost; the broker has put back what it had not been told to remove', {
    hint: 'run it again',
    cause: error,
  });
}

function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  return new Failure('io', `reading stopped: ${error instanceof Error ? error.message : error}`, { cause: error });
}
