// Measures rmq side by side with its peers and prints one table. A figure that falls short is said, never an error.
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startBroker } from '../../src/broker/broker.ts';
import type { Bench } from './bench.ts';
import { openQueue } from './queue.ts';
import { consumeRows } from './rows/consume.ts';
import { dlxRows } from './rows/dlx.ts';
import { inspectRows } from './rows/dlx-inspect.ts';
import { expectRows } from './rows/expect.ts';
import { fanoutRows } from './rows/fanout.ts';
import { listRows } from './rows/lists.ts';
import { memoryRows } from './rows/memory.ts';
import { publishRows } from './rows/publish.ts';
import { rpcRows } from './rows/rpc.ts';
import { startRows } from './rows/start.ts';
import { tapRows } from './rows/tap.ts';
import { waitRows } from './rows/wait.ts';
import { workRows } from './rows/work.ts';
import { formatTable, type Row } from './table.ts';

const GROUPS: Readonly<Record<string, (bench: Bench) => Promise<Row[]>>> = {
  start: startRows,
  publish: publishRows,
  consume: consumeRows,
  work: workRows,
  fanout: fanoutRows,
  rpc: rpcRows,
  dlx: dlxRows,
  inspect: inspectRows,
  memory: memoryRows,
  wait: waitRows,
  lists: listRows,
  expect: expectRows,
  tap: tapRows,
};
const FULL = { rounds: { start: 40, load: 5, memory: 1 }, messages: 100_000, manyMessages: 1_000_000 };
const QUICK = { rounds: { start: 10, load: 2, memory: 1 }, messages: 20_000, manyMessages: 200_000 };

const { quick, only } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, only: { type: 'string', multiple: true, default: Object.keys(GROUPS) } },
}).values;
const wanted = only.flatMap((groups) => groups.split(','));
for (const group of wanted) if (!(group in GROUPS)) throw new Error(`--only takes ${Object.keys(GROUPS).join(', ')}, not ${group}`);

const say = (text: string): void => void process.stderr.write(`${text}\n`);
const directory = mkdtempSync(join(tmpdir(), 'rmq-bench-'));
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
const given = process.env['RABBITMQ_URL']?.split(',')[0];
const broker = given === undefined ? await startBroker() : undefined;
const rows: Row[] = [];
try {
  const url = withVhost(given ?? (broker as NonNullable<typeof broker>).nodes[0].url);
  const queue = await openQueue(url);
  try {
    const management = given === undefined ? broker?.managementUrl : process.env['RABBITMQ_MANAGEMENT_URL'];
    const bench = { url, management, queue, directory, say, ...(quick ? QUICK : FULL) };
    for (const group of wanted) rows.push(...((await GROUPS[group]?.(bench).catch(failed)) ?? []));
  } finally {
    await queue.close();
  }
} finally {
  await broker?.stop();
}
const server = broker === undefined ? 'the RabbitMQ of RABBITMQ_URL' : `RabbitMQ ${broker.version}`;
const machine = `Node ${process.version}, ${server}, ${cpus().length} × ${cpus()[0]?.model.trim()}`;
const how = quick
  ? 'A quick run: it shows that the bench works, its figures mean little.'
  : 'Medians of whole processes that alternate; ratios are of the same round.';
process.stdout.write(`\n${machine}\n${how}\n\n${formatTable(rows)}`);

/** A run that failed, or lost a message, has no figures; the others still do. */
function failed(error: unknown): Row[] {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
  return [];
}

/** Every client reads the vhost `/` when it is written out; some take an empty one by its word. */
function withVhost(url: string): string {
  const parsed = new URL(url);
  return parsed.pathname.length > 1 ? url : `${url.replace(/\/$/, '')}/%2F`;
}
