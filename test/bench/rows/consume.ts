import { join } from 'node:path';
import type { Bench } from '../bench.ts';
import { alternate, type Contender, ratios, spread } from '../compare.ts';
import { sameBytes, writeLines } from '../lines.ts';
import { measure, type Usage } from '../meter.ts';
import { BARE_CONSUME, findC, findPikaConsume, RMQ } from '../peers.ts';
import { formatRatio, formatSeconds, type Row } from '../table.ts';

/** A queue into a file, a line a message; every side acknowledges after it has written. */
export async function consumeRows(bench: Bench): Promise<Row[]> {
  const { url, queue, messages, rounds, say, directory } = bench;
  const input = await writeLines(directory, messages);
  const output = join(directory, 'consumed');
  const takes =
    (argv: readonly string[]): Contender =>
    async () => {
      await queue.renew('classic');
      await measure({ argv: [...RMQ, 'publish', '-u', url, '-q', queue.name, '--lines'], stdin: input });
      await queue.holds(messages);
      const usage = await measure({ argv, stdout: output });
      await sameBytes(output, input);
      await queue.holds(0);
      return usage;
    };
  const ours = takes([...RMQ, 'consume', queue.name, '-n', String(messages), '-u', url]);
  const bare = takes([...BARE_CONSUME, url, queue.name, String(messages)]);
  const pikaConsume = findPikaConsume();
  const pika = pikaConsume && takes([...pikaConsume, url, queue.name, String(messages)]);
  if (pika === undefined) say('no python3 with pika is there: left out');
  const argv = findC(directory, url, queue.name);
  const c = argv && takes(argv('consume', String(messages)));
  if (c === undefined) say('gcc or librabbitmq-dev is not there: the peer in C is left out');
  const contenders: Record<string, Contender> = { ours, bare, ...(pika && { pika }), ...(c && { c }) };
  const usages = await alternate(contenders, rounds.load, (round) =>
    say(`consume ${messages} messages: ${round === 0 ? 'warm-up' : `round ${round} of ${rounds.load}`}`),
  );
  return rowsOf(usages as Record<'ours' | 'bare', readonly Usage[]>, messages);
}

type Usages = Readonly<Record<'ours' | 'bare', readonly Usage[]>> & { readonly pika?: readonly Usage[]; readonly c?: readonly Usage[] };

function rowsOf({ ours, bare, pika, c }: Usages, messages: number): Row[] {
  const what = `consume ${messages} messages to a file`;
  const wall = (usages: readonly Usage[]): string => formatSeconds(spread(usages.map((usage) => usage.wall)).median);
  const cpu = (usages: readonly Usage[]): string => `${((spread(usages.map((usage) => usage.cpu)).median / messages) * 1e6).toFixed(1)} µs`;
  const rows: Row[] = [];
  if (c !== undefined) {
    const ratio = ratios(ours, c, 'wall');
    rows.push({
      what,
      ours: wall(ours),
      peer: `C with librabbitmq, batched acks: ${wall(c)}`,
      ratio: formatRatio(ratio),
      target: '≤ 1.1x',
      ok: ratio.median <= 1.1,
    });
  }
  if (pika !== undefined) {
    const faster = ratios(pika, ours, 'wall');
    rows.push({
      what,
      ours: wall(ours),
      peer: `pika, acks each: ${wall(pika)}`,
      ratio: `${formatRatio(faster)} faster`,
      target: '≥ 2.5x faster',
      ok: faster.median >= 2.5,
    });
  }
  const ratio = ratios(ours, bare, 'wall');
  rows.push({
    what,
    ours: wall(ours),
    peer: `bare amqplib, batched acks: ${wall(bare)}`,
    ratio: formatRatio(ratio),
    target: '≤ 1.1x',
    ok: ratio.median <= 1.1,
  });
  rows.push({
    what: 'own CPU per message consumed',
    ours: cpu(ours),
    peer: `bare amqplib: ${cpu(bare)}`,
    ratio: formatRatio(ratios(ours, bare, 'cpu')),
    target: '',
    ok: undefined,
  });
  return rows;
}
