import * as z from 'zod/mini';
import { CHECK_NAME, withControlConnection } from '../amqp/declare.ts';
import { describeQueue, type QueueDescription, queueCounts } from '../amqp/queue-probe.ts';
import type { Session } from '../amqp/session.ts';
import { hintWhereMissing } from '../model/failure.ts';
import { formatCount } from '../model/quantity.ts';
import { queueName } from './names.ts';

export const QueueStatusConfig = z.strictObject({ queue: queueName('QUEUE') });
export type QueueStatusConfig = z.output<typeof QueueStatusConfig>;

/** What AMQP alone tells about a queue. */
export interface QueueStatus extends Partial<QueueDescription> {
  readonly queue: string;
  /** Messages that are ready: not those that a consumer holds. */
  readonly messages: number;
  readonly consumers: number;
}

/**
 * Looks at a queue, and changes nothing.
 *
 * @throws Failure `missing` when it does not exist, `refused` when another connection has it for itself
 */
export async function queueStatus(session: Session, { queue }: QueueStatusConfig): Promise<QueueStatus> {
  return withControlConnection(session, async (connection) => {
    const counts = await queueCounts(connection, queue).catch(hintWhereMissing(CHECK_NAME));
    const { withheld, ...described } = (await describeQueue(connection, queue)) ?? {};
    // Nothing at all is told to one who may not declare the queue.
    return { queue, ...counts, ...(withheld?.kind !== 'denied' && described) };
  });
}

/** The same for people. */
export function statusText({ queue, messages, consumers, type, durable, arguments: args = {} }: QueueStatus): string {
  const kind = [type, durable === false ? 'not durable' : undefined].filter((word) => word !== undefined).join(', ');
  return [
    `queue "${queue}"${kind === '' ? '' : ` (${kind})`}: ${formatCount(messages, 'message')} ready, ${formatCount(consumers, 'consumer')}`,
    ...Object.entries(args).map(([name, value]) => `  ${name}: ${JSON.stringify(value)}`),
  ].join('\n');
}
