import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Broker } from '../../src/broker/broker.ts';
import type { PublishCounts, WorkCounts } from '../../src/model/event.ts';
import { unique } from '../support/broker.ts';
import { bootBroker, untilHeld, untilKept } from '../support/own-broker.ts';
import { scratchDirectory } from '../support/programs.ts';
import { json, type Running, rmq, start } from '../support/rmq.ts';

// A run that hangs is killed by its own time limit, which fails the test.
const timeout = 300_000;

/** Two nodes; only the second one is ended, once by a shutdown and then by a kill: each boot costs four seconds of a core. */
let cluster: Broker;
/** Where runs connect to: the node that stays. */
let url: string;

before(async () => {
  cluster = await bootBroker({ nodes: 2 });
  url = cluster.nodes[0].url;
});
after(() => cluster?.stop());

async function works(args: readonly string[], on: string, input = ''): Promise<void> {
  const { code, stderr } = await rmq([...args, '--url', on], { input, timeout });
  assert.equal(code, 0, `${args.join(' ')}\n${stderr}`);
}

/** What every command says of a classic queue whose node is down, and stays down. */
async function isToldToBeDown(q: string): Promise<void> {
  const flags = ['--answer-timeout', '3s', '--max-reconnects', '2', '--reconnect-delay', '0s..100ms', '--url', url];
  const lines = [
    ['publish', '-q', q, 'x', '--json'],
    ['consume', q],
    ['consume', q, '--drain'],
    ['work', 'publish', q, 'x'],
    ['work', 'run', q, '--drop-dead'],
    ['queue', 'status', q],
    ['rpc', 'call', q, 'x'],
  ];
  const asked = lines.map(async (line) => {
    const { code, stdout, stderr } = await rmq([...line, ...flags, ...(line[1] === 'run' ? ['--', 'true'] : [])], { timeout });
    assert.equal(code, 69, `${line.join(' ')}\n${stderr}`);
    assert.match(stderr, /node.* (?:is|may be) down|comes back with its node/, line.join(' '));
    assert.doesNotMatch(stderr, /there is no queue|there is no such queue|does not exist|full queue/, line.join(' '));
    if (line[0] !== 'publish') return;
    const { published, confirmed, returned } = JSON.parse(stdout) as PublishCounts;
    assert.deepEqual([published, confirmed, returned], [1, 0, 0]);
  });
  await Promise.all(asked);
}

/** A task of the other node whose handler waits for a file, and so answers only when the node is down. */
async function answering(other: string, go: string): Promise<Running & { readonly queue: string }> {
  const queue = unique('answered');
  await works(['work', 'publish', queue, 'one'], other);
  const flags = ['--drop-dead', '--drain', '--json', '--answer-timeout', '3s', '--reconnect-delay', '0s..1s', '--max-reconnects', '1000', '--url', url];
  const run = start(['work', 'run', queue, ...flags, '--', 'sh', '-c', 'cat >&2; until test -e "$0"; do sleep 0.1; done', go], { timeout });
  await run.until('stderr', 'one');
  return { ...run, queue };
}

/** Its acknowledgement reached nothing: the node has the task again, which is worked once more. */
async function isWorkedAgain({ queue, result }: Running & { readonly queue: string }): Promise<void> {
  const { code, stdout, stderr } = await result;
  assert.equal(code, 0, stderr);
  const { received, acknowledged, unknown } = JSON.parse(stdout) as WorkCounts;
  assert.deepEqual({ received, acknowledged, unknown }, { received: 2, acknowledged: 1, unknown: 1 }, stderr);
  assert.equal((await rmq(['consume', queue, '--drain', '--url', url], { timeout })).stdout, '');
}

test('a node that is stopped, and comes back', async (t) => {
  const [, other] = cluster.nodes;
  assert.ok(other);
  const [stays, back] = [unique('stays'), unique('back')];
  // A classic queue is declared on the node that is asked.
  for (const queue of ['published', 'consumed', 'worked', 'both', stays]) await works(['work', 'publish', queue, 'before'], other.url);
  await works(['work', 'publish', back, 'one'], other.url);
  const flags = ['--answer-timeout', '3s', '--reconnect-delay', '0s..1s', '-v', '--url', url];
  const worker = start(['work', 'run', back, '--drop-dead', ...flags, '--', 'cat'], { timeout });
  await worker.until('stdout', 'one');
  const go = join(await scratchDirectory(t), 'go');
  const answered = await answering(other.url, go);
  await other.shutdown();
  await writeFile(go, '');
  await answered.until('stderr', 'subscribing again');
  const runs: Record<string, Running> = {
    published: start(['publish', '-q', 'published', '--lines', '--json', ...flags, '--max-reconnects', '1000'], { input: 'one\ntwo\nthree', timeout }),
    consumed: start(['consume', 'consumed', '-n', '1', ...flags, '--max-reconnects', '1000'], { timeout }),
    worked: start(['work', 'run', 'worked', '--drop-dead', '-n', '1', ...flags, '--max-reconnects', '1000', '--', 'cat'], { timeout }),
    drained: start(['consume', 'both', '--drain', ...flags, '--max-reconnects', '1000'], { timeout }),
  };
  for (const run of Object.values(runs)) await run.until('stderr', 'attempt 4 ');
  await worker.until('stderr', 'attempt 3 ');
  await t.test('a classic queue whose node stays down is exit 69 with the reason; nobody says that it does not exist', () => isToldToBeDown(stays));
  await other.restart();

  await t.test('a classic queue is waited for: what is published arrives, and what is in it comes', async () => {
    for (const [what, run] of Object.entries(runs)) {
      const { code, stdout, stderr } = await run.result;
      assert.equal(code, 0, `${what}\n${stderr}`);
      assert.doesNotMatch(stderr, /there is no queue|does not exist|full queue/, what);
      if (what === 'published') {
        const { published, confirmed, returned, nacked } = JSON.parse(stdout) as PublishCounts;
        assert.deepEqual([published, confirmed, returned, nacked], [3, 3, 0, 0]);
      } else assert.equal(stdout, what === 'worked' ? 'before' : 'before\n', what);
    }
    const { stdout } = await rmq(['consume', 'published', '--drain', '--url', url], { timeout });
    // Those that came back from the broker are sent again behind one that found the queue there.
    assert.deepEqual(stdout.trimEnd().split('\n').toSorted(), ['before', 'one', 'three', 'two']);
  });

  await t.test('an acknowledgement that a classic queue cannot have is not counted: the task is worked again', () => isWorkedAgain(answered));

  await t.test('a worker goes on with its queue', async () => {
    await works(['publish', '-q', back, 'two'], url);
    await worker.until('stdout', 'two');
    worker.child.kill('SIGTERM');
    const { code, stderr } = await worker.result;
    assert.equal(code, 0, stderr);
  });
});

test('a node that is killed, and comes back late', async (t) => {
  const [, other] = cluster.nodes;
  assert.ok(other);
  const [down, leaderless, classic] = [unique('down'), unique('leaderless'), unique('classic')];
  await works(['work', 'publish', down, 'before'], other.url);
  await works(['queue', 'declare', leaderless, '--queue-type', 'quorum'], other.url);
  await works(['publish', '-q', leaderless, 'one'], other.url);
  await works(['queue', 'declare', classic], url);
  const go = join(await scratchDirectory(t), 'go');
  const workers: [lost: string, run: Running][] = [];
  // The leader of a quorum queue is where it is declared.
  for (const [lost, leader] of [
    ['its leader', other.url],
    ['most of its nodes', url],
  ] as const) {
    const q = unique('lost');
    await works(['queue', 'declare', q, '--queue-type', 'quorum'], leader);
    await works(['publish', '-q', q, '--lines'], leader, Array.from({ length: 50 }, (_, index) => `${index}\n`).join(''));
    const wait = 'cat; echo; while [ ! -e "$0" ]; do sleep 0.1; done';
    const flags = ['--drain', '--drop-dead', '--prefetch', '2', '--answer-timeout', '3s', '--max-reconnects', '1', '--url', url];
    const run = start(['work', 'run', q, ...flags, '--', 'sh', '-c', wait, go], { timeout: 120_000 });
    await run.until('stdout', '0\n');
    workers.push([lost, run]);
  }
  await works(['queue', 'declare', 'majority', '--queue-type', 'quorum'], url);
  const answered = await answering(other.url, go);
  await untilKept(cluster);
  const bodies = Array.from({ length: 100_000 }, (_, index) => `line ${index}`);
  const publishing = start(['publish', '-q', 'majority', '--lines', '--json', '-v', '--confirm-timeout', '3s', '--url', url], { timeout });
  // It has no end: the run cannot be over before the kill, however fast it is.
  publishing.child.stdin.write(bodies.join('\n'));
  await untilHeld(cluster, 'majority', 5_000, publishing);
  await other.kill();
  await writeFile(go, '');
  await answered.until('stderr', 'subscribing again');

  for (const [lost, run] of workers) {
    await t.test(`a quorum queue that has lost ${lost} is not taken for empty: a worker that drains it ends, and never with 0`, async () => {
      const { code, stdout, stderr } = await run.result;
      assert.ok(stdout.split('\n').length < 50, stdout);
      assert.ok(code === 75 || code === 69, `${code}: ${stderr}`);
    });
  }

  // From 4.0 on the broker does not answer for a minute then.
  await t.test('a classic queue is exit 69 with the reason; nobody says that it does not exist', () => isToldToBeDown(down));

  await t.test('a quorum queue without a leader is not taken for empty by a run that begins then', async () => {
    const lines = [
      ['consume', leaderless, '--drain'],
      ['consume', leaderless, '--drain', '--requeue'],
      ['consume', leaderless, '--drain', '--expect', '0'],
      ['work', 'run', leaderless, '--drain', '--drop-dead'],
      ['dlx', 'inspect', leaderless],
      ['dlx', 'export', leaderless, '-o', 'json'],
      ['dlx', 'purge', leaderless, '-y'],
      ['dlx', 'replay', leaderless, '--to-queue', classic, '--dry-run'],
    ];
    const begun = lines.map(async (line) => {
      const flags = ['--answer-timeout', '3s', '--max-reconnects', '1', '--reconnect-delay', '0s..100ms', '--url', url];
      const { code, stdout, stderr } = await rmq([...line, ...flags, ...(line[1] === 'run' ? ['--', 'true'] : [])], { timeout });
      assert.equal(code, 69, `${line.join(' ')}\n${stdout}\n${stderr}`);
      if (line[1] !== 'purge') assert.match(stderr, new RegExp(`the leader of the quorum queue "${leaderless}" does not answer`), line.join(' '));
    });
    await Promise.all(begun);
  });

  await t.test('a quorum queue without a majority is exit 75, and has what was confirmed when it is back', async () => {
    const result = await publishing.result;
    assert.equal(result.code, 75, result.stderr);
    const { published, confirmed, returned, nacked, unknown } = json<PublishCounts>(result);
    assert.ok(confirmed >= 5_000 && unknown > 0, result.stdout);
    assert.deepEqual([published, returned, nacked], [confirmed + unknown, 0, 0]);
    await other.restart();
    await works(['publish', '-q', 'majority', 'after'], url);
    const { stdout } = await rmq(['consume', 'majority', '--drain', '--url', url], { timeout });
    const seen = new Set(stdout.split('\n'));
    assert.ok(bodies.slice(0, confirmed).every((body) => seen.has(body)));
    assert.ok(seen.has('after'));
  });

  await t.test('an acknowledgement that a classic queue could not have is not counted: the task is worked again', () => isWorkedAgain(answered));
});
