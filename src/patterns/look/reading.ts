import type { Connection } from '../../amqp/connection/connection.ts';
import type { Session } from '../../amqp/connection/session.ts';
import { type HeldDelivery, HeldReader } from '../../amqp/consumer/held-reader.ts';
import type { PutBack } from '../../amqp/consumer/put-back.ts';
import type { ReturnRules } from '../../amqp/consumer/return-rules.ts';
import { deferred, onAbort } from '../../model/async.ts';
import { fingerprintOf } from '../../model/dead-letter/selection.ts';
import { abortFailure, Failure } from '../../model/failure.ts';
import type { OnDelivery, ReadOptions, ReadSummary } from './options.ts';

const PROGRESS = 100;

interface Source {
  readonly queue: string;
  readonly depth: number;
  readonly rules: ReturnRules;
  readonly putBack: PutBack | undefined;
  /** True when all of it has to be taken: a quorum queue delivers what was returned last behind what was returned before. */
  readonly keepsOrder: boolean;
}

/** A look that goes on from one connection to the next: what it has handed out, and what it holds now. */
export class Reading {
  readonly #session: Session;
  readonly #source: Source;
  readonly #options: ReadOptions;
  readonly #onDelivery: OnDelivery;
  #read = 0;
  #unread = 0;
  #chosen = 0;
  #copiedBack = 0;
  #stranded = 0;
  /** What was handled already, by fingerprint: how many, and how many of these were chosen. */
  readonly #handled = new Map<string, { times: number; chosen: number }>();
  #known = new Map<string, { times: number; chosen: number }>();
  /** True once everything was read and the chosen ones may be acknowledged. */
  #taking = false;
  #held: HeldDelivery[] = [];
  readonly #pending = new Set<Promise<void>>();
  #open = 0;
  #enough = false;
  #reader: HeldReader | undefined;
  #lastProgress = performance.now();
  #end: (failure: Failure | undefined) => void = () => undefined;

  constructor(session: Session, source: Source, options: ReadOptions, onDelivery: OnDelivery) {
    this.#session = session;
    this.#source = source;
    this.#options = options;
    this.#onDelivery = onDelivery;
  }

  /** Messages that were given back last and are not ready again. */
  unready = 0;
  /** Messages that came over the last connection, and how many connections there were. */
  delivered = 0;
  passes = 0;
  /** True when the queue had nothing more before all had come. */
  ranDry = false;

  /** Messages that are to be there on the next connection. Some may be gone that were acknowledged on the last one. */
  get remaining(): number {
    const { depth } = this.#source;
    return this.#taking ? depth - this.#chosen : depth;
  }

  get summary(): Pick<ReadSummary, 'read' | 'unread' | 'chosen' | 'copiedBack' | 'stranded'> {
    return { read: this.#read, unread: this.#unread, chosen: this.#chosen, copiedBack: this.#copiedBack, stranded: this.#stranded };
  }

  /** Everything over one connection; resolves with what ended it too early. */
  async pass(connection: Connection): Promise<Failure | undefined> {
    const { queue, depth, rules, putBack } = this.#source;
    const { signal } = this.#session;
    const { follows = false, until, exclusive = false, priority } = this.#options;
    // A broker that ended between a copy and the acknowledgement of its original has both.
    const limit = follows ? Number.POSITIVE_INFINITY : depth + this.#copiedBack;
    if (limit === 0) {
      await this.#options.take?.(0);
      return undefined;
    }
    this.#held = [];
    this.#open = 0;
    this.#unread = 0;
    this.delivered = 0;
    this.ranDry = false;
    this.passes++;
    const { promise: ended, resolve: end } = deferred<Failure | undefined>();
    this.#end = end;
    const ignore = onAbort(signal, () => end(abortFailure(signal)));
    const reader = new HeldReader(this.#session, connection, { queue, limit, rules, putBack, copiesLate: follows, exclusive, priority }, (taken) =>
      this.#take(taken, reader),
    );
    this.#reader = reader;
    const over = new AbortController();
    void reader.lost.then(end);
    reader.begin().catch(end);
    void until?.then(() => end(undefined));
    if (follows) void this.#untilEnough(reader, over.signal).then((enough) => enough && end(undefined), end);
    else
      reader
        .untilEmpty(() => this.#open === 0, over.signal)
        .then((empty) => {
          if (!empty) return;
          this.ranDry = true;
          end(undefined);
        }, end);
    let failure = await ended;
    over.abort();
    ignore();
    await reader.stop();
    try {
      if (failure === undefined && this.#options.take !== undefined) {
        if (!this.#taking) await this.#options.take(this.#chosen);
        this.#taking = true;
        const lost = this.#held.filter((taken) => !reader.settle(taken, 'ack')).length;
        if (lost > 0) failure = connection.open ? unavailable() : await connection.lost;
      }
    } catch (error) {
      failure = asFailure(error);
    }
    const released = await reader.close();
    this.#copiedBack += released.copiedBack;
    this.#stranded += released.stranded;
    this.unready = released.unready;
    return failure ?? released.failure;
  }

  /** Resolves with true once no more is wanted, and all that is there was taken. */
  async #untilEnough(reader: HeldReader, over: AbortSignal): Promise<boolean> {
    while (await reader.untilEmpty(() => this.#open === 0, over)) if (this.#enough) return true;
    return false;
  }

  /** Begins anew over another connection; what was handled is known when it comes again. */
  async restart(): Promise<void> {
    await Promise.all(this.#pending);
    this.#enough = false;
    if (this.#options.restart !== undefined) {
      this.#options.restart();
      this.#read = 0;
      this.#chosen = 0;
    } else {
      this.#known = new Map([...this.#handled].map(([fingerprint, counts]) => [fingerprint, { ...counts }]));
    }
  }

  #take(taken: HeldDelivery, reader: HeldReader): void {
    if (reader !== this.#reader || reader.closed) return;
    this.delivered++;
    if (this.#enough) this.#unread++;
    if (this.#enough || !this.#handle(taken, reader)) reader.settle(taken, 'hold');
    this.#endWhenDone(reader);
    const now = performance.now();
    if (now - this.#lastProgress < PROGRESS) return;
    this.#lastProgress = now;
    this.#session.emit({ kind: 'consuming', counts: { received: this.#read } });
  }

  /** True when the message is chosen, or when that is not known yet. */
  #handle(taken: HeldDelivery, reader: HeldReader): boolean {
    const { delivery } = taken;
    const fingerprint = this.#options.restart === undefined ? fingerprintOf(delivery) : undefined;
    const known = fingerprint === undefined ? undefined : this.#known.get(fingerprint);
    if (known !== undefined && known.times > 0) {
      known.times--;
      if (known.chosen-- <= 0) return false;
      this.#keep(taken, reader);
      return true;
    }
    // What has come since is none of those that were to be removed.
    if (this.#taking) return false;
    this.#read++;
    try {
      const answer = this.#onDelivery(delivery, this.#read);
      const isEnough = this.#options.enough?.() === true;
      if (answer instanceof Promise) {
        this.#open++;
        const handled = answer
          .then((yes) => {
            if (reader === this.#reader) this.#open--;
            if (!this.#note(taken, reader, fingerprint, yes === true)) reader.settle(taken, 'hold');
            if (isEnough) this.#stopAt(reader);
            this.#endWhenDone(reader);
          })
          .catch((error) => this.#end(asFailure(error)))
          .finally(() => this.#pending.delete(handled));
        this.#pending.add(handled);
        this.#enough ||= isEnough;
        return true;
      }
      this.#enough ||= isEnough;
      const chosen = this.#note(taken, reader, fingerprint, answer === true);
      if (isEnough) this.#stopAt(reader);
      return chosen;
    } catch (error) {
      this.#end(asFailure(error));
      return false;
    }
  }

  #note(taken: HeldDelivery, reader: HeldReader, fingerprint: string | undefined, chosen: boolean): boolean {
    if (fingerprint !== undefined) {
      const counts = this.#handled.get(fingerprint) ?? { times: 0, chosen: 0 };
      counts.times++;
      if (chosen) counts.chosen++;
      this.#handled.set(fingerprint, counts);
    }
    if (!chosen) return false;
    this.#chosen++;
    this.#keep(taken, reader);
    return true;
  }

  #keep(taken: HeldDelivery, reader: HeldReader): void {
    if (reader !== this.#reader) return;
    this.#held.push(taken);
    reader.keep(taken);
  }

  #stopAt(reader: HeldReader): void {
    if (reader === this.#reader && !this.#source.keepsOrder && this.#open === 0) this.#end(undefined);
  }

  #endWhenDone(reader: HeldReader): void {
    if (reader !== this.#reader || this.#open > 0) return;
    if (reader.left === 0 || (this.#enough && !this.#source.keepsOrder)) this.#end(undefined);
  }
}

function unavailable(): Failure {
  return new Failure('unavailable', 'the broker took the messages back before they were removed', { transient: true });
}

function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  return new Failure('io', `reading stopped: ${error instanceof Error ? error.message : error}`, { cause: error });
}
