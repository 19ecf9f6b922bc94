import { connect } from 'amqplib';
import type { Bench } from '../bench.ts';
import { alternate, ratios, spread } from '../compare.ts';
import { measure } from '../meter.ts';
import { RMQ } from '../peers.ts';
import { formatRatio, formatSeconds, type Row } from '../table.ts';

const TARGET = 1.1;
/** Seconds from a change to the end of a wait for it. */
const REACTS = 0.25;

/** A wait for what is there costs a login, as a ping does; a wait for what is not there yet ends soon after it is. */
export async function waitRows({ url, queue, rounds, say }: Bench): Promise<Row[]> {
  await queue.renew('classic');
  const contenders = {
    ours: () => measure({ argv: [...RMQ, 'wait', '--queue', queue.name, '-u', url] }),
    ping: () => measure({ argv: [...RMQ, 'ping', '-u', url] }),
  };
  const { ours, ping } = await alternate(contenders, rounds.start, (round) => round === 0 && say(`rmq wait against rmq ping, ${rounds.start} rounds`));
  const rows = (['wall', 'cpu'] as const).map((of): Row => {
    const median = (usages: typeof ours): string => formatSeconds(spread(usages.map((usage) => usage[of])).median);
    const ratio = ratios(ours, ping, of);
    return {
      what: `rmq wait for a queue that is there${of === 'cpu' ? ', CPU' : ''}`,
      ours: median(ours),
      peer: `rmq ping: ${median(ping)}`,
      ratio: formatRatio(ratio),
      target: `≤ ${TARGET}x`,
      ok: ratio.median <= TARGET,
    };
  });
  const { median, max } = spread(await reactions(url, queue.name, rounds.start / 2));
  return [
    ...rows,
    {
      what: 'rmq wait ends after the queue was declared',
      ours: `${formatSeconds(median)} (at most ${formatSeconds(max)})`,
      peer: '',
      ratio: '',
      target: `≤ ${formatSeconds(REACTS)}`,
      ok: median <= REACTS,
    },
  ];
}

/** Seconds from the answer to the declaration until the process has ended. */
async function reactions(url: string, name: string, rounds: number): Promise<readonly number[]> {
  const model = await connect(url, { noDelay: true });
  const channel = await model.createChannel();
  const late = `${name}.late`;
  const found: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    let declared: Promise<number> | undefined;
    const declare = async (): Promise<number> => {
      await channel.assertQueue(late, { durable: false });
      return performance.now();
    };
    const onSaid = (text: string): void => {
      if (text.includes('waiting')) declared ??= declare();
    };
    await measure({ argv: [...RMQ, 'wait', '--queue', late, '-v', '-u', url], onSaid });
    const ended = performance.now();
    found.push((ended - ((await declared) ?? Number.NaN)) / 1_000);
    await channel.deleteQueue(late);
  }
  await model.close();
  return found;
}
