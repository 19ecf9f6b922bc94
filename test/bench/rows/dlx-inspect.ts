import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'amqplib';
import type { Bench } from '../bench.ts';
import { alternate, type Contender, ratios, spread } from '../compare.ts';
import { measure } from '../meter.ts';
import { BARE_GROUP, RMQ } from '../peers.ts';
import { formatMegabytes, formatRatio, formatSeconds, type Row } from '../table.ts';
import { fill } from './dlx.ts';

const TARGET = 1.2;
const MOST = 150 * 1_048_576;
/** Lets the broker put back what was looked at. */
const PAUSE = 300;

/** Dead letters counted by their reason, and left where they are, against a bare read of the same. */
export async function inspectRows({ url, queue, directory, messages, rounds, say }: Bench): Promise<Row[]> {
  const model = await connect(url, { noDelay: true });
  await queue.renew('classic');
  await fill(await model.createConfirmChannel(), queue.name, 'orders', messages);
  await model.close();
  const counts =
    (argv: readonly string[]): Contender =>
    async () => {
      const output = join(directory, 'groups');
      const usage = await measure({ argv, stdout: output });
      const told = readFileSync(output, 'utf8');
      if (!told.includes('rejected') || !told.includes(String(messages))) throw new Error(`${argv.join(' ')} has counted something else: ${told}`);
      await queue.holds(messages);
      await delay(PAUSE);
      return usage;
    };
  const ours = counts([...RMQ, 'dlx', 'inspect', queue.name, '--group-by', 'reason', '-u', url, '-o', 'json']);
  const bare = counts([...BARE_GROUP, url, queue.name, String(messages)]);
  const usages = await alternate({ ours, bare }, rounds.load, (round) =>
    say(`inspect ${messages} dead letters: ${round === 0 ? 'warm-up' : `round ${round} of ${rounds.load}`}`),
  );
  const compared = (of: 'wall' | 'peak') => ({
    ours: spread(usages.ours.map((usage) => usage[of])),
    bare: spread(usages.bare.map((usage) => usage[of])),
    ratio: ratios(usages.ours, usages.bare, of),
  });
  const [wall, peak] = [compared('wall'), compared('peak')];
  const what = `inspect --group-by reason, ${messages} dead letters`;
  return [
    {
      what,
      ours: formatSeconds(wall.ours.median),
      peer: `bare amqplib: ${formatSeconds(wall.bare.median)}`,
      ratio: formatRatio(wall.ratio),
      target: `≤ ${TARGET}x`,
      ok: wall.ratio.median <= TARGET,
    },
    {
      what: `peak memory of ${what}`,
      ours: formatMegabytes(peak.ours.max),
      peer: `bare amqplib: ${formatMegabytes(peak.bare.median)}`,
      ratio: formatRatio(peak.ratio),
      target: `≤ ${formatMegabytes(MOST)}`,
      ok: peak.ours.max <= MOST,
    },
  ];
}
