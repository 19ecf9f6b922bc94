import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'amqplib';
import type { Bench } from '../bench.ts';
import { alternate, ratios, spread } from '../compare.ts';
import { measure, type Usage } from '../meter.ts';
import { findCurlAndJq, RMQ } from '../peers.ts';
import { formatMegabytes, formatRatio, formatSeconds, type Row } from '../table.ts';

const QUEUES = 1_000;
const TARGET = 1.2;
/** Seconds. */
const PLAN = 3;
/** Milliseconds until the broker has statistics of new queues. */
const STATISTICS = 6_000;
const COLUMNS =
  'name,type,messages_ready,messages_unacknowledged,consumers,message_stats.publish_details.rate,message_stats.deliver_get_details.rate,arguments,effective_policy_definition,policy,state';
/** What a person looks at. */
const SHOWN = '.[] | [.name, .type, .messages_ready, .messages_unacknowledged, .consumers, .state] | @tsv';

/** A list of queues against a request to the same API, and a plan for a large topology; in a vhost of their own. */
export async function listRows(bench: Bench): Promise<Row[]> {
  const { url, management, say } = bench;
  if (management === undefined) {
    say('RABBITMQ_MANAGEMENT_URL is not set: lists and plans are left out');
    return [];
  }
  const vhost = `rmq.bench.${process.pid}`;
  const api = new URL(management);
  const authorization = `Basic ${Buffer.from(`${decodeURIComponent(api.username) || 'guest'}:${decodeURIComponent(api.password) || 'guest'}`).toString('base64')}`;
  const ask = async (method: string, path: string, body?: object): Promise<void> => {
    const headers = { authorization, 'content-type': 'application/json' };
    const { ok, status } = await fetch(`${api.origin}/api/${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    if (!ok) throw new Error(`the management API answered ${method} ${path} with ${status}`);
  };
  const own = new URL(url);
  own.pathname = `/${vhost}`;
  await ask('PUT', `vhosts/${vhost}`);
  try {
    await ask('PUT', `permissions/${vhost}/${decodeURIComponent(own.username) || 'guest'}`, { configure: '.*', write: '.*', read: '.*' });
    const at = { ...bench, url: own.href, place: ['-u', own.href, '--management-url', management] };
    const lists = await queueRows(at, `${management.replace(/\/$/, '')}/api/queues/${vhost}`);
    return [...lists, await planRow(at)];
  } finally {
    await ask('DELETE', `vhosts/${vhost}`);
  }
}

type Place = Bench & { readonly place: readonly string[] };

async function queueRows({ url, directory, place, rounds, say }: Place, api: string): Promise<Row[]> {
  const peers = findCurlAndJq();
  if (peers === undefined) {
    say('curl or jq is not there: left out');
    return [];
  }
  const model = await connect(url, { noDelay: true });
  const channel = await model.createConfirmChannel();
  const names = Array.from({ length: QUEUES }, (_, number) => `orders.${number}`);
  await Promise.all(names.map((name) => channel.assertQueue(name, { durable: true, arguments: { 'x-dead-letter-exchange': 'dead' } })));
  for (const name of names) channel.sendToQueue(name, Buffer.from('{}'));
  await channel.waitForConfirms();
  await delay(STATISTICS);
  const lists = (argv: readonly string[]) => async (): Promise<Usage> => {
    const stdout = join(directory, 'listed');
    const usage = await measure({ argv, stdout });
    const lines = (await readFile(stdout, 'utf8')).split('\n').filter((line) => line.startsWith('orders.'));
    if (lines.length !== QUEUES) throw new Error(`${argv.join(' ')} has listed ${lines.length} queues, not ${QUEUES}`);
    return usage;
  };
  const asks = (parameters: string) => lists(['sh', '-c', `curl -sf "$0" | jq -r "$1"`, `${api}${parameters}`, SHOWN]);
  const contenders = { ours: lists([...RMQ, 'queue', 'list', ...place]), same: asks(`?columns=${COLUMNS}`), all: asks('') };
  const usages = await alternate(contenders, rounds.start, (round) => round === 0 && say(`queue list of ${QUEUES} queues, ${rounds.start} rounds`));
  await model.close();
  const wall = (of: readonly Usage[]): string => formatSeconds(spread(of.map((usage) => usage.wall)).median);
  const row = (theirs: readonly Usage[], peer: string): Row => {
    const ratio = ratios(usages.ours, theirs, 'wall');
    return {
      what: `queue list of ${QUEUES} queues`,
      ours: wall(usages.ours),
      peer: `${peer}: ${wall(theirs)}`,
      ratio: formatRatio(ratio),
      target: `≤ ${TARGET}x`,
      ok: ratio.median <= TARGET,
    };
  };
  return [row(usages.all, 'curl | jq'), row(usages.same, 'curl of the same columns | jq')];
}

/** The plan of a topology that is there: all of it is compared. */
async function planRow({ directory, place, rounds, say }: Place): Promise<Row> {
  const [queues, each] = [500, 4];
  const file = join(directory, 'topology.yaml');
  const names = Array.from({ length: queues }, (_, number) => `planned.${number}`);
  const bindings = names.flatMap((name, number) =>
    Array.from({ length: each }, (_, key) => `  - { source: shop, destination: ${name}, routing_key: "order.${number}.${key}.#" }`),
  );
  await writeFile(
    file,
    ['exchanges:', '  - { name: shop, type: topic }', 'queues:', ...names.map((name) => `  - { name: ${name} }`), 'bindings:', ...bindings, ''].join('\n'),
  );
  say(`topology plan of ${queues} queues, ${queues * each} bindings: ${rounds.load} rounds`);
  await measure({ argv: [...RMQ, 'topology', 'apply', file, '-y', ...place] });
  const { ours } = await alternate({ ours: () => measure({ argv: [...RMQ, 'topology', 'plan', file, ...place] }) }, rounds.load, () => undefined);
  const { median, max } = spread(ours.map(({ wall }) => wall));
  return {
    what: `topology plan of ${queues} queues, ${queues * each} bindings`,
    ours: `${formatSeconds(median)} (at most ${formatSeconds(max)})`,
    peer: `memory: ${formatMegabytes(spread(ours.map(({ peak }) => peak)).max)}`,
    ratio: '',
    target: `≤ ${PLAN} s`,
    ok: median <= PLAN,
  };
}
