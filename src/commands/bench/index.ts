import { formatCount, formatNumber, formatSize } from '../../model/quantity.ts';
import type { Bar, Percentiles } from '../../model/stopwatch.ts';
import type { BenchShape } from '../../patterns/bench/config.ts';
import type { Benched, BenchResult } from '../../patterns/bench/stage.ts';
import type { Session } from '../../patterns/connection.ts';
import { type Command, type CommandGroup, type Context, defineCommand, type Runnable } from '../command.ts';
import { choice, decimal, duration, integer, off, size, toggle } from '../flags/flag.ts';
import { sendingInputs } from '../flags/publish-flags.ts';

export const benchGroup: CommandGroup = { path: ['bench'], summary: 'measure a broker, in a queue of its own that is deleted afterwards' };

const benchInputs = {
  queueType: choice(['classic', 'quorum'], 'type of the queue (that of the vhost)'),
  size: size('bytes of each body'),
  count: integer('measure N messages', { short: 'n' }),
  duration: duration('measure for this long at the most (5s without -n)'),
  warmUp: integer('messages before the clock starts; with --rate, at that rate'),
} as const;
const transient = toggle('messages that are not persistent');
const prefetch = integer('unacknowledged messages at a time');

const publishCommand = defineCommand({
  path: ['bench', 'publish'],
  summary: 'how many messages a second are confirmed, and how long each takes',
  examples: [
    ['rmq bench publish', '5 s of persistent, confirmed messages of 128 bytes'],
    ['rmq bench publish -n 100000 --size 1kb --queue-type quorum', 'so many of that size, into a replicated queue'],
    ['rmq bench publish --rate 500 --duration 30s -o json | jq .latency.p99', 'how long a confirm takes under a given load'],
  ],
  inputs: { ...benchInputs, transient, rate: sendingInputs.rate, window: sendingInputs.window, confirm: off('do not ask for confirms; nothing is timed then') },
  load: loading('publish', async () => {
    const [{ BenchPublishConfig }, { benchPublish }] = await Promise.all([import('../../patterns/bench/config.ts'), import('../../patterns/bench/flow.ts')]);
    return { config: BenchPublishConfig, bench: benchPublish };
  }),
});

const consumeCommand = defineCommand({
  path: ['bench', 'consume'],
  summary: 'how many messages a second are consumed, and the pauses between them',
  examples: [
    ['rmq bench consume', '100,000 messages that wait in a queue, each acknowledged'],
    ['rmq bench consume --prefetch 1 -n 10000', 'one at a time'],
    ['rmq bench consume --no-ack', 'the queue forgets what it has sent'],
  ],
  inputs: {
    ...benchInputs,
    warmUp: integer('messages before the clock starts'),
    transient,
    prefetch,
    ack: off('let the queue forget messages once it has sent them'),
  },
  load: loading('consume', async () => {
    const [{ BenchConsumeConfig }, { benchConsume }] = await Promise.all([import('../../patterns/bench/config.ts'), import('../../patterns/bench/flow.ts')]);
    return { config: BenchConsumeConfig, bench: benchConsume };
  }),
});

const rpcCommand = defineCommand({
  path: ['bench', 'rpc'],
  summary: 'how many calls a second a server in this process answers, and how long each takes',
  examples: [
    ['rmq bench rpc -n 1000', 'one after the other'],
    ['rmq bench rpc --concurrency 50 --size 10kb', '50 at a time'],
  ],
  inputs: {
    ...benchInputs,
    warmUp: integer('calls before the clock starts'),
    concurrency: integer('calls at a time'),
    timeout: duration('how long a reply may take'),
  },
  load: loading('rpc', async () => {
    const [{ BenchRpcConfig }, { benchRpc }] = await Promise.all([import('../../patterns/bench/config.ts'), import('../../patterns/bench/flow.ts')]);
    return { config: BenchRpcConfig, bench: benchRpc };
  }),
});

const latencyCommand = defineCommand({
  path: ['bench', 'latency'],
  summary: 'how long messages take from publishing to delivery, at a given rate',
  examples: [
    ['rmq bench latency', '1,000 a second for 5 s'],
    ['rmq bench latency --rate 20000 --transient --duration 30s', 'under load, and not persistent'],
  ],
  inputs: { ...benchInputs, transient, rate: decimal('messages a second'), prefetch },
  load: loading('latency', async () => {
    const [{ BenchLatencyConfig }, { benchLatency }] = await Promise.all([import('../../patterns/bench/config.ts'), import('../../patterns/bench/flow.ts')]);
    return { config: BenchLatencyConfig, bench: benchLatency };
  }),
});

/** Each measures something else; the order is that of the help. */
export const benchCommands: readonly Command[] = [publishCommand, consumeCommand, rpcCommand, latencyCommand];

type Name = keyof typeof TIMED;

interface Loaded<I extends object, C> extends Pick<Runnable<I, C, Record<never, never>>, 'config'> {
  readonly bench: (session: Session, config: C) => Promise<Benched>;
}

/** How a measurement was made: the config, as far as it says something about that. */
type How = Pick<BenchShape, 'size'> & {
  readonly warmUp: number;
  readonly transient?: boolean;
  readonly confirm?: boolean;
  readonly ack?: boolean;
  readonly window?: number;
  readonly prefetch?: number;
  readonly concurrency?: number;
  readonly rate?: number | undefined;
};

const TIMED = { publish: 'until the confirm', consume: 'between deliveries', rpc: 'until the reply', latency: 'until the delivery' } as const;

/** What a measurement loads: it measures, prints what is certain, and then fails if it must. */
function loading<I extends object, C extends How>(name: Name, load: () => Promise<Loaded<I, C>>): () => Promise<Runnable<I, C, Record<never, never>>> {
  return async () => {
    const [{ config, bench }, { destructive }] = await Promise.all([load(), import('../asking.ts')]);
    return {
      config,
      run: async (given, context) => {
        const { emit, results } = context;
        // A broker that people rely on has better things to do.
        await destructive(context, { doing: 'a benchmark', deletes: false })();
        const { result, failure } = await context.withSession((session) => bench(session, given));
        if (result !== undefined) {
          const { queueType: _, count: __, duration: ___, timeout: ____, rate: askedRate, ...settings } = given as How & Partial<Record<string, unknown>>;
          await results.report({ bench: name, ...settings, ...(askedRate !== undefined && { askedRate }), ...result }, described(name, given, result, context));
          if (askedRate !== undefined && failure === undefined && result.rate < askedRate * SLOW)
            emit({ kind: 'note', text: `${formatNumber(askedRate)} a second were asked for: the numbers are those of a lower rate` });
        }
        if (failure !== undefined) throw failure;
      },
    };
  };
}

/** A smaller share of the rate that was asked for is told. */
const SLOW = 0.95;

/** For people: what was measured, how fast it was, and how long each took. */
function described(name: Name, how: How, result: BenchResult, { results: { columns } }: Context): string {
  const { messages, missing, seconds, rate, bytesPerSecond, latency, histogram, broker, queueType, reconnects } = result;
  const { size: bytes, warmUp, transient: isTransient, confirm, ack, window, prefetch: most, concurrency } = how;
  const settings = [
    `bodies of ${formatSize(bytes)}`,
    ...(isTransient === undefined ? [] : [isTransient ? 'transient' : 'persistent']),
    ...(confirm === undefined ? [] : [confirm ? `confirmed (${formatNumber(window ?? 0)} in flight)` : 'read by the broker, not confirmed']),
    ...(ack === undefined ? [] : [ack ? 'acknowledged' : 'not acknowledged']),
    ...(most === undefined ? [] : [`prefetch ${formatNumber(most)}`]),
    ...(concurrency === undefined ? [] : [`${formatNumber(concurrency)} at a time, the server in this process`]),
  ];
  const place = [
    ...(queueType === null ? [] : [`${queueType} queue`]),
    ...(broker === '' ? [] : [`RabbitMQ ${broker}`]),
    warmUp === 0 ? 'without a warm-up' : `after ${formatNumber(warmUp)} to warm up`,
  ];
  const noun = name === 'rpc' ? 'call' : 'message';
  return [
    `${formatCount(messages, noun)} in ${seconds.toFixed(2)} s: ${formatNumber(Math.round(rate))}/s, ${formatSize(bytesPerSecond)}/s`,
    settings.join(', '),
    place.join(', '),
    ...(missing > 0 ? [`not counted: ${formatCount(missing, noun)} that ${missing === 1 ? 'was' : 'were'} begun, and not known to be done`] : []),
    ...(reconnects > 0 ? [`lost connections: ${reconnects}; the numbers include them`] : []),
    ...(latency === null ? [] : [`ms ${TIMED[name]}:`, `  ${percentilesText(latency)}`]),
    ...(columns === undefined || latency === null ? [] : ['', drawBars(histogram, columns)]),
  ].join('\n');
}

/** Room for the numbers beside the bars. */
const BESIDE = 26;
const WIDEST = 60;
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** A line a bar; each is as long as its share of the longest. */
function drawBars(bars: readonly Bar[], columns: number): string {
  const room = Math.max(10, Math.min(columns - BESIDE, WIDEST));
  const most = Math.max(...bars.map(({ count }) => count), 1);
  return bars
    .map(({ to, count }) => {
      const eighths = count === 0 ? 0 : Math.max(1, Math.round((count / most) * room * 8));
      return `${`≤ ${to} ms`.padStart(11)}  ${'█'.repeat(eighths >> 3)}${EIGHTHS[eighths & 7]} ${count === 0 ? '' : formatNumber(count)}`.trimEnd();
    })
    .join('\n');
}

/** `p50 0.42 ms · p90 …`, the numbers to three digits. */
function percentilesText({ min, p50, p90, p99, p999, max }: Percentiles): string {
  const named = { min, p50, p90, p99, 'p99.9': p999, max };
  return Object.entries(named)
    .map(([name, value]) => `${name} ${value >= 100 ? value.toFixed(0) : value.toPrecision(3)}`)
    .join(' · ');
}
