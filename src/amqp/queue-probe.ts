import { setTimeout as delay } from 'node:timers/promises';
import type { Channel } from 'amqplib';
import { Failure } from '../model/failure.ts';
import { onChannel, watchChannel } from './channel.ts';
import type { Connection } from './connection.ts';

// What can be learned about a queue without the management API, each on a channel of its own: a question that the broker
// answers with an error closes the channel it was asked on.

/**
 * How many messages are ready in the queue now; for a stream it is a figure of some seconds ago.
 *
 * @throws Failure `missing` when there is no such queue
 */
export async function readyCount(connection: Connection, queue: string): Promise<number> {
  return onOwnChannel(connection, async (channel) => (await channel.checkQueue(queue)).messageCount);
}

export type QueueType = 'classic' | 'quorum' | 'stream';

/**
 * The type of a queue; undefined when the broker does not tell. A declaration with a type that does not exist is refused
 * whether the queue exists or not, and where it does, the refusal names its type.
 */
export async function queueType(connection: Connection, queue: string): Promise<QueueType | undefined> {
  try {
    await onOwnChannel(connection, (channel) => channel.assertQueue(queue, { arguments: { 'x-queue-type': 'rmq' } }));
    return undefined;
  } catch (error) {
    if (!(error instanceof Failure) || error.code === undefined) throw error;
    return /but current is '?(classic|quorum|stream|none)/.exec(error.message)?.[1]?.replace('none', 'classic') as QueueType | undefined;
  }
}

/** A chunk comes at once; silence after it is its end. */
const CHUNK_SILENCE = 200;
/** A stream that is published to all the time has no silence. */
const CHUNK_PATIENCE = 1_000;

/** The offset of the last message that a stream has now; -1 when it has none. */
export async function lastOffset(connection: Connection, queue: string): Promise<number> {
  return onOwnChannel(connection, async (channel) => {
    let last = -1;
    let since = performance.now();
    await channel.prefetch(10_000);
    await channel.consume(
      queue,
      (message) => {
        const offset: unknown = message?.properties.headers?.['x-stream-offset'];
        if (typeof offset === 'number') last = Math.max(last, offset);
        since = performance.now();
      },
      { arguments: { 'x-stream-offset': 'last' } },
    );
    const start = performance.now();
    while (performance.now() - since < CHUNK_SILENCE && performance.now() - start < CHUNK_PATIENCE) await delay(CHUNK_SILENCE / 4);
    return last;
  });
}

async function onOwnChannel<T>(connection: Connection, use: (channel: Channel) => Promise<T>): Promise<T> {
  const channel = await onChannel<Channel>(connection.model.createChannel(), connection);
  watchChannel(channel, connection);
  const answer = await onChannel(use(channel), connection);
  await onChannel(channel.close(), connection);
  return answer;
}
