import { join } from 'node:path';
import type { Bench } from '../bench.ts';
import { spread } from '../compare.ts';
import { sameBytes, writeLines } from '../lines.ts';
import { measure } from '../meter.ts';
import { RMQ } from '../peers.ts';
import { formatMegabytes, formatRatio, type Row } from '../table.ts';

const MOST = 120 * 1_048_576;
/** Ten times the messages may take so much more memory at the peak: what a garbage collector leaves to chance. */
const FLAT = 1.25;

interface Peaks {
  readonly publish: number;
  readonly consume: number;
}

/** The memory of a run must not depend on how many messages it moves. */
export async function memoryRows(bench: Bench): Promise<Row[]> {
  const { messages, manyMessages, rounds, say } = bench;
  const pairs: { readonly few: Peaks; readonly many: Peaks }[] = [];
  for (let round = 1; round <= rounds.memory; round += 1) {
    say(`memory with ${messages} and ${manyMessages} messages: round ${round} of ${rounds.memory}`);
    pairs.push({ few: await peaks(bench, messages), many: await peaks(bench, manyMessages) });
  }
  return (['publish', 'consume'] as const).map((kind) => {
    const few = spread(pairs.map((pair) => pair.few[kind]));
    const many = spread(pairs.map((pair) => pair.many[kind]));
    const growth = spread(pairs.map((pair) => pair.many[kind] / pair.few[kind]));
    return {
      what: `peak memory of ${kind}, ${manyMessages} messages`,
      ours: formatMegabytes(many.median),
      peer: `${messages} messages: ${formatMegabytes(few.median)}`,
      ratio: formatRatio(growth),
      target: `flat, ≤ ${formatMegabytes(MOST)}`,
      ok: Math.max(few.max, many.max) <= MOST && growth.median <= FLAT,
    };
  });
}

async function peaks({ url, queue, directory }: Bench, messages: number): Promise<Peaks> {
  const input = await writeLines(directory, messages);
  const output = join(directory, 'consumed');
  await queue.renew('classic');
  const publish = await measure({ argv: [...RMQ, 'publish', '-u', url, '-q', queue.name, '--lines'], stdin: input });
  await queue.holds(messages);
  const consume = await measure({ argv: [...RMQ, 'consume', queue.name, '-n', String(messages), '-u', url], stdout: output });
  await sameBytes(output, input);
  await queue.holds(0);
  return { publish: publish.peak, consume: consume.peak };
}
