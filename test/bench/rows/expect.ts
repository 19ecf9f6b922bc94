import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bench } from '../bench.ts';
import { alternate, type Contender, ratios, spread } from '../compare.ts';
import { measure } from '../meter.ts';
import { RMQ } from '../peers.ts';
import { formatMegabytes, formatRatio, formatSeconds, type Row } from '../table.ts';

const LINES = 10_000;
const TARGET = 2;
const MOST = 120 * 1_048_576;

/** A message, and what of it is expected. */
type Pair = readonly [sent: object, wanted: object];

const KINDS = {
  bodies: (number: number): Pair => [{ body: `order ${number}` }, { body: `order ${number}` }],
  'headers and parts of JSON': (number: number): Pair => [
    {
      properties: {
        contentType: 'application/json',
        type: 'order',
        headers: { tenant: `t-${number % 50}`, attempt: 1, trace: `0af7651916cd43dd8448eb211c80319c-${number}` },
      },
      body: JSON.stringify({
        order: number,
        customer: { id: `c-${number % 997}`, name: 'Ada' },
        items: [{ sku: 'a-1', count: 2 }],
        note: 'abcdefghij'.repeat(5),
      }),
    },
    {
      properties: { contentType: 'application/json', headers: { tenant: `t-${number % 50}` } },
      bodyJson: { order: number, customer: { id: `c-${number % 997}` }, items: [{ count: 2 }] },
    },
  ],
};

/** Messages against a file of what is expected, in another order, against the same messages without it. */
export async function expectRows(bench: Bench): Promise<Row[]> {
  const rows: Row[] = [];
  for (const kind of Object.keys(KINDS) as (keyof typeof KINDS)[]) rows.push(...(await rowsOf(bench, kind)));
  return rows;
}

async function rowsOf({ url, queue, directory, rounds, say }: Bench, kind: keyof typeof KINDS): Promise<Row[]> {
  const [sent, wanted] = [join(directory, 'sent.ndjson'), join(directory, 'wanted.ndjson')];
  const pairs = Array.from({ length: LINES }, (_, number): Pair => KINDS[kind](number));
  const lines = (of: readonly object[]): string => of.map((one) => `${JSON.stringify(one)}\n`).join('');
  await writeFile(sent, lines(pairs.map(([message]) => message)));
  // A stride that shares no factor with the number of lines visits each of them once.
  await writeFile(wanted, lines(pairs.map((_, number) => (pairs[(number * 7_919) % LINES] as Pair)[1])));
  const takes =
    (limit: readonly string[]): Contender =>
    async () => {
      await queue.renew('classic');
      await measure({ argv: [...RMQ, 'publish', '-u', url, '-q', queue.name, '--envelopes'], stdin: sent });
      await queue.holds(LINES);
      const usage = await measure({ argv: [...RMQ, 'consume', queue.name, ...limit, '-u', url] });
      await queue.holds(0);
      return usage;
    };
  // Without a pause for what comes too much: the peer has none.
  const contenders = { ours: takes(['--expect-file', wanted, '--settle', '0s']), plain: takes(['-n', String(LINES)]) };
  const usages = await alternate(contenders, rounds.start / 4, (round) => round === 0 && say(`consume --expect-file, ${LINES} lines of ${kind}`));
  const what = `consume --expect-file, ${LINES} lines: ${kind}`;
  const memory = spread(usages.ours.map(({ peak }) => peak)).max;
  const rows = (['wall', 'cpu'] as const).map((of): Row => {
    const median = (side: keyof typeof usages): string => formatSeconds(spread(usages[side].map((usage) => usage[of])).median);
    const ratio = ratios(usages.ours, usages.plain, of);
    const bound =
      of === 'wall' ? { target: `≤ ${TARGET}x, ≤ ${formatMegabytes(MOST)}`, ok: ratio.median <= TARGET && memory <= MOST } : { target: '', ok: undefined };
    const name = of === 'wall' ? `${what}; memory ${formatMegabytes(memory)}` : 'its CPU';
    return { what: name, ours: median('ours'), peer: `consume -n: ${median('plain')}`, ratio: formatRatio(ratio), ...bound };
  });
  return rows;
}
