import { Failure } from '../model/failure.ts';
import type { FieldTable } from '../model/message/message.ts';
import { option } from '../model/option.ts';
import type { QueueSpec } from '../model/topology.ts';

/** The queue in which messages of another one wait for another attempt, for this many milliseconds. */
export const retryQueueName = (queue: string, pause: number): string => `${queue}.retry.${pause}`;

/** The queue in which messages for a queue or an exchange wait; the broker keeps names that begin with amq. to itself. */
export const delayQueueName = (target: string, pause: number): string => `${target.startsWith('amq.') ? 'rmq.' : ''}${target}.delay.${pause}`;

/** The queues of a ladder of pauses, counted from 1, and the exchange through which their messages come back. */
export const ladderQueueName = (ladder: string, step: number): string => `${ladder}.${step}`;
export const ladderBackName = (ladder: string): string => `${ladder}.back`;

/** True for a queue that rmq declared for messages to wait in: it has the name that its pause and its target make. What comes out of it has not failed. */
export function isWaitingQueue({ name, arguments: args }: Pick<QueueSpec, 'name' | 'arguments'>): boolean {
  const { 'x-message-ttl': pause, 'x-dead-letter-exchange': exchange, 'x-dead-letter-routing-key': key } = args;
  if (typeof pause !== 'number' || typeof exchange !== 'string') return false;
  const [ladder = '', step] = /^(.*)\.(\d+)$/s.exec(name)?.slice(1) ?? [];
  if (step !== undefined && exchange === ladderBackName(ladder)) return true;
  const target = exchange === '' ? String(key) : exchange;
  return name === delayQueueName(target, pause) || (exchange === '' && name === retryQueueName(target, pause));
}

/** A queue in which messages wait, and where they go then. */
export interface WaitingPlace {
  readonly name: string;
  /** Milliseconds. */
  readonly pause: number;
  readonly exchange: string;
  /** Absent: each keeps its own key. */
  readonly routingKey?: string;
  /** A quorum queue keeps a message until its target has taken it; a classic one drops what the target does not take. */
  readonly quorum: boolean;
  /** The option that asks for it. */
  readonly askedBy: string;
}

/**
 * A queue that hands each message on when its time is over.
 *
 * @throws Failure `usage` for a name that is too long
 */
export function waitingQueue({ name, pause, exchange, routingKey, quorum, askedBy }: WaitingPlace): QueueSpec {
  if (Buffer.byteLength(name) > 255) throw new Failure('usage', `the name of the queue is too long for ${option(askedBy)}: "${name}" has more than 255 bytes`);
  const type = quorum ? { 'x-queue-type': 'quorum', 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' } : { 'x-queue-type': 'classic' };
  const route: FieldTable = {
    'x-message-ttl': pause,
    'x-dead-letter-exchange': exchange,
    ...(routingKey !== undefined && { 'x-dead-letter-routing-key': routingKey }),
  };
  return { name, durable: true, arguments: { ...type, ...route }, required: Object.keys(route) };
}
