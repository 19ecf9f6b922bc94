import { setTimeout as delay } from 'node:timers/promises';
import type { Channel, ConsumeMessage } from 'amqplib';
import { within } from '../../model/async.ts';
import { Failure, orElse } from '../../model/failure.ts';
import type { FieldTable, FieldValue } from '../../model/message/message.ts';
import { option } from '../../model/option.ts';
import { formatCount, formatDuration } from '../../model/quantity.ts';
import { onOwnChannel } from '../connection/channel.ts';
import type { Connection } from '../connection/connection.ts';

// What can be learned about a queue without the management API. Each question has a channel of its own: the broker
// closes a channel when it answers with an error.

/**
 * How many messages are ready in the queue now; for a stream the figure is some seconds old.
 *
 * @throws Failure `missing` when there is no such queue
 */
export async function readyCount(connection: Connection, queue: string): Promise<number> {
  return onOwnChannel(connection, async (channel) => (await channel.checkQueue(queue)).messageCount);
}

/** True when there is such a queue. */
export async function queueExists(connection: Connection, queue: string): Promise<boolean> {
  return readyCount(connection, queue).then(() => true, orElse('missing', false));
}

/** How many messages are ready in a queue, and how many consumers it has. */
export interface QueueCounts {
  readonly messages: number;
  readonly consumers: number;
}

/**
 * Asks for the counts of a queue.
 *
 * @throws Failure `missing` when there is no such queue
 */
export async function queueCounts(connection: Connection, queue: string): Promise<QueueCounts> {
  const { messageCount: messages, consumerCount: consumers } = await onOwnChannel(connection, (channel) => channel.checkQueue(queue));
  return { messages, consumers };
}

/**
 * Asks for the counts of a queue that may have lost its leader. Of a quorum queue without a leader the broker says
 * that it has neither (rabbit_quorum_queue:stat). So one that seems empty is asked for a message: only a leader can answer that there is none. A message
 * that arrives in this moment is returned, which counts as a return.
 *
 * @throws Failure `missing` when there is no such queue, `unavailable` when it has no leader, which another attempt may find
 */
export async function certainCounts(connection: Connection, queue: string, type: QueueType | undefined): Promise<QueueCounts> {
  const counts = await queueCounts(connection, queue);
  if (type !== 'quorum' || counts.messages > 0 || counts.consumers > 0) return counts;
  try {
    const messages = await onOwnChannel(connection, async (channel) => {
      const message = await channel.get(queue);
      if (message === false) return 0;
      channel.nack(message);
      return message.fields.messageCount + 1;
    });
    return { messages, consumers: 0 };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    // A queue with a single active consumer refuses: its leader has answered.
    if (error.code === RESOURCE_LOCKED) return counts;
    if (error.code !== INTERNAL_ERROR && connection.open) throw error;
    throw new Failure('unavailable', `the leader of the quorum queue "${queue}" does not answer: the broker cannot tell what is in the queue`, {
      cause: error,
      transient: true,
      hint: UNTIL_UP,
    });
  }
}

/**
 * How many messages are ready, for a subscriber of the queue. Undefined while the broker does not know: of a quorum queue whose leader
 * is down it reports no message and no consumer (rabbit_quorum_queue:stat), although there is one.
 *
 * @throws Failure `missing` when there is no such queue
 */
export async function readyWhileSubscribed(connection: Connection, queue: string): Promise<number | undefined> {
  const { messages, consumers } = await queueCounts(connection, queue);
  return consumers === 0 ? undefined : messages;
}

const UNTIL_UP = 'a quorum queue works once most of its nodes are up; try again then';
const RESOURCE_LOCKED = 405;
const INTERNAL_ERROR = 541;

/** The failure for a quorum queue whose leader did not answer for this many milliseconds. */
export function leaderless(queue: string, milliseconds: number): Failure {
  return new Failure(
    'later',
    `the broker has not known for ${formatDuration(milliseconds)} what is left in "${queue}": the leader of the queue does not answer`,
    {
      hint: UNTIL_UP,
    },
  );
}

/** The failure for a queue that has messages and delivers none. */
export function stuck(queue: string, ready: number): Failure {
  return new Failure('later', `"${queue}" holds ${formatCount(ready, 'message')} and delivers none`, {
    hint: 'a queue with a single active consumer serves only that one, and a quorum queue none while most of its nodes are down; try again then',
  });
}

export type QueueType = 'classic' | 'quorum' | 'stream';

/** What the broker tells about a queue when it refuses to declare it differently. */
export interface QueueDescription {
  /** Undefined when the broker's words were cut off: they have 255 bytes at most. */
  readonly type: QueueType | undefined;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  /** The arguments that the broker compares before the type: lifetimes, lengths and dead-letter settings; not those of one type alone. */
  readonly arguments: FieldTable;
  /** Why the broker told no more; nothing is known of arguments that are not listed then. */
  readonly withheld?: Failure;
}

/** No broker has this type: a declaration with it is always refused, and never creates a queue. */
const NO_TYPE = 'rmq';
const MOST_QUESTIONS = 32;

/**
 * Describes a queue; undefined when there is none. It is declared with a type that does not exist: the broker
 * names the first argument that differs and its value, which the next declaration takes over, until only the type is left.
 */
export async function describeQueue(connection: Connection, queue: string): Promise<QueueDescription | undefined> {
  const args: Record<string, FieldValue> = {};
  const flags = { durable: true, autoDelete: false, exclusive: false };
  let withheld: Failure | undefined;
  for (let question = 0; question < MOST_QUESTIONS; question++) {
    const refusal = await refused(connection, (channel) => channel.assertQueue(queue, { ...flags, arguments: { ...args, 'x-queue-type': NO_TYPE } }));
    if (refusal === undefined || /invalid (?:arg|property) 'x-queue-type'/.test(refusal.message)) return undefined;
    withheld = refusal;
    const [, name, current = ''] = /inequivalent arg '(.*?)' for queue .*? but current is (.*) \(406\)$/s.exec(refusal.message) ?? [];
    const value = shownValue(current);
    if (name === 'x-queue-type') return { type: typeOf(value), durable: flags.durable, autoDelete: flags.autoDelete, arguments: args };
    if (name === 'durable' || name === 'auto_delete' || name === 'exclusive') flags[name === 'auto_delete' ? 'autoDelete' : name] = value === 'true';
    else if (name !== undefined && value !== undefined && args[name] === undefined) args[name] = value;
    else break;
  }
  return { type: undefined, durable: flags.durable, autoDelete: flags.autoDelete, arguments: args, ...(withheld !== undefined && { withheld }) };
}

/** The type of a queue; undefined when there is none, or when the broker does not tell. */
export async function queueType(connection: Connection, queue: string): Promise<QueueType | undefined> {
  const description = await describeQueue(connection, queue);
  return description === undefined ? undefined : (description.type ?? typeWithoutPermission(connection, queue));
}

/**
 * The type of a queue, for a user who may read and not declare: queues other than streams refuse a consumer with an offset, and the broker names their type
 * (tried on 3.10.8, 4.0.5, 4.3.6). Undefined when it says something else.
 */
export async function typeWithoutPermission(connection: Connection, queue: string): Promise<QueueType | undefined> {
  try {
    await onOwnChannel(connection, async (channel) => {
      await channel.prefetch(1);
      await channel.consume(queue, () => undefined, { arguments: { 'x-stream-offset': 'next' } });
    });
    return 'stream';
  } catch (error) {
    if (!(error instanceof Failure) || error.kind === 'missing' || error.transient) throw error;
    const [, type] = /of queue type rabbit_(classic|quorum)_queue/.exec(error.message) ?? [];
    return type as QueueType | undefined;
  }
}

/** A value as the broker prints it: `'text'`, `the value '5' of type 'signedint'`, `none`. */
export function shownValue(text: string): string | number | boolean | undefined {
  const [, value, type] = /^the value '(.*)' of type '(\w+)'$/s.exec(text) ?? [];
  if (type === undefined || value === undefined) return /^'(.*)'$/s.exec(text)?.[1];
  if (type === 'longstr') return value;
  return type === 'bool' ? value === 'true' : Number(value);
}

function typeOf(value: FieldValue | undefined): QueueType | undefined {
  if (value === undefined) return 'classic';
  return value === 'classic' || value === 'quorum' || value === 'stream' ? value : undefined;
}

/** The broker's refusal; undefined when it does not refuse. It tells nothing about an exclusive queue (405), and nothing to a user who may not declare (403). */
async function refused(connection: Connection, use: (channel: Channel) => Promise<unknown>): Promise<Failure | undefined> {
  try {
    await onOwnChannel(connection, use);
    return undefined;
  } catch (error) {
    if (error instanceof Failure && REFUSALS.has(error.code)) return error;
    throw error;
  }
}

const REFUSALS: ReadonlySet<number | undefined> = new Set([403, 405, 406]);

/** Milliseconds of silence that end a chunk, which arrives at once. */
const CHUNK_SILENCE = 200;
/** Milliseconds for the whole: a stream that is always published to is never silent. */
const CHUNK_PATIENCE = 1_000;

/** The offsets of the first and the last message of a stream's chunk. */
export interface Chunk {
  readonly first: number;
  readonly last: number;
}

/**
 * The last chunk of a stream; undefined when the stream has no messages.
 *
 * @throws Failure `unavailable` when the stream has messages and delivers none
 */
export async function lastChunk(connection: Connection, queue: string): Promise<Chunk | undefined> {
  // The figure may be old, but not too high: that many messages exist.
  const some = await readyCount(connection, queue).then(
    (count) => count > 0,
    () => false,
  );
  return onOwnChannel(connection, async (channel) => {
    let chunk: Chunk | undefined;
    let since = 0;
    await channel.prefetch(10_000);
    const { consumerTag } = await channel.consume(
      queue,
      (message) => {
        const offset: unknown = message?.properties.headers?.['x-stream-offset'];
        if (typeof offset === 'number') chunk = { first: Math.min(chunk?.first ?? offset, offset), last: Math.max(chunk?.last ?? offset, offset) };
        since = performance.now();
      },
      { arguments: { 'x-stream-offset': 'last' } },
    );
    const start = performance.now();
    const isOver = (): boolean => {
      const now = performance.now();
      if (chunk === undefined && some) return now - start > connection.answerTimeout;
      return now - start > CHUNK_PATIENCE || now - Math.max(since, start) > CHUNK_SILENCE;
    };
    while (!isOver()) await delay(CHUNK_SILENCE / 4);
    // Its channel alone does not end a consumer of a stream in the lists of RabbitMQ 3.10.
    await channel.cancel(consumerTag).catch(() => undefined);
    if (chunk !== undefined || !some) return chunk;
    throw new Failure('unavailable', `the stream "${queue}" has messages and delivered none within ${formatDuration(connection.answerTimeout)}`, {
      transient: true,
      hint: `${option('answerTimeout')} gives it longer`,
    });
  });
}

/** The offset of the last message of a stream; -1 when it has none. */
export async function lastOffset(connection: Connection, queue: string): Promise<number> {
  return (await lastChunk(connection, queue))?.last ?? -1;
}

/** The offset of the first message of a stream; undefined when it has none. */
export async function firstOffset(connection: Connection, queue: string): Promise<number | undefined> {
  return onOwnChannel(connection, async (channel) => {
    let first: number | undefined;
    const consumerTag = 'rmq.first';
    await channel.prefetch(1);
    const came = new Promise<void>((resolve) => {
      const take = (message: ConsumeMessage | null): void => {
        const offset: unknown = message?.properties.headers?.['x-stream-offset'];
        if (typeof offset === 'number') first ??= offset;
        resolve();
      };
      channel.consume(queue, take, { consumerTag, arguments: { 'x-stream-offset': 'first' } }).catch(() => resolve());
    });
    await within(CHUNK_PATIENCE, came);
    await channel.cancel(consumerTag).catch(() => undefined);
    return first;
  });
}
