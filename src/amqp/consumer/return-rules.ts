import { Failure } from '../../model/failure.ts';
import { numberIn } from '../../model/message/field.ts';
import type { FieldTable, FieldValue } from '../../model/message/message.ts';
import { onOwnChannel } from '../connection/channel.ts';
import type { Connection } from '../connection/connection.ts';
import { certainCounts, describeQueue, type QueueCounts, type QueueType, queueCounts, shownValue, typeWithoutPermission } from '../topology/queue-facts.ts';

/** What a queue does with returned messages. */
export interface ReturnRules {
  /** A message whose `x-delivery-count` has reached this is dropped or dead-lettered by its next return; undefined: returns cost nothing. */
  readonly limit: number | undefined;
  /** False when the limit is unknown, and the lowest possible one is assumed; from 4.3 on also when it is unknown whether the queue hides returned messages. */
  readonly isCertain: boolean;
  /** Milliseconds, at least, for which the queue hides returned messages. */
  readonly hiddenFor: number | undefined;
}

/** What the management API tells about a queue. */
export interface ManagedFacts {
  readonly arguments: FieldTable;
  /** The definitions of its policies: the user's and the operator's. */
  readonly policies: readonly FieldTable[];
  /** Bytes of a ready message; undefined when there is none, or before the broker has counted. */
  readonly meanSize: number | undefined;
}

/** Asks the management API about a queue; undefined without an API, or without an answer. */
export type AskManagement = (queue: string, connection: Connection) => Promise<ManagedFacts | undefined>;

/** The limit of a quorum queue that sets none, from RabbitMQ 4.0 on. */
const DEFAULT_LIMIT = 20;
/** Where an unknown limit may hold, a message may be returned once. (A limit of 0 drops the first message that is returned, and shows only then.) */
const LOWEST_LIMIT = 1;
const FREE: ReturnRules = { limit: undefined, isCertain: true, hiddenFor: undefined };

/**
 * Learns what a queue does with returned messages (https://www.rabbitmq.com/docs/quorum-queues#poison-message-handling; each version tried).
 *
 * Quorum queues count returns up to 4.2. From 4.3 on they do not count a nack, but a queue may hide returned messages (`x-delayed-retry-type`).
 * The limit is an argument (readable with the configure permission), a policy (readable over the management API), or the default of the version.
 *
 * @throws Failure `missing` when there is no such queue
 */
export async function learnReturnRules(
  connection: Connection,
  queue: string,
  ask?: AskManagement,
): Promise<{ readonly type: QueueType | undefined; readonly rules: ReturnRules }> {
  const described = await describeQueue(connection, queue);
  const type = described?.type ?? (await typeWithoutPermission(connection, queue));
  if (type === 'classic' || type === 'stream') return { type, rules: FREE };
  const managed = await ask?.(queue, connection);
  const declared = managed?.arguments ?? (described?.type === undefined ? undefined : await quorumArguments(connection, queue, described.arguments));
  if (atLeast(connection.version, 4, 3)) return { type, rules: { ...FREE, isCertain: declared !== undefined, hiddenFor: hiddenFor(declared, managed) } };
  if (declared === undefined || managed === undefined) {
    const least = numberIn(declared?.['x-delivery-limit']);
    return { type, rules: { limit: least === 0 ? 0 : LOWEST_LIMIT, isCertain: false, hiddenFor: undefined } };
  }
  const limits = [declared['x-delivery-limit'], ...managed.policies.map((policy) => policy['delivery-limit'])]
    .map(numberIn)
    .filter((limit) => limit !== undefined);
  const limit = limits.length === 0 && atLeast(connection.version, 4, 0) ? DEFAULT_LIMIT : effective(limits);
  return { type, rules: { limit, isCertain: true, hiddenFor: undefined } };
}

/**
 * What is in a queue at the start, and what it does with returned messages. A queue that seems empty is asked for a message only where a return costs no
 * more than a count.
 *
 * @throws Failure `missing` when there is no such queue, `unavailable` when it has no leader
 */
export async function learnStart(
  connection: Connection,
  queue: string,
  ask?: AskManagement,
): Promise<QueueCounts & { readonly type: QueueType | undefined; readonly rules: ReturnRules }> {
  const { type, rules } = await learnReturnRules(connection, queue, ask);
  const mayReturn = rules.limit !== 0 && rules.hiddenFor === undefined;
  return { ...(await (mayReturn ? certainCounts(connection, queue, type) : queueCounts(connection, queue))), type, rules };
}

/** True for a message that the queue drops or dead-letters at its next return. */
export function isLastReturn({ limit }: ReturnRules, headers: FieldTable | undefined): boolean {
  return limit !== undefined && (numberIn(headers?.['x-delivery-count']) ?? 0) >= limit;
}

export function atLeast(version: string, major: number, minor: number): boolean {
  const [a = 0, b = 0] = version.split('.').map(Number);
  return a > major || (a === major && b >= minor);
}

/** The lowest limit wins; one below 0 is no limit, and gives way to any other (tried on 4.0.5 and 4.3.6). */
function effective(limits: readonly number[]): number | undefined {
  const real = limits.filter((limit) => limit >= 0);
  return real.length === 0 ? undefined : Math.min(...real);
}

/** A queue that delays returned messages hides them, however they are returned (tried on 4.3.6). */
function hiddenFor(declared: FieldTable = {}, managed: ManagedFacts | undefined): number | undefined {
  const settings = [...(managed?.policies ?? []), Object.fromEntries(Object.entries(declared).map(([name, value]) => [name.replace(/^x-/, ''), value]))];
  const delaying = settings.filter((one) => one['delayed-retry-type'] === 'all' || one['delayed-retry-type'] === 'returned');
  if (delaying.length === 0) return undefined;
  return Math.max(...settings.map((one) => numberIn(one['delayed-retry-min']) ?? 0));
}

const NO_LIMIT = 'rmq';
const MOST_QUESTIONS = 16;

/**
 * All arguments of a quorum queue. The broker names one argument that differs at a time, and compares the delivery limit last: a limit that is not a number
 * never creates a queue.
 */
async function quorumArguments(connection: Connection, queue: string, known: FieldTable): Promise<FieldTable | undefined> {
  const args: Record<string, FieldValue> = { ...known, 'x-queue-type': 'quorum' };
  for (let question = 0; question < MOST_QUESTIONS; question++) {
    const text = await refusal(connection, queue, { ...args, 'x-delivery-limit': NO_LIMIT });
    const [, name, current = ''] = /inequivalent arg '(.*?)' for queue .*? but current is (.*?)(?: \(406\))?$/s.exec(text) ?? [];
    if (name === undefined) return undefined;
    const shown = shownValue(current);
    if (name === 'x-delivery-limit') return shown === undefined ? args : { ...args, [name]: Number(shown) };
    if (shown === undefined || args[name] !== undefined) return undefined;
    args[name] = typeof shown === 'string' && /^-?\d+$/.test(shown) ? Number(shown) : shown;
  }
  return undefined;
}

async function refusal(connection: Connection, queue: string, args: FieldTable): Promise<string> {
  try {
    await onOwnChannel(connection, async (channel) => {
      await channel.assertQueue(queue, { durable: true, arguments: args });
      // The queue was deleted a moment ago, and this declaration made another one.
      await channel.deleteQueue(queue, { ifEmpty: true, ifUnused: true });
    });
    throw new Failure('missing', `there is no queue "${queue}"`);
  } catch (error) {
    if (error instanceof Failure && error.code === 406) return error.message;
    if (error instanceof Failure && error.code === 403) return '';
    throw error;
  }
}
