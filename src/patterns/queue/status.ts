import * as z from 'zod/mini';
import type { Connection } from '../../amqp/connection/connection.ts';
import type { Session } from '../../amqp/connection/session.ts';
import { CHECK_NAME, withControlConnection } from '../../amqp/topology/declare.ts';
import { describeQueue, type QueueDescription, queueCounts } from '../../amqp/topology/queue-facts.ts';
import { Failure, hintWhereMissing } from '../../model/failure.ts';
import { formatCount, formatNumber } from '../../model/quantity.ts';
import { queueName } from '../names.ts';
import { type AskHeld, unacknowledged } from './unacknowledged.ts';

export const QueueStatusConfig = z.strictObject({ queue: queueName });
export type QueueStatusConfig = z.output<typeof QueueStatusConfig>;
/** Several queues, one after the other. */
export const QueuesStatusConfig = z.strictObject({ queue: z.array(queueName).check(z.minLength(1)) });

export interface QueueStatus extends Partial<QueueDescription> {
  readonly queue: string;
  /** Ready messages, without those that a consumer holds. */
  readonly messages: number;
  /** Unacknowledged messages; null when unknown, because AMQP does not count them. Some seconds old, except for a classic queue. */
  readonly unacked: number | null;
  /** Messages that a quorum queue hides for a pause after their return; absent for every other queue. */
  readonly delayed?: number | null;
  /** Dead letters that their target has not taken; absent where there are none. */
  readonly untaken?: number;
  readonly consumers: number;
}

/**
 * Looks at a queue, and changes nothing. `askHeld` tells about messages that are not ready, and about arguments of one type of queue.
 *
 * @throws Failure `missing` when it does not exist, `refused` when it is exclusive to another connection
 */
export async function queueStatus(session: Session, { queue }: QueueStatusConfig): Promise<QueueStatus> {
  return withControlConnection(session, (connection) => statusOn(connection, queue));
}

/** The same over a connection that is open. */
export async function statusOn(connection: Connection, queue: string, askHeld?: AskHeld): Promise<QueueStatus> {
  const { messages, consumers } = await queueCounts(connection, queue).catch(hintWhereMissing(CHECK_NAME));
  const [description, held] = await Promise.all([describeQueue(connection, queue), askHeld?.(connection, queue)]);
  const { withheld, ...described } = description ?? {};
  const { 'x-queue-type': _, ...told } = held?.arguments ?? {};
  return {
    queue,
    messages,
    unacked: unacknowledged(held, messages) ?? null,
    ...(held?.delays === true && { delayed: held.delayed ?? null }),
    ...(held?.untaken !== undefined && held.untaken > 0 && { untaken: held.untaken }),
    consumers,
    // A user who may not declare the queue learns nothing about it.
    ...(description !== undefined && withheld?.kind !== 'denied' && { ...described, arguments: { ...description.arguments, ...told } }),
  };
}

/**
 * Asks about several queues over one connection, and hands on what it learns. Resolves with the failures of those that do not exist, or that tell nothing.
 *
 * @throws Failure for whatever keeps it from asking
 */
export async function askEach<T>(
  session: Session,
  queues: readonly string[],
  ask: (connection: Connection, queue: string) => Promise<T>,
  tell: (answer: T) => Promise<void> | void,
): Promise<readonly Failure[]> {
  return withControlConnection(session, async (connection) => {
    const failures: Failure[] = [];
    for (const queue of new Set(queues)) {
      try {
        await tell(await ask(connection, queue));
      } catch (error) {
        if (!(error instanceof Failure) || error.code === undefined || !connection.open) throw error;
        failures.push(error);
      }
    }
    return failures;
  });
}

/** The same for people. */
export function statusText({ queue, messages, unacked, delayed, untaken, consumers, type, durable, arguments: args = {} }: QueueStatus): string {
  const counts = [
    `${formatCount(messages, 'message')} ready`,
    `${unacked === null ? '?' : formatNumber(unacked)} unacknowledged`,
    ...(delayed === undefined ? [] : [`${delayed === null ? '?' : formatNumber(delayed)} delayed`]),
    ...(untaken === undefined ? [] : [formatCount(untaken, 'untaken dead letter')]),
    formatCount(consumers, 'consumer'),
  ];
  const kind = [type, durable === false ? 'not durable' : undefined].filter((word) => word !== undefined).join(', ');
  return [
    `queue "${queue}"${kind === '' ? '' : ` (${kind})`}: ${counts.join(', ')}`,
    ...Object.entries(args).map(([name, value]) => `  ${name}: ${JSON.stringify(value)}`),
  ].join('\n');
}
