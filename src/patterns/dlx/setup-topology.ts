import type { FieldTable } from '../../model/message.ts';
import type { BindingSpec, QueueSpec, Topology } from '../../model/topology.ts';
import { DEAD_TTL } from '../dead-letters.ts';
import { type DlxSetupConfig, MAX_LENGTH, MESSAGE_TTL, typeOfQueue } from './setup-config.ts';
import { type Ladder, ladderOf } from './setup-ladder.ts';

/** More deliveries than there will be. */
export const NO_LIMIT = 2_147_483_647;

/** Everything that has to be there for the messages of a queue to be dead-lettered. */
export interface DeadLetterSetup {
  /** The exchanges, the queues behind them and their bindings: all but QUEUE. */
  readonly behind: Topology;
  readonly queue: QueueSpec;
  /** Arguments that QUEUE must not have. */
  readonly absent: readonly string[];
  /** Bindings of QUEUE itself. */
  readonly back: readonly BindingSpec[];
  /** What a policy has to say to the same effect. */
  readonly policy: FieldTable;
}

/**
 * The whole setup as a value; nothing is asked of a broker. From 4.0 on a quorum queue has a delivery limit unless it is told otherwise, and looking at dead
 * letters would cost them one delivery each; before, -1 is refused and no limit is the default.
 */
export function setupTopology(config: DlxSetupConfig, { unlimited = false }: { readonly unlimited?: boolean } = {}): DeadLetterSetup {
  const { queue: name, dlx, dlxRoutingKey, deadQueue } = config;
  const ladder = ladderOf(config);
  const route: FieldTable =
    ladder === undefined ? { 'x-dead-letter-exchange': dlx, 'x-dead-letter-routing-key': dlxRoutingKey } : { 'x-dead-letter-exchange': ladder.exchange };
  const strategy: FieldTable = config.atLeastOnce ? { 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' } : {};
  const { args: limits, given } = limitsOf(config, typeOfQueue(config), ladder);
  return {
    behind: {
      exchanges: [{ name: dlx, type: 'direct', durable: true, arguments: {} }, ...(ladder?.exchanges ?? [])],
      queues: [deadLetters(config, unlimited), ...(ladder?.queues ?? [])],
      bindings: [{ exchange: dlx, queue: deadQueue, key: dlxRoutingKey, arguments: {} }, ...(ladder?.bindings ?? [])],
    },
    queue: {
      name,
      durable: true,
      arguments: { 'x-queue-type': typeOfQueue(config), ...route, ...strategy, ...limits },
      required: [...(config.queueType === undefined && !config.atLeastOnce ? [] : ['x-queue-type']), ...Object.keys(route), ...Object.keys(strategy), ...given],
    },
    // With a key of its own on QUEUE, a message could not remember how far up the ladder it is.
    absent: ladder === undefined ? [] : ['x-dead-letter-routing-key', 'x-message-ttl', 'x-max-length', 'x-max-length-bytes'],
    back: ladder?.back ?? [],
    // A queue that is there holds messages: limits that nobody asked for could kill some of them at once.
    policy: Object.fromEntries(
      Object.entries({ ...route, ...strategy, ...pick(limits, given), ...(ladder !== undefined && { 'x-delivery-limit': NO_LIMIT }) }).map(
        ([argument, value]) => [argument.replace(/^x-/, ''), value],
      ),
    ),
  };
}

function deadLetters({ deadQueue, deadQueueType, deadTtl }: DlxSetupConfig, unlimited: boolean): QueueSpec {
  return {
    name: deadQueue,
    durable: true,
    arguments: {
      'x-queue-type': deadQueueType ?? 'classic',
      'x-message-ttl': deadTtl ?? DEAD_TTL,
      ...(deadQueueType === 'quorum' && unlimited && { 'x-delivery-limit': -1 }),
    },
    required: [...(deadQueueType === undefined ? [] : ['x-queue-type']), ...(deadTtl === undefined ? [] : ['x-message-ttl'])],
  };
}

/** What QUEUE lets messages die of, beside rejections; nothing when a ladder brings them back (see `ladderOf`). */
function limitsOf(
  { messageTtl, ttl, maxLength, limit, deliveryLimit }: DlxSetupConfig,
  queueType: 'classic' | 'quorum',
  ladder: Ladder | undefined,
): { args: FieldTable; given: readonly string[] } {
  if (ladder !== undefined) {
    // RabbitMQ 4 has a limit where none is set, and -1, which turns it off there, is the lowest of all before.
    return queueType === 'quorum' ? { args: { 'x-delivery-limit': NO_LIMIT }, given: ['x-delivery-limit'] } : { args: {}, given: [] };
  }
  return {
    args: {
      ...(ttl && { 'x-message-ttl': messageTtl ?? MESSAGE_TTL }),
      ...(limit && { 'x-max-length': maxLength ?? MAX_LENGTH }),
      ...(deliveryLimit !== undefined && { 'x-delivery-limit': deliveryLimit }),
    },
    given: [
      ...(messageTtl === undefined ? [] : ['x-message-ttl']),
      ...(maxLength === undefined ? [] : ['x-max-length']),
      ...(deliveryLimit === undefined ? [] : ['x-delivery-limit']),
    ],
  };
}

function pick(table: FieldTable, names: readonly string[]): FieldTable {
  return Object.fromEntries(Object.entries(table).filter(([name]) => names.includes(name)));
}
