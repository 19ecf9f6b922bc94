import { Failure } from '../model/failure.ts';
import { onOwnChannel } from './channel.ts';
import type { Connection } from './connection.ts';

const RESOURCE_LOCKED = 405;

/**
 * Checks that somebody consumes from the queue of a service: requests would otherwise wait in it for nobody.
 *
 * @throws Failure `unavailable` when nobody does, or `denied`
 */
export async function checkServed(connection: Connection, queue: string): Promise<void> {
  try {
    const { consumerCount } = await onOwnChannel(connection, (channel) => channel.checkQueue(queue));
    if (consumerCount > 0) return;
  } catch (error) {
    // The exclusive queue of another connection: it lets nobody look, and takes requests all the same.
    if (error instanceof Failure && error.code === RESOURCE_LOCKED) return;
    throw error instanceof Failure && error.kind === 'missing' ? nobodyServes(queue, 'there is no such queue') : error;
  }
  throw nobodyServes(queue, 'the queue has no consumers');
}

export function nobodyServes(queue: string, why: string): Failure {
  return new Failure('unavailable', `nobody serves "${queue}": ${why}`, { hint: `rmq rpc serve ${queue} -- CMD serves it` });
}
