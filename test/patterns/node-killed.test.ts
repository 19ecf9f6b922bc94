import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Broker } from '../../src/broker/broker.ts';
import { fill } from '../campaign/stage.ts';
import { brokerUrl, peer } from '../support/broker.ts';
import { bootBroker, untilHeld, untilKept } from '../support/own-broker.ts';
import { linesOf, scratchDirectory } from '../support/programs.ts';
import { json, type Result, type Running, rmq, start } from '../support/rmq.ts';

// A run that hangs is killed by its own time limit, which fails the test.
const timeout = 300_000;

interface Summary {
  readonly published: number;
  readonly confirmed: number;
  readonly nacked: number;
  readonly unknown: number;
}

/** Bodies that say which line they are. */
const lines = (count: number): string[] => Array.from({ length: count }, (_, index) => `line ${index}`.padEnd(60, '.'));
const idsOf = (count: number): string[] => Array.from({ length: count }, (_, index) => `m${index}`);
const distinct = (output: string): Set<string> => new Set(output.split('\n').filter((line) => line !== ''));

/** Is killed once, under all roles at the same time: each boot costs four seconds of a core. */
let broker: Broker;

before(async () => {
  broker = await bootBroker({ config: ['max_message_size = 100000'] });
});
after(() => broker?.stop());

const at = (): readonly [string, string] => ['--url', broker.url];

async function works(args: readonly string[], input = ''): Promise<Result> {
  const result = await rmq([...args, ...at()], { input, timeout });
  assert.equal(result.code, 0, `${args.join(' ')}\n${result.stderr}`);
  return result;
}

interface Role {
  readonly run: Running;
  /** What the run does once its broker is gone. */
  readonly lost?: () => void;
  /** What holds when it is over. */
  readonly holds: (t: TestContext) => Promise<void>;
}

async function publishes(queue: string): Promise<Role> {
  const bodies = lines(20_000);
  const run = start(['publish', '-q', queue, '--lines', '--json', '-v', ...at()], { timeout });
  // The last line is kept back: the run cannot end before the kill, however fast it is.
  run.child.stdin.write(`${bodies.slice(0, -1).join('\n')}\n`);
  await untilHeld(broker, queue, 5_000, run);
  return {
    run,
    lost: () => run.child.stdin.end(bodies.at(-1)),
    holds: async () => {
      const result = await run.result;
      assert.equal(result.code, 0, result.stderr);
      assert.match(result.stderr, /attempt 1/);
      const { published, confirmed, unknown } = json<Summary>(result);
      assert.deepEqual([published, confirmed, unknown], [bodies.length, bodies.length, 0]);
      const seen = distinct((await works(['consume', queue, '--drain'])).stdout);
      assert.equal(seen.size, bodies.length);
      assert.ok(bodies.every((body) => seen.has(body)));
    },
  };
}

async function consumes(bodies: readonly string[]): Promise<Role> {
  const run = start(['consume', 'consumed', '--idle', '10s', ...at()], { timeout });
  let written = 0;
  run.child.stdout.on('data', (chunk: Buffer) => {
    written += chunk.length;
  });
  while (written < 500_000) await once(run.child.stdout, 'data');
  // It writes no more until the kill, however fast it is.
  run.child.stdout.pause();
  return {
    run,
    lost: () => void run.child.stdout.resume(),
    holds: async () => {
      const result = await run.result;
      assert.equal(result.code, 0, result.stderr);
      assert.deepEqual(distinct(result.stdout), new Set(bodies));
      assert.equal((await works(['consume', 'consumed', '--drain'])).stdout, '');
    },
  };
}

async function taps(): Promise<Role> {
  const run = start(['tap', 'amq.topic', 'order.#', '-n', '2', ...at()], { input: '', timeout });
  await run.until('stderr', 'copying');
  await works(['publish', '-e', 'amq.topic', '-r', 'order.1', '--allow-unroutable', 'before']);
  await run.until('stdout', 'before');
  return {
    run,
    holds: async () => {
      await run.until('stderr', 'again; what was published in the last');
      await works(['publish', '-e', 'amq.topic', '-r', 'order.2', 'after']);
      const { code, stdout, stderr } = await run.result;
      assert.deepEqual([code, stdout], [0, 'before\nafter\n'], stderr);
    },
  };
}

async function replays(ids: readonly string[]): Promise<Role> {
  const run = start(['dlx', 'replay', 'dead', '--to-queue', 'target', '--rate', '500', '--json', ...at()], { timeout });
  await untilHeld(broker, 'target', 200, run);
  return {
    run,
    lost: () => undefined,
    holds: async (t) => {
      const result = await run.result;
      if (result.code !== 0) await works(['dlx', 'replay', 'dead', '--to-queue', 'target']);
      const { depth, take } = await peer(t, broker.url);
      assert.equal(await depth('dead'), 0, result.stderr);
      const arrived = new Set((await take('target')).map(({ properties }) => properties.messageId as string));
      assert.deepEqual([...arrived].toSorted(), ids.toSorted());
    },
  };
}

async function handles(tasks: readonly string[], log: string): Promise<Role> {
  const handler = ['sh', '-c', `echo "$(cat)" >> ${log}; echo handled >&2`];
  const run = start(['work', 'run', 'tasks', '--concurrency', '4', '--idle', '10s', ...at(), '--', ...handler], { timeout });
  await run.until('stderr', 'handled');
  while ((await linesOf(log)).length < 40) await pause(20);
  return {
    run,
    holds: async (t) => {
      const result = await run.result;
      assert.equal(result.code, 0, result.stderr);
      const times = new Map<string, number>();
      for (const task of await linesOf(log)) times.set(task, (times.get(task) ?? 0) + 1);
      assert.deepEqual([...times.keys()].toSorted(), tasks.toSorted());
      // Nothing tells a handler that its verdict came too late, or that its acknowledgement was lost with the broker.
      assert.ok([...times.values()].every((count) => count <= 2));
      const { depth } = await peer(t, broker.url);
      assert.deepEqual([await depth('tasks'), await depth('no more tasks')], [0, 0]);
    },
  };
}

test('a broker is killed in the middle of everything, and started again', { timeout: 600_000 }, async (t) => {
  const [node] = broker.nodes;
  const [bodies, ids, tasks] = [lines(20_000), idsOf(5_000), Array.from({ length: 200 }, (_, index) => `task-${index}`)];
  for (const queue of ['classic', 'consumed', 'dead', 'target', 'orders']) await works(['queue', 'declare', queue]);
  await works(['queue', 'declare', 'quorum', '--queue-type', 'quorum']);
  await works(['work', 'publish', 'tasks', '--lines', '--dlx', '', '--dlx-routing-key', 'no more tasks'], tasks.join('\n'));
  await works(['publish', '-q', 'consumed', '--lines'], bodies.join('\n'));
  await fill(broker.url, 'dead', ids);
  const log = join(await scratchDirectory(t), 'log');

  const roles: [name: string, role: Role][] = [
    ['a publisher to a classic queue loses none of 20,000 messages', await publishes('classic')],
    ['a publisher to a quorum queue loses none of 20,000 messages', await publishes('quorum')],
    ['a consumer goes on, and nothing is missing from what it wrote', await consumes(bodies)],
    ['a tap comes back, and says what is missing', await taps()],
  ];
  await works(['publish', '-q', 'orders', '--delay', '30s', '--transient', 'kept']);
  await untilKept(broker);
  roles.push(
    ['a replay loses nothing, and goes on', await replays(ids)],
    ['a worker loses no task, and none is done more than twice', await handles(tasks, log)],
  );
  await node.kill();
  for (const [, { run, lost }] of roles) {
    if (lost === undefined) await run.until('stderr', 'attempt 1');
    lost?.();
  }
  const pinged = rmq(['ping', '--wait', '60s', ...at()], { timeout });
  const waited = rmq(['wait', '--timeout', '100s', ...at()], { timeout });
  await node.restart();

  for (const [name, { holds }] of roles) await t.test(name, holds);
  await t.test('ping and wait wait for the broker that starts', async () => {
    for (const { code, stderr } of [await pinged, await waited]) assert.equal(code, 0, stderr);
  });
  await t.test('what waits for its --delay outlives the broker', async () => {
    assert.equal((await works(['consume', 'orders', '-n', '1', '--timeout', '2m'])).stdout, 'kept\n');
  });
});

test("a message above the broker's size limit is named, and the others still go", async () => {
  await works(['queue', 'declare', 'sized']);
  const bodies = Array.from({ length: 50 }, (_, index) => (index === 20 || index === 40 ? 'x'.repeat(100_001) : `small ${index}`));
  const result = await rmq(['publish', '-q', 'sized', '--lines', '--json', ...at()], { input: bodies.join('\n') });
  assert.equal(result.code, 76, result.stderr);
  assert.match(result.stderr, /line 21\b/);
  assert.match(result.stderr, /line 41\b/);
  const { published, confirmed, nacked } = json<Summary>(result);
  assert.deepEqual([published, confirmed, nacked], [50, 48, 2]);
  const seen = distinct((await works(['consume', 'sized', '--drain'])).stdout);
  assert.deepEqual([...seen].sort(), bodies.filter((body) => body.length < 100).sort());
});

test('to another broker, which may have a queue of the same name', async (t) => {
  const { queue, depth } = await peer(t);
  const dead = await queue({}, 'dead');
  const there = await peer(t, broker.url);
  await there.channel.assertQueue(dead, { durable: true });
  await fill(brokerUrl(), dead, idsOf(10));
  const moved = await rmq(['dlx', 'move', dead, dead, '--to-url', broker.url, '--json']);
  assert.equal(moved.code, 0, moved.stderr);
  assert.equal(json<{ moved: number }>(moved).moved, 10);
  assert.deepEqual([await depth(dead), await there.depth(dead)], [0, 10]);
});

test('TERM ends a run whose broker is frozen', { timeout: 300_000 }, async (t) => {
  const [node] = broker.nodes;
  const { depth, queue } = await peer(t, broker.url);
  const [dead, to] = [await queue({}, 'dead'), await queue()];
  await fill(broker.url, dead, idsOf(1_000));
  const running = start(['dlx', 'move', dead, to, '--rate', '50', '--json', ...at()]);
  while ((await depth(to)) === 0) assert.equal(running.child.exitCode, null);
  const pids = groupOf(node.pid ?? 0);
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  try {
    running.child.kill('SIGTERM');
    const result = await running.result;
    assert.equal(result.code, 143, result.stderr);
  } finally {
    for (const pid of pids) process.kill(pid, 'SIGCONT');
  }
});

/** A process and all that it has started. */
function groupOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  return [pid, ...children.flatMap(groupOf)];
}
