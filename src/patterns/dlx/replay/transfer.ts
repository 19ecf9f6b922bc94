import type { Connection } from '../../../amqp/connection/connection.ts';
import { askOver, passes } from '../../../amqp/connection/keep-alive.ts';
import type { Session } from '../../../amqp/connection/session.ts';
import { type HeldDelivery, HeldReader } from '../../../amqp/consumer/held-reader.ts';
import type { PutBack } from '../../../amqp/consumer/put-back.ts';
import { settledCount, steadyCount, untilReleased } from '../../../amqp/consumer/queue-depth.ts';
import { learnStart, type ReturnRules } from '../../../amqp/consumer/return-rules.ts';
import type { Outcome } from '../../../amqp/publisher/outcomes.ts';
import { Publisher } from '../../../amqp/publisher/publisher.ts';
import { deferred, onAbort, within } from '../../../model/async.ts';
import { fingerprintOf } from '../../../model/dead-letter/selection.ts';
import type { StayReason } from '../../../model/dead-letter/transfer.ts';
import { abortFailure, Failure } from '../../../model/failure.ts';
import type { Message } from '../../../model/message/message.ts';
import { formatCount } from '../../../model/quantity.ts';
import type { LineFile } from '../../line-file.ts';
import { holdable } from '../../look/read.ts';
import { pacing } from '../../publish/send.ts';
import type { TransferJob, Transferred } from './job.ts';
import { type Interrupted, interruptedRuns, JournalLines, openJournal } from './journal.ts';

const WINDOW = 1_000;
/** Milliseconds to wait for confirms once the run is stopped. */
const STOP_GRACE = 5_000;
const PROGRESS = 100;
const STAYS = { confirmed: undefined, sent: undefined, returned: 'unroutable', nacked: 'nacked', refused: 'refused', unknown: 'unknown' } as const;

/**
 * Takes what is in a queue now, and sends a copy of each chosen message; the original is acknowledged once the broker has confirmed the copy
 * and it has reached a queue. Everything else goes back in order. At least once: a crash in between leaves a message in both places.
 *
 * @throws Failure when it could not begin: `missing`, `denied`, `refused` for a stream, `unavailable`
 */
export async function transfer(source: Session, target: Session, job: TransferJob): Promise<Transferred> {
  return new Transfer(source, target, job).execute();
}

class Transfer {
  readonly #session: Session;
  readonly #target: Session;
  readonly #job: TransferJob;
  readonly #started = performance.now();
  readonly #counts = { depth: 0, seen: 0, chosen: 0, unsent: 0, moved: 0, doubled: 0, inBoth: 0, resent: 0, unknown: 0, copiedBack: 0, stranded: 0 };
  /** Originals acknowledged over earlier connections. */
  #done = 0;
  #stayed: Partial<Record<StayReason, number>> = {};
  #refusal: Failure | undefined;
  #publisher: Publisher | undefined;
  #journal: LineFile | undefined;
  #lines: JournalLines | undefined;
  #rules: ReturnRules | undefined;
  #putBack: PutBack | undefined;
  /** What has arrived from a run that keeps the originals, by fingerprint: it is not sent again over another connection. */
  readonly #copied = new Map<string, number>();
  #known = new Map<string, number>();
  #pace: (() => Promise<void>) | undefined;
  #source: HeldReader | undefined;
  /** Chosen on this connection and waiting for their turn; how many may follow, and how many have no outcome yet. */
  #pending: HeldDelivery[] = [];
  #left = 0;
  #open = 0;
  /** Confirmed by the target on this connection; and those whose acknowledgement is not proven. */
  #arrived = 0;
  #unproven = 0;
  /** Confirmed by the target between two connections. */
  #late = 0;
  #lastProgress = 0;
  #stopping = false;
  #wake: () => void = () => undefined;
  #end: (failure: Failure | undefined) => void = () => undefined;

  constructor(session: Session, target: Session, job: TransferJob) {
    this.#session = session;
    this.#target = target;
    this.#job = job;
  }

  async execute(): Promise<Transferred> {
    const { queue, all, copy, dryRun, journal, rate, force, ask } = this.#job;
    const { signal } = this.#session;
    const link = this.#session.open('consumer');
    let failure: Failure | undefined;
    let ignore: (() => void) | undefined;
    let interrupted: Interrupted | undefined;
    try {
      const first = await askOver(link, signal, (on) => learnStart(on, queue, ask));
      const { messages: atFirst, consumers: others, type, rules } = first.answer;
      if (type === 'stream')
        throw new Failure('refused', `"${queue}" is a stream: it keeps its messages, and none can be removed`, {
          hint: 'rmq dlx export copies its messages into a bundle, and rmq dlx import publishes them from there',
        });
      this.#rules = rules;
      this.#putBack = await holdable(this.#session, queue, rules, { force, looks: !all || copy || dryRun });
      if (journal !== undefined) {
        let unwritable: Failure | undefined;
        this.#journal = await openJournal(journal, (why) => {
          unwritable = why;
          this.#end(why);
        });
        interrupted = dryRun || copy ? undefined : await interruptedRuns(journal, queue);
        this.#lines = new JournalLines(this.#job, this.#journal);
        // A journal that cannot be written is noticed before anything is sent.
        this.#lines.begun();
        await this.#journal.written();
        if (unwritable !== undefined) throw unwritable as Failure;
      }
      if (!dryRun) {
        this.#publisher = new Publisher(this.#target, { window: WINDOW });
        await this.#publisher.connect();
        void this.#publisher.stopped.then((why) => this.#end(why));
      }
      this.#pace = pacing(rate, signal);
      this.#counts.depth = await steadyCount(first.connection, queue, atFirst).catch(() => atFirst);
      const twice = Math.min(this.#counts.depth, interrupted?.most ?? 0);
      if (interrupted !== undefined && twice > 0) {
        const text = `an earlier run, of ${interrupted.begun}, was interrupted, or still goes on: up to ${formatCount(twice, 'message')} that it had under way may be at the target twice`;
        this.#session.emit({ kind: 'note', text });
      }
      ignore = onAbort(signal, () => this.#end(abortFailure(signal)));
      ({ failure } = await passes(
        link,
        signal,
        first.connection,
        (connection) => this.#pass(connection),
        async (on, { silent }) => {
          await this.#recount(on, others, silent);
          if (dryRun) this.#job.restart?.();
          this.#known = new Map(this.#copied);
        },
      ));
      if (failure === undefined && this.#counts.seen === this.#counts.depth) this.#lines?.allSeen();
    } catch (error) {
      if (!(error instanceof Failure) || this.#counts.seen === 0) throw error;
      failure = error;
    } finally {
      ignore?.();
      await this.#publisher?.close();
      await this.#putBack?.close();
      this.#counts.inBoth = this.#unproven + this.#late;
      this.#counts.resent = this.#publisher?.resent ?? 0;
      this.#lines?.ended({ ...this.#counts, stayed: this.#stayed });
      await this.#journal?.close();
      await link.close();
    }
    return { counts: { ...this.#counts, stayed: this.#stayed }, seconds: (performance.now() - this.#started) / 1_000, failure, refusal: this.#refusal };
  }

  /**
   * Finds out how many originals are gone. Acknowledgements that were sent on the lost connection may have arrived, and a broker that was killed forgets some that
   * it had (tried on 3.10.8).
   */
  async #recount(connection: Connection, others: number, silent: boolean): Promise<void> {
    const most = this.#done + this.#unproven;
    const held = { others, least: this.#counts.depth - most, most: this.#counts.depth - this.#done, silent };
    await untilReleased(connection, this.#job.queue, held, this.#session.emit, this.#session.signal);
    this.#done = Math.max(0, Math.min(most, this.#counts.depth - (await settledCount(connection, this.#job.queue))));
    this.#counts.doubled += most - this.#done + this.#late;
    this.#unproven = 0;
    this.#late = 0;
  }

  /** One connection; resolves with what ended it early. Messages that it took and did not acknowledge come again on the next. */
  async #pass(connection: Connection): Promise<Failure | undefined> {
    const { queue, count, all } = this.#job;
    const { depth } = this.#counts;
    const limit = Math.max(0, Math.min(depth - this.#done, all ? (count ?? depth) - this.#done : depth));
    if (limit === 0) return undefined;
    this.#counts.seen = this.#done;
    this.#counts.chosen = this.#done;
    this.#counts.moved = this.#done;
    this.#counts.unsent = 0;
    this.#stayed = {};
    this.#pending = [];
    this.#open = 0;
    this.#arrived = 0;
    this.#left = limit;
    const config = { queue, limit, rules: this.#rules as ReturnRules, putBack: this.#putBack };
    const source = new HeldReader(this.#session, connection, config, (taken) => this.#take(taken));
    this.#source = source;
    this.#stopping = false;
    // Leftovers of this pass must not end the next one.
    const { promise: ended, resolve: end } = deferred<Failure | undefined>();
    this.#end = end;
    void source.lost.then(end);
    if (this.#session.signal.aborted) end(abortFailure(this.#session.signal));
    if (this.#publisher?.failure !== undefined) end(this.#publisher.failure);
    const over = new AbortController();
    source.begin().catch(end);
    void this.#pump(source).catch(end);
    source.untilEmpty(() => this.#open === 0, over.signal).then((empty) => empty && end(undefined), end);
    const failure = await ended;
    this.#stopping = true;
    over.abort();
    this.#wake();
    return this.#finish(source, connection, failure);
  }

  #take(taken: HeldDelivery): void {
    const { isChosen, count } = this.#job;
    if (this.#stopping || this.#left === 0) return;
    this.#lines?.delivered(taken.delivery);
    const chosen = isChosen(taken.delivery);
    this.#left--;
    this.#counts.seen++;
    if (chosen) {
      this.#counts.chosen++;
      this.#counts.unsent++;
      this.#open++;
      this.#pending.push(taken);
      if (count !== undefined && this.#counts.chosen >= count) {
        if (this.#left > 0) void this.#source?.stop();
        this.#left = 0;
      }
      this.#wake();
    } else {
      this.#source?.settle(taken, 'hold');
    }
    this.#progress();
    this.#endWhenDone();
  }

  /** True when nothing more is to be sent from this source; another one may deliver it again. */
  #isOver(source: HeldReader): boolean {
    return this.#stopping || source !== this.#source;
  }

  /** Sends chosen messages in order. */
  async #pump(source: HeldReader): Promise<void> {
    const publisher = this.#publisher;
    const idle = publisher === undefined ? undefined : (): Promise<void> => publisher.idle();
    while (!this.#isOver(source)) {
      const taken = this.#pending;
      this.#pending = [];
      for (const one of taken) {
        if (this.#isOver(source)) return;
        const given = this.#job.decide(one.delivery, idle);
        const verdict = given instanceof Promise ? await given : given;
        if (this.#isOver(source)) return;
        if (typeof verdict === 'string' || this.#publisher === undefined || this.#isCopied(one)) {
          this.#counts.unsent--;
          if (typeof verdict === 'string') this.#settled(source, one, verdict);
          else this.#answer(source, one, undefined);
        } else {
          if (!this.#publisher.isReadyFor(verdict)) await this.#publisher.readyFor(verdict);
          if (this.#pace !== undefined) await this.#pace();
          if (this.#isOver(source)) return;
          this.#counts.unsent--;
          this.#publisher.send(verdict, (outcome) => this.#outcome(source, one, verdict, outcome));
        }
      }
      if (this.#pending.length === 0 && !this.#isOver(source)) {
        const woken = deferred<void>();
        this.#wake = woken.resolve;
        await woken.promise;
      }
    }
  }

  /** True for a message whose copy has arrived while an earlier connection held the original. */
  #isCopied({ delivery }: HeldDelivery): boolean {
    if (this.#known.size === 0) return false;
    const fingerprint = fingerprintOf(delivery);
    const times = this.#known.get(fingerprint) ?? 0;
    if (times > 0) this.#known.set(fingerprint, times - 1);
    return times > 0;
  }

  #outcome(source: HeldReader, taken: HeldDelivery, message: Message, outcome: Outcome): void {
    // The run ends with its publisher.
    if (outcome.kind === 'unknown' && this.#publisher?.failure !== undefined) {
      this.#counts.unknown++;
      return;
    }
    if (outcome.kind === 'refused' || outcome.kind === 'unknown') this.#refusal ??= outcome.failure;
    this.#settled(source, taken, STAYS[outcome.kind], message);
  }

  /** The outcome of a message: it is in the journal before the broker gets the answer.  */
  #settled(source: HeldReader, taken: HeldDelivery, reason: StayReason | 'unknown' | undefined, message?: Message): void {
    const { copy, dryRun } = this.#job;
    if (reason === undefined && !copy && !dryRun) {
      // Its connection is lost: the original comes again, or has already come over the next one.
      if (!source.closed) this.#arrived++;
      else if (source === this.#source) this.#late++;
      else this.#counts.doubled++;
    }
    if (reason === undefined && copy && !dryRun) {
      const fingerprint = fingerprintOf(taken.delivery);
      this.#copied.set(fingerprint, (this.#copied.get(fingerprint) ?? 0) + 1);
    }
    const answer = (): void => this.#answer(source, taken, reason);
    if (this.#lines === undefined || dryRun) answer();
    else this.#lines.settled(taken.delivery, message, reason, answer);
  }

  #answer(source: HeldReader, taken: HeldDelivery, reason: StayReason | 'unknown' | undefined): void {
    const moved = reason === undefined;
    if (!source.settle(taken, moved && !this.#job.copy && !this.#job.dryRun ? 'ack' : 'hold') || source !== this.#source) return;
    if (moved) this.#counts.moved++;
    else if (reason === 'unknown') this.#counts.unknown++;
    else this.#stayed[reason] = (this.#stayed[reason] ?? 0) + 1;
    this.#open--;
    this.#progress();
    this.#endWhenDone();
  }

  #endWhenDone(): void {
    if (this.#left === 0 && this.#open === 0) this.#end(undefined);
  }

  /** Waits for confirms under way, answers their originals, and returns the rest. */
  async #finish(source: HeldReader, connection: Connection, failure: Failure | undefined): Promise<Failure | undefined> {
    await source.stop();
    const publisher = this.#publisher;
    const alive = publisher !== undefined && publisher.failure === undefined && !publisher.blocked;
    if (failure !== undefined && alive) {
      await within(
        STOP_GRACE,
        publisher.idle().catch(() => undefined),
      );
      await this.#journal?.written();
    }
    const done = this.#left === 0 && this.#open === 0;
    const { acknowledged, copiedBack, stranded, failure: unsent } = await source.close();
    this.#lines?.connectionEnded(acknowledged === this.#arrived);
    this.#counts.copiedBack += copiedBack;
    this.#counts.stranded += stranded;
    const left = Math.max(0, this.#arrived - acknowledged);
    // The originals were deleted with their queue.
    const gone = failure?.kind === 'missing' ? left : 0;
    this.#done += acknowledged + gone;
    this.#unproven = left - gone;
    if (!this.#job.copy && !this.#job.dryRun) this.#counts.moved = this.#done;
    return (done ? undefined : failure) ?? (unsent !== undefined && !connection.open ? await connection.lost : unsent);
  }

  #progress(): void {
    const now = performance.now();
    if (now - this.#lastProgress < PROGRESS) return;
    this.#lastProgress = now;
    const { count, all } = this.#job;
    const { depth, seen, moved } = this.#counts;
    // Where only some are chosen, the last ones may be found at the very end.
    this.#session.emit({ kind: 'transferring', moved, seen: seen - this.#open, total: all ? Math.min(depth, count ?? depth) : depth });
  }
}
