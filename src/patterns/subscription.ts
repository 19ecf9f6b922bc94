import { withLastingControl } from '../amqp/declare.ts';
import { ensure } from '../amqp/ensure.ts';
import type { Session } from '../amqp/session.ts';
import type { ConsumeCounts, WorkCounts } from '../model/event.ts';
import type { Handler } from '../model/handler.ts';
import type { QueueSpec, Topology } from '../model/topology.ts';
import { consume } from './consume.ts';
import type { ConsumeConfig } from './consume-config.ts';
import type { WorkOptions } from './give-back.ts';
import { type QueueConfig, queueSpec } from './queue-shape.ts';
import type { Take, TakeOptions } from './take-options.ts';
import { uniqueId } from './unique.ts';
import { runWorker } from './worker.ts';
import type { WorkerConfig } from './worker-config.ts';
import { prepareWorker } from './worker-setup.ts';

/** A queue that gets what an exchange routes to it, and everything that has to be there for that. */
export interface Subscription {
  readonly queue: QueueSpec;
  readonly topology: Topology;
}

/** What a publisher relies on: a durable exchange. */
export function exchangeTopology(name: string, type: 'fanout' | 'topic'): Topology {
  return { exchanges: [{ name, type, durable: true, arguments: {} }], queues: [], bindings: [] };
}

/** What a subscriber relies on: the exchange, and a queue that is bound to it once for each key. */
export function subscriptionTo(exchange: string, type: 'fanout' | 'topic', queue: QueueSpec, keys: readonly string[]): Subscription {
  const bindings = keys.map((key) => ({ exchange, queue: queue.name, key, arguments: {} }));
  return { queue, topology: { ...exchangeTopology(exchange, type), queues: [queue], bindings } };
}

/** Longer names of exchanges leave no room for more in the name of a queue. */
const LONGEST_BASE = 200;

/**
 * A queue of one connection, which goes with it. It does not go with its last consumer: a run that has taken what it was asked
 * for still has a question about what is left.
 */
export function temporaryQueue(exchange: string, config: QueueConfig = {}): QueueSpec {
  // The broker keeps names that begin with amq. to itself.
  const base = Buffer.byteLength(exchange) > LONGEST_BASE || exchange.startsWith('amq.') ? 'rmq' : exchange;
  const { 'x-queue-type': _, ...args } = queueSpec('', config).arguments;
  return { name: `${base}.${uniqueId()}`, durable: false, exclusive: true, arguments: args };
}

/**
 * Declares what is missing, on a connection of its own, and uses what exists.
 *
 * @throws Failure `refused` when something exists that differs in what matters, `denied`, `unavailable`
 */
export async function declareMissing(session: Session, topology: Topology): Promise<void> {
  await withLastingControl(session, (connection) => ensure(connection, topology));
}

/**
 * Consumes from the queue of a subscription, which is declared where it is missing and bound; see `consume`. Bindings that it
 * has from elsewhere stay. A note says when the subscription stands: what is published from then on arrives.
 *
 * @throws Failure as `consume` does, and `refused` for an exchange or a queue that exists and differs in what matters
 */
export async function subscribe(
  session: Session,
  { queue, topology }: Subscription,
  limits: Omit<ConsumeConfig, 'queue'>,
  handler: Take,
  options: Pick<TakeOptions, 'ask'> = {},
): Promise<ConsumeCounts> {
  let before = false;
  const onSubscribed = (name = queue.name): void => {
    const gap = before && queue.exclusive === true;
    const text = gap ? 'a temporary queue gets nothing while its connection is lost: what was published meanwhile is missing' : boundWith(topology);
    session.emit({ kind: 'note', text: `listening ${before ? 'again ' : ''}on queue "${name}"${gap ? '; ' : ' '}${text}` });
    before = true;
  };
  return consume(session, { queue: queue.name, ...limits }, handler, { ...options, topology, onSubscribed });
}

/**
 * Works on the queue of a subscription as on a work queue; see `workQueue` for what becomes of messages that fail.
 *
 * @throws Failure as `prepareWorker` and `runWorker` do
 */
export async function workOn(
  session: Session,
  { queue, topology }: Subscription,
  config: WorkerConfig,
  handler: Handler,
  options: WorkOptions = {},
): Promise<WorkCounts> {
  const setup = await prepareWorker(session, config, { queue, topology });
  return runWorker(session, config, setup, handler, options);
}

/** Such as `(bound to "events.topic" with "order.#", "*.*.placed")`. */
function boundWith({ exchanges, bindings }: Topology): string {
  const keys = bindings.filter(({ key }) => key !== '').map(({ key }) => `"${key}"`);
  return `(bound to ${exchanges.map(({ name }) => `"${name}"`).join(', ')}${keys.length === 0 ? '' : ` with ${keys.join(', ')}`})`;
}
