import { join } from 'node:path';
import { connect } from 'amqplib';
import type { Bench } from '../bench.ts';
import { alternate, type Contender, ratios, type Spread, spread } from '../compare.ts';
import { sameBytes, writeLines } from '../lines.ts';
import { measure, type Usage } from '../meter.ts';
import { findC, RMQ } from '../peers.ts';
import { formatRatio, formatSeconds, type Row } from '../table.ts';

/** What a tap's queue may hold. */
const BOUNDS = { 'x-max-length': 100_000, 'x-max-length-bytes': 67_108_864 };
/** How fast a tap prints, against a consumer of the same. */
const SPEED = 0.9;
/** How much longer a publisher may take for a tap than for the same queue with a consumer in C. */
const SHARE = 1.05;

interface Subscriber {
  readonly argv: readonly string[];
  /** What it says once it has subscribed; undefined: its queue is there before it. */
  readonly ready?: string;
}

/** A publisher whose messages a tap copies, against the same one with another subscriber, and alone. */
export async function tapRows(bench: Bench): Promise<Row[]> {
  const { url, queue, directory, messages, rounds, say } = bench;
  const input = await writeLines(directory, messages);
  const exchange = `${queue.name}.tapped`;
  const copies = `${exchange}.copies`;
  const model = await connect(url, { noDelay: true });
  const channel = await model.createChannel();
  await channel.assertExchange(exchange, 'fanout', { durable: true });
  const published: Record<string, Usage[]> = {};
  /** Measures from the start of the publisher to the end of the subscriber; keeps what the publisher took. */
  const flows = (name: string, subscriber: Subscriber | undefined) => async (): Promise<Usage> => {
    await queue.renew('classic');
    await channel.bindQueue(queue.name, exchange, '');
    await channel.deleteQueue(copies);
    if (subscriber !== undefined && subscriber.ready === undefined) {
      await channel.assertQueue(copies, { durable: false, arguments: BOUNDS });
      await channel.bindQueue(copies, exchange, '');
    }
    const stdout = join(directory, 'copied');
    let subscribed: () => void = () => undefined;
    const ready = new Promise<void>((resolve) => {
      subscribed = resolve;
    });
    const onSaid = (text: string): void => {
      if (subscriber?.ready !== undefined && text.includes(subscriber.ready)) subscribed();
    };
    const copied = subscriber && measure({ argv: subscriber.argv, stdout, onSaid });
    while (subscriber !== undefined && subscriber.ready === undefined && (await channel.checkQueue(copies)).consumerCount === 0);
    if (subscriber?.ready !== undefined) await Promise.race([ready, copied]);
    const started = performance.now();
    const usage = await measure({ argv: [...RMQ, 'publish', '-e', exchange, '-r', '', '--lines', '-u', url], stdin: input });
    published[name] = [...(published[name] ?? []), usage];
    const own = await copied;
    if (own === undefined) return usage;
    const wall = (performance.now() - started) / 1_000;
    await sameBytes(stdout, input);
    await queue.holds(messages);
    return { ...own, wall };
  };
  const count = String(messages);
  const argv = findC(directory, url, copies);
  if (argv === undefined) say('gcc or librabbitmq-dev is not there: the subscriber in C is left out');
  const contenders: Record<string, Contender> = {
    alone: flows('alone', undefined),
    tap: flows('tap', { argv: [...RMQ, 'tap', exchange, '-n', count, '-v', '-u', url], ready: 'copying' }),
    consume: flows('consume', { argv: [...RMQ, 'consume', copies, '-n', count, '-u', url] }),
    ...(argv && { c: flows('c', { argv: argv('consume', count) }) }),
  };
  const usages = (await alternate(contenders, rounds.load, (round) => say(`tap of ${messages} messages: round ${round} of ${rounds.load}`))) as Record<
    'tap' | 'consume',
    readonly Usage[]
  >;
  await channel.deleteQueue(copies);
  await channel.deleteExchange(exchange);
  await model.close();
  const wall = (of: readonly Usage[]): string => formatSeconds(spread(of.map((usage) => usage.wall)).median);
  const speed = ratios(usages.consume, usages.tap, 'wall');
  // The first round warms up.
  const publisher = (name: string): readonly Usage[] => (published[name] ?? []).slice(1);
  const slower = (name: string): Spread => ratios(publisher(name), publisher('alone'), 'wall');
  const rows: Row[] = [
    {
      what: `tap of ${messages} messages while they flow`,
      ours: wall(usages.tap),
      peer: `consume of the same: ${wall(usages.consume)}`,
      ratio: `${formatRatio(speed)} as fast`,
      target: `≥ ${SPEED}x as fast`,
      ok: speed.median >= SPEED,
    },
    {
      what: 'its CPU',
      ours: formatSeconds(spread(usages.tap.map(({ cpu }) => cpu)).median),
      peer: `consume: ${formatSeconds(spread(usages.consume.map(({ cpu }) => cpu)).median)}`,
      ratio: formatRatio(ratios(usages.tap, usages.consume, 'cpu')),
      target: '',
      ok: undefined,
    },
  ];
  const beside = (name: string, peer: string): void => {
    const ratio = ratios(publisher('tap'), publisher(name), 'wall');
    rows.push({
      what: `publisher beside a tap (alone: ${wall(publisher('alone'))}, ${formatRatio(slower('tap'))} of it)`,
      ours: wall(publisher('tap')),
      peer: `beside ${peer}: ${wall(publisher(name))} (${formatRatio(slower(name))} of it)`,
      ratio: formatRatio(ratio),
      target: name === 'c' ? `≤ ${SHARE}x` : '',
      ok: name === 'c' ? ratio.median <= SHARE : undefined,
    });
  };
  if (argv !== undefined) beside('c', 'C with librabbitmq on such a queue');
  beside('consume', 'consume on such a queue');
  return rows;
}
