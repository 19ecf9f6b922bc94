import type { Message as AmqplibMessage, Channel } from 'amqplib';
import { deferred } from '../../model/async.ts';
import type { PublishCounts } from '../../model/event.ts';
import { brokenRule, Failure } from '../../model/failure.ts';
import type { Message } from '../../model/message/message.ts';
import { formatCount } from '../../model/quantity.ts';
import { openConfirmChannel } from '../codec/amqplib-internals.ts';
import { added, type FrameWriter, frameWriter } from '../codec/frame-writer.ts';
import { backlog } from '../connection/answer-timeout.ts';
import { poisonTest, type Refusal, refusalOf } from '../connection/broker-errors.ts';
import { onChannel, watchChannel } from '../connection/channel.ts';
import type { Connection } from '../connection/connection.ts';
import { keepAlive } from '../connection/keep-alive.ts';
import type { Link } from '../connection/reconnect.ts';
import type { Session } from '../connection/session.ts';
import { PUBLISHER_DEFAULTS, type PublisherConfig } from './config.ts';
import { ConfirmWatchdog } from './confirm-watchdog.ts';
import { type Entry, type Outcome, Tally, Unconfirmed } from './outcomes.ts';
import { isInternalError, Suspects, undeliverable } from './suspects.ts';
import { UnreachableQueues } from './unreachable-queues.ts';
import { Waiting } from './waiting.ts';

const SOLO = 1_048_576; // a larger body travels alone
/** Bytes of bodies in flight; more would only move memory from the input to here. */
const WINDOW_BYTES = 16 * 1_048_576;

/**
 * Publishes messages and knows what became of each. After a lost connection, messages without an outcome are sent again, in
 * order and with the same message id, before any new one: at least once, with duplicates only within the window.
 */
export class Publisher {
  readonly #session: Session;
  readonly #config: PublisherConfig;
  readonly #link: Link;
  readonly #unconfirmed = new Unconfirmed();
  readonly #refusals: Refusal[] = [];
  readonly #tally: Tally;
  readonly #doubts = new UnreachableQueues((entry, outcome) => {
    this.#settle(entry, outcome);
    this.#waiting.wake();
  });
  readonly #suspects = new Suspects();
  #connection: Connection | undefined;
  #channel: Channel | undefined;
  #writer: FrameWriter | undefined;
  #flushing = false;
  #resent = 0;
  /** The last message written to a channel, and the last one written to a channel that was lost. */
  #lastSent = 0;
  #lastLost = 0;
  readonly #isPoisoned = poisonTest();
  readonly #silence: ConfirmWatchdog;
  #solo = false;
  #failure: Failure | undefined;
  readonly #waiting = new Waiting(() => this.#failure);
  readonly #stop = deferred<Failure>();
  /** Resolves with the reason when it cannot go on. */
  readonly stopped = this.#stop.promise;
  #running: Promise<unknown> = Promise.resolve();

  /** Connects in `connect`. */
  constructor(session: Session, options: Partial<PublisherConfig> = {}) {
    this.#session = session;
    this.#config = { ...PUBLISHER_DEFAULTS, ...options };
    this.#tally = new Tally(session.emit);
    this.#link = session.open('publisher');
    this.#silence = new ConfirmWatchdog(this.#config.confirmTimeout, {
      due: () => this.#unconfirmed.count > 0 && this.#channel !== undefined,
      blocked: () => this.blocked,
      backlog: () => backlog(this.#connection),
      comesBack: this.#link.comesBack,
      again: (what) => {
        session.emit({ kind: 'note', text: `${what}; connecting again` });
        // At once: closing takes long with a broker that is silent.
        this.#channel = undefined;
        this.#writer = undefined;
        void this.#connection?.close();
      },
      fail: (failure) => this.#fail(failure),
    });
  }

  /**
   * Connects.
   *
   * @throws Failure as the connection gives it
   */
  async connect(): Promise<void> {
    const connection = await this.#link.connect(this.#session.signal);
    const { over } = await keepAlive(connection, {
      start: (on) => this.#start(on),
      resume: (failure, lost) => this.#resume(failure, lost),
      isOver: () => this.#failure !== undefined,
      stopped: this.stopped,
    });
    this.#running = over.then((failure) => failure && this.#fail(failure));
    // `close` may have been called while it was connecting.
    if (this.#config.confirm && this.#failure === undefined) this.#silence.watch();
  }

  /** Messages sent more than once, because a lost connection left open whether they had arrived. */
  get resent(): number {
    return this.#resent;
  }

  get counts(): PublishCounts {
    return this.#tally.counts;
  }

  /** Asks on the publisher's own connection. */
  async ask<T>(question: (connection: Connection) => Promise<T>): Promise<T> {
    if (this.#connection === undefined) throw new Error('the publisher is not connected');
    return question(this.#connection);
  }

  /** The version of the broker; empty when unknown. */
  get brokerVersion(): string {
    return this.#connection?.version ?? '';
  }

  /** What stopped the publisher. */
  get failure(): Failure | undefined {
    return this.#failure;
  }

  /** True when it gives up only for failures that another connection would repeat. */
  get endless(): boolean {
    return this.#link.endless;
  }

  /** True once its connection or session was closed on purpose. */
  get closed(): boolean {
    return this.#link.closed;
  }

  /** Messages without an outcome. */
  get unconfirmed(): number {
    return this.#unconfirmed.count + this.#doubts.count + this.#suspects.count;
  }

  /** True while an alarm of the broker keeps it from reading. */
  get blocked(): boolean {
    return this.#connection?.blocked === true;
  }

  /** True when a message of this size may be sent now. */
  isReadyFor(message: Message): boolean {
    return this.#unconfirmed.count < this.#config.window && this.#open && !this.#solo && message.body.length <= SOLO;
  }

  get #open(): boolean {
    const held = this.#doubts.count + this.#suspects.count;
    return this.#channel !== undefined && this.#connection?.blocked !== true && held === 0 && this.#unconfirmed.bytes < WINDOW_BYTES;
  }

  /**
   * Waits until every message that was sent has its outcome.
   *
   * @throws Failure when the publisher has stopped
   */
  async idle(): Promise<void> {
    do await this.#waiting.until(() => this.unconfirmed === 0 && (this.#config.confirm || this.#channel !== undefined));
    while (!this.#config.confirm && !(await this.#answered()));
  }

  /** Without confirms, only the answer to a request on the channel proves that the broker has read everything before it. */
  async #answered(): Promise<boolean> {
    const [channel, connection] = [this.#channel, this.#connection];
    if (channel === undefined || connection === undefined) return false;
    try {
      await Promise.race([onChannel(channel.prefetch(1), connection), this.stopped]);
      connection.ofUse = true;
      return true;
    } catch {
      // The channel is gone; its end is handled elsewhere.
      return false;
    }
  }

  /**
   * Sends a message; counts its outcome, and reports it to `settled`. Await `readyFor` before each of many messages. A message that
   * cannot be encoded is refused, and stops no other. A message that is no longer wanted when its connection is lost is not sent again, and counts as unknown.
   *
   * @throws Failure when the publisher has stopped
   */
  send(message: Message, settled?: (outcome: Outcome, message: Message) => void, isWanted?: () => boolean): void {
    if (this.#failure !== undefined) throw this.#failure;
    const entry: Entry = { message, record: this.#tally.published(), settled, isWanted, returned: undefined, done: false };
    const failure = this.#refusals.find(({ concerns }) => concerns(message))?.failure(message) ?? added(this.#writer, message);
    // A refused message never goes onto the channel: it has no delivery tag.
    if (failure !== undefined) this.#tally.settle(entry, { kind: 'refused', failure });
    else {
      if (this.#writer !== undefined) this.#lastSent = entry.record;
      this.#unconfirmed.push(entry);
      this.#scheduleFlush();
    }
  }

  #scheduleFlush(): void {
    if (!this.#flushing) queueMicrotask(() => this.#flush());
    this.#flushing = true;
  }

  /**
   * Waits until this message may be sent: back-pressure for the source. A large one travels alone: the outcome of no other is then
   * in doubt if the broker refuses it.
   *
   * @throws Failure when the publisher has stopped
   */
  async readyFor(message: Message): Promise<void> {
    if (message.body.length > SOLO || this.#solo) await this.#waiting.until(() => this.#unconfirmed.count === 0 && this.#open);
    else if (!this.isReadyFor(message)) {
      // A quarter of the window at a time: one message per confirm would make one write per message.
      const enough = this.#config.window - Math.max(1, this.#config.window >> 2);
      await this.#waiting.until(() => this.#unconfirmed.count <= enough && this.#open);
    }
    this.#solo = message.body.length > SOLO;
  }

  /** Sends a message when there is room, and resolves with its outcome. */
  async publish(message: Message): Promise<Outcome> {
    await this.readyFor(message);
    return new Promise((resolve) => this.send(message, resolve));
  }

  /** Gives up messages without an outcome; counts them as unknown, and does not wait for the broker. */
  abandon(failure: Failure): void {
    const open = this.#unconfirmed.count > 0;
    this.#fail(failure);
    if (open) this.#connection?.giveUp(failure);
  }

  /** Closes the connection; counts messages without an outcome as unknown. */
  async close(): Promise<void> {
    this.#fail(new Failure('unavailable', 'the publisher was closed'));
    await this.#link.close();
    await this.#running;
  }

  async #resume(failure: Failure, lost: Connection): Promise<Connection> {
    this.#tally.disconnected();
    const refusal = refusalOf(failure);
    if (refusal !== undefined) {
      this.#refuse(refusal);
      return lost;
    }
    if (this.#config.singleOut && isInternalError(failure)) {
      this.#singleOut(failure);
      return this.#link.connect(this.#session.signal, undefined, true);
    }
    if (!failure.transient || this.#isPoisoned(failure)) throw failure;
    return this.#link.connect(this.#session.signal, lost.open ? failure : undefined);
  }

  async #start(connection: Connection): Promise<{ ended: Promise<Failure> }> {
    const channel = await onChannel<Channel>(this.#config.confirm ? openConfirmChannel(connection.model) : connection.model.createChannel(), connection);
    const { ended } = watchChannel(channel, connection);
    const take = (outcome: Outcome) => {
      const settle = (entry: Entry): void => this.#settle(entry, outcome);
      return (fields: { deliveryTag: number; multiple: boolean }): void => {
        const { deliveryTag: tag, multiple } = fields;
        // Nothing is believed from a connection that was given up over a broken rule.
        if (!connection.open) return;
        if (!(tag >= 1 && tag <= this.#unconfirmed.lastTag)) {
          connection.giveUp(brokenRule(`it answered the message ${tag} of this channel, which was never sent`));
          return;
        }
        const before = this.#unconfirmed.count;
        this.#unconfirmed.take(tag, multiple, settle);
        // A confirm that answers no message is no sign of life.
        if (this.#unconfirmed.count < before) this.#silence.broken();
        this.#trySuspect();
        this.#waiting.wake();
      };
    };
    channel.on('ack', take({ kind: 'confirmed' }));
    channel.on('nack', take({ kind: 'nacked' }));
    channel.on('return', (message: AmqplibMessage) => {
      if (this.#tally.returned(message, this.#unconfirmed)) return;
      if (this.#config.confirm) connection.giveUp(brokenRule('it returned a message that does not wait for its confirm'));
      else this.#tally.cameBack(message);
    });
    // At once, before `ended` resolves: a frame on a closed channel would cost the connection.
    channel.once('close', () => {
      this.#channel = undefined;
      this.#writer = undefined;
    });
    connection.onFlow = () => this.#waiting.wake();
    this.#connection = connection;
    this.#channel = channel;
    this.#writer = frameWriter(channel, this.#config.mandatory);
    this.#silence.restart();
    for (const entry of this.#unconfirmed.left()) if (isAbandoned(entry)) this.#finish(entry, abandoned());
    // One that was returned while the node of its queue stopped may be in the queue all the same.
    const doubted = this.#doubts.take();
    const again = [...this.#unconfirmed.left(), ...doubted].filter(({ record }) => record > this.#lastLost && record <= this.#lastSent).length;
    this.#resent += again;
    this.#lastLost = this.#lastSent;
    if (again > 0)
      this.#session.emit({
        kind: 'note',
        text: `${formatCount(again, 'message')} ${again === 1 ? 'is' : 'are'} sent again over a new connection, and may be there twice`,
      });
    const refused = this.#unconfirmed.restart((message) => added(this.#writer, message));
    for (const [entry, failure] of refused) this.#tally.settle(entry, { kind: 'refused', failure });
    const down = this.#doubts.restart(connection);
    for (const entry of doubted) this.#again(entry);
    this.#trySuspect();
    this.#flush();
    this.#waiting.wake();
    return { ended: Promise.race([ended, down]) };
  }

  #flush(): void {
    this.#flushing = false;
    const channel = this.#channel;
    if (channel === undefined || this.#writer === undefined) return;
    if (this.#config.confirm) {
      this.#writer.flush();
      return;
    }
    const upTo = this.#unconfirmed.lastTag;
    this.#writer.flush(() => {
      if (this.#channel !== channel) return;
      this.#unconfirmed.take(upTo, true, (entry) => this.#tally.settle(entry, { kind: 'sent' }));
      this.#waiting.wake();
    });
  }

  #settle(entry: Entry, outcome: Outcome): void {
    if (this.#doubts.hold(entry, outcome)) return;
    // A returned message may only mean that a node is down: that is no progress.
    if (outcome.kind === 'confirmed' && entry.returned === undefined && this.#connection !== undefined) this.#connection.ofUse = true;
    if (outcome.kind === 'nacked' && this.#doubts.recovering) this.#again(entry);
    else this.#tally.settle(entry, outcome);
  }

  /** Any of the messages in flight may be the one at which the broker fails. */
  #singleOut(failure: Failure): void {
    const culprit = this.#suspects.accuse(this.#unconfirmed.withdraw());
    if (culprit !== undefined) this.#tally.settle(culprit, undeliverable(culprit, failure));
  }

  #trySuspect(): void {
    const next = this.#unconfirmed.count === 0 && this.#failure === undefined ? this.#suspects.next() : undefined;
    if (next !== undefined) this.#again(next);
  }

  #finish(entry: Entry, outcome: Outcome): void {
    this.#unconfirmed.finish(entry, () => this.#tally.settle(entry, outcome));
    this.#waiting.wake();
  }

  #refuse(refusal: Refusal): void {
    const concerned = this.#unconfirmed.left().filter(({ message }) => refusal.concerns(message));
    if (concerned.length === 0) throw refusal.failure(undefined);
    this.#refusals.push(refusal);
    for (const entry of concerned) this.#finish(entry, this.#tally.refusedBy(refusal, entry));
    if (refusal.ofExchange && this.#config.oneExchange) throw refusal.failure(undefined);
  }

  /** Sends a message again on the same channel, with a new tag. */
  #again(entry: Entry): void {
    if (isAbandoned(entry)) {
      this.#tally.settle(entry, abandoned());
      return;
    }
    this.#unconfirmed.push({ ...entry, returned: undefined, done: false });
    this.#writer?.write(entry.message);
    this.#scheduleFlush();
  }

  #fail(failure: Failure): void {
    if (this.#failure !== undefined) return;
    this.#silence.end();
    this.#failure = failure;
    for (const entry of this.#unconfirmed.left()) this.#finish(entry, { kind: 'unknown', failure });
    for (const entry of this.#suspects.take()) this.#tally.settle(entry, { kind: 'unknown', failure });
    for (const entry of this.#doubts.take()) this.#tally.settle(entry, { kind: 'nacked' });
    this.#stop.resolve(failure);
    this.#waiting.wake();
  }
}

function isAbandoned({ isWanted }: Entry): boolean {
  return isWanted?.() === false;
}

function abandoned(): Outcome {
  return { kind: 'unknown', failure: new Failure('unavailable', 'its caller no longer waits for its outcome') };
}
