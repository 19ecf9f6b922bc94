import type { Connection } from '../../amqp/connection/connection.ts';
import { askOver, passes } from '../../amqp/connection/keep-alive.ts';
import type { Session } from '../../amqp/connection/session.ts';
import { type HeldDelivery, HeldReader } from '../../amqp/consumer/held-reader.ts';
import { PutBack } from '../../amqp/consumer/put-back.ts';
import { untilReleased } from '../../amqp/consumer/queue-depth.ts';
import { learnStart, type ReturnRules } from '../../amqp/consumer/return-rules.ts';
import { lastOffset } from '../../amqp/topology/queue-facts.ts';
import { deferred, onAbort } from '../../model/async.ts';
import { fingerprintOf } from '../../model/dead-letter/selection.ts';
import { abortFailure, Failure } from '../../model/failure.ts';
import { option } from '../../model/option.ts';
import { formatCount, formatDuration } from '../../model/quantity.ts';
import { type OnDelivery, type ReadOptions, type ReadSummary, strandedFailure } from './options.ts';
import { readStream } from './read-stream.ts';

const PROGRESS = 100;

/**
 * Hands out every message that is in the queue at the start, in order, and lets all of them stay: nobody else gets them meanwhile. A connection that is
 * lost comes back, and no message is handed out twice, unless `restart` says that the reading begins anew.
 *
 * @throws Failure `missing` for a queue that does not exist, `refused` for one that hides what is returned, `denied` where a message at its delivery limit
 * could not be put back, `later` when the queue hands out nothing, `unavailable` when the connection is lost for good, or what stopped the session
 */
export async function readThrough(session: Session, queue: string, options: ReadOptions, onDelivery: OnDelivery): Promise<ReadSummary> {
  const { summary, failure } = await readHeld(session, queue, options, onDelivery);
  if (summary.copiedBack > 0) session.emit({ kind: 'note', text: describeCopied(summary.copiedBack, queue) });
  if (failure === undefined) return summary;
  const gone = strandedFailure(queue, summary);
  if (gone !== undefined) session.emit({ kind: 'note', text: gone.message });
  throw failure;
}

/** The same, for one who wants to know what was read also when the reading failed. */
export async function readHeld(
  session: Session,
  queue: string,
  options: ReadOptions,
  onDelivery: OnDelivery,
): Promise<{ readonly summary: ReadSummary; readonly failure: Failure | undefined }> {
  const link = session.open('consumer');
  let putBack: PutBack | undefined;
  let summary: ReadSummary = { type: undefined, depth: 0, read: 0, unread: 0, chosen: 0, copiedBack: 0, stranded: 0 };
  let failure: Failure | undefined;
  try {
    const first = await askOver(link, session.signal, async (on) => {
      await options.prepare?.(on);
      return learnStart(on, queue, options.ask);
    });
    const { messages: depth, consumers: others, type, rules } = first.answer;
    summary = { ...summary, type, depth };
    if (type === 'stream') {
      if (options.stream !== undefined) await options.stream();
      else {
        const last = await lastOffset(first.connection, queue);
        const { read, at } = await readStream(session, queue, last, options, onDelivery);
        summary = { ...summary, depth: read + last - at, read };
      }
      return { summary, failure };
    }
    putBack = await holdable(session, queue, rules, { force: options.force === true });
    const reading = new Reading(session, { queue, depth, rules, putBack, keepsOrder: type !== 'classic' }, options, onDelivery);
    try {
      const last = await passes(
        link,
        session.signal,
        first.connection,
        (connection) => reading.pass(connection),
        async (on, { silent }) => {
          await options.prepare?.(on);
          await untilReleased(on, queue, { others, least: reading.remaining, silent }, session.emit, session.signal);
          await reading.restart();
        },
      );
      failure = last.failure === undefined || last.connection.open ? last.failure : await last.connection.lost;
    } finally {
      summary = { ...summary, ...reading.summary };
      const missing = reading.passes > 1 && reading.ranDry ? reading.remaining - reading.delivered : 0;
      if (missing > 0 && failure === undefined) failure = missingFailure(missing, queue);
      if (!rules.isCertain && reading.unready > 0) {
        const unready = describeUnready(reading.unready, queue, rules);
        if (rules.limit === undefined || failure !== undefined) session.emit({ kind: 'note', text: unready });
        else failure = new Failure('partial', unready, { hint: 'look behind its dead-letter exchange; the management API tells the limits of a queue' });
      }
    }
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    failure = error;
  } finally {
    await putBack?.close();
    await link.close();
  }
  return { summary, failure };
}

/**
 * Finds out, before anything is taken, whether messages can go back: what puts a copy back where a return would be the last, or undefined where none is needed.
 * `looks` is false for a run that gives messages back only when something goes wrong.
 *
 * @throws Failure `refused` for a queue that hides what is returned, `denied` for one who may not put copies back; unless it is forced
 */
export async function holdable(
  session: Session,
  queue: string,
  { limit, isCertain, hiddenFor }: ReturnRules,
  { force, looks = true }: { readonly force: boolean; readonly looks?: boolean },
): Promise<PutBack | undefined> {
  if (hiddenFor !== undefined && looks && !force) {
    throw new Failure(
      'refused',
      `"${queue}" hides messages that are given back for at least ${formatDuration(hiddenFor)} (x-delayed-retry-type): looking would hide them`,
      {
        hint: `nothing was taken; ${option('force')} looks all the same, and the messages come back after that delay`,
      },
    );
  }
  if (limit === undefined) return undefined;
  const putBack = new PutBack(session);
  try {
    await putBack.connect();
    return putBack;
  } catch (error) {
    await putBack.close();
    if (!(error instanceof Failure) || error.kind !== 'denied') throw error;
    if (force) return undefined;
    const counted = isCertain
      ? `drops or dead-letters a message that is given back more than ${limit} times`
      : 'may have a delivery limit, which this user cannot see';
    throw new Failure('denied', `looking into "${queue}" could cost messages: the queue ${counted}, and this user may not put a copy back`, {
      cause: error,
      hint: `nothing was taken; grant the write permission on the exchange "amq.default", or look all the same with ${option('force')}`,
    });
  }
}

/** Messages that a look could not return. */
export function describeCopied(copiedBack: number, queue: string): string {
  const [were, each] = copiedBack === 1 ? ['was', 'its copy is'] : ['were', 'copies of them are'];
  return `${formatCount(copiedBack, 'message')} of "${queue}" ${were} at the delivery limit and could not be returned: ${each} at the end of the queue`;
}

/** A lost connection is a return of everything that it held, and may have been the last one. */
function missingFailure(missing: number, queue: string): Failure {
  const [are, them] = missing === 1 ? ['is', 'it'] : ['are', 'them'];
  return new Failure(
    'partial',
    `${formatCount(missing, 'message')} of "${queue}" ${are} not there any more since the connection was lost: the queue has dead-lettered or dropped ${them} at the delivery limit, or another consumer has ${them}`,
    { hint: 'look for them behind the dead-letter exchange of the queue' },
  );
}

/** What may have become of messages that went back to a queue whose arguments cannot be seen. */
function describeUnready(unready: number, queue: string, { limit }: ReturnRules): string {
  const [are, them] = unready === 1 ? ['is', 'it'] : ['are', 'them'];
  const gone =
    limit === undefined ? 'hides what is given back for a while (x-delayed-retry-type)' : `has a delivery limit of 0 and has dead-lettered or dropped ${them}`;
  return `${formatCount(unready, 'message')} of "${queue}" ${are} not ready again: another consumer has taken ${them}, or the queue ${gone}`;
}

interface Source {
  readonly queue: string;
  readonly depth: number;
  readonly rules: ReturnRules;
  readonly putBack: PutBack | undefined;
  /** True when all of it has to be taken: a quorum queue delivers what was returned last behind what was returned before. */
  readonly keepsOrder: boolean;
}

class Reading {
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
