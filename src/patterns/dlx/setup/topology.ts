import { Failure } from '../../../model/failure.ts';
import type { FieldTable } from '../../../model/message/message.ts';
import { option } from '../../../model/option.ts';
import { typedDuration } from '../../../model/quantity.ts';
import type { BindingSpec, ExchangeSpec, QueueSpec, Topology } from '../../../model/topology.ts';
import { ladderBackName, ladderQueueName } from '../../waiting-queue.ts';
import { DEAD_TTL } from '../../work/prepare.ts';
import { type DlxSetupConfig, MAX_LENGTH, MESSAGE_TTL, typeOfQueue } from './config.ts';

/** More deliveries than there will ever be. */
export const NO_LIMIT = 2_147_483_647;

/** What the dead-lettering of a queue needs. */
export interface DeadLetterSetup {
  /** The exchanges, the queues bound to them, and their bindings: all but QUEUE. */
  readonly behind: Topology;
  readonly queue: QueueSpec;
  /** Arguments that QUEUE must not have. */
  readonly absent: readonly string[];
  /** Bindings of QUEUE itself. */
  readonly back: readonly BindingSpec[];
  /** The settings of a policy to the same effect. */
  readonly policy: FieldTable;
}

/**
 * The whole setup as a value; the broker is not asked. From 4.0 on a quorum queue has a delivery limit by default, and looking at dead
 * letters would cost each a delivery; before 4.0, -1 is refused and no limit is the default.
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
    // With a dead-letter routing key on QUEUE, the key could not count the steps of the ladder.
    absent: ladder === undefined ? [] : ['x-dead-letter-routing-key', 'x-message-ttl', 'x-max-length', 'x-max-length-bytes'],
    back: ladder?.back ?? [],
    // An existing queue holds messages: limits that were not asked for could kill some of them at once.
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

/** What messages of QUEUE die of, beside rejections; nothing when a ladder brings them back (see `ladderOf`). */
function limitsOf(
  { messageTtl, ttl, maxLength, limit, deliveryLimit }: DlxSetupConfig,
  queueType: 'classic' | 'quorum',
  ladder: Ladder | undefined,
): { args: FieldTable; given: readonly string[] } {
  if (ladder !== undefined) {
    // RabbitMQ 4 has a default limit, which -1 turns off; before, -1 is the lowest limit of all.
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

/** Brings rejected messages back, each time after a longer pause. */
export interface Ladder {
  /** The dead-letter exchange of QUEUE. */
  readonly exchange: string;
  readonly exchanges: readonly ExchangeSpec[];
  /** One for each pause. */
  readonly queues: readonly QueueSpec[];
  readonly bindings: readonly BindingSpec[];
  /** The exchange through which messages come back to QUEUE. */
  readonly back: readonly BindingSpec[];
}

/** Deaths after which a message must not come back: the broker would see a circle without a rejection, and silently drop it. */
const FINAL = ['expired', 'maxlen', 'delivery_limit'];

/**
 * A ladder for consumers that only reject. The broker does not count attempts, and a dead-letter routing key on QUEUE
 * would send each message to the same place for ever; without one, a message dies with the key that it came with. So the key
 * counts the steps: each rung returns its messages with the key that leads to the next rung, the last one with the key of the dead
 * letters. Any other key is a first attempt, which the alternate exchange takes.
 *
 * The name of the ladder holds its pauses: another ladder has other names, and no object is shared.
 */
function ladderOf({ queue, deadQueue, dlxRoutingKey, retry }: Pick<DlxSetupConfig, 'queue' | 'deadQueue' | 'dlxRoutingKey' | 'retry'>): Ladder | undefined {
  if (retry === undefined) return undefined;
  const exchange = `${queue}.retry.${retry.map(typedDuration).join('-')}`;
  const [first, back] = [`${exchange}.first`, ladderBackName(exchange)];
  const rungs = retry.map((pause, index) => ({ pause, name: ladderQueueName(exchange, index + 1) }));
  const longest = Math.max(...[first, back, ...rungs.map(({ name }) => name)].map((name) => Buffer.byteLength(name)));
  if (longest > 255) throw new Failure('usage', `the names for ${option('retry')} are too long: "${first}" must have at most 255 bytes`);
  const keyAfter = (index: number): string => rungs[index + 1]?.name ?? dlxRoutingKey;
  const bind = (from: string, to: string, key: string, args = {}): BindingSpec => ({ exchange: from, queue: to, key, arguments: args });
  const died = (reason: string): BindingSpec['arguments'] => ({ 'x-match': 'all-with-x', 'x-first-death-reason': reason });
  return {
    exchange,
    exchanges: [
      { name: first, type: 'headers', durable: true, arguments: {} },
      { name: exchange, type: 'direct', durable: true, arguments: { 'alternate-exchange': first } },
      { name: back, type: 'direct', durable: true, arguments: {} },
    ],
    queues: rungs.map(({ name, pause }, index) => ({
      name,
      durable: true,
      arguments: {
        // A quorum queue keeps a message until QUEUE has it; a classic one would lose it when that fails.
        'x-queue-type': 'quorum',
        'x-message-ttl': pause,
        'x-dead-letter-exchange': back,
        'x-dead-letter-routing-key': keyAfter(index),
        'x-dead-letter-strategy': 'at-least-once',
        'x-overflow': 'reject-publish',
      },
      required: ['x-queue-type', 'x-message-ttl', 'x-dead-letter-exchange', 'x-dead-letter-routing-key'],
    })),
    bindings: [
      bind(first, rungs[0]?.name ?? deadQueue, '', died('rejected')),
      ...FINAL.map((reason) => bind(first, deadQueue, '', died(reason))),
      ...rungs.map((_, index) => bind(exchange, rungs[index + 1]?.name ?? deadQueue, keyAfter(index))),
    ],
    back: rungs.map((_, index) => bind(back, queue, keyAfter(index))),
  };
}
