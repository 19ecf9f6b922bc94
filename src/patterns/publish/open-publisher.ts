import * as z from 'zod/mini';
import { endless, type Session } from '../../amqp/connection/session.ts';
import type { Outcome } from '../../amqp/publisher/outcomes.ts';
import { Publisher } from '../../amqp/publisher/publisher.ts';
import { onAbort } from '../../model/async.ts';
import { Failure, stopFailure } from '../../model/failure.ts';
import type { Message } from '../../model/message/message.ts';
import { formatCount, formatDuration, formatSize } from '../../model/quantity.ts';
import { checkedOptions } from '../options.ts';
import { messageMaker, type Outgoing } from './outgoing.ts';
import { pacing, sendingShape } from './send.ts';

const { rate, window, confirm, allowUnroutable, confirmTimeout, timeout } = sendingShape;

/** How a publisher that stays open sends. */
export const openPublisherShape = {
  rate,
  window,
  confirm,
  allowUnroutable,
  confirmTimeout,
  /** Milliseconds for a message whose `publish` gives no timeout; absent: no limit. */
  timeout,
  /** The most messages that may wait to be sent; one more is refused. */
  backlog: z._default(z.int().check(z.minimum(1), z.maximum(10_000_000)), 100_000),
};

export const OpenPublisherConfig = z.strictObject(openPublisherShape);
export type OpenPublisherConfig = z.output<typeof OpenPublisherConfig>;

const PublishOptions = z.strictObject({
  timeout,
  signal: z.optional(z.custom<AbortSignal>((value) => value instanceof AbortSignal, { error: 'must be an AbortSignal' })),
});

/** How long to try one message. */
export interface PublishOptions {
  /** Ends the attempt when it is aborted. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds; default: the publisher's own `timeout`. */
  readonly timeout?: number | undefined;
}

/** Bytes of bodies that may wait. */
const BACKLOG_BYTES = 64 * 1_048_576;
/** Milliseconds that a publisher rests after it gave up, before a further message makes it try again. */
const REST = 1_000;

/** A publisher that stays open, for a program that publishes now and then. */
export interface OpenPublisher {
  /**
   * Sends a message, and resolves once the broker has taken responsibility for it and it has reached a queue. Any number of calls may be under way at once;
   * messages are sent in the order of the calls. Without a connection, or without room, they wait: at most 100,000 of them (`backlog`), or 64 MiB of bodies.
   *
   * A message whose time is over, or whose signal is aborted, is withdrawn if it was not sent yet, and is not sent again if it was.
   *
   * A lost connection comes back, and unconfirmed messages are sent again; it never gives up unless the session's config sets a limit. A publisher that gave up
   * emits `lost` and rejects each message at once; without a configured limit it tries again with the first message after a second.
   *
   * @throws Failure `data` for an invalid message, `usage` for wrong options, `unroutable`, `refused`; `later` when the broker refuses it (nack), too many
   * wait, or the publisher gave up before it was sent; `deadline`, or what its signal was aborted with, when it was withdrawn. None of these messages is in
   * a queue. `unavailable` when it was sent and its outcome is unknown, or the publisher was closed
   */
  readonly publish: (message: Outgoing, options?: PublishOptions) => Promise<void>;
  /** Closes the connection; messages without an outcome are unknown, and waiting ones are not sent. */
  readonly close: () => Promise<void>;
}

/** Connects a publisher that stays open. */
export async function openPublisher(session: Session, config: OpenPublisherConfig): Promise<OpenPublisher> {
  const line = new Line(endless(session), config);
  await line.connect();
  return { publish: (message, given) => line.publish(message, given), close: () => line.close() };
}

/** A message between the call and its outcome. */
interface Pending {
  readonly message: Message;
  readonly resolve: () => void;
  readonly reject: (failure: unknown) => void;
  /** True once its caller has an answer. */
  over: boolean;
}

/** Messages that wait for room, in the order of the calls, and the publisher that they wait for. */
class Line {
  readonly #session: Session;
  readonly #config: OpenPublisherConfig;
  readonly #make = messageMaker();
  readonly #waiting = new Set<Pending>();
  #bytes = 0;
  #moving = false;
  readonly #ended = new AbortController();
  readonly #pace: (() => Promise<void>) | undefined;
  #publisher: Publisher;
  #gaveUp: { readonly failure: Failure; readonly at: number } | undefined;

  constructor(session: Session, config: OpenPublisherConfig) {
    this.#session = session;
    this.#config = config;
    this.#pace = pacing(config.rate, this.#ended.signal);
    this.#publisher = this.#open();
  }

  async connect(): Promise<void> {
    try {
      await this.#publisher.connect();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async publish(given: Outgoing, options?: PublishOptions): Promise<void> {
    const { signal, timeout = this.#config.timeout } = options === undefined ? {} : checkedOptions(PublishOptions, options);
    const message = this.#make(given);
    if (this.#ended.signal.aborted) throw new Failure('unavailable', 'the publisher was closed');
    if (signal?.aborted === true) throw notSent(stopFailure(signal));
    this.#comeBack();
    this.#checkRoom(message);
    let timer: NodeJS.Timeout | undefined;
    let ignore: (() => void) | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        const pending: Pending = { message, resolve, reject, over: false };
        ignore = signal && onAbort(signal, () => this.#withdraw(pending, stopFailure(signal)));
        if (timeout !== undefined) {
          timer = setTimeout(() => this.#withdraw(pending, new Failure('deadline', `the deadline of ${formatDuration(timeout)} passed`)), timeout);
        }
        this.#waiting.add(pending);
        this.#bytes += message.body.length;
        void this.#move();
      });
    } finally {
      clearTimeout(timer);
      ignore?.();
    }
  }

  async close(): Promise<void> {
    this.#ended.abort();
    this.#rejectWaiting(new Failure('unavailable', 'the publisher was closed'));
    await this.#publisher.close();
  }

  #open(): Publisher {
    const { window, confirm, allowUnroutable, confirmTimeout } = this.#config;
    const publisher = new Publisher(this.#session, {
      window,
      confirm,
      mandatory: !allowUnroutable,
      confirmTimeout,
    });
    void publisher.stopped.then((failure) => this.#stopped(publisher, failure));
    return publisher;
  }

  #stopped(publisher: Publisher, failure: Failure): void {
    if (this.#ended.signal.aborted) return;
    if (!publisher.closed && !this.#session.signal.aborted) this.#session.emit({ kind: 'lost', role: 'publisher', failure });
    this.#gaveUp = { failure, at: performance.now() };
    this.#rejectWaiting(failure);
    void publisher.close();
  }

  /** @throws Failure when the publisher gave up, and does not try again, or not yet */
  #comeBack(): void {
    if (this.#gaveUp === undefined) return;
    const { failure, at } = this.#gaveUp;
    if (!this.#publisher.endless || performance.now() - at < REST) throw notSent(failure);
    this.#gaveUp = undefined;
    const publisher = this.#open();
    this.#publisher = publisher;
    publisher.connect().catch((error) => publisher.abandon(error instanceof Failure ? error : new Failure('unavailable', String(error), { cause: error })));
  }

  #checkRoom({ body }: Message): void {
    const { size } = this.#waiting;
    if (size < this.#config.backlog && (size === 0 || this.#bytes + body.length <= BACKLOG_BYTES)) return;
    const most = size < this.#config.backlog ? formatSize(BACKLOG_BYTES) : formatCount(this.#config.backlog, 'message');
    throw new Failure('later', `${formatCount(size, 'message')} wait to be sent already, and at most ${most} may; this one was not sent`, {
      hint: 'await publish before the next one, or publish less while there is no connection',
    });
  }

  /** Sends waiting messages while there is room. */
  async #move(): Promise<void> {
    if (this.#moving) return;
    this.#moving = true;
    try {
      let paced = false;
      for (const pending of this.#waiting) {
        if (!paced) await this.#pace?.();
        paced = true;
        if (this.#waiting.has(pending) && !this.#publisher.isReadyFor(pending.message)) await this.#publisher.readyFor(pending.message);
        // Its time may have passed while it waited.
        if (this.#publisher.failure !== undefined || !this.#leave(pending)) continue;
        paced = this.#pace === undefined;
        this.#send(pending);
      }
    } catch {
      // The publisher has stopped and rejects waiting messages, or was closed.
    } finally {
      this.#moving = false;
    }
  }

  #send(pending: Pending): void {
    const settled = (outcome: Outcome): void => {
      const failure = failureOf(outcome, pending.message);
      if (failure === undefined) pending.resolve();
      else pending.reject(failure);
      pending.over = true;
    };
    try {
      this.#publisher.send(pending.message, settled, () => !pending.over);
    } catch (error) {
      pending.reject(error);
    }
  }

  /** False for a message that no longer waits. */
  #leave(pending: Pending): boolean {
    if (!this.#waiting.delete(pending)) return false;
    this.#bytes -= pending.message.body.length;
    return true;
  }

  #withdraw(pending: Pending, why: Failure): void {
    if (pending.over) return;
    pending.over = true;
    pending.reject(this.#leave(pending) ? notSent(why) : unknownFailure(why));
  }

  #rejectWaiting(failure: Failure): void {
    for (const pending of this.#waiting) {
      this.#leave(pending);
      pending.over = true;
      pending.reject(this.#ended.signal.aborted ? failure : notSent(failure));
    }
  }
}

function notSent(why: Failure): Failure {
  return why.saying(`${why.message}; the message was not sent`, why.kind === 'unavailable' ? 'later' : why.kind);
}

function unknownFailure(why: Failure): Failure {
  return why.saying(`${why.message}; the broker may or may not have the message`, 'unavailable');
}

function failureOf(outcome: Outcome, { exchange, routingKey }: Message): Failure | undefined {
  switch (outcome.kind) {
    case 'confirmed':
    case 'sent':
      return undefined;
    case 'returned':
      return new Failure(
        'unroutable',
        exchange === '' ? `there is no queue "${routingKey}"` : `no queue is bound to exchange "${exchange}" for key "${routingKey}"`,
      );
    case 'nacked':
      return new Failure('later', 'the broker refused the message (nack)', { hint: 'a full queue with overflow=reject-publish does this' });
    case 'refused':
      return outcome.failure;
    case 'unknown':
      return unknownFailure(outcome.failure);
  }
}
