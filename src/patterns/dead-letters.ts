import type { FieldTable } from '../model/message.ts';
import type { Topology } from '../model/topology.ts';

/** The queue of the dead letters, where nobody has set up another one, and how long they are kept. */
export const DEAD_QUEUE = 'dead.letters';
export const DEAD_TTL = 7 * 24 * 60 * 60 * 1_000;

/** A direct exchange and a queue behind it that keeps dead letters for a week. With the default exchange, just the queue that the key names. */
export function deadLetterTopology(exchange: string, key: string): Topology {
  if (exchange === '') return { exchanges: [], queues: [{ name: key, durable: true, arguments: { 'x-queue-type': 'classic' } }], bindings: [] };
  return {
    exchanges: [{ name: exchange, type: 'direct', durable: true, arguments: {} }],
    queues: [{ name: DEAD_QUEUE, durable: true, arguments: { 'x-queue-type': 'classic', 'x-message-ttl': DEAD_TTL } }],
    bindings: [{ exchange, queue: DEAD_QUEUE, key, arguments: {} }],
  };
}

/** A copy with the reason in its headers goes to the queue's dead-letter exchange; without a key, with the message's own one. */
export interface PublishedRoute {
  readonly kind: 'publish';
  readonly exchange: string;
  readonly routingKey: string | undefined;
}

/** What becomes of a message that has failed for good. */
export type DeadLetterRoute =
  | PublishedRoute
  /** It is rejected, and a policy of the broker does the rest. */
  | { readonly kind: 'reject' }
  | { readonly kind: 'drop' };

/** The route that the arguments of a queue ask for, if they do. */
export function routeOf(args: FieldTable): PublishedRoute | undefined {
  const { 'x-dead-letter-exchange': exchange, 'x-dead-letter-routing-key': key } = args;
  if (typeof exchange !== 'string') return undefined;
  return { kind: 'publish', exchange, routingKey: typeof key === 'string' ? key : undefined };
}
