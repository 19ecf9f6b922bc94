import * as z from 'zod/mini';
import type { Session } from '../../amqp/connection/session.ts';
import { CHECK_NAME, withControlConnection } from '../../amqp/topology/declare.ts';
import { queueType, readyCount } from '../../amqp/topology/queue-facts.ts';
import { Failure, hintWhereMissing } from '../../model/failure.ts';
import { queueName } from '../names.ts';

export const PurgeQueueConfig = z.strictObject({ queue: queueName });

/**
 * How many messages are in the queue now.
 *
 * @throws Failure `missing`, and `refused` for a stream: its messages cannot be removed
 */
export async function depthOf(session: Session, queue: string): Promise<number> {
  return withControlConnection(session, async (connection) => {
    const depth = await readyCount(connection, queue).catch(hintWhereMissing(CHECK_NAME));
    if ((await queueType(connection, queue)) === 'stream')
      throw new Failure('refused', `"${queue}" is a stream: it keeps its messages, and none can be removed`, {
        hint: 'its retention drops them: x-max-age, x-max-length-bytes',
      });
    return depth;
  });
}

export { purgeQueue } from '../../amqp/topology/declare.ts';
