import { setTimeout as delay } from 'node:timers/promises';
import type { Channel } from 'amqplib';
import { Failure } from '../model/failure.ts';
import type { FieldTable } from '../model/message.ts';
import { type Topology, withQueueName } from '../model/topology.ts';
import type { Settlement } from '../model/verdict.ts';
import { type AnswerCounts, Answers } from './answers.ts';
import { afterLogin, onChannel, watchChannel, withinPatience } from './channel.ts';
import type { Connection } from './connection.ts';
import { ensure } from './ensure.ts';
import { channelFailure } from './failures.ts';
import { encodable } from './frame-writer.ts';
import type { Link } from './link.ts';
import type { Session } from './session.ts';
import { takeDeliveries, type WireDelivery } from './wire-delivery.ts';

export interface ConsumerConfig {
  readonly queue: string;
  /** Most deliveries without an answer, 1 to 65535. */
  readonly prefetch: number;
  /** True: the queue forgets a message as soon as it has been sent. Not together with a limit. */
  readonly noAck: boolean;
  readonly exclusive: boolean;
  readonly priority?: number | undefined;
  /** Ensured on each connection of the consumer: an exclusive queue belongs to the connection that declares it. */
  readonly topology?: Topology | undefined;
  /** Called on each connection after the first, for what may have been lost meanwhile. */
  readonly restore?: ((connection: Connection) => Promise<void>) | undefined;
  /** Called whenever a subscription stands, with what the queue is called on this connection. */
  readonly onSubscribed?: ((queue: string) => void) | undefined;
}

/** Pause before subscribing again on a connection that is still there. */
const RESUBSCRIBE_DELAY = 500;
/** Milliseconds that an answer may wait for others. */
const FLUSH_DELAY = 2;
const MAX_PREFETCH = 65_535;

/**
 * Takes messages off a queue. Answers are sent in batches, and only for what was settled. After a lost connection it subscribes again; answers for deliveries of the old one are dropped, for the broker
 * hands those out again.
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
  #flushing: NodeJS.Timeout | undefined;
  #stopping = false;
  /** True when the broker did not answer a cancel in time. */
  #silent = false;
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

  get counts(): AnswerCounts {
    return this.#answers.counts;
  }

  /** Asks something about the queue, on the consumer's own connection. */
  async ask<T>(question: (connection: Connection, queue: string) => Promise<T>): Promise<T> {
    const connection = this.#connected();
    await this.#prepare(connection);
    return question(connection, this.#queue);
  }

  /** What is to be there is ensured once on each connection; a queue that is deleted later on stays deleted. */
  async #prepare(connection: Connection): Promise<void> {
    const { topology, restore, queue } = this.#config;
    if (this.#prepared === connection) return;
    if (this.#prepared !== undefined) await restore?.(connection);
    if (topology !== undefined) {
      // The broker may not know yet that the connection is lost which holds the last one, and would keep that name locked.
      const temporary = topology.queues.some(({ name, exclusive }) => name === queue && exclusive === true);
      if (temporary && ++this.#names > 1) this.#queue = `${queue}.${this.#names}`;
      await ensure(connection, withQueueName(topology, queue, this.#queue));
    }
    this.#prepared = connection;
  }

  /**
   * Starts the deliveries, with arguments such as `x-stream-offset`: at most `limit` of them, over all reconnects. Not one more is asked of the queue, for a message
   * that is delivered and given back is marked as redelivered, and on a quorum queue it has spent one of its attempts.
   *
   * @throws Failure `missing`, `denied` or `refused` as the broker gives it
   */
  async subscribe(limit = Number.POSITIVE_INFINITY, args: FieldTable = {}): Promise<void> {
    this.#limit = limit;
    this.#arguments = args;
    const connection = this.#connected();
    const { ended } = await this.#start(connection).catch(afterLogin);
    void this.#run(connection, ended);
  }

  /** False for a delivery of an earlier channel: the broker hands it out again. */
  isCurrent(delivery: WireDelivery): boolean {
    return delivery.generation === this.#generation && this.#channel !== undefined;
  }

  /** Records what becomes of a delivery; one that is no longer current is ignored, and the result is false. */
  settle(delivery: WireDelivery, verdict: Settlement): boolean {
    if (!this.isCurrent(delivery)) return false;
    this.#answers.decide(delivery.tag, verdict);
    const { waiting } = this.#answers;
    // A part of the prefetch at a time keeps the queue busy; a frame per message would cost a write each.
    if (waiting >= this.#prefetch / 4) this.#flush();
    else if (waiting > 0) this.#flushing ??= setTimeout(() => this.#flush(), FLUSH_DELAY);
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
   * @throws Failure `unavailable` when the connection went before the broker had the answers: it hands those messages out again
   */
  async close(): Promise<void> {
    await this.cancel();
    this.#prefetch = 0;
    this.#flush();
    const unsent = this.#answers.waiting;
    const lost = await this.#closeChannel();
    this.#end(undefined);
    await this.#link.close();
    if (unsent > 0 || (lost !== undefined && this.#answers.sent > 0)) {
      throw new Failure('unavailable', 'the connection was lost before the broker had all answers', {
        cause: lost,
        hint: 'the broker hands those messages out again',
      });
    }
  }

  async #closeChannel(): Promise<Failure | undefined> {
    const [channel, connection] = [this.#channel, this.#connection];
    if (channel === undefined || connection === undefined) return undefined;
    this.#answers.giveBack(channel, connection.version);
    this.#channel = undefined;
    const end = this.#silent ? 'late' : await withinPatience(Promise.race([channel.close().then(() => undefined), connection.lost])).catch(channelFailure);
    return end === 'late' ? new Failure('unavailable', 'the broker does not answer') : end;
  }

  async #run(first: Connection, firstEnd: Promise<Failure>): Promise<void> {
    let connection = first;
    let ended = firstEnd;
    for (;;) {
      const failure = await ended;
      if (this.#stopping) return;
      try {
        if (connection.open) await this.#recover(failure);
        else if (failure.transient) {
          connection = await this.#link.connect(this.#session.signal);
          this.#connection = connection;
        } else throw failure;
        if (this.#stopping) return;
        ended = (await this.#start(connection)).ended;
      } catch (error) {
        if (error instanceof Failure && error.transient && !connection.open) ended = Promise.resolve(error);
        else {
          this.#end(error instanceof Failure ? error : new Failure('unavailable', String(error), { cause: error }));
          return;
        }
      }
    }
  }

  /** Waits before subscribing again, where that can help: the queue moved, or a message was held for too long. */
  async #recover(failure: Failure): Promise<void> {
    if (!failure.transient && !/consumer ack|delivery acknowledgement/.test(failure.message)) throw failure;
    this.#session.emit({ kind: 'note', text: `${failure.message}; subscribing again` });
    await delay(RESUBSCRIBE_DELAY);
  }

  #connected(): Connection {
    if (this.#connection === undefined) throw new Error('the consumer is not connected');
    return this.#connection;
  }

  async #start(connection: Connection): Promise<{ ended: Promise<Failure> }> {
    const { noAck, exclusive, priority } = this.#config;
    await this.#prepare(connection);
    const queue = this.#queue;
    const channel = await onChannel<Channel>(connection.model.createChannel(), connection);
    const { ended } = watchChannel(channel, connection);
    this.#answers.restart();
    this.#generation++;
    this.#delivered = 0;
    this.#wanted = this.#limit - this.#answers.final;
    this.#prefetch = Math.max(1, Math.min(this.#config.prefetch, this.#wanted, MAX_PREFETCH));
    this.#channel = channel;
    channel.once('close', () => {
      if (this.#channel !== channel) return;
      this.#channel = undefined;
      this.#tag = undefined;
    });
    const cancelled = new Promise<Failure>((resolve) => {
      channel.once('cancel', () => {
        this.#session.emit({ kind: 'cancelled', queue });
        this.#flush();
        this.#tag = undefined;
        this.#channel = undefined;
        const failure = new Failure('unavailable', `the broker ended the subscription to "${queue}"`, { transient: true });
        channel.close().then(
          () => resolve(failure),
          () => resolve(failure),
        );
      });
    });
    if (!noAck) await onChannel(channel.prefetch(this.#prefetch), connection);
    const generation = this.#generation;
    const options = { noAck, exclusive, arguments: encodable(this.#arguments), ...(priority !== undefined && { priority }) };
    const take = takeDeliveries(channel, { queue, generation }, (delivery) => this.#take(delivery));
    const { consumerTag } = await onChannel(channel.consume(queue, take, options), connection);
    this.#tag = consumerTag;
    this.#config.onSubscribed?.(queue);
    if (this.#stopping || this.#delivered >= this.#wanted) void this.#cancelSubscription();
    return { ended: Promise.race([ended, cancelled]) };
  }

  #take(delivery: WireDelivery): void {
    if (delivery.generation !== this.#generation) return;
    if (!this.#config.noAck) this.#answers.opened(delivery.tag);
    // Beyond what was asked for: it stays open and goes back when the channel closes. Streams deliver by the chunk.
    if (this.#stopping || this.#delivered >= this.#wanted) return;
    this.#delivered++;
    if (this.#delivered >= this.#wanted) void this.#cancelSubscription();
    this.#onDelivery(delivery);
  }

  async #cancelSubscription(): Promise<void> {
    const [channel, connection, tag] = [this.#channel, this.#connection, this.#tag];
    if (channel === undefined || connection === undefined || tag === undefined) return;
    this.#tag = undefined;
    this.#silent = (await withinPatience(onChannel(channel.cancel(tag), connection)).catch(() => undefined)) === 'late';
    if (this.#channel !== channel) return;
    // Nothing more can come: answers need no longer be held back.
    this.#prefetch = 0;
    this.#flush();
  }

  #flush(): void {
    clearTimeout(this.#flushing);
    this.#flushing = undefined;
    // Answered + prefetch never exceeds what is wanted, so that the queue has nothing to send beyond it.
    if (this.#channel !== undefined) this.#answers.send(this.#channel, this.#wanted - this.#prefetch - this.#answers.sent);
  }
}
