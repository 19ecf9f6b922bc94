import type { Message as AmqplibMessage, Channel } from 'amqplib';
import { Failure } from '../../model/failure.ts';
import type { Message } from '../../model/message/message.ts';
import { type FrameWriter, frameWriter } from '../codec/frame-writer.ts';
import { onChannel, onOwnChannel, watchChannel } from '../connection/channel.ts';
import type { Connection } from '../connection/connection.ts';
import type { Link } from '../connection/reconnect.ts';
import type { Session } from '../connection/session.ts';
import { takeDeliveries, type WireDelivery } from '../consumer/delivery.ts';
import { isInternalError } from '../publisher/suspects.ts';

/** Not a queue: the broker hands replies to the channel that sent the request, and keeps none. */
export const REPLY_TO = 'amq.rabbitmq.reply-to';

export interface RequestListener {
  readonly reply: (delivery: WireDelivery) => void;
  /** No queue took the request with this correlation id. */
  readonly returned: (correlationId: string | undefined) => void;
}

/** A channel that sends requests and receives their replies: the broker delivers a direct reply only on the channel of its request. */
export interface RequestChannel {
  /** False when nothing can be sent now. */
  readonly isOpen: () => boolean;
  /**
   * Sends a request.
   *
   * @throws Failure `data` when it cannot be encoded; nothing of it is sent then
   */
  readonly send: (message: Message) => void;
  /** Resolves with the reason when the channel ends. */
  readonly ended: Promise<Failure>;
}

/** Opens one. Requests are not confirmed: the reply proves delivery, and a confirm for each would cost more than it tells. */
export async function openRequestChannel(connection: Connection, listener: RequestListener): Promise<RequestChannel> {
  const channel = await onChannel<Channel>(connection.model.createChannel(), connection);
  const { ended } = watchChannel(channel, connection);
  let flushing = false;
  let writer: FrameWriter | undefined;
  channel.on('return', ({ properties }: AmqplibMessage) => listener.returned(properties.correlationId));
  // At once, before `ended` resolves: a frame on a closed channel would cost the connection.
  channel.once('close', () => {
    writer = undefined;
  });
  const take = takeDeliveries(channel, connection, { queue: REPLY_TO, generation: 0, unanswered: true }, listener.reply);
  await onChannel(channel.consume(REPLY_TO, take, { noAck: true }), connection);
  writer = frameWriter(channel, true);
  return {
    isOpen: () => writer !== undefined && connection.open && !connection.blocked,
    send: (message) => {
      writer?.write(message);
      if (flushing) return;
      flushing = true;
      // Requests made in the same tick leave in one write.
      queueMicrotask(() => {
        flushing = false;
        writer?.flush();
      });
    },
    ended,
  };
}

const RESOURCE_LOCKED = 405;

/**
 * Checks that the queue of a service has a consumer: requests would wait in it unanswered otherwise.
 *
 * @throws Failure `unavailable` when it has none, or `denied`
 */
export async function checkServed(connection: Connection, queue: string): Promise<void> {
  try {
    const { consumerCount } = await onOwnChannel(connection, (channel) => channel.checkQueue(queue));
    if (consumerCount > 0) return;
  } catch (error) {
    // The exclusive queue of another connection cannot be looked at, but takes requests.
    if (error instanceof Failure && error.code === RESOURCE_LOCKED) return;
    throw error instanceof Failure && error.kind === 'missing' ? nobodyServes(queue, 'there is no such queue') : error;
  }
  throw nobodyServes(queue, 'the queue has no consumers');
}

export function nobodyServes(queue: string, why: string): Failure {
  return new Failure('unavailable', `nobody serves "${queue}": ${why}`, { hint: `rmq rpc serve ${queue} -- CMD serves it` });
}

const PREFIX = 'amq.rabbitmq.reply-to.';
/** The start of a channel's pid in Erlang's external term format: NEW_PID_EXT with an atom of UTF-8. */
const PID = Buffer.from([131, 88, 118]);
/** Bytes after the node name: id, serial and creation. */
const PID_TAIL = 12;

/** True for a direct reply-to address. Up to 4.1 the broker returns every message to one as unroutable. */
export function isDirect(replyTo: string): boolean {
  return replyTo.startsWith(PREFIX);
}

/** False for an address that no broker made: 3.x to 4.2 fail on a reply to it, and 4.3 on the question whether the caller is there. */
export function isReplyAddress(replyTo: string): boolean {
  const [pid, key, ...more] = replyTo.slice(PREFIX.length).split('.');
  if (pid === undefined || key === undefined || more.length > 0) return false;
  const bytes = Buffer.from(pid, 'base64');
  const length = bytes.length > 5 ? bytes.readUInt16BE(3) : 0;
  if (bytes.toString('base64') !== pid || !bytes.subarray(0, 3).equals(PID) || bytes.length !== 5 + length + PID_TAIL) return false;
  return /@\d+$/.test(bytes.toString('utf8', 5, 5 + length)) && Buffer.from(key, 'base64').toString('base64') === key;
}

/** True when the address form of this broker version is known. */
export function knowsForm(version: string): boolean {
  return /^(3|4\.[0-3])\./.test(version);
}

/**
 * Knows which callers with a direct reply-to are still connected. It asks on a connection of its own: an address names a node, which may be gone or made up,
 * and then the broker may fail and close the connection.
 */
export class Callers {
  readonly #link: Link;
  readonly #signal: AbortSignal;
  #connection: Connection | undefined;
  #channel: Channel | undefined;
  #fresh = false;
  #last: Promise<unknown> = Promise.resolve();

  constructor(session: Session) {
    this.#link = session.open('control');
    this.#signal = session.signal;
  }

  /** False when the caller at this address has gone; true when that is unknown. */
  isThere(replyTo: string): Promise<boolean> {
    // The question about a caller that has gone closes the channel.
    const answer = this.#last.then(() => this.#look(replyTo));
    this.#last = answer;
    return answer;
  }

  async #look(replyTo: string): Promise<boolean> {
    try {
      const { connection, channel } = await this.#open();
      await onChannel(channel.checkQueue(replyTo), connection);
      return true;
    } catch (error) {
      this.#channel = undefined;
      if (!(error instanceof Failure)) return true;
      this.#fresh = isInternalError(error);
      return error.kind !== 'missing' && !this.#fresh;
    }
  }

  async #open(): Promise<{ readonly connection: Connection; readonly channel: Channel }> {
    if (this.#connection?.open !== true) {
      this.#channel = undefined;
      this.#connection = await this.#link.connect(this.#signal, undefined, this.#fresh);
    }
    this.#channel ??= await openChannel(this.#connection);
    return { connection: this.#connection, channel: this.#channel };
  }
}

async function openChannel(connection: Connection): Promise<Channel> {
  const channel = await onChannel<Channel>(connection.model.createChannel(), connection);
  watchChannel(channel, connection);
  return channel;
}
