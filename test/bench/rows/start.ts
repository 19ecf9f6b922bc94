import type { Bench } from '../bench.ts';
import { alternate, ratios, spread } from '../compare.ts';
import { measure } from '../meter.ts';
import { NODE, RMQ } from '../peers.ts';
import { formatRatio, formatSeconds, type Row } from '../table.ts';

/** How long a run takes that does next to nothing, against Node doing nothing. */
export async function startRows(bench: Bench): Promise<Row[]> {
  await bench.queue.renew('classic');
  const connection = ['-u', bench.url];
  return [
    await startRow(bench, 'rmq --help', ['--help'], 1.3),
    await startRow(bench, 'rmq --version', ['--version'], 1.3),
    await startRow(bench, 'rmq publish -q q hi', ['publish', ...connection, '-q', bench.queue.name, 'hi'], 1.6),
  ];
}

async function startRow({ rounds, say }: Bench, what: string, args: readonly string[], limit: number): Promise<Row> {
  const contenders = { ours: () => measure({ argv: [...RMQ, ...args] }), bare: () => measure({ argv: NODE }) };
  const { ours, bare } = await alternate(contenders, rounds.start, (round) => round === 0 && say(`${what} against node -e 0, ${rounds.start} rounds`));
  const ratio = ratios(ours, bare, 'wall');
  const median = (usages: typeof ours): string => formatSeconds(spread(usages.map(({ wall }) => wall)).median);
  return { what, ours: median(ours), peer: `node -e 0: ${median(bare)}`, ratio: formatRatio(ratio), target: `≤ ${limit}x`, ok: ratio.median <= limit };
}
