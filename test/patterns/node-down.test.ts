import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Broker, BrokerNode } from '../../src/broker/broker.ts';
import type { PublishCounts } from '../../src/model/event.ts';
import { unique } from '../support/broker.ts';
import { bootBroker } from '../support/own-broker.ts';
import { scratchDirectory } from '../support/programs.ts';
import { json, rmq, start } from '../support/rmq.ts';

// A run that hangs is killed by its own time limit, which fails the test.
const timeout = 300_000;

/** Two nodes; only the second one is ended. */
let cluster: Broker;

before(async () => {
  cluster = await bootBroker({ nodes: 2 });
});
after(() => cluster?.stop());

/** The cluster with both of its nodes, whatever the test before has left; runs talk to the first one. */
async function whole(): Promise<{ url: string; other: BrokerNode }> {
  const [{ url }, other] = cluster.nodes;
  assert.ok(other);
  if (other.pid === undefined) await other.restart();
  return { url, other };
}

/** Classic queues on the second node of the cluster, which then ends. */
async function withQueuesDown(end: 'kill' | 'shutdown', ...queues: string[]): Promise<{ url: string; back: () => Promise<void> }> {
  const { url, other } = await whole();
  for (const queue of queues) {
    // It is declared on the node that is asked.
    const { code, stderr } = await rmq(['work', 'publish', queue, 'before', '--url', other.url], { timeout });
    assert.equal(code, 0, stderr);
  }
  await other[end]();
  return { url, back: () => other.restart() };
}

test('a classic queue whose node is down is waited for: what is published arrives, and what is in it comes, when the node is back', async () => {
  const { url, back } = await withQueuesDown('shutdown', 'published', 'consumed', 'worked', 'both');
  const flags = ['--answer-timeout', '3s', '--reconnect-delay', '0s..1s', '-v', '--url', url];
  const runs = {
    published: start(['publish', '-q', 'published', '--lines', '--json', ...flags, '--max-reconnects', '1000'], { input: 'one\ntwo\nthree', timeout }),
    consumed: start(['consume', 'consumed', '-n', '1', ...flags, '--max-reconnects', '1000'], { timeout }),
    worked: start(['work', 'run', 'worked', '--drop-dead', '-n', '1', ...flags, '--max-reconnects', '1000', '--', 'cat'], { timeout }),
    drained: start(['consume', 'both', '--drain', ...flags, '--max-reconnects', '1000'], { timeout }),
  };
  for (const run of Object.values(runs)) await run.until('stderr', 'attempt 4 ');
  await back();
  for (const [what, run] of Object.entries(runs)) {
    const { code, stdout, stderr } = await run.result;
    assert.equal(code, 0, `${what}\n${stderr}`);
    assert.doesNotMatch(stderr, /there is no queue|does not exist|full queue/, what);
    if (what !== 'published') assert.equal(stdout, what === 'worked' ? 'before' : 'before\n', what);
  }
  const { published, confirmed, returned, nacked } = json<PublishCounts>(await runs.published.result);
  assert.deepEqual([published, confirmed, returned, nacked], [3, 3, 0, 0]);
  const { stdout } = await rmq(['consume', 'published', '--drain', '--url', url], { timeout });
  assert.equal(stdout, 'before\none\ntwo\nthree\n');
});

// From 4.0 on the broker does not answer for a minute when the node was killed.
for (const end of ['kill', 'shutdown'] as const) {
  test(`a classic queue whose node stays down after a ${end} is exit 69 with the reason; nobody says that it does not exist`, async () => {
    const q = unique('down');
    const { url } = await withQueuesDown(end, q);
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
  });
}

test('a worker goes on with its queue when the node that was lost in the middle is back', async () => {
  const { url, other } = await whole();
  const q = unique('back');
  assert.equal((await rmq(['work', 'publish', q, 'one', '--url', other.url], { timeout })).code, 0);
  const flags = ['--drop-dead', '--answer-timeout', '3s', '--reconnect-delay', '0s..1s', '-v', '--url', url];
  const run = start(['work', 'run', q, ...flags, '--', 'cat'], { timeout });
  await run.until('stdout', 'one');
  await other.shutdown();
  await run.until('stderr', 'attempt 3 ');
  await other.restart();
  assert.equal((await rmq(['publish', '-q', q, 'two', '--url', url], { timeout })).code, 0);
  await run.until('stdout', 'two');
  run.child.kill('SIGTERM');
  const { code, stderr } = await run.result;
  assert.equal(code, 0, stderr);
});

for (const lost of ['its leader', 'most of its nodes']) {
  test(`a quorum queue that has lost ${lost} is not taken for empty: a worker that drains it ends, and never with 0`, async (t) => {
    const { url, other } = await whole();
    const q = unique('lost');
    const go = join(await scratchDirectory(t), 'go');
    const lines = Array.from({ length: 50 }, (_, index) => `${index}\n`).join('');
    // Its leader is where it is declared.
    const leader = lost === 'its leader' ? other.url : url;
    for (const [args, input] of [
      [['queue', 'declare', q, '--queue-type', 'quorum'], ''],
      [['publish', '-q', q, '--lines'], lines],
    ] as const) {
      const { code, stderr } = await rmq([...args, '--url', leader], { input, timeout });
      assert.equal(code, 0, stderr);
    }
    const wait = 'cat; echo; while [ ! -e "$0" ]; do sleep 0.1; done';
    const flags = ['--drain', '--drop-dead', '--prefetch', '2', '--answer-timeout', '3s', '--max-reconnects', '1', '--url', url];
    const run = start(['work', 'run', q, ...flags, '--', 'sh', '-c', wait, go], { timeout: 120_000 });
    await run.until('stdout', '0\n');
    await other.kill();
    await writeFile(go, '');
    const { code, stdout, stderr } = await run.result;
    assert.ok(stdout.split('\n').length < 50, stdout);
    assert.ok(code === 75 || code === 69, `${code}: ${stderr}`);
  });
}

test('a quorum queue without a leader is not taken for empty by a run that begins then', async () => {
  const { url, other } = await whole();
  const [q, classic] = [unique('leaderless'), unique('classic')];
  for (const args of [
    ['queue', 'declare', q, '--queue-type', 'quorum'],
    ['publish', '-q', q, 'one'],
  ]) {
    const { code, stderr } = await rmq([...args, '--url', other.url], { timeout });
    assert.equal(code, 0, stderr);
  }
  assert.equal((await rmq(['queue', 'declare', classic, '--url', url], { timeout })).code, 0);
  await other.kill();
  const lines = [
    ['consume', q, '--drain'],
    ['consume', q, '--drain', '--requeue'],
    ['consume', q, '--drain', '--expect', '0'],
    ['work', 'run', q, '--drain', '--drop-dead'],
    ['dlx', 'inspect', q],
    ['dlx', 'export', q, '-o', 'json'],
    ['dlx', 'purge', q, '-y'],
    ['dlx', 'replay', q, '--to-queue', classic, '--dry-run'],
  ];
  const begun = lines.map(async (line) => {
    const flags = ['--answer-timeout', '3s', '--max-reconnects', '1', '--reconnect-delay', '0s..100ms', '--url', url];
    const { code, stdout, stderr } = await rmq([...line, ...flags, ...(line[1] === 'run' ? ['--', 'true'] : [])], { timeout });
    assert.equal(code, 69, `${line.join(' ')}\n${stdout}\n${stderr}`);
    if (line[1] !== 'purge') assert.match(stderr, new RegExp(`the leader of the quorum queue "${q}" does not answer`), line.join(' '));
  });
  await Promise.all(begun);
});
