import type { Bench } from '../bench.ts';
import { alternate, type Contender, ratios, spread } from '../compare.ts';
import { writeLines } from '../lines.ts';
import { measure, type Usage } from '../meter.ts';
import { BARE_PUBLISH, findAmqpPublish, findC, RMQ } from '../peers.ts';
import { formatRatio, formatSeconds, type Row } from '../table.ts';

type QueueType = 'classic' | 'quorum';

/** Lines from standard input into a queue, persistent; all are confirmed, but for amqp-publish. */
export async function publishRows(bench: Bench): Promise<Row[]> {
  return [...(await rowsFor(bench, 'classic')), ...(await rowsFor(bench, 'quorum'))];
}

async function rowsFor(bench: Bench, type: QueueType): Promise<Row[]> {
  const { url, queue, messages, rounds, say } = bench;
  const input = await writeLines(bench.directory, messages);
  const sends =
    (argv: readonly string[]): Contender =>
    async () => {
      await queue.renew(type);
      const usage = await measure({ argv, stdin: input });
      await queue.holds(messages);
      return usage;
    };
  const ours = sends([...RMQ, 'publish', '-u', url, '-q', queue.name, '--lines']);
  const bare = sends([...BARE_PUBLISH, url, queue.name]);
  const amqpPublish = findAmqpPublish();
  const tools = amqpPublish && sends([...amqpPublish, '-u', url, '-r', queue.name, '-p', '-l']);
  if (tools === undefined) say('amqp-publish is not there (amqp-tools): left out');
  const argv = findC(bench.directory, url, queue.name);
  const c = argv && sends(argv('publish'));
  if (c === undefined) say('gcc or librabbitmq-dev is not there: the peer in C is left out');
  const contenders: Record<string, Contender> = { ours, bare, ...(tools && { tools }), ...(c && { c }) };
  const usages = await alternate(contenders, rounds.load, (round) =>
    say(`publish ${messages} lines, ${type} queue: ${round === 0 ? 'warm-up' : `round ${round} of ${rounds.load}`}`),
  );
  return rowsOf(usages as Record<'ours' | 'bare', readonly Usage[]>, messages, type);
}

type Usages = Readonly<Record<'ours' | 'bare', readonly Usage[]>> & { readonly tools?: readonly Usage[]; readonly c?: readonly Usage[] };

function rowsOf({ ours, bare, tools, c }: Usages, messages: number, type: QueueType): Row[] {
  const what = `publish ${messages} lines, ${type}`;
  const wall = (usages: readonly Usage[]): string => formatSeconds(spread(usages.map((usage) => usage.wall)).median);
  const perMessage = (usages: readonly Usage[]): number => (spread(usages.map((usage) => usage.cpu)).median / messages) * 1e6;
  const cpu = (usages: readonly Usage[]): string => `${perMessage(usages).toFixed(1)} µs`;
  const rows: Row[] = [];
  if (c !== undefined) {
    const ratio = ratios(ours, c, 'wall');
    rows.push({
      what,
      ours: wall(ours),
      peer: `C with librabbitmq, confirmed: ${wall(c)}`,
      ratio: formatRatio(ratio),
      target: '≤ 1.05x',
      ok: ratio.median <= 1.05,
    });
  }
  if (tools !== undefined) {
    const ratio = ratios(ours, tools, 'wall');
    const bound = type === 'classic' ? { target: '≤ 1.2x', ok: ratio.median <= 1.2 } : { target: '', ok: undefined };
    rows.push({ what, ours: wall(ours), peer: `amqp-publish -p -l, unconfirmed: ${wall(tools)}`, ratio: formatRatio(ratio), ...bound });
  }
  rows.push({
    what,
    ours: wall(ours),
    peer: `bare amqplib, confirmed: ${wall(bare)}`,
    ratio: formatRatio(ratios(ours, bare, 'wall')),
    target: '',
    ok: undefined,
  });
  if (type === 'classic') {
    const own = { what: 'own CPU per message published', ours: cpu(ours), target: '≤ 10 µs', ok: perMessage(ours) <= 10 };
    rows.push({ ...own, peer: `bare amqplib: ${cpu(bare)}`, ratio: formatRatio(ratios(ours, bare, 'cpu')) });
    if (tools !== undefined)
      rows.push({ ...own, peer: `amqp-publish: ${cpu(tools)}`, ratio: formatRatio(ratios(ours, tools, 'cpu')), target: '', ok: undefined });
  }
  return rows;
}
