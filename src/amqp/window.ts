import type { Channel } from 'amqplib';
import { Failure } from '../model/failure.ts';
import type { FieldTable } from '../model/message.ts';
import { Answers, tagged } from './answers.ts';
import { onChannel, onOwnChannel, watchChannel, withinPatience } from './channel.ts';
import type { Connection } from './connection.ts';
import { encodable } from './frame-writer.ts';
import { takeDeliveries, type WireDelivery } from './wire-delivery.ts';

/** Some messages of a queue, held without an answer on a channel of their own. */
export interface Window {
  /** How many have come. */
  readonly received: number;
  /** Resolves when as many have come as fit in. */
  readonly full: Promise<void>;
  /** Resolves with the reason when no more can come: the channel or the connection has ended, or the queue is gone. */
  readonly ended: Promise<Failure>;
  /** Takes no more; what it has stays held. */
  readonly cancel: () => Promise<void>;
  /** Tells a stream that everything up to here has been read; it sends more then. */
  readonly credit: (tag: number) => void;
  /** Takes these messages off the queue; the broker has heard of it when `close` says so. */
  readonly acknowledge: (tags: readonly number[]) => void;
  /** Closes it: what was not acknowledged goes back to its place. False when the broker may not have heard of the acknowledgements. */
  readonly close: () => Promise<boolean>;
}

export interface WindowConfig {
  /** The most that it holds, 1 to 65,535. */
  readonly size: number;
  /** Where a stream begins. */
  readonly arguments?: FieldTable;
}

/** Opens windows on a queue, one after the other: a queue may hold more than one channel can have unanswered. */
export type WindowOpener = (config: WindowConfig, onDelivery: (delivery: WireDelivery) => void) => Promise<Window>;

/**
 * Windows on a queue.
 *
 * Each has a channel of its own, so that they can be given back in order: a quorum queue takes back what several consumers
 * of one channel hold in any order, and it knows no unlimited prefetch.
 */
export function windowsOf(connection: Connection, queue: string): WindowOpener {
  let generation = 0;
  return async ({ size, arguments: args = {} }, onDelivery) => {
    const channel = await onChannel<Channel>(connection.model.createChannel(), connection);
    const { ended } = watchChannel(channel, connection);
    const answers = new Answers();
    let received = 0;
    let fill: () => void = () => undefined;
    const full = new Promise<void>((resolve) => {
      fill = resolve;
    });
    const cancelled = new Promise<Failure>((resolve) => {
      channel.once('cancel', () =>
        resolve(new Failure('unavailable', `the broker ended the subscription to "${queue}": it was deleted, or its node went away`)),
      );
    });
    const take = takeDeliveries(channel, { queue, generation: ++generation }, (delivery) => {
      // One that is open stands for all: they go back together.
      if (received === 0) answers.opened(1);
      received++;
      onDelivery(delivery);
      if (received === size) fill();
    });
    await onChannel(channel.prefetch(size), connection);
    const { consumerTag } = await onChannel(channel.consume(queue, take, { arguments: encodable(args) }), connection);
    let cancelling: Promise<unknown> | undefined;
    const cancel = async (): Promise<void> => {
      cancelling ??= onChannel(channel.cancel(consumerTag), connection);
      await cancelling;
    };
    return {
      get received() {
        return received;
      },
      full,
      ended: Promise.race([ended, cancelled]),
      cancel,
      credit: (tag) => channel.ack(tagged(tag), true),
      acknowledge: (tags) => {
        const sorted = [...tags].sort((a, b) => a - b);
        const last = sorted.at(-1);
        try {
          if (last !== undefined && sorted.length === last) channel.ack(tagged(last), true);
          else for (const tag of sorted) channel.ack(tagged(tag), false);
        } catch (error) {
          throw new Failure('unavailable', 'the broker has closed the channel before it was told what to remove', { cause: error });
        }
      },
      close: async () => {
        if (!connection.open) return false;
        try {
          // Otherwise what is given back would come once more.
          await cancel();
          answers.giveBack(channel, connection.version);
          return (await withinPatience(onChannel(channel.close(), connection))) !== 'late';
        } catch {
          // It is closed already, and with that everything has been given back.
          return false;
        }
      },
    };
  };
}

/**
 * Removes everything that is ready in a queue, and resolves with how many messages that were.
 *
 * @throws Failure `missing`, or `refused` by a stream
 */
export async function purgeReady(connection: Connection, queue: string): Promise<number> {
  return onOwnChannel(connection, async (channel) => (await channel.purgeQueue(queue)).messageCount);
}
