import * as z from 'zod/mini';
import type { Session } from '../../amqp/connection/session.ts';
import { CHECK_NAME, deleteQueue, withControlConnection } from '../../amqp/topology/declare.ts';
import { type QueueType, queueCounts, queueType } from '../../amqp/topology/queue-facts.ts';
import type { HeldFacts } from '../../management/facts.ts';
import { Failure, hintWhereMissing } from '../../model/failure.ts';
import { option } from '../../model/option.ts';
import { formatCount } from '../../model/quantity.ts';
import { queueName } from '../names.ts';
import { checkedCall } from '../options.ts';
import { findRetryQueues, type NameQueues, type RetryQueue } from '../retry-queues.ts';
import { type AskHeld, unacknowledged } from './unacknowledged.ts';

export const DeleteQueueConfig = z
  .strictObject({
    queue: queueName,
    /** Only when it holds no messages. */
    ifEmpty: z._default(z.boolean(), false),
    /** Only when it has no consumers. */
    ifUnused: z._default(z.boolean(), false),
    /** With `ifEmpty`: also when it has consumers, which may hold messages that nobody sees. */
    force: z._default(z.boolean(), false),
  })
  .check(z.refine(({ force, ifEmpty }) => ifEmpty || !force, { error: () => `${option('force')} needs ${option('ifEmpty')}` }));
export type DeleteQueueConfig = z.output<typeof DeleteQueueConfig>;

/** What goes with a queue, or is of no use without it. */
export interface QueueHoldings {
  /** Messages that are ready. */
  readonly messages: number;
  readonly consumers: number;
  /** Undefined where the broker does not tell. */
  readonly type: QueueType | undefined;
  /** What AMQP does not tell of; undefined where nobody can be asked. */
  readonly held: HeldFacts | undefined;
  readonly retryQueues: readonly RetryQueue[];
  /** False: retry queues with other pauses than usual may have been overlooked. */
  readonly complete: boolean;
}

/**
 * What is in a queue, and waits to come back to it.
 *
 * @throws Failure `missing` when it does not exist
 */
export async function holdingsOf(session: Session, queue: string, nameQueues: NameQueues, askHeld: AskHeld): Promise<QueueHoldings> {
  return withControlConnection(session, async (connection) => {
    const { messages, consumers } = await queueCounts(connection, queue).catch(hintWhereMissing(CHECK_NAME));
    const names = await nameQueues(connection);
    const held = await askHeld(connection, queue);
    const retryQueues = await findRetryQueues(connection, queue, names);
    return { messages, consumers, type: await queueType(connection, queue), held, retryQueues, complete: names !== undefined };
  });
}

/** How many messages go with a queue, as far as that is known. */
export function countedIn({ messages, held }: QueueHoldings): number {
  return messages + (held?.unacknowledged ?? 0) + (held?.delayed ?? 0);
}

/**
 * Checks what RabbitMQ does not when it is to delete a queue only if it is empty or unused: it looks at nothing but the messages that are ready, it deletes
 * a stream whatever it holds, and it closes the connection over a quorum queue. Resolves with what nobody knows, if there is such a thing.
 *
 * @throws Failure `refused` when the queue holds messages, or may hold some
 */
export function checkConditions(
  { queue, ifEmpty, ifUnused, force }: DeleteQueueConfig,
  { messages, consumers, type, held }: QueueHoldings,
): string | undefined {
  const refused = (why: string, hint: string): Failure => new Failure('refused', `"${queue}" was not deleted: ${why}`, { hint });
  const look = 'rmq queue status tells what it holds';
  if ((ifEmpty || ifUnused) && type !== 'classic') {
    const what = type === undefined ? 'a queue whose type it does not tell' : type === 'stream' ? 'a stream' : 'a quorum queue';
    throw refused(`RabbitMQ has no ${option(ifEmpty ? 'ifEmpty' : 'ifUnused')} for ${what}`, look);
  }
  if (!ifEmpty) return undefined;
  if (messages > 0) throw refused(`it holds ${formatCount(messages, 'message')}`, `without ${option('ifEmpty')} they go with it`);
  const out = unacknowledged(held, messages);
  if (out !== undefined && out > 0) throw refused(`${formatCount(out, 'message')} of it ${out === 1 ? 'is' : 'are'} not acknowledged yet`, look);
  if (consumers > 0 && !force) {
    throw refused(
      `it has ${formatCount(consumers, 'consumer')}, which may take a message at any time and not have acknowledged it`,
      `stop them first, or add ${option('force')}`,
    );
  }
  return out === undefined ? 'messages that a connection holds and has not acknowledged are not seen: only the management API tells of them' : undefined;
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
  throw new Failure('refused', `"${queue}" was not deleted: ${waiting} of it wait for another attempt, in ${quotedQueues(holding)}, and would be lost`, {
    hint: `let rmq work run finish them, or ${ifEmpty ? `leave out ${option('ifEmpty')} and ` : ''}delete them with ${option('retries')}`,
  });
}

/** How many messages wait for another attempt. */
export function waitingIn(retryQueues: readonly RetryQueue[]): number {
  return retryQueues.reduce((sum, { messages }) => sum + messages, 0);
}

export const quotedQueues = (queues: readonly RetryQueue[]): string => queues.map(({ queue }) => `"${queue}"`).join(', ');

/**
 * Deletes a queue, and then these retry queues of it; resolves with the number of messages that went with them. What the conditions ask for is checked
 * before, unless `holdings` were.
 *
 * @throws Failure `usage` for wrong options, `missing` when it does not exist, `refused` when a condition does not hold
 */
export async function removeQueue(
  session: Session,
  options: DeleteQueueConfig,
  retryQueues: readonly RetryQueue[] = [],
  holdings?: QueueHoldings,
): Promise<number> {
  const config = checkedCall(session, DeleteQueueConfig, options);
  const { queue, ifEmpty, ifUnused } = config;
  if (holdings === undefined && (ifEmpty || ifUnused)) checkConditions(config, await holdingsOf(session, queue, nobody, nobody));
  let messages = await deleteQueue(session, queue, { ifEmpty, ifUnused });
  for (const one of retryQueues) messages += await deleteQueue(session, one.queue, { ifEmpty, ifUnused: false });
  return messages;
}

/** Where the management API is not asked. */
async function nobody(): Promise<undefined> {
  return undefined;
}
