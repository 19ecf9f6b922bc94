import type { Failure } from '../../model/failure.ts';
import type { FieldTable } from '../../model/message/message.ts';
import type { Connection } from '../connection/connection.ts';
import { queueType } from '../topology/queue-facts.ts';
import { atLeast } from './return-rules.ts';

// By default a message may stay unacknowledged for half an hour; the broker, the queue or the consumer may set another limit. Up to 4.2 the broker then
// closes the channel; from 4.3 on it takes the message back and cancels the consumer of a quorum queue (tried on 3.10.8, 4.0.5, 4.3.6).

/** True when a channel was closed because a message was held for too long. */
export function isConsumerTimeout({ message }: Failure): boolean {
  return /consumer ack|delivery acknowledgement/.test(message);
}

/** True when a consumer was cancelled because it held messages for too long: its queue still exists, and has no other reason to cancel it. */
export async function isTimeoutCancel(connection: Connection, queue: string): Promise<boolean> {
  return atLeast(connection.version, 4, 3) && (await queueType(connection, queue).catch(() => undefined)) === 'quorum';
}

/** The consumer argument for this timeout. Classic queues refuse it, and older brokers ignore it. */
export async function timeoutArgument(connection: Connection, queue: string, milliseconds: number | undefined): Promise<FieldTable> {
  if (milliseconds === undefined || !atLeast(connection.version, 4, 3) || (await queueType(connection, queue)) !== 'quorum') return {};
  return { 'x-consumer-timeout': milliseconds };
}
