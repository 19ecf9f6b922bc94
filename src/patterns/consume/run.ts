import { setMaxListeners } from 'node:events';
import type { Connection } from '../../amqp/connection/connection.ts';
import { endless, type Session, withDeadline } from '../../amqp/connection/session.ts';
import { isTemporary, type Portion } from '../../amqp/consumer/config.ts';
import { Consumer } from '../../amqp/consumer/consumer.ts';
import type { WireDelivery } from '../../amqp/consumer/delivery.ts';
import { untilReleased } from '../../amqp/consumer/queue-depth.ts';
import { certainCounts, lastOffset, type QueueType, queueType, readyCount } from '../../amqp/topology/queue-facts.ts';
import { deferred, onAbort } from '../../model/async.ts';
import { abortFailure, Failure } from '../../model/failure.ts';
import { formatCount, formatDuration } from '../../model/quantity.ts';
import { thrownText } from '../../model/text.ts';
import { type Labelled, type Settlement, settlementOf } from '../../model/verdict.ts';
import { InFlight } from './concurrency.ts';
import { type ConsumeConfig, hasEnd } from './config.ts';
import type { RunResult } from './limits.ts';
import { type ConsumeHandler, type End, handled, judgeEnd, judgeSurplus, surplusWithin, type TakeContext, type TakeOptions, takeCounts } from './limits.ts';
import { type Lost, pause, type Watched, watchAway, watchDrain, watchIdle, watchStream } from './silence.ts';
import { StreamPlace } from './stream-place.ts';

/** Milliseconds in which a delivery shows whether the queue is a stream; the broker is asked after that. */
const TELLING = 100;
/** Milliseconds for handlers to finish once the run is stopped. */
const STOP_GRACE = 5_000;
/** Milliseconds for a handler to end once it was told to. */
const KILL_GRACE = 10_000;

/**
 * Takes messages off a queue within the limits of the config, and hands each to the handler.
 *
 * @throws Failure when no subscription was ever made; later failures are in the result
 */
export async function take(session: Session, config: ConsumeConfig, handler: ConsumeHandler, options: TakeOptions = {}): Promise<RunResult> {
  return new Run(hasEnd(config) ? session : endless(session), config, handler, options).execute();
}

/** Returns a failure; throws anything else, which is a bug. */
function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  throw error;
}

class Run {
  readonly #session: Session;
  readonly #config: ConsumeConfig;
  readonly #handler: ConsumeHandler;
  readonly #options: TakeOptions;
  readonly #started = performance.now();
  #limit = Number.POSITIVE_INFINITY;
  /** Undefined until the broker was asked or a delivery showed it. */
  #stream: boolean | undefined;
  #asking: Promise<void> | undefined;
  /** Known where the queue is asked before anything is taken. */
  #type: QueueType | undefined;
  readonly #place: StreamPlace;
  /** For a stream: the offset to stop at, and that of the last delivery. */
  #lastOffset = Number.POSITIVE_INFINITY;
  #offset = -1;
  /** For a drain: the number of other consumers at the start. */
  #others = 0;
  #received = 0;
  /** The last connection that was lost; undefined for a run that need not wait for what the lost one may still hold. */
  #lost: Lost | undefined;
  /** Those that a handler got before, on a connection that was lost. */
  #repeats = 0;
  /** Deliveries whose handler is done, whether or not the broker still cared. */
  #dealtWith = 0;
  /** True once as many were taken as asked for. */
  #complete = false;
  /** Deliveries that the handler has seen and not decided. */
  readonly #undecided = new Set<WireDelivery>();
  /** Shared by all deliveries, and made once. */
  #ask: TakeContext['ask'] = () => Promise.reject(new Error('nothing is consumed yet'));
  #holdBack: TakeContext['holdBack'] = () => undefined;
  #handling = new InFlight<WireDelivery>(0, () => undefined);
  #lastDelivery = performance.now();
  #lastProgress = performance.now();
  readonly #ended = deferred<End | Failure>();
  readonly #end = this.#ended.resolve;
  /** Aborted when the run has ended; ends every wait. */
  readonly #over = new AbortController();
  readonly #stopping = new AbortController();
  readonly #kill = new AbortController();

  constructor(session: Session, config: ConsumeConfig, handler: ConsumeHandler, options: TakeOptions) {
    this.#session = session;
    this.#config = config;
    this.#handler = handler;
    this.#options = options;
    // Each handler may add a listener.
    setMaxListeners(0, this.#stopping.signal, this.#kill.signal);
    this.#place = new StreamPlace(config.offset, session.emit);
    if (options.neverStream === true) this.#stream = false;
    else if (config.offset !== undefined) this.#stream = true;
  }

  async execute(): Promise<RunResult> {
    const { queue, count, expect, ack, exclusive, priority, idle, timeout } = this.#config;
    const forgets = !ack && count === undefined && expect === undefined && !this.#config.drain;
    const deadline = withDeadline(this.#session, timeout, () => this.#end('timeout'));
    const consumer = new Consumer(
      deadline.session,
      {
        queue,
        prefetch: this.#config.prefetch,
        noAck: forgets,
        knowsRepeats: true,
        exclusive,
        priority,
        topology: this.#options.topology,
        restore: this.#options.restore,
        resume: (connection, name, unseen) => this.#resume(consumer, connection, name, unseen),
        onSubscribed: this.#options.onSubscribed,
        consumerTimeout: this.#options.consumerTimeout,
        onTimedOut: this.#options.onTimedOut,
        onLate: (delivery) => this.#handling.add(delivery),
      },
      (delivery) => this.#handling.add(delivery),
    );
    this.#ask = (question) => consumer.ask(question);
    this.#holdBack = (held) => consumer.connected().holdBack(held);
    this.#handling = new InFlight(this.#options.concurrency ?? Number.POSITIVE_INFINITY, (delivery) => this.#take(consumer, delivery));
    const { signal } = this.#session;
    const ignore = onAbort(signal, () => this.#end(abortFailure(signal)));
    let connected = false;
    let subscribed = false;
    const subscribing = async (): Promise<void> => {
      await consumer.connect();
      connected = true;
      await this.#subscribe(consumer);
      subscribed = true;
    };
    subscribing().catch((error) => this.#end(asFailure(error)));
    void consumer.ended.then((failure) => failure !== undefined && this.#end(failure));
    void consumer.finished.then(() => this.#completed());
    const watch = idle === undefined ? undefined : watchIdle(idle, this.#lastSign(consumer), () => this.#end('idle'));
    const end = await this.#ended.promise;
    this.#handling.stop();
    ignore();
    deadline.clear();
    clearInterval(watch);
    let failure = end instanceof Failure ? end : connected ? await this.#judge(consumer, end).catch(asFailure) : judgeEnd(this.#config, end, 0);
    this.#over.abort();
    await this.#asking;
    failure = await this.#finish(consumer, failure);
    if (!subscribed && failure !== undefined) throw failure;
    const way = forgets ? 'forgotten' : (this.#stream ?? this.#offset >= 0) ? 'stream' : 'answered';
    const counts = takeCounts(this.#received, this.#dealtWith, consumer.answers.counts, way);
    return { counts, seconds: (performance.now() - this.#started) / 1_000, failure };
  }

  async #subscribe(consumer: Consumer): Promise<void> {
    const { count, expect } = this.#config;
    this.#limit = Math.min(count ?? Number.POSITIVE_INFINITY, expect ?? Number.POSITIVE_INFINITY);
    if (this.#config.drain || expect !== undefined || this.#config.reject) {
      this.#type = await consumer.ask(queueType);
      this.#stream = this.#type === 'stream';
    }
    if (this.#stream && this.#config.reject) throw new Failure('refused', 'a stream keeps its messages: there is nothing to reject');
    if (this.#config.drain) await this.#limitToDepth(consumer);
    // A drained stream begins at its first message, not at the next one published.
    if (this.#stream && this.#config.drain && this.#config.offset === undefined) this.#place.begin('first');
    if (this.#limit > 0) {
      await consumer.subscribe(this.#limit, this.#place.beginning);
      void this.#learnPlace(consumer);
    } else if (expect === 0) {
      // A missing queue is silent, too.
      await consumer.ask((connection, queue) => certainCounts(connection, queue, this.#type));
      void this.#expectSilence(consumer).catch((error) => this.#end(asFailure(error)));
    } else this.#end('drained');
  }

  async #limitToDepth(consumer: Consumer): Promise<void> {
    if (this.#stream) {
      this.#lastOffset = await consumer.ask(lastOffset);
      const { offset } = this.#config;
      if (this.#lastOffset < 0 || offset === 'next' || Number(offset) > this.#lastOffset) this.#limit = 0;
      else void watchStream(this.#watched(consumer));
      return;
    }
    const { messages, consumers } = await consumer.ask((connection, queue) => certainCounts(connection, queue, this.#type));
    this.#others = consumers;
    if (messages === 0 && consumers > 0)
      this.#session.emit({
        kind: 'note',
        text: `nothing is ready in "${this.#config.queue}"; what its ${formatCount(consumers, 'consumer')} may hold is not counted`,
      });
    this.#limit = Math.min(this.#limit, messages);
    if (this.#limit > 0) void watchDrain(this.#watched(consumer));
  }

  /** What to take on another connection: redelivered messages count only as far as the broker may not have their answers. */
  async #resume(consumer: Consumer, connection: Connection, queue: string, unseen: boolean): Promise<Portion> {
    this.#stream ??= (await queueType(connection, queue)) === 'stream';
    if (this.#stream) {
      const done = this.#offset >= this.#lastOffset;
      return { most: done ? 0 : this.#limit - this.#received, arguments: this.#place.resume() };
    }
    const { count = Number.POSITIVE_INFINITY, expect = Number.POSITIVE_INFINITY } = this.#config;
    const { proven, counts } = consumer.answers;
    const left = Math.min(count, expect) - proven;
    if (!this.#config.drain) {
      if (left < Number.POSITIVE_INFINITY) this.#watchAway(consumer, unseen);
      return { most: left, arguments: {} };
    }
    // A recovering queue reports no messages for a while. The number ready at last is all that is left; another consumer may have taken some.
    const most = this.#limit - proven;
    const unknown = isTemporary({ queue: this.#config.queue, topology: this.#options.topology }) ? 0 : counts.unknown;
    const held = { others: this.#others, least: most - unknown, most, silent: unseen };
    const released = await untilReleased(connection, queue, held, this.#session.emit, this.#over.signal);
    const messages = released || (await certainCounts(connection, queue, this.#type)).messages;
    return { most: Math.min(left, messages), arguments: {} };
  }

  #watchAway(consumer: Consumer, unseen: boolean): void {
    const isFirst = this.#lost === undefined;
    const lost = { since: performance.now(), unseen };
    this.#lost = lost;
    if (isFirst) void watchAway(this.#watched(consumer), this.#limit, () => this.#lost ?? lost);
  }

  /** The end of the stream has to be known in case the connection is lost before anything has come. */
  async #learnPlace(consumer: Consumer): Promise<void> {
    try {
      if (this.#stream === undefined) {
        if (!(await pause(TELLING, this.#over.signal)) || this.#received > 0 || !consumer.subscribed) return;
        await this.#askForType(consumer);
      }
      if (this.#stream) await this.#place.learn((question) => consumer.ask(question));
    } catch {
      // When the connection is lost before, the end is unknown, and the user is told.
    }
  }

  /** Every message asked for has come; handlers may still be working. */
  #completed(): void {
    this.#complete = true;
    if (this.#undecided.size === 0) this.#end('count');
  }

  async #askForType(consumer: Consumer): Promise<void> {
    // Without an answer, another connection is asked when it matters.
    const type = await consumer.ask(queueType).catch(() => undefined);
    if (type !== undefined) this.#stream ??= type === 'stream';
  }

  /** The offset of a delivery from a stream; -1 for any other. */
  #offsetOf(consumer: Consumer, delivery: WireDelivery): number {
    if (this.#stream === false) return -1;
    const { offset } = delivery;
    if (offset === undefined) this.#stream ??= false;
    // On other queues, a publisher may have set the header.
    else if (this.#stream === undefined) this.#asking ??= this.#askForType(consumer);
    return offset ?? -1;
  }

  #take(consumer: Consumer, delivery: WireDelivery): Promise<void> | undefined {
    const offset = this.#offsetOf(consumer, delivery);
    if (offset > this.#lastOffset) {
      this.#end('drained');
      return undefined;
    }
    // Its connection was lost while it waited for its turn: it comes again.
    const begun = consumer.begin(delivery);
    if (begun === undefined) return undefined;
    const repeated = begun === 'repeat';
    this.#received++;
    if (repeated) this.#repeats++;
    if (offset >= 0) {
      this.#offset = offset;
      this.#place.take(offset, (question) => consumer.ask(question));
      if (offset === this.#lastOffset || this.#received === this.#limit) this.#complete = true;
    }
    this.#lastDelivery = performance.now();
    if (this.#lastDelivery - this.#lastProgress > 100) {
      this.#lastProgress = this.#lastDelivery;
      this.#session.emit({ kind: 'consuming', counts: { received: this.#received } });
    }
    if (!this.#config.ack) consumer.settle(delivery, 'ack');
    this.#undecided.add(delivery);
    return handled(this.#handler, delivery, this.#contextOf(consumer, delivery, repeated)).then(
      (given) => {
        const settlement = settlementOf(given);
        if (settlement instanceof Failure) return this.#end(settlement);
        // A held message goes back at the end of the run, together with undecided ones.
        if (settlement === 'hold' && this.#options.giveBack !== undefined && consumer.isCurrent(delivery)) return;
        // A later verdict does not count.
        if (!this.#undecided.delete(delivery)) return;
        this.#dealtWith++;
        consumer.settle(delivery, this.#settlement(settlement));
        if ((this.#complete && this.#undecided.size === 0) || this.#options.enough?.() === true) this.#end('count');
      },
      (error) => this.#end(error instanceof Failure ? error : new Failure('io', `the handler failed: ${thrownText(error)}`, { cause: error })),
    );
  }

  #contextOf(consumer: Consumer, delivery: WireDelivery, repeated = false): TakeContext {
    return {
      stopping: this.#stopping.signal,
      kill: this.#kill.signal,
      isCurrent: () => consumer.isCurrent(delivery),
      repeated,
      ask: this.#ask,
      holdBack: this.#holdBack,
    };
  }

  #settlement(given: Settlement | Labelled): Settlement | Labelled {
    if (given !== 'ack') return given;
    return this.#config.reject ? 'dead' : 'ack';
  }

  /** When the run was last seen at work. A slow handler is no silence of the queue, and neither is a connection that is being made. */
  #lastSign(consumer: Consumer): () => number {
    let since = performance.now();
    return () => {
      if ((!consumer.subscribed && this.#limit > 0) || this.#handling.running > 0) since = performance.now();
      return Math.max(since, this.#lastDelivery);
    };
  }

  #watched(consumer: Consumer): Watched {
    return {
      consumer,
      queue: this.#config.queue,
      seen: () => ({ received: this.#received, running: this.#handling.running, lastDelivery: this.#lastDelivery }),
      end: this.#end,
      over: this.#over.signal,
    };
  }

  async #expectSilence(consumer: Consumer): Promise<void> {
    if (this.#stream) this.#offset = await consumer.ask(lastOffset);
    const { drain, idle, timeout, settle } = this.#config;
    const within = drain && (idle ?? timeout) === undefined ? settle : Number.POSITIVE_INFINITY;
    this.#end((await surplusWithin(within, () => this.#left(consumer), this.#over.signal)) > 0 ? 'count' : 'drained');
  }

  async #judge(consumer: Consumer, end: End): Promise<Failure | undefined> {
    const { expect, idle = 0, settle, timeout = Number.POSITIVE_INFINITY } = this.#config;
    const came = this.#received - this.#repeats;
    if (expect === undefined || came < expect) return judgeEnd(this.#config, end, came);
    const untilDeadline = this.#started + timeout - performance.now();
    const settling = end === 'count' && expect > 0 ? Math.min(Math.max(settle, idle), untilDeadline) : 0;
    const surplus = judgeSurplus(expect, await surplusWithin(settling, () => this.#left(consumer), this.#session.signal));
    if (surplus !== undefined || expect > 0) return surplus;
    return consumer.ask(async (connection, queue) => this.#options.judgeSilence?.(connection, queue, untilDeadline));
  }

  /** Messages in the queue beyond those taken. */
  async #left(consumer: Consumer): Promise<number> {
    return this.#stream ? Math.max(0, (await consumer.ask(lastOffset)) - this.#offset) : consumer.ask(readyCount);
  }

  /** Lets handlers finish, or ends them; sends their decisions and closes; the first failure wins. */
  async #finish(consumer: Consumer, failure: Failure | undefined): Promise<Failure | undefined> {
    await consumer.cancel();
    this.#stopping.abort(failure);
    const { grace = STOP_GRACE, graceful = false } = this.#options;
    const { running } = this.#handling;
    if (graceful && running > 0 && grace > 0) {
      this.#session.emit({
        kind: 'note',
        text: `waiting for ${formatCount(running, 'handler')}, ${formatDuration(grace)} at most; a second signal leaves at once`,
      });
    }
    const inTime = await this.#handling.endWithin(grace);
    if (!inTime) {
      this.#kill.abort(failure);
      await this.#handling.endWithin(KILL_GRACE);
    }
    await this.#giveBack(consumer);
    await this.#options.beforeClose?.();
    const stopped = failure?.kind === 'interrupted' || failure?.kind === 'terminated';
    const verdict = graceful && inTime && stopped ? undefined : failure;
    try {
      await consumer.close();
      return verdict;
    } catch (error) {
      return verdict ?? asFailure(error);
    }
  }

  /** Deliveries that a handler saw and did not finish go back, and count as requeued, not as unseen. */
  async #giveBack(consumer: Consumer): Promise<void> {
    const { giveBack = async (): Promise<Settlement | Labelled> => 'hold' } = this.#options;
    const seen = [...this.#undecided].filter((delivery) => consumer.isCurrent(delivery));
    const unseen = this.#handling.waiting.filter((delivery) => consumer.isCurrent(delivery));
    this.#undecided.clear();
    const settle = async (delivery: WireDelivery): Promise<void> => {
      const settlement = await giveBack(delivery, this.#contextOf(consumer, delivery));
      if (settlement !== 'hold' || seen.includes(delivery)) consumer.settle(delivery, settlement);
    };
    await Promise.all([...seen, ...unseen].map(settle));
  }
}
