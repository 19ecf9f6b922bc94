import type { Message as AmqplibMessage, Channel } from 'amqplib';
import type { Failure } from '../model/failure.ts';
import type { Message } from '../model/message.ts';
import { onChannel, watchChannel } from './channel.ts';
import type { Connection } from './connection.ts';
import { type FrameWriter, frameWriter } from './frame-writer.ts';
import { type HeaderTap, tapHeaders } from './wire.ts';
import { WireDelivery } from './wire-delivery.ts';

/** Not a queue: the broker hands what comes for it to the channel that asked, and keeps nothing. */
export const REPLY_TO = 'amq.rabbitmq.reply-to';

/** What comes back on a request channel. `R` is what the owner knows a request by. */
export interface RequestListener<R> {
  readonly reply: (delivery: WireDelivery) => void;
  /** No queue took the request with this correlation id. */
  readonly returned: (correlationId: string | undefined) => void;
  /** The queue refused the request. */
  readonly nacked: (request: R) => void;
}

/** A channel on which requests leave and their replies arrive: replies find no other way. */
export interface RequestChannel<R> {
  /** False once nothing can be sent any more. */
  readonly isOpen: () => boolean;
  /**
   * Sends a request.
   *
   * @throws Failure `data` when it cannot be encoded; nothing of it is sent then
   */
  readonly send: (request: R, message: Message) => void;
  /** Resolves with the reason when the channel ends. */
  readonly ended: Promise<Failure>;
}

/** Reads headers once for a connection, however many channels it sees, one after the other. */
const taps = new WeakMap<Connection, HeaderTap>();

function tapOf(connection: Connection, channel: Channel): HeaderTap {
  const tap = taps.get(connection) ?? tapHeaders(channel);
  taps.set(connection, tap);
  return tap;
}

export async function openRequestChannel<R>(connection: Connection, listener: RequestListener<R>): Promise<RequestChannel<R>> {
  const channel = await onChannel<Channel>(connection.model.createConfirmChannel(), connection);
  const { ended } = watchChannel(channel, connection);
  const tap = tapOf(connection, channel);
  const unconfirmed = new Map<number, R>();
  let lastTag = 0;
  let flushing = false;
  let writer: FrameWriter | undefined;
  const take = (nacked: boolean) => {
    return ({ deliveryTag, multiple }: { deliveryTag: number; multiple: boolean }): void => {
      // A map keeps the order of sending: what one answer settles stands at its beginning.
      for (const [tag, request] of multiple ? unconfirmed : [[deliveryTag, unconfirmed.get(deliveryTag)] as const]) {
        if (tag > deliveryTag) break;
        unconfirmed.delete(tag);
        if (nacked && request !== undefined) listener.nacked(request);
      }
    };
  };
  channel.on('ack', take(false));
  channel.on('nack', take(true));
  channel.on('return', ({ properties }: AmqplibMessage) => listener.returned(properties.correlationId));
  // At once, not when `ended` is noticed: a frame on a channel that is closed would cost the connection.
  channel.once('close', () => {
    writer = undefined;
  });
  await onChannel(
    channel.consume(
      REPLY_TO,
      (message) => {
        if (message !== null) listener.reply(new WireDelivery(REPLY_TO, 0, message, tap()));
      },
      { noAck: true },
    ),
    connection,
  );
  writer = frameWriter(channel, true);
  return {
    isOpen: () => writer !== undefined && connection.open && !connection.blocked,
    send: (request, message) => {
      writer?.write(message);
      unconfirmed.set(++lastTag, request);
      if (flushing) return;
      flushing = true;
      // What is asked in the same breath leaves in one write.
      queueMicrotask(() => {
        flushing = false;
        writer?.flush();
      });
    },
    ended,
  };
}
