import type { Connection } from '../../amqp/connection/connection.ts';
import { provenLogin } from '../../amqp/connection/login-name.ts';
import { endless, type Session, withDeadline } from '../../amqp/connection/session.ts';
import { withLastingControl } from '../../amqp/topology/declare.ts';
import { ensure, ensureQueue, exchangeExists } from '../../amqp/topology/ensure.ts';
import { describeQueue, type QueueDescription, queueType } from '../../amqp/topology/queue-facts.ts';
import type { Emit } from '../../model/event.ts';
import { Failure } from '../../model/failure.ts';
import type { FieldTable } from '../../model/message/message.ts';
import { option } from '../../model/option.ts';
import type { QueueSpec, Topology } from '../../model/topology.ts';
import { hasEnd } from '../consume/config.ts';
import { retryQueueName, waitingQueue } from '../waiting-queue.ts';
import { retryPauses, type WorkerConfig } from './config.ts';

/** A retry queue, and its pause in milliseconds. */
export interface RetryLevel {
  readonly pause: number;
  readonly queue: string;
}

/** What a worker needs once everything is declared. */
export interface WorkerSetup {
  readonly queue: string;
  /** Declared on the worker's own connection. */
  readonly topology: Topology | undefined;
  /** Declares everything else again, in case a broker comes back without it. */
  readonly restore: (connection: Connection) => Promise<void>;
  readonly route: DeadLetterRoute;
  /** The retry queue of each attempt, the first one first. */
  readonly levels: readonly RetryLevel[];
  /** The broker's name for the worker's user: the user id of its copies, which no other user can set. */
  readonly user: string;
  /** True where the broker has confirmed the name: dead letters then carry it too. With a wrong one, every dead letter would fail. */
  readonly isProven: boolean;
}

/** A queue to work on, and what it needs. */
export interface WorkPlace {
  readonly queue: QueueSpec;
  readonly topology: Topology;
}

/**
 * Declares what is missing, uses what exists, and finds out what becomes of messages that fail for good. It declares nothing
 * when the worker cannot start.
 *
 * @throws Failure `usage` when such messages would be lost, `refused` for a stream or a queue with other arguments, `missing` for a dead-letter exchange that does not exist
 */
export async function prepareWorker(session: Session, config: WorkerConfig, { queue, topology }: WorkPlace): Promise<WorkerSetup> {
  const temporary = queue.exclusive === true;
  if (temporary && config.retries > 0) {
    throw new Failure('usage', `${option('retries')} needs a durable queue: a message that waits for its next attempt must find its queue again`);
  }
  // An unanswered question ends with the run.
  const deadline = withDeadline(hasEnd(config) ? session : endless(session), config.timeout, () => undefined);
  return withLastingControl(deadline.session, async (connection) => {
    const existing = temporary ? undefined : await describeQueue(connection, queue.name);
    if (existing?.type === 'stream') throw new Failure('refused', `"${queue.name}" is a stream: it keeps its messages, and a worker cannot settle them`);
    // A queue that contradicts the options is reported before anything is declared.
    const used = existing === undefined ? queue : asUsed(queue, existing, session.emit);
    if (existing !== undefined) await ensureQueue(connection, used);
    // A full classic queue may refuse what comes back, and the broker then drops it.
    if (config.retries > 0 && existing?.type === 'classic' && String(existing.arguments['x-overflow']).startsWith('reject-publish')) {
      throw new Failure('refused', `"${queue.name}" refuses messages when it is full (x-overflow): one that comes back for another attempt would be lost`, {
        hint: `leave out ${option('retries')}, or use a quorum queue: it waits until there is room`,
      });
    }
    // An exclusive queue of another connection: no worker can use it.
    if (existing?.withheld?.code === 405) throw existing.withheld;
    const route = routeFor(queue, existing, config);
    const levels = retryPauses(config).map((pause) => ({ pause, queue: retryQueueName(queue.name, pause) }));
    const declare = async (on: Connection, wanted: Topology): Promise<void> => {
      if (route.kind === 'publish') await ensureDeadLetters(session, on, queue, route);
      if (!temporary) await ensure(on, wanted);
      if (levels.length === 0) return;
      const type = existing?.type ?? queue.arguments['x-queue-type'] ?? (await queueType(on, queue.name));
      await ensure(on, retryTopology(queue.name, levels, type === 'quorum'));
    };
    const usable = { ...topology, queues: topology.queues.map((one) => (one === queue ? used : one)) };
    await declare(connection, usable);
    const proven = await provenLogin(connection);
    const user = proven ?? connection.address.username;
    const restore = (on: Connection): Promise<void> => declare(on, asItWas(usable, existing, queue.name));
    return { queue: queue.name, topology: temporary ? topology : undefined, restore, route, levels, user, isProven: proven !== undefined };
  }).finally(deadline.clear);
}

const DEAD_LETTERING: readonly string[] = ['x-dead-letter-exchange', 'x-dead-letter-routing-key'];

/**
 * A queue that exists without a dead-letter exchange is used as it is, whatever exchange is asked for: a worker publishes what fails for good there by itself.
 */
function asUsed(queue: QueueSpec, existing: QueueDescription, emit: Emit): QueueSpec {
  const { required = [], arguments: args } = queue;
  const [exchange] = DEAD_LETTERING;
  if (exchange === undefined || !required.includes(exchange) || existing.type === undefined || existing.arguments[exchange] !== undefined) return queue;
  const to = String(args[exchange]) || String(args['x-dead-letter-routing-key']);
  emit({
    kind: 'note',
    text: `the queue "${queue.name}" exists without a dead-letter exchange, and is used as it is: workers send to "${to}" what fails for good; what expires there is lost`,
  });
  const own = Object.entries(args).filter(([name]) => !DEAD_LETTERING.includes(name));
  return { ...queue, arguments: Object.fromEntries(own), required: required.filter((name) => !DEAD_LETTERING.includes(name)) };
}

/** Declares an existing queue as it was, as far as that is known: no particular arguments were asked for. */
function asItWas(topology: Topology, existing: QueueDescription | undefined, name: string): Topology {
  if (existing?.type === undefined) return topology;
  const { type, durable, arguments: args } = existing;
  const queues = topology.queues.map((queue) =>
    queue.name === name ? { ...queue, durable, arguments: { ...queue.arguments, ...args, 'x-queue-type': type } } : queue,
  );
  return { ...topology, queues };
}

/**
 * Declares a queue for publishers, and what its dead letters need.
 *
 * @throws Failure `refused` when it exists with other arguments than asked for, `missing` for a dead-letter exchange that does not exist
 */
export async function prepareQueue(session: Session, queue: QueueSpec): Promise<void> {
  await withLastingControl(session, async (connection) => {
    const route = routeOf(queue.arguments);
    const existing = route === undefined ? undefined : await describeQueue(connection, queue.name);
    await ensureQueue(connection, existing === undefined ? queue : asUsed(queue, existing, session.emit));
    if (route !== undefined) await ensureDeadLetters(session, connection, queue, route);
  });
}

/** Sets up a missing dead-letter exchange that the options name; the owner of the queue is responsible for any other. */
async function ensureDeadLetters(session: Session, connection: Connection, queue: QueueSpec, { exchange, routingKey = '' }: PublishedRoute): Promise<void> {
  const asked = queue.required?.includes('x-dead-letter-exchange') === true;
  if (exchange === '') {
    if (asked) await ensure(connection, deadLetterTopology('', routingKey));
    return;
  }
  if (await exchangeExists(connection, exchange)) return;
  if (!asked) {
    throw new Failure('missing', `the dead-letter exchange "${exchange}" of the queue "${queue.name}" does not exist`, {
      hint: `its dead letters would be lost; ${option('dlx')} ${exchange} declares it, bound to the queue "${DEAD_QUEUE}"`,
    });
  }
  await ensure(connection, deadLetterTopology(exchange, routingKey));
  session.emit({ kind: 'note', text: `declared the exchange "${exchange}" and behind it the queue "${DEAD_QUEUE}" for dead letters` });
}

/** The retry queues: the broker hands each message back when its time is over. */
function retryTopology(queue: string, levels: readonly RetryLevel[], quorum: boolean): Topology {
  const distinct = new Map(levels.map((level) => [level.queue, level]));
  return {
    exchanges: [],
    // A quorum queue can wait for the work queue to take a message back; a classic one cannot.
    queues: [...distinct.values()].map(({ queue: name, pause }) => waitingQueue({ name, pause, exchange: '', routingKey: queue, quorum, askedBy: 'retries' })),
    bindings: [],
  };
}

function routeFor(queue: QueueSpec, existing: QueueDescription | undefined, { policyDlx, dropDead }: WorkerConfig): DeadLetterRoute {
  const withheld = existing?.withheld;
  const theirs = existing?.arguments ?? {};
  // Where the broker does not tell, the options are believed.
  const route = withheld === undefined ? (routeOf(theirs) ?? routeOf(queue.arguments)) : routeOf({ ...queue.arguments, ...theirs });
  if (route !== undefined) return route;
  if (policyDlx) return { kind: 'reject' };
  if (dropDead) return { kind: 'drop' };
  if (withheld !== undefined) throw unknownRoute(queue, withheld);
  throw new Failure('usage', `the queue "${queue.name}" has no dead-letter exchange: messages that fail for good would be lost`, {
    hint:
      existing === undefined
        ? `give it one with ${option('dlx', 'EXCHANGE')}, or drop such messages with ${option('dropDead')}`
        : `send them to ${option('dlx', 'EXCHANGE')}, use ${option('policyDlx')} when a policy of the broker dead-letters it, or drop such messages with ${option('dropDead')}`,
  });
}

/** Rejecting keeps messages where the queue dead-letters them, and loses them where it does not: only the user can know. */
function unknownRoute({ name }: QueueSpec, withheld: Failure): Failure {
  const why = withheld.kind === 'denied' ? `this user lacks the configure permission on it, without which the broker tells nothing` : withheld.message;
  const allow = withheld.kind === 'denied' && withheld.hint !== undefined ? `; ${withheld.hint}` : '';
  return new Failure(
    withheld.kind === 'denied' ? 'denied' : 'refused',
    `it is unknown whether the queue "${name}" has a dead-letter exchange for messages that fail for good: ${why}`,
    { cause: withheld, hint: `${option('policyDlx')} if you know that the queue dead-letters rejected messages${allow}` },
  );
}

/** The default queue of dead letters, and how long it keeps them. */
export const DEAD_QUEUE = 'dead.letters';
export const DEAD_TTL = 7 * 24 * 60 * 60 * 1_000;

/** A direct exchange and a queue that keeps dead letters for a week. With the default exchange, just the queue that the key names. */
function deadLetterTopology(exchange: string, key: string): Topology {
  if (exchange === '') return { exchanges: [], queues: [{ name: key, durable: true, arguments: {} }], bindings: [] };
  return {
    exchanges: [{ name: exchange, type: 'direct', durable: true, arguments: {} }],
    queues: [{ name: DEAD_QUEUE, durable: true, arguments: { 'x-message-ttl': DEAD_TTL } }],
    bindings: [{ exchange, queue: DEAD_QUEUE, key, arguments: {} }],
  };
}

/** Dead letters are copies, with the reason in their headers, to the queue's dead-letter exchange; without a key, with the message's own key. */
export interface PublishedRoute {
  readonly kind: 'publish';
  readonly exchange: string;
  readonly routingKey: string | undefined;
}

/** What becomes of a message that failed for good. */
export type DeadLetterRoute =
  | PublishedRoute
  /** It is rejected, and a policy of the broker dead-letters it. */
  | { readonly kind: 'reject' }
  | { readonly kind: 'drop' };

/** The route in the arguments of a queue, if there is one. */
function routeOf(args: FieldTable): PublishedRoute | undefined {
  const { 'x-dead-letter-exchange': exchange, 'x-dead-letter-routing-key': key } = args;
  if (typeof exchange !== 'string') return undefined;
  return { kind: 'publish', exchange, routingKey: typeof key === 'string' ? key : undefined };
}
