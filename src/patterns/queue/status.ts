import * as z from 'zod/mini';
import type { Session } from '../../amqp/connection/session.ts';
import { CHECK_NAME, withControlConnection } from '../../amqp/topology/declare.ts';
import { describeQueue, type QueueDescription, queueCounts } from '../../amqp/topology/queue-facts.ts';
import { hintWhereMissing } from '../../model/failure.ts';
import { formatCount, formatNumber } from '../../model/quantity.ts';
import { queueName } from '../names.ts';
import { checkedCall } from '../options.ts';
import { type AskHeld, unacknowledged } from './unacknowledged.ts';

export const QueueStatusConfig = z.strictObject({ queue: queueName });
export type QueueStatusConfig = z.output<typeof QueueStatusConfig>;

export interface QueueStatus extends Partial<QueueDescription> {
  readonly queue: string;
  /** Ready messages, without those that a consumer holds. */
  readonly messages: number;
  /** Unacknowledged messages; null when unknown, because AMQP does not count them. Some seconds old, except for a classic queue. */
  readonly unacked: number | null;
  /** Messages that a quorum queue hides for a pause after their return; absent for every other queue. */
  readonly delayed?: number | null;
  readonly consumers: number;
}

/**
 * Looks at a queue, and changes nothing. `askHeld` tells about messages that are not ready.
 *
 * @throws Failure `usage` for wrong options, `missing` when it does not exist, `refused` when it is exclusive to another connection
 */
export async function queueStatus(session: Session, options: QueueStatusConfig, askHeld?: AskHeld): Promise<QueueStatus> {
  const { queue } = checkedCall(session, QueueStatusConfig, options);
  return withControlConnection(session, async (connection) => {
    const { messages, consumers } = await queueCounts(connection, queue).catch(hintWhereMissing(CHECK_NAME));
    const [description, held] = await Promise.all([describeQueue(connection, queue), askHeld?.(connection, queue)]);
    const { withheld, ...described } = description ?? {};
    return {
      queue,
      messages,
      unacked: unacknowledged(held, messages) ?? null,
      ...(held?.delays === true && { delayed: held.delayed ?? null }),
      consumers,
      // A user who may not declare the queue learns nothing about it.
      ...(withheld?.kind !== 'denied' && described),
    };
  });
}

/** The same for people. */
export function statusText({ queue, messages, unacked, delayed, consumers, type, durable, arguments: args = {} }: QueueStatus): string {
  const counts = [
    `${formatCount(messages, 'message')} ready`,
    `${unacked === null ? '?' : formatNumber(unacked)} unacknowledged`,
    ...(delayed === undefined ? [] : [`${delayed === null ? '?' : formatNumber(delayed)} delayed`]),
    formatCount(consumers, 'consumer'),
  ];
  const kind = [type, durable === false ? 'not durable' : undefined].filter((word) => word !== undefined).join(', ');
  return [
    `queue "${queue}"${kind === '' ? '' : ` (${kind})`}: ${counts.join(', ')}`,
    ...Object.entries(args).map(([name, value]) => `  ${name}: ${JSON.stringify(value)}`),
  ].join('\n');
}
