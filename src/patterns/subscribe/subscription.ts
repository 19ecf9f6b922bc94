import type { Session } from '../../amqp/connection/session.ts';
import { withLastingControl } from '../../amqp/topology/declare.ts';
import { ensure } from '../../amqp/topology/ensure.ts';
import type { ConsumeCounts, WorkCounts } from '../../model/event.ts';
import type { QueueSpec, Topology } from '../../model/topology.ts';
import type { Handler } from '../../model/verdict.ts';
import type { ConsumeConfig } from '../consume/config.ts';
import { consume } from '../consume/consume.ts';
import type { WorkOptions } from '../consume/give-back.ts';
import type { ConsumeHandler, TakeOptions } from '../consume/limits.ts';
import { temporaryName } from '../names.ts';
import { type QueueConfig, queueSpec } from '../queue/shape.ts';
import type { WorkerConfig } from '../work/config.ts';
import { prepareWorker } from '../work/prepare.ts';
import { MISSED, runWorker } from '../work/worker.ts';

/** A queue, the exchange that routes to it, and its bindings. */
export interface Subscription {
  readonly queue: QueueSpec;
  readonly topology: Topology;
}

/** What a publisher needs: a durable exchange. */
export function exchangeTopology(name: string, type: 'fanout' | 'topic'): Topology {
  return { exchanges: [{ name, type, durable: true, arguments: {} }], queues: [], bindings: [] };
}

/** What a subscriber needs: the exchange, and a queue that is bound to it once for each key. */
export function subscriptionTo(exchange: string, type: 'fanout' | 'topic', queue: QueueSpec, keys: readonly string[]): Subscription {
  const bindings = keys.map((key) => ({ exchange, queue: queue.name, key, arguments: {} }));
  return { queue, topology: { ...exchangeTopology(exchange, type), queues: [queue], bindings } };
}

/**
 * A queue of one connection, which is deleted with it. It is not deleted with its last consumer: a run that has its messages
 * still asks what is left.
 */
export function temporaryQueue(exchange: string, config: QueueConfig = {}): QueueSpec {
  return { name: temporaryName(exchange), durable: false, exclusive: true, arguments: queueSpec('', config).arguments };
}

/** The name of its queue; undefined for a temporary one, which goes with its connection. */
export function lastingQueue({ queue }: Subscription): string | undefined {
  return queue.exclusive === true ? undefined : queue.name;
}

/**
 * Declares what is missing, on a connection of its own, and uses what exists.
 *
 * @throws Failure `refused` when something exists that differs in a required property, `denied`, `unavailable`
 */
export async function declareMissing(session: Session, topology: Topology): Promise<void> {
  await withLastingControl(session, (connection) => ensure(connection, topology));
}

/**
 * Hands the handler what comes into the queue of a subscription, which is declared where it is missing and bound; see `consume`. Its other
 * bindings stay. A note says when the subscription has begun: messages published from then on arrive.
 *
 * @throws Failure as `consume` does, and `refused` for an exchange or a queue that exists and differs in a required property
 */
export async function subscribe(
  session: Session,
  { queue, topology }: Subscription,
  limits: Omit<ConsumeConfig, 'queue'>,
  handler: ConsumeHandler,
  options: Pick<TakeOptions, 'ask'> = {},
): Promise<ConsumeCounts> {
  let before = false;
  const onSubscribed = (name = queue.name): void => {
    const gap = before && queue.exclusive === true;
    const text = gap ? MISSED : boundWith(topology);
    session.emit({ kind: 'subscribed', queue: name, text: `listening ${before ? 'again ' : ''}on queue "${name}"${gap ? '; ' : ' '}${text}` });
    before = true;
  };
  return consume(session, { ...limits, queue: queue.name }, handler, { ...options, topology, onSubscribed });
}

/** Works on the queue of a subscription as on a work queue; see `workQueue` for what becomes of messages that fail. */
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
