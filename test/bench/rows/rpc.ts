import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { Failure } from '../../../src/model/failure.ts';
import { ConnectionConfig, withSession } from '../../../src/patterns/connection.ts';
import { RpcServerConfig, rpcServer } from '../../../src/patterns/rpc/server.ts';
import type { Bench } from '../bench.ts';
import { type Spread, spread } from '../compare.ts';
import { findPikaRpc, RMQ } from '../peers.ts';
import { formatRatio, type Row } from '../table.ts';

const CALLS = 1_000;

/** Milliseconds. */
interface Latency {
  readonly p50: number;
  readonly p99: number;
}

/** Calls one after the other over one connection, to the same server, which gives back what it gets. */
export async function rpcRows(bench: Bench): Promise<Row[]> {
  const { url, queue, rounds, say, directory } = bench;
  const pika = findPikaRpc();
  if (pika === undefined) {
    say('no python3 with pika is there: left out');
    return [];
  }
  const input = join(directory, 'calls');
  writeFileSync(input, Array.from({ length: CALLS }, (_, number) => `${number}\n`).join(''));
  await queue.renew('classic');
  return withEcho(url, queue.name, async () => {
    const asks = (kind: string) => async (): Promise<Latency> => {
      const { stdout } = await promisify(execFile)(pika[0] ?? '', [...pika.slice(1), url, queue.name, String(CALLS), kind]);
      const [p50 = Number.NaN, p99 = Number.NaN] = stdout.trim().split('\n').map(Number);
      return { p50, p99 };
    };
    const contenders = { ours: () => ours(url, queue.name, input), direct: asks('direct'), queue: asks('queue') };
    const found: Record<keyof typeof contenders, Latency[]> = { ours: [], direct: [], queue: [] };
    for (let round = 0; round <= rounds.load; round++) {
      say(`rpc, ${CALLS} calls: ${round === 0 ? 'warm-up' : `round ${round} of ${rounds.load}`}`);
      for (const [name, run] of Object.entries(contenders)) {
        const latency = await run();
        if (round > 0) found[name as keyof typeof contenders].push(latency);
      }
    }
    return (['p50', 'p99'] as const).flatMap((part) => [
      row(part, found.ours, found.direct, 'pika, direct reply-to'),
      row(part, found.ours, found.queue, 'pika, exclusive callback queue'),
    ]);
  });
}

/** Runs a server in this process meanwhile. */
async function withEcho<T>(url: string, queue: string, use: () => Promise<T>): Promise<T> {
  const stop = new AbortController();
  let subscribed: () => void = () => undefined;
  const serving = new Promise<void>((resolve) => {
    subscribed = resolve;
  });
  const server = withSession(
    ConnectionConfig.parse({ url: [url] }),
    (session) => rpcServer(session, RpcServerConfig.parse({ queue }), async ({ body }) => body),
    (event) => event.kind === 'subscribed' && subscribed(),
    stop.signal,
  );
  try {
    await Promise.race([serving, server]);
    return await use();
  } finally {
    stop.abort(new Failure('terminated', 'the bench is done'));
    await server;
  }
}

async function ours(url: string, queue: string, input: string): Promise<Latency> {
  const child = spawn('sh', ['-c', 'exec "$@" < "$0"', input, ...RMQ, 'rpc', 'call', queue, '--lines', '--concurrency', '1', '-u', url]);
  const [said, printed, [code]] = await Promise.all([text(child.stderr), text(child.stdout), once(child, 'close')]);
  const [, p50, p99] = /p50 ([\d.]+) ms, p99 ([\d.]+) ms/.exec(said) ?? [];
  if (code !== 0 || p50 === undefined || p99 === undefined || printed.split('\n').length !== CALLS + 1) throw new Error(`rpc call ended with ${code}: ${said}`);
  return { p50: Number(p50), p99: Number(p99) };
}

function row(part: keyof Latency, ours: readonly Latency[], theirs: readonly Latency[], name: string): Row {
  const median = (latencies: readonly Latency[]): string => `${spread(latencies.map((latency) => latency[part])).median.toFixed(2)} ms`;
  const ratio: Spread = spread(ours.map((latency, round) => latency[part] / (theirs[round] as Latency)[part]));
  return {
    what: `rpc call, ${CALLS} one after the other, ${part}`,
    ours: median(ours),
    peer: `${name}: ${median(theirs)}`,
    ratio: formatRatio(ratio),
    target: '< 1x',
    ok: ratio.median < 1,
  };
}
