import { setTimeout as delay } from 'node:timers/promises';
import type { Channel } from 'amqplib';
import { deferred } from '../../model/async.ts';
import { Failure } from '../../model/failure.ts';
import type { FieldTable } from '../../model/message/message.ts';
import { formatCount } from '../../model/quantity.ts';
import { withQueueName } from '../../model/topology.ts';
import { type Labelled, labelled, type Settlement } from '../../model/verdict.ts';
import { encodable } from '../codec/frame-writer.ts';
import { CLOSING_PATIENCE } from '../connection/answer-timeout.ts';
import { channelFailure } from '../connection/broker-errors.ts';
import { onChannel, watchChannel, withinPatience } from '../connection/channel.ts';
import type { Connection } from '../connection/connection.ts';
import { keepAlive } from '../connection/keep-alive.ts';
import { type Link, STABLE } from '../connection/reconnect.ts';
import type { Session } from '../connection/session.ts';
import { ensure } from '../topology/ensure.ts';
import { Answers } from './acknowledgements.ts';
import { type ConsumerConfig, isTemporary, MAX_PREFETCH, type Portion } from './config.ts';
import { isConsumerTimeout, isTimeoutCancel, timeoutArgument } from './consumer-timeout.ts';
import { takeDeliveries, type WireDelivery } from './delivery.ts';
import { untilDelivered, untilSettled } from './queue-depth.ts';

/** Milliseconds before subscribing again on a connection that is still open. */
const RESUBSCRIBE_DELAY = 500;
/** Milliseconds that an answer may wait for others, to share a write. */
const FLUSH_DELAY = 2;

/**
 * Takes messages off a queue. It sends answers in batches, and only for settled deliveries. The broker does not confirm answers: one counts once a later word of
 * the broker proves it. After a lost connection the consumer subscribes again. Answers for deliveries of the old connection are dropped, because
 * the broker delivers those again; answers that were sent without a proof count as unknown.
 */
export class Consumer {
  readonly #session: Session;
  readonly #config: ConsumerConfig;
  readonly #onDelivery: (delivery: WireDelivery) => void;
  readonly #link: Link;
  /** What became of the deliveries that a handler got; of the current channel only what is proven. */
  readonly answers: Answers;
  #connection: Connection | undefined;
  #prepared: Connection | undefined;
  /** The queue's name on this connection, and how many connections had a name of their own. */
  #queue: string;
  #names = 0;
  #channel: Channel | undefined;
  #tag: string | undefined;
  #generation = 0;
  #limit = Number.POSITIVE_INFINITY;
  #arguments: FieldTable = {};
  /** For this channel: how many deliveries it may take, how many it took, how many may be unanswered, and how many arrived. */
  #channelLimit = Number.POSITIVE_INFINITY;
  #delivered = 0;
  #prefetch = 0;
  #arrived = 0;
  /** How many answers are held back so that the queue sends nothing beyond the limit; 0 once nothing more can arrive. */
  #reserve = 0;
  #opening: Promise<unknown> = Promise.resolve();
  #cancelling: Promise<void> | undefined;
  #unseen = false;
  /** True once everything that this channel may take is settled. */
  #completing = false;
  /** Ends the subscription when its queue cannot be reached: the broker leaves the channel open then. */
  #loseQueue: (failure: Failure) => void = () => undefined;
  #flushing: NodeJS.Timeout | undefined;
  #stopping = false;
  #subscribing = false;
  readonly #finish = deferred<void>();
  /** Resolves once as many deliveries as asked for are settled, and every answer that counts is proven. */
  readonly finished = this.#finish.promise;
  readonly #end = deferred<Failure | undefined>();
  /** Resolves at the end: with the failure, or with undefined after `close`. */
  readonly ended = this.#end.promise;

  /** Connects in `connect`. Each delivery is answered through `settle`. */
  constructor(session: Session, config: ConsumerConfig, onDelivery: (delivery: WireDelivery) => void) {
    this.#session = session;
    this.#config = config;
    this.#queue = config.queue;
    this.#onDelivery = onDelivery;
    this.answers = new Answers(config.knowsRepeats === true);
    this.#link = session.open('consumer');
  }

  /** Connects, or throws the connection's Failure; deliveries begin with `subscribe`. */
  async connect(): Promise<void> {
    this.#connection = await this.#link.connect(this.#session.signal);
  }

  /** True while the queue can deliver. */
  get subscribed(): boolean {
    return this.#tag !== undefined;
  }

  /** Asks about the queue on the consumer's own connection. When no subscription is being kept alive, it connects again if needed. */
  async ask<T>(question: (connection: Connection, queue: string) => Promise<T>): Promise<T> {
    for (;;) {
      const connection = this.connected();
      try {
        await this.#prepare(connection);
        return await question(connection, this.#queue);
      } catch (error) {
        if (this.#subscribing || !(error instanceof Failure && error.transient)) throw error;
        this.#connection = await this.#link.connect(this.#session.signal, error);
      }
    }
  }

  /** Ensures the topology once on each connection: a queue that is deleted later stays deleted. */
  async #prepare(connection: Connection): Promise<void> {
    const { topology, restore, queue } = this.#config;
    if (this.#prepared === connection) return;
    if (this.#prepared !== undefined) await restore?.(connection);
    if (topology !== undefined) {
      // The broker may not know yet that the last connection is lost, and keep that exclusive name locked.
      if (isTemporary(this.#config) && ++this.#names > 1) this.#queue = `${queue}.${this.#names}`;
      await ensure(connection, withQueueName(topology, queue, this.#queue));
    }
    this.#prepared = connection;
  }

  /**
   * Starts the deliveries, with arguments such as `x-stream-offset`, until at most `limit` of them have a proven answer, over all
   * reconnects. The queue is asked for no more: a message that is delivered and returned is marked as redelivered, and on a quorum queue one
   * of its attempts is spent.
   *
   * @throws Failure `missing`, `denied` or `refused` as the broker gives it
   */
  async subscribe(limit = Number.POSITIVE_INFINITY, args: FieldTable = {}): Promise<void> {
    if (this.#stopping) return;
    [this.#limit, this.#arguments, this.#subscribing] = [limit, args, true];
    let portion: Portion | undefined = { most: limit, arguments: args };
    let [since, proven, inVain] = [0, 0, 0];
    const { over } = await keepAlive(this.connected(), {
      start: async (connection) => {
        const given = portion;
        portion = undefined;
        try {
          const opening = this.#start(connection, given);
          this.#opening = opening;
          return await opening;
        } finally {
          [since, proven] = [performance.now(), this.answers.proven];
        }
      },
      resume: async (failure, connection) => {
        const isUseful = this.answers.proven > proven;
        if (isUseful || (this.#config.noAck && this.#delivered > 0)) connection.ofUse = true;
        if (isUseful || performance.now() - since > STABLE || isConsumerTimeout(failure)) inVain = 0;
        // Another subscription on the same connection may succeed once.
        const isFirst = inVain++ === 0;
        if (connection.open && isFirst) {
          await this.#recover(failure);
          return connection;
        }
        if (!failure.transient) throw failure;
        this.#unseen ||= this.#cancelling !== undefined && connection.silent;
        // A queue whose node is down may be back on the next connection, or be reached through another node.
        this.#connection = await this.#link.connect(this.#session.signal, connection.open ? failure : undefined);
        return this.#connection;
      },
      isOver: () => this.#stopping,
    });
    void over.then((failure) => failure && this.#end.resolve(failure));
  }

  /** False for a delivery of an earlier channel: the broker delivers it again. */
  isCurrent(delivery: WireDelivery): boolean {
    return delivery.generation === this.#generation && this.#channel !== undefined;
  }

  /** Takes a delivery over: from now on it counts, or it is a repeat of one of a lost channel. Undefined for one that is no longer current. */
  begin(delivery: WireDelivery): 'first' | 'repeat' | undefined {
    if (!this.isCurrent(delivery)) return undefined;
    return this.answers.begin(delivery.tag) ? 'repeat' : 'first';
  }

  /** Records how a delivery is settled and how it counts. Ignores one that is no longer current, and returns false. */
  settle(delivery: WireDelivery, given: Settlement | Labelled): boolean {
    if (!this.isCurrent(delivery)) return false;
    this.answers.decide(delivery.tag, typeof given === 'string' ? labelled(given) : given);
    const { waiting } = this.answers;
    // Answering a quarter of the prefetch at a time keeps the queue busy; a frame for each message would cost a write each.
    if (waiting >= this.#reserve / 4) this.#flush();
    else if (waiting > 0) this.#flushing ??= setTimeout(() => this.#flush(), FLUSH_DELAY);
    this.#completeIfSettled();
    return true;
  }

  /** Stops the deliveries; those that arrived, or are on their way, can still be settled. */
  async cancel(): Promise<void> {
    this.#stopping = true;
    // The queue may be delivering to a subscription that is being made: until it is, there is nothing to cancel.
    await withinPatience(this.#opening).catch(() => undefined);
    const [channel, connection, most] = [this.#channel, this.#connection, this.answers.sent + this.#prefetch];
    if (channel !== undefined && connection !== undefined && this.subscribed && !this.#config.noAck) {
      const pass = () => onChannel(channel.prefetch(this.#prefetch), connection, CLOSING_PATIENCE);
      await untilDelivered(connection, this.#queue, () => this.#arrived, most, pass).catch(() => undefined);
    }
    await this.#cancelSubscription();
  }

  /**
   * Stops, sends the decided answers, returns everything else to the queue, and closes the connection.
   *
   * @throws Failure `unavailable` when the connection was lost before the answers were proven: the broker delivers those messages again unless it had them
   */
  async close(): Promise<void> {
    await this.cancel();
    this.#reserve = 0;
    this.#flush();
    const failure = await this.#closeChannel();
    const lost = this.answers.lose();
    this.#end.resolve(undefined);
    await this.#link.close();
    if (lost === 0) return;
    const hint = 'the broker delivers those messages again, unless it had the answer';
    throw new Failure('unavailable', `the connection or the queue was lost before the broker had ${formatCount(lost, 'answer')}`, { cause: failure, hint });
  }

  async #closeChannel(): Promise<Failure | undefined> {
    const [channel, connection] = [this.#channel, this.#connection];
    if (channel === undefined || connection === undefined) return undefined;
    try {
      await this.#prove(channel, connection, CLOSING_PATIENCE);
      this.answers.giveBack(channel, connection.version);
      this.#channel = undefined;
      return await onChannel(channel.close(), connection, CLOSING_PATIENCE).then(() => undefined);
    } catch (error) {
      return channelFailure(error);
    } finally {
      this.#channel = undefined;
    }
  }

  /** Once everything asked for is settled: it is done when the broker has the answers. A channel that is lost before is followed by another one. */
  #completeIfSettled(): void {
    const [channel, connection] = [this.#channel, this.#connection];
    if (this.answers.settled < this.#channelLimit || this.#tag !== undefined || this.#cancelling === undefined || this.#completing) return;
    if (channel === undefined || connection === undefined) return;
    this.#completing = true;
    void this.#complete(channel, connection, this.#cancelling);
  }

  async #complete(channel: Channel, connection: Connection, cancelling: Promise<void>): Promise<void> {
    try {
      await cancelling;
      if (this.#channel !== channel) return;
      this.#flush();
      await this.#prove(channel, connection);
      if (this.#channel === channel) this.#finish.resolve();
    } catch (error) {
      // A channel that is lost ends by itself.
      if (this.#channel !== channel || !connection.open) return;
      this.#channel = undefined;
      onChannel(channel.close(), connection).catch(() => undefined);
      this.#loseQueue(channelFailure(error));
    }
  }

  /** Resolves once all answers are proven. Only for a channel that takes nothing more. */
  async #prove(channel: Channel, connection: Connection, patience?: number): Promise<void> {
    const { sent, unprovenFrames } = this.answers;
    if (unprovenFrames === 0) return;
    // The channel answers this after it has passed on everything before.
    await onChannel(channel.prefetch(this.#prefetch), connection, patience);
    await untilSettled(connection, this.#queue, unprovenFrames);
    if (this.#channel === channel) this.answers.prove(sent);
  }

  /** Waits before subscribing again, when the queue moved or a message was held for too long. */
  async #recover(failure: Failure): Promise<void> {
    const timedOut = isConsumerTimeout(failure);
    if (!failure.transient && !timedOut) throw failure;
    if (timedOut) this.#timeOut();
    else this.#session.emit({ kind: 'note', text: `${failure.message}; subscribing again` });
    await delay(RESUBSCRIBE_DELAY);
  }

  #timeOut(): void {
    this.#session.emit({ kind: 'cancelled', queue: this.#queue, timedOut: true });
    this.#config.onTimedOut?.();
  }

  /** The broker ended the subscription, and the channel is still open. */
  async #cancelled(channel: Channel, connection: Connection, queue: string): Promise<Failure> {
    this.#flush();
    const { sent } = this.answers;
    this.#tag = undefined;
    this.#channel = undefined;
    const timedOut = this.answers.open && (await isTimeoutCancel(connection, queue));
    if (timedOut) {
      this.#timeOut();
      this.answers.giveBack(channel, connection.version);
    } else this.#session.emit({ kind: 'cancelled', queue });
    await onChannel(channel.close(), connection).then(
      () => this.answers.prove(sent),
      () => undefined,
    );
    return new Failure('unavailable', `the broker ended the subscription to "${queue}"`, { transient: true });
  }

  /** The connection that deliveries come on. */
  connected(): Connection {
    if (this.#connection === undefined) throw new Error('the consumer is not connected');
    return this.#connection;
  }

  /** What the next subscription may still take. */
  async #portion(connection: Connection): Promise<Portion> {
    const { resume } = this.#config;
    // The answers of the last channel cannot be proven any more.
    this.answers.lose(isTemporary(this.#config));
    return resume === undefined ? { most: this.#limit - this.answers.proven, arguments: this.#arguments } : resume(connection, this.#queue, this.#unseen);
  }

  async #start(connection: Connection, given: Portion | undefined): Promise<{ ended: Promise<Failure> }> {
    const { noAck, exclusive, priority } = this.#config;
    await this.#prepare(connection);
    const queue = this.#queue;
    const { most, arguments: args } = given ?? (await this.#portion(connection));
    if (most <= 0) {
      this.#finish.resolve();
      return { ended: connection.lost };
    }
    const timeout = await timeoutArgument(connection, queue, this.#config.consumerTimeout);
    const channel = await onChannel<Channel>(connection.model.createChannel(), connection);
    const { ended } = watchChannel(channel, connection);
    this.#generation++;
    this.#channelLimit = most;
    this.#prefetch = Math.max(1, Math.min(this.#config.prefetch, this.#channelLimit, MAX_PREFETCH));
    this.#reserve = this.#prefetch;
    [this.#delivered, this.#arrived, this.#cancelling, this.#unseen, this.#completing] = [0, 0, undefined, false, false];
    this.#channel = channel;
    channel.once('close', () => {
      if (this.#channel !== channel) return;
      this.#channel = undefined;
      this.#tag = undefined;
    });
    const cancelled = new Promise<Failure>((resolve) => {
      channel.once('cancel', () => void this.#cancelled(channel, connection, queue).then(resolve));
    });
    const queueLost = new Promise<Failure>((resolve) => (this.#loseQueue = resolve));
    if (!noAck) await onChannel(channel.prefetch(this.#prefetch), connection);
    const origin = { queue, generation: this.#generation, most: noAck ? undefined : () => this.answers.sent + this.#prefetch };
    const options = { noAck, exclusive, arguments: encodable({ ...args, ...timeout }), ...(priority !== undefined && { priority }) };
    const take = takeDeliveries(channel, connection, origin, (delivery) => this.#take(delivery));
    const { consumerTag } = await onChannel(channel.consume(queue, take, options), connection);
    this.#tag = consumerTag;
    this.#config.onSubscribed?.(queue, connection);
    if (this.#delivered >= this.#channelLimit) void this.#cancelSubscription();
    this.#completeIfSettled();
    return { ended: Promise.race([ended, cancelled, queueLost]) };
  }

  #take(delivery: WireDelivery): void {
    if (delivery.generation !== this.#generation) return;
    this.#arrived++;
    if (!this.#config.noAck) this.answers.opened(delivery);
    // The queue sends more than the prefetch only when it has as many answers. (Streams count otherwise, and so do their answers.)
    this.answers.prove(delivery.tag - this.#prefetch);
    // A delivery beyond the limit stays open and returns when the channel closes. Streams deliver in chunks.
    if (this.#stopping) this.#config.onLate?.(delivery);
    if (this.#stopping || this.#delivered >= this.#channelLimit) return;
    this.#delivered++;
    if (this.#delivered >= this.#channelLimit) void this.#cancelSubscription();
    this.#onDelivery(delivery);
  }

  async #cancelSubscription(): Promise<void> {
    const [channel, connection, tag] = [this.#channel, this.#connection, this.#tag];
    if (channel !== undefined && connection !== undefined && tag !== undefined) this.#cancelling = this.#askToCancel(channel, connection, tag);
    await this.#cancelling;
  }

  async #askToCancel(channel: Channel, connection: Connection, tag: string): Promise<void> {
    this.#tag = undefined;
    await onChannel(channel.cancel(tag), connection, this.#stopping ? CLOSING_PATIENCE : undefined).catch(() => undefined);
    if (this.#channel !== channel || !connection.open) return;
    // Nothing more can arrive: answers need no longer be held back.
    this.#reserve = 0;
    this.#flush();
  }

  #flush(): void {
    clearTimeout(this.#flushing);
    this.#flushing = undefined;
    // Answered + prefetch never exceeds the limit: the queue has nothing to send beyond it.
    // While the consumer stops, no answer makes the queue send more.
    if (this.#channel !== undefined && !(this.#stopping && this.subscribed))
      this.answers.send(this.#channel, this.#channelLimit - this.#reserve - this.answers.sent);
  }
}
