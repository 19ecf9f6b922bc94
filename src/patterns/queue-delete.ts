import * as z from 'zod/mini';
import { CHECK_NAME, deleteQueue, withControlConnection } from '../amqp/declare.ts';
import { readyCount } from '../amqp/queue-probe.ts';
import type { Session } from '../amqp/session.ts';
import { Failure, hintWhereMissing } from '../model/failure.ts';
import { formatCount } from '../model/quantity.ts';
import { queueName } from './names.ts';
import { findRetryQueues, type NameQueues, type RetryQueue } from './retry-queues.ts';

export const DeleteQueueConfig = z.strictObject({
  queue: queueName('QUEUE'),
  /** Only when it holds no messages. */
  ifEmpty: z._default(z.boolean(), false),
  /** Only when it has no consumers. */
  ifUnused: z._default(z.boolean(), false),
});
export type DeleteQueueConfig = z.output<typeof DeleteQueueConfig>;

/** What goes with a queue, or is of no use without it. */
export interface QueueHoldings {
  /** Messages that are ready. */
  readonly messages: number;
  readonly retryQueues: readonly RetryQueue[];
  /** False: retry queues with other pauses than usual may have been overlooked. */
  readonly complete: boolean;
}

/**
 * What is in a queue, and waits to come back to it.
 *
 * @throws Failure `missing` when it does not exist
 */
export async function holdingsOf(session: Session, queue: string, nameQueues: NameQueues): Promise<QueueHoldings> {
  return withControlConnection(session, async (connection) => {
    const messages = await readyCount(connection, queue).catch(hintWhereMissing(CHECK_NAME));
    const names = await nameQueues(connection);
    return { messages, retryQueues: await findRetryQueues(connection, queue, names), complete: names !== undefined };
  });
}

/**
 * Checks that no message is lost that waits for another attempt, which comes back to nothing once its queue is gone.
 *
 * @throws Failure `refused`
 */
export function checkWaiting({ queue, ifEmpty }: DeleteQueueConfig, retryQueues: readonly RetryQueue[], mayBeLost: boolean): void {
  const holding = retryQueues.filter(({ messages }) => messages > 0);
  if (holding.length === 0 || (!ifEmpty && mayBeLost)) return;
  const waiting = formatCount(waitingIn(holding), 'message');
  throw new Failure('refused', `"${queue}" was not deleted: ${waiting} of it wait for another attempt, in ${quoted(holding)}, and would be lost`, {
    hint: `let rmq work run finish them, ${ifEmpty ? 'or leave out --if-empty and ' : 'or '}delete them with --retries`,
  });
}

/** How many messages wait for another attempt. */
export function waitingIn(retryQueues: readonly RetryQueue[]): number {
  return retryQueues.reduce((sum, { messages }) => sum + messages, 0);
}

export const quoted = (queues: readonly RetryQueue[]): string => queues.map(({ queue }) => `"${queue}"`).join(', ');

/**
 * Deletes a queue, and then these retry queues of it; resolves with the number of messages that went with them.
 *
 * @throws Failure `missing` when it does not exist, `refused` when a condition does not hold
 */
export async function removeQueue(session: Session, { queue, ifEmpty, ifUnused }: DeleteQueueConfig, retryQueues: readonly RetryQueue[] = []): Promise<number> {
  let messages = await deleteQueue(session, queue, { ifEmpty, ifUnused });
  for (const one of retryQueues) messages += await deleteQueue(session, one.queue, { ifEmpty, ifUnused: false });
  return messages;
}
