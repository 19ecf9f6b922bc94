import * as z from 'zod/mini';
import type { Session } from '../../amqp/connection/session.ts';
import { CHECK_NAME, deleteQueue, withControlConnection } from '../../amqp/topology/declare.ts';
import { type QueueType, queueCounts, queueType } from '../../amqp/topology/queue-facts.ts';
import type { HeldFacts } from '../../management/facts.ts';
import { Failure, hintWhereMissing, orElse } from '../../model/failure.ts';
import { option } from '../../model/option.ts';
import { formatCount } from '../../model/quantity.ts';
import { queueName } from '../names.ts';
import { findRetryQueues, type NameQueues, type RetryQueue } from '../retry-queues.ts';
import { type AskHeld, unacknowledged, uncounted } from './unacknowledged.ts';

export const deleteQueueShape = {
  queue: queueName,
  /** Only when it holds no messages. */
  ifEmpty: z._default(z.boolean(), false),
  /** Only when it has no consumers. */
  ifUnused: z._default(z.boolean(), false),
  /** True: one that does not exist is deleted already. */
  ifExists: z._default(z.boolean(), false),
  /** With `ifEmpty`: also when it has consumers, which may hold messages that are not counted. */
  force: z._default(z.boolean(), false),
};
export const DeleteQueueConfig = z
  .strictObject(deleteQueueShape)
  .check(z.refine(({ force, ifEmpty }) => ifEmpty || !force, { error: () => `${option('force')} needs ${option('ifEmpty')}` }));
export type DeleteQueueConfig = z.output<typeof DeleteQueueConfig>;

/** What is deleted with a queue, or becomes useless without it. */
export interface QueueHoldings {
  /** Ready messages. */
  readonly messages: number;
  readonly consumers: number;
  /** Undefined where the broker does not tell. */
  readonly type: QueueType | undefined;
  /** What the management API tells; undefined without it. */
  readonly held: HeldFacts | undefined;
  readonly retryQueues: readonly RetryQueue[];
  /** False: retry queues with unusual pauses may be missing. */
  readonly complete: boolean;
}

/**
 * The content of a queue, and the messages that wait to come back to it.
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

/** The known number of messages that are deleted with a queue. */
export function countedIn({ messages, held }: QueueHoldings): number {
  return messages + (held?.unacknowledged ?? 0) + (held?.delayed ?? 0) + (held?.untaken ?? 0);
}

/**
 * Checks conditions that RabbitMQ does not: it counts only ready messages, deletes a stream whatever it
 * holds, and closes the connection for a quorum queue. Resolves with a warning about what is unknown, if anything.
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
    const what = type === undefined ? 'a queue of unknown type' : type === 'stream' ? 'a stream' : 'a quorum queue';
    throw refused(`RabbitMQ has no ${option(ifEmpty ? 'ifEmpty' : 'ifUnused')} for ${what}`, look);
  }
  if (!ifEmpty) return undefined;
  if (messages > 0) throw refused(`it holds ${formatCount(messages, 'message')}`, `without ${option('ifEmpty')} they go with it`);
  const out = unacknowledged(held, messages);
  if (out !== undefined && out > 0) throw refused(`${formatCount(out, 'message')} in it ${out === 1 ? 'is' : 'are'} not acknowledged yet`, look);
  if (consumers > 0 && !force) {
    throw refused(
      `it has ${formatCount(consumers, 'consumer')}, which may take a message at any time and not have acknowledged it`,
      `stop them first, or add ${option('force')}`,
    );
  }
  return out === undefined ? uncounted(held) : undefined;
}

/**
 * Checks that no message is lost that waits for another attempt, or for the end of its delay: without its queue, it cannot come.
 *
 * @throws Failure `refused`
 */
export function checkWaiting({ queue, ifEmpty }: DeleteQueueConfig, retryQueues: readonly RetryQueue[], mayBeLost: boolean): void {
  const holding = retryQueues.filter(({ messages }) => messages > 0);
  if (holding.length === 0 || (!ifEmpty && mayBeLost)) return;
  const waiting = waitingIn(holding);
  throw new Failure(
    'refused',
    `"${queue}" was not deleted: ${formatCount(waiting, 'message')} ${waiting === 1 ? 'waits' : 'wait'} in ${quotedQueues(holding)} to come to it, and would be lost`,
    {
      hint: `let ${waiting === 1 ? 'it' : 'them'} come first (rmq work run finishes retries), or ${ifEmpty ? `leave out ${option('ifEmpty')} and ` : ''}delete ${waiting === 1 ? 'it' : 'them'} too with ${option('retries')}`,
    },
  );
}

/** How many messages wait there. */
export function waitingIn(retryQueues: readonly RetryQueue[]): number {
  return retryQueues.reduce((sum, { messages }) => sum + messages, 0);
}

export const quotedQueues = (queues: readonly RetryQueue[]): string => queues.map(({ queue }) => `"${queue}"`).join(', ');

/**
 * Deletes a queue and the given retry queues; resolves with the number of messages deleted with them. The conditions are
 * checked first, unless the caller did so and gives `holdings`.
 *
 * @throws Failure `missing` when it does not exist, `refused` when a condition does not hold
 */
export async function removeQueue(
  session: Session,
  config: DeleteQueueConfig,
  retryQueues: readonly RetryQueue[] = [],
  holdings?: QueueHoldings,
): Promise<number> {
  const { queue, ifEmpty, ifUnused, ifExists } = config;
  if (ifExists) return removeQueue(session, { ...config, ifExists: false }, retryQueues, holdings).catch(orElse('missing', 0));
  if (holdings === undefined && (ifEmpty || ifUnused)) checkConditions(config, await holdingsOf(session, queue, unasked, unasked));
  let messages = await deleteQueue(session, queue, { ifEmpty, ifUnused });
  for (const one of retryQueues) messages += await deleteQueue(session, one.queue, { ifEmpty, ifUnused: false });
  return messages;
}

/** For calls without the management API. */
async function unasked(): Promise<undefined> {
  return undefined;
}
