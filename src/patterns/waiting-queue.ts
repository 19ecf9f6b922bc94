import { Failure } from '../model/failure.ts';
import type { FieldTable } from '../model/message/message.ts';
import { option } from '../model/option.ts';
import type { QueueSpec } from '../model/topology.ts';

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
