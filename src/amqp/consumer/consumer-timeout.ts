import type { Failure } from '../../model/failure.ts';
import type { FieldTable } from '../../model/message/message.ts';
import type { Connection } from '../connection/connection.ts';
import { queueType } from '../topology/queue-facts.ts';
import { atLeast } from './return-rules.ts';

// A message may stay unacknowledged for half an hour, unless the broker, the queue or the consumer says otherwise. Until 4.3 the broker then
// closes the channel; from 4.3 on it takes the message back from a consumer of a quorum queue and cancels that (tried on 3.10.8, 4.0.5, 4.3.6).

/** True when a channel was closed because a message was held for too long. */
export function isConsumerTimeout({ message }: Failure): boolean {
  return /consumer ack|delivery acknowledgement/.test(message);
}

/** True when a consumer that held messages was cancelled because it held them for too long: its queue is still there, and has no other reason to cancel it. */
export async function isTimeoutCancel(connection: Connection, queue: string): Promise<boolean> {
  return atLeast(connection.version, 4, 3) && (await queueType(connection, queue).catch(() => undefined)) === 'quorum';
}

/** The argument of a consumer that wants so many milliseconds. Classic queues refuse it, and older brokers pass over it. */
export async function timeoutArgument(connection: Connection, queue: string, milliseconds: number | undefined): Promise<FieldTable> {
  if (milliseconds === undefined || !atLeast(connection.version, 4, 3) || (await queueType(connection, queue)) !== 'quorum') return {};
  return { 'x-consumer-timeout': milliseconds };
}
