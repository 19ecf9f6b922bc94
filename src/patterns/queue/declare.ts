import * as z from 'zod/mini';
import type { Connection } from '../../amqp/connection/connection.ts';
import type { Session } from '../../amqp/connection/session.ts';
import { atLeast } from '../../amqp/consumer/return-rules.ts';
import { declare, withControlConnection } from '../../amqp/topology/declare.ts';
import { type QueueType, queueType } from '../../amqp/topology/queue-facts.ts';
import { Failure } from '../../model/failure.ts';
import type { FieldValue } from '../../model/message/message.ts';
import { option } from '../../model/option.ts';
import type { QueueSpec, Topology } from '../../model/topology.ts';
import { fieldTable, queueName, shortString } from '../names.ts';

const count = (least = 1) => z.optional(z.int().check(z.minimum(least)));

/** The arguments of queues that RabbitMQ knows, each with an option of its own. Durations are milliseconds, sizes bytes. */
const argumentShape = {
  /** Sent only when given: the vhost decides otherwise, classic unless it says something else. */
  queueType: z.optional(z.enum(['classic', 'quorum', 'stream'])),
  messageTtl: z.optional(z.int().check(z.minimum(0), z.maximum(4_294_967_295))),
  /** The queue is deleted once it was unused for so long. */
  expires: z.optional(z.int().check(z.minimum(1), z.maximum(4_294_967_295))),
  maxLength: count(0),
  maxLengthBytes: count(0),
  overflow: z.optional(z.enum(['drop-head', 'reject-publish', 'reject-publish-dlx'])),
  /** The dead-letter exchange; the empty name is the default exchange. */
  dlx: z.optional(shortString),
  dlxRoutingKey: z.optional(shortString),
  deadLetterStrategy: z.optional(z.enum(['at-most-once', 'at-least-once'])),
  maxPriority: z.optional(z.int().check(z.minimum(1), z.maximum(255))),
  /** -1: no limit. */
  deliveryLimit: z.optional(z.int().check(z.minimum(-1))),
  singleActiveConsumer: z.optional(z.boolean()),
  queueMode: z.optional(z.enum(['default', 'lazy'])),
  queueVersion: z.optional(z.int().check(z.minimum(1), z.maximum(2))),
  leaderLocator: z.optional(z.enum(['client-local', 'balanced'])),
  quorumInitialGroupSize: count(),
  quorumTargetGroupSize: count(),
  streamInitialClusterSize: count(),
  /** As in `7D`; RabbitMQ's units are Y, M, D, h, m, s. */
  maxAge: z.optional(z.string().check(z.regex(/^\d+[YMDdhms]$/, { error: 'must be an age such as 7d, 12h, 30m or 1Y (M: months)' }))),
  maxSegmentSize: count(),
  filterSize: z.optional(z.int().check(z.minimum(16), z.maximum(255))),
};

type ArgumentKey = keyof typeof argumentShape;

/** The broker's name of each, and the versions that know it where not all do: others would take it without a word, and ignore it. */
const ARGUMENTS: Readonly<
  Record<ArgumentKey, { readonly name: string; readonly since?: readonly [number, number]; readonly until?: readonly [number, number] }>
> = {
  queueType: { name: 'x-queue-type' },
  messageTtl: { name: 'x-message-ttl' },
  expires: { name: 'x-expires' },
  maxLength: { name: 'x-max-length' },
  maxLengthBytes: { name: 'x-max-length-bytes' },
  overflow: { name: 'x-overflow' },
  dlx: { name: 'x-dead-letter-exchange' },
  dlxRoutingKey: { name: 'x-dead-letter-routing-key' },
  deadLetterStrategy: { name: 'x-dead-letter-strategy' },
  maxPriority: { name: 'x-max-priority' },
  deliveryLimit: { name: 'x-delivery-limit' },
  singleActiveConsumer: { name: 'x-single-active-consumer' },
  queueMode: { name: 'x-queue-mode', until: [3, 12] },
  queueVersion: { name: 'x-queue-version' },
  leaderLocator: { name: 'x-queue-leader-locator' },
  quorumInitialGroupSize: { name: 'x-quorum-initial-group-size' },
  quorumTargetGroupSize: { name: 'x-quorum-target-group-size', since: [3, 13] },
  streamInitialClusterSize: { name: 'x-initial-cluster-size' },
  maxAge: { name: 'x-max-age' },
  maxSegmentSize: { name: 'x-stream-max-segment-size-bytes' },
  filterSize: { name: 'x-stream-filter-size-bytes', since: [3, 13] },
};

export const declareQueueShape = {
  queue: queueName,
  ...argumentShape,
  /** Further arguments. */
  argument: z._default(fieldTable, {}),
  /** True: it is gone when the broker restarts. */
  transient: z._default(z.boolean(), false),
  /** True: it is deleted with its last consumer. */
  autoDelete: z._default(z.boolean(), false),
  /** `EXCHANGE` or `EXCHANGE:KEY`, each a binding. */
  bind: z._default(z.array(z.string().check(z.minLength(1))), []),
};
export const DeclareQueueConfig = z.strictObject(declareQueueShape);
export type DeclareQueueConfig = z.output<typeof DeclareQueueConfig>;

function declaredQueue({ queue, argument, transient, autoDelete, ...config }: DeclareQueueConfig): QueueSpec {
  const given: Record<string, FieldValue> = {};
  for (const [key, value] of optionsGiven(config)) {
    const { name } = ARGUMENTS[key];
    if (argument[name] !== undefined && argument[name] !== value) throw new Failure('usage', `${option(key)} sets the argument ${name}`);
    given[name] = key === 'maxAge' ? String(value).replace('d', 'D') : value;
  }
  return { name: queue, durable: !transient, autoDelete, arguments: { ...argument, ...given } };
}

function optionsGiven(config: Partial<Record<ArgumentKey, FieldValue | undefined>>): readonly (readonly [ArgumentKey, FieldValue])[] {
  return (Object.keys(ARGUMENTS) as ArgumentKey[]).flatMap((key) => (config[key] === undefined ? [] : [[key, config[key]] as const]));
}

/** @throws Failure `refused` for an argument that this version does not have */
function checkVersion({ version }: Connection, config: DeclareQueueConfig): void {
  for (const [key] of optionsGiven(config)) {
    const { name, since, until } = ARGUMENTS[key];
    const word =
      since !== undefined && !atLeast(version, ...since) ? 'does not know' : until !== undefined && atLeast(version, ...until) ? 'no longer knows' : undefined;
    if (word !== undefined)
      throw new Failure('refused', `RabbitMQ ${version} ${word} the argument ${name}: it would be ignored`, { hint: `leave out ${option(key)}` });
  }
}

/** A queue that exists now. */
export interface DeclaredQueue {
  /** Undefined where the broker does not tell. */
  readonly type: QueueType | undefined;
}

/**
 * Declares a queue and binds it; doing it twice changes nothing.
 *
 * @throws Failure `usage` for an argument that is given twice, `refused` when it exists with other arguments, `missing` for an exchange that does not exist
 */
export async function declareQueue(session: Session, config: DeclareQueueConfig): Promise<DeclaredQueue> {
  const spec = declaredQueue(config);
  const topology: Topology = {
    exchanges: [],
    queues: [spec],
    bindings: config.bind.map((binding) => {
      const colon = binding.indexOf(':');
      return { queue: config.queue, exchange: colon < 0 ? binding : binding.slice(0, colon), key: colon < 0 ? '' : binding.slice(colon + 1), arguments: {} };
    }),
  };
  return withControlConnection(session, async (connection) => {
    checkVersion(connection, config);
    await declare(connection, topology);
    return { type: config.queueType ?? (await queueType(connection, config.queue)) };
  });
}
