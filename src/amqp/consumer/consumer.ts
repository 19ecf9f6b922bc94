import { setTimeout as delay } from 'node:timers/promises';
import type { Channel } from 'amqplib';
import { Failure } from '../../model/failure.ts';
import type { FieldTable } from '../../model/message/message.ts';
import { formatCount } from '../../model/quantity.ts';
import { withQueueName } from '../../model/topology.ts';
import { type Labelled, labelled, type Settlement } from '../../model/verdict.ts';
import { encodable } from '../codec/frame-writer.ts';
import { CLOSING_PATIENCE } from '../connection/answer-timeout.ts';
import { channelFailure } from '../connection/broker-errors.ts';
import { afterLogin, onChannel, watchChannel } from '../connection/channel.ts';
import type { Connection } from '../connection/connection.ts';
import { type Link, STABLE } from '../connection/reconnect.ts';
import type { Session } from '../connection/session.ts';
import { ensure } from '../topology/ensure.ts';
import { type AnswerCounts, Answers } from './acknowledgements.ts';
import type { ConsumerConfig, Portion } from './config.ts';
import { isConsumerTimeout, isTimeoutCancel, timeoutArgument } from './consumer-timeout.ts';
import { takeDeliveries, type WireDelivery } from './delivery.ts';
import { untilSettled } from './queue-depth.ts';

/** Pause before subscribing again on a connection that is still there. */
const RESUBSCRIBE_DELAY = 500;
/** Milliseconds that an answer may wait for others. */
const FLUSH_DELAY = 2;
const MAX_PREFETCH = 65_535;
/** A channel keeps answers to a quorum queue back once 32 frames of them are on their way; it may know of some that we take for settled. */
const KEPT_BACK = 16;

/**
 * Takes messages off a queue. Answers are sent in batches, and only for what was settled. The broker confirms no answer: one counts once a later word of
 * the broker proves that it has it. After a lost connection the consumer subscribes again; answers for deliveries of the old one are dropped, for
 * the broker hands those out again, and those that were sent without a proof are counted as unknown.
 */
export class Consumer {
  readonly #session: Session;
  readonly #config: ConsumerConfig;
  readonly #onDelivery: (delivery: WireDelivery) => void;
  readonly #link: Link;
  readonly #answers = new Answers();
  #connection: Connection | undefined;
  #prepared: Connection | undefined;
  /** What the queue is called on this connection, and how many connections have had one of their own. */
  #queue: string;
  #names = 0;
  #channel: Channel | undefined;
  #tag: string | undefined;
  #generation = 0;
  #limit = Number.POSITIVE_INFINITY;
  #arguments: FieldTable = {};
  /** How many this channel may take, how many it has, and how many it may have unanswered. */
  #wanted = Number.POSITIVE_INFINITY;
  #delivered = 0;
  #prefetch = 0;
  /** How many answers are held back so that the queue has nothing to send beyond what is wanted; none once nothing more can come. */
  #reserve = 0;
  #cancelling: Promise<void> | undefined;
  /** True once everything that was wanted is settled on this channel. */
  #completing = false;
  #flushing: NodeJS.Timeout | undefined;
  #stopping = false;
  #subscribing = false;
  #finish: () => void = () => undefined;
  /** Resolves once as many as were wanted have been settled, and the broker is known to have every answer that counts. */
  readonly finished: Promise<void> = new Promise((resolve) => {
    this.#finish = resolve;
  });
  #end: (failure: Failure | undefined) => void = () => undefined;
  /** Resolves when it can go on no longer: with the failure, or with undefined after `close`. */
  readonly ended: Promise<Failure | undefined> = new Promise((resolve) => {
    this.#end = resolve;
  });

  /** Nothing is connected before `connect`. Each delivery is answered through `settle`. */
  constructor(session: Session, config: ConsumerConfig, onDelivery: (delivery: WireDelivery) => void) {
    this.#session = session;
    this.#config = config;
    this.#queue = config.queue;
    this.#onDelivery = onDelivery;
    this.#link = session.open('consumer');
  }

  /**
   * Connects; nothing is delivered before `subscribe`.
   *
   * @throws Failure as the connection gives it
   */
  async connect(): Promise<void> {
    this.#connection = await this.#link.connect(this.#session.signal);
  }

  /** True while the queue can deliver. */
  get subscribed(): boolean {
    return this.#tag !== undefined;
  }

  /** What became of the deliveries that were begun; of the current channel only what is proven. */
  get counts(): AnswerCounts {
    return this.#answers.counts;
  }

  /** Answers that the broker is known to have: these messages do not come again. */
  get proven(): number {
    return this.#answers.proven;
  }

  /** Asks something about the queue, on the consumer's own connection. Without a subscription, which comes back by itself, it connects again for that. */
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

  /** True for a queue that goes with its connection. */
  get #isTemporary(): boolean {
    const { topology, queue } = this.#config;
    return topology?.queues.some(({ name, exclusive }) => name === queue && exclusive === true) === true;
  }

  /** What is to be there is ensured once on each connection; a queue that is deleted later on stays deleted. */
  async #prepare(connection: Connection): Promise<void> {
    const { topology, restore, queue } = this.#config;
    if (this.#prepared === connection) return;
    if (this.#prepared !== undefined) await restore?.(connection);
    if (topology !== undefined) {
      // The broker may not know yet that the connection is lost which holds the last one, and would keep that name locked.
      if (this.#isTemporary && ++this.#names > 1) this.#queue = `${queue}.${this.#names}`;
      await ensure(connection, withQueueName(topology, queue, this.#queue));
    }
    this.#prepared = connection;
  }

  /**
   * Starts the deliveries, with arguments such as `x-stream-offset`, until at most `limit` of them have an answer that the broker is known to have, over all
   * reconnects. Not one more is asked of the queue, for a message that is delivered and given back is marked as redelivered, and on a quorum queue it has spent one
   * of its attempts.
   *
   * @throws Failure `missing`, `denied` or `refused` as the broker gives it
   */
  async subscribe(limit = Number.POSITIVE_INFINITY, args: FieldTable = {}): Promise<void> {
    this.#limit = limit;
    this.#arguments = args;
    this.#subscribing = true;
    const connection = this.connected();
    const { ended } = await this.#start(connection, { most: limit, arguments: args }).catch(afterLogin);
    void this.#run(connection, ended);
  }

  /** False for a delivery of an earlier channel: the broker hands it out again. */
  isCurrent(delivery: WireDelivery): boolean {
    return delivery.generation === this.#generation && this.#channel !== undefined;
  }

  /** Takes a delivery over, to settle it: from now on it counts. False for one that is no longer current. */
  begin(delivery: WireDelivery): boolean {
    if (!this.isCurrent(delivery)) return false;
    this.#answers.begin(delivery.tag);
    return true;
  }

  /** Records what becomes of a delivery, and how it counts; one that is no longer current is ignored, and the result is false. */
  settle(delivery: WireDelivery, given: Settlement | Labelled): boolean {
    if (!this.isCurrent(delivery)) return false;
    this.#answers.decide(delivery.tag, typeof given === 'string' ? labelled(given) : given);
    const { waiting } = this.#answers;
    // A part of the prefetch at a time keeps the queue busy; a frame per message would cost a write each.
    if (waiting >= this.#reserve / 4) this.#flush();
    else if (waiting > 0) this.#flushing ??= setTimeout(() => this.#flush(), FLUSH_DELAY);
    this.#completeIfSettled();
    return true;
  }

  /** Stops the deliveries; those that were made can still be settled. */
  async cancel(): Promise<void> {
    this.#stopping = true;
    await this.#cancelSubscription();
  }

  /**
   * Stops, sends the answers that were decided, gives back everything else and closes the connection.
   *
   * @throws Failure `unavailable` when the connection went before the broker was known to have the answers: it hands those messages out again, unless it had them
   */
  async close(): Promise<void> {
    await this.cancel();
    this.#reserve = 0;
    this.#flush();
    const failure = await this.#closeChannel();
    const lost = this.#answers.lose();
    this.#end(undefined);
    await this.#link.close();
    if (lost > 0) {
      throw new Failure('unavailable', `the connection was lost before the broker had ${formatCount(lost, 'answer')}`, {
        cause: failure,
        hint: 'the broker hands those messages out again, unless it had the answer',
      });
    }
  }

  async #closeChannel(): Promise<Failure | undefined> {
    const [channel, connection] = [this.#channel, this.#connection];
    if (channel === undefined || connection === undefined) return undefined;
    try {
      await this.#prove(channel, connection, CLOSING_PATIENCE);
      this.#answers.giveBack(channel, connection.version);
      this.#channel = undefined;
      return await onChannel(channel.close(), connection, CLOSING_PATIENCE).then(() => undefined);
    } catch (error) {
      return channelFailure(error);
    } finally {
      this.#channel = undefined;
    }
  }

  /** Everything that was wanted is settled: it is done once the broker has it. A channel that is lost before is followed by another one. */
  #completeIfSettled(): void {
    const [channel, connection] = [this.#channel, this.#connection];
    if (this.#answers.settled < this.#wanted || this.#tag !== undefined || this.#cancelling === undefined || this.#completing) return;
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
      if (this.#channel === channel) this.#finish();
    } catch {
      // The channel is lost, and whoever watches over it knows.
    }
  }

  /** Resolves once the broker is known to have all answers that were sent. Only for a channel that gets nothing more. */
  async #prove(channel: Channel, connection: Connection, patience?: number): Promise<void> {
    const { sent, unprovenFrames } = this.#answers;
    if (unprovenFrames === 0) return;
    // The answer comes after the channel has passed on what came before it.
    await onChannel(channel.prefetch(this.#prefetch), connection, patience);
    if (unprovenFrames >= KEPT_BACK) await untilSettled(connection, this.#queue);
    if (this.#channel === channel) this.#answers.prove(sent);
  }

  async #run(first: Connection, firstEnd: Promise<Failure>): Promise<void> {
    let connection = first;
    let ended = firstEnd;
    try {
      for (let inVain = 0; ; ) {
        const [since, proven] = [performance.now(), this.#answers.proven];
        const failure = await ended;
        if (this.#stopping) return;
        if (this.#answers.proven > proven || (this.#config.noAck && this.#delivered > 0)) connection.ofUse = true;
        // Once, another subscription on the same connection may fare better.
        if (this.#answers.proven > proven || performance.now() - since > STABLE || isConsumerTimeout(failure)) inVain = 0;
        if (connection.open && inVain === 0) await this.#recover(failure);
        else if (failure.transient) {
          // A queue whose node is down may be back on the next connection, or reached from another node.
          connection = await this.#link.connect(this.#session.signal, connection.open ? failure : undefined);
          this.#connection = connection;
        } else throw failure;
        if (this.#stopping) return;
        inVain++;
        ended = (await this.#start(connection, undefined).catch(afterLogin)).ended;
      }
    } catch (error) {
      this.#end(error instanceof Failure ? error : new Failure('unavailable', String(error), { cause: error }));
    }
  }

  /** Waits before subscribing again, where that can help: the queue moved, or a message was held for too long. */
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

  /** The broker has ended the subscription, and the channel is still there. */
  async #cancelled(channel: Channel, connection: Connection, queue: string): Promise<Failure> {
    this.#flush();
    const { sent } = this.#answers;
    this.#tag = undefined;
    this.#channel = undefined;
    const timedOut = this.#answers.open && (await isTimeoutCancel(connection, queue));
    if (timedOut) {
      this.#timeOut();
      this.#answers.giveBack(channel, connection.version);
    } else this.#session.emit({ kind: 'cancelled', queue });
    await onChannel(channel.close(), connection).then(
      () => this.#answers.prove(sent),
      () => undefined,
    );
    return new Failure('unavailable', `the broker ended the subscription to "${queue}"`, { transient: true });
  }

  /** The connection that deliveries come on. */
  connected(): Connection {
    if (this.#connection === undefined) throw new Error('the consumer is not connected');
    return this.#connection;
  }

  /** What another subscription may still take. */
  async #portion(connection: Connection): Promise<Portion> {
    const { resume } = this.#config;
    // What the last channel had is settled in no other way any more.
    this.#answers.restart(this.#isTemporary);
    return resume === undefined ? { most: this.#limit - this.#answers.proven, arguments: this.#arguments } : resume(connection, this.#queue);
  }

  async #start(connection: Connection, given: Portion | undefined): Promise<{ ended: Promise<Failure> }> {
    const { noAck, exclusive, priority } = this.#config;
    await this.#prepare(connection);
    const queue = this.#queue;
    const { most, arguments: args } = given ?? (await this.#portion(connection));
    if (most <= 0) {
      this.#finish();
      return { ended: connection.lost };
    }
    const timeout = await timeoutArgument(connection, queue, this.#config.consumerTimeout);
    const channel = await onChannel<Channel>(connection.model.createChannel(), connection);
    const { ended } = watchChannel(channel, connection);
    this.#generation++;
    this.#delivered = 0;
    this.#wanted = most;
    this.#prefetch = Math.max(1, Math.min(this.#config.prefetch, this.#wanted, MAX_PREFETCH));
    this.#reserve = this.#prefetch;
    this.#cancelling = undefined;
    this.#completing = false;
    this.#channel = channel;
    channel.once('close', () => {
      if (this.#channel !== channel) return;
      this.#channel = undefined;
      this.#tag = undefined;
    });
    const cancelled = new Promise<Failure>((resolve) => {
      channel.once('cancel', () => void this.#cancelled(channel, connection, queue).then(resolve));
    });
    if (!noAck) await onChannel(channel.prefetch(this.#prefetch), connection);
    const origin = { queue, generation: this.#generation, most: noAck ? undefined : () => this.#answers.sent + this.#prefetch };
    const options = { noAck, exclusive, arguments: encodable({ ...args, ...timeout }), ...(priority !== undefined && { priority }) };
    const take = takeDeliveries(channel, connection, origin, (delivery) => this.#take(delivery));
    const { consumerTag } = await onChannel(channel.consume(queue, take, options), connection);
    this.#tag = consumerTag;
    this.#config.onSubscribed?.(queue);
    if (this.#stopping || this.#delivered >= this.#wanted) void this.#cancelSubscription();
    this.#completeIfSettled();
    return { ended: Promise.race([ended, cancelled]) };
  }

  #take(delivery: WireDelivery): void {
    if (delivery.generation !== this.#generation) return;
    if (!this.#config.noAck) this.#answers.opened(delivery.tag);
    // The queue hands out more than the prefetch only when it has as many answers. (That of a stream counts otherwise, and so do its answers.)
    this.#answers.prove(delivery.tag - this.#prefetch);
    // Beyond what was asked for: it stays open and goes back when the channel closes. Streams deliver by the chunk.
    if (this.#stopping) this.#config.onLate?.(delivery);
    if (this.#stopping || this.#delivered >= this.#wanted) return;
    this.#delivered++;
    if (this.#delivered >= this.#wanted) void this.#cancelSubscription();
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
    // Nothing more can come: answers need no longer be held back.
    this.#reserve = 0;
    this.#flush();
  }

  #flush(): void {
    clearTimeout(this.#flushing);
    this.#flushing = undefined;
    // Answered + prefetch never exceeds what is wanted, so that the queue has nothing to send beyond it.
    if (this.#channel !== undefined) this.#answers.send(this.#channel, this.#wanted - this.#reserve - this.#answers.sent);
  }
}
