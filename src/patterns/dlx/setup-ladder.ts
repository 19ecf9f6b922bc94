import { Failure } from '../../model/failure.ts';
import type { BindingSpec, ExchangeSpec, QueueSpec } from '../../model/topology.ts';
import type { DlxSetupConfig } from './setup-config.ts';

/** What brings rejected messages back, each time after a longer pause. */
export interface Ladder {
  /** The dead-letter exchange of QUEUE. */
  readonly exchange: string;
  readonly exchanges: readonly ExchangeSpec[];
  /** One for each pause. */
  readonly queues: readonly QueueSpec[];
  readonly bindings: readonly BindingSpec[];
  /** Through which messages come back to QUEUE. */
  readonly back: readonly BindingSpec[];
}

/** Deaths after which a message must not come back: the broker would see a circle without a rejection, and drop it without a word. */
const FINAL = ['expired', 'maxlen', 'delivery_limit'];

/**
 * A ladder for consumers that do no more than reject. The broker cannot count attempts, and a dead-letter routing key on QUEUE
 * would send each message to the same place for ever; without one, a message dies with the key that it came with. So the key is
 * the memory: each rung gives its messages back with the key that leads to the next rung, the last one with the key of the dead
 * letters. A key that is no rung's is a first attempt, which the alternate exchange takes.
 *
 * The name of the ladder holds its pauses: another ladder is another set of names, and never half of each.
 */
export function ladderOf({
  queue,
  deadQueue,
  dlxRoutingKey,
  retry,
}: Pick<DlxSetupConfig, 'queue' | 'deadQueue' | 'dlxRoutingKey' | 'retry'>): Ladder | undefined {
  if (retry === undefined) return undefined;
  const exchange = `${queue}.retry.${retry.map(shortDuration).join('-')}`;
  const [first, back] = [`${exchange}.first`, `${exchange}.back`];
  const rungs = retry.map((pause, index) => ({ pause, name: `${exchange}.${index + 1}` }));
  const longest = Math.max(...[first, back, ...rungs.map(({ name }) => name)].map((name) => Buffer.byteLength(name)));
  if (longest > 255) throw new Failure('usage', `the names for --retry are too long: "${first}" must have at most 255 bytes`);
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

/** `90s`, `10m`: the largest unit that needs no fraction. */
function shortDuration(milliseconds: number): string {
  const units = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1_000],
  ] as const;
  const unit = units.find(([, length]) => milliseconds % length === 0);
  return unit === undefined ? `${milliseconds}ms` : `${milliseconds / unit[1]}${unit[0]}`;
}
