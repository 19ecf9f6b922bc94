import type { Message as AmqplibMessage, Channel } from 'amqplib';
import type { Failure } from '../model/failure.ts';
import type { Message } from '../model/message.ts';
import { onChannel, watchChannel } from './channel.ts';
import type { Connection } from './connection.ts';
import { type FrameWriter, frameWriter } from './frame-writer.ts';
import { takeDeliveries, type WireDelivery } from './wire-delivery.ts';

/** Not a queue: the broker hands what comes for it to the channel that asked, and keeps nothing. */
export const REPLY_TO = 'amq.rabbitmq.reply-to';

/** What comes back on a request channel. */
export interface RequestListener {
  readonly reply: (delivery: WireDelivery) => void;
  /** No queue took the request with this correlation id. */
  readonly returned: (correlationId: string | undefined) => void;
}

/** A channel on which requests leave and their replies arrive: replies find no other way. */
export interface RequestChannel {
  /** False when nothing can be sent, for a while or for ever. */
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

/** Opens one. Requests are not confirmed: the reply is what counts, and a confirm for each would cost more than it tells. */
export async function openRequestChannel(connection: Connection, listener: RequestListener): Promise<RequestChannel> {
  const channel = await onChannel<Channel>(connection.model.createChannel(), connection);
  const { ended } = watchChannel(channel, connection);
  let flushing = false;
  let writer: FrameWriter | undefined;
  channel.on('return', ({ properties }: AmqplibMessage) => listener.returned(properties.correlationId));
  // At once, not when `ended` is noticed: a frame on a channel that is closed would cost the connection.
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
      // What is asked in the same breath leaves in one write.
      queueMicrotask(() => {
        flushing = false;
        writer?.flush();
      });
    },
    ended,
  };
}
