import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import type { Broker } from '../../src/broker/broker.ts';
import { bootBroker, untilHeld, untilKept } from '../support/own-broker.ts';
import { json, rmq, start } from '../support/rmq.ts';

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

const distinct = (output: string): Set<string> => new Set(output.split('\n').filter((line) => line !== ''));

/** Is killed, and started again. */
let broker: Broker;
/** Blocks whoever publishes. */
let alarmed: Broker;

before(async () => {
  [broker, alarmed] = await Promise.all([
    bootBroker({ config: ['max_message_size = 100000'] }),
    bootBroker({ config: ['disk_free_limit.absolute = 100000GB'] }),
  ]);
});
after(() => Promise.all([broker, alarmed].map((one) => one?.stop())));

for (const type of ['classic', 'quorum']) {
  test(`a broker that is killed while 200,000 messages are published to a ${type} queue, and started again, loses none`, async () => {
    const [node] = broker.nodes;
    assert.equal((await rmq(['queue', 'declare', type, '--queue-type', type, '--url', broker.url])).code, 0);
    await untilKept(broker);
    const bodies = lines(200_000);
    const run = start(['publish', '-q', type, '--lines', '--json', '-v', '--url', broker.url], { input: bodies.join('\n'), timeout });
    await untilHeld(broker, type, 20_000, run);
    await node.kill();
    await run.until('stderr', 'attempt 1');
    await node.restart();
    const result = await run.result;
    assert.equal(result.code, 0, result.stderr);
    const { published, confirmed, unknown } = json<Summary>(result);
    assert.deepEqual([published, confirmed, unknown], [bodies.length, bodies.length, 0]);
    const consumed = await rmq(['consume', type, '--drain', '--url', broker.url], { timeout });
    assert.equal(consumed.code, 0, consumed.stderr);
    const seen = distinct(consumed.stdout);
    assert.equal(seen.size, bodies.length);
    assert.ok(bodies.every((body) => seen.has(body)));
  });
}

test('a consumer goes on after the broker was killed and started again, and nothing is missing from what it wrote', async () => {
  const [node] = broker.nodes;
  assert.equal((await rmq(['queue', 'declare', 'consumed', '--url', broker.url])).code, 0);
  await untilKept(broker);
  const bodies = lines(100_000);
  assert.equal((await rmq(['publish', '-q', 'consumed', '--lines', '--url', broker.url], { input: bodies.join('\n') })).code, 0);
  const run = start(['consume', 'consumed', '--idle', '5s', '--url', broker.url], { timeout });
  let written = 0;
  run.child.stdout.on('data', (chunk: Buffer) => {
    written += chunk.length;
  });
  while (written < 500_000) await once(run.child.stdout, 'data');
  await node.kill();
  await node.restart();
  const result = await run.result;
  assert.equal(result.code, 0, result.stderr);
  assert.equal(distinct(result.stdout).size, bodies.length);
  const left = await rmq(['consume', 'consumed', '--drain', '--url', broker.url]);
  assert.equal(left.stdout, '');
});

test('an alarm of the broker blocks publishing, is reported, and is exit 75 after --blocked-timeout; consuming goes on', async () => {
  assert.equal((await rmq(['queue', 'declare', 'blocked', '--url', alarmed.url])).code, 0);
  const result = await rmq(['publish', '-q', 'blocked', 'x', '--blocked-timeout', '1s', '--json', '--url', alarmed.url]);
  assert.equal(result.code, 75, result.stderr);
  assert.match(result.stderr, /blocked/);
  const { published, unknown } = json<Summary>(result);
  assert.deepEqual([published, unknown], [1, 1]);
  const consumed = await rmq(['consume', 'blocked', '--timeout', '500ms', '--url', alarmed.url]);
  assert.equal(consumed.code, 124, consumed.stderr);
});

test('Ctrl-C ends a publish that an alarm blocks, and its message counts as unknown', async () => {
  assert.equal((await rmq(['queue', 'declare', 'interrupted', '--url', alarmed.url])).code, 0);
  const run = start(['publish', '-q', 'interrupted', 'x', '--json', '--url', alarmed.url]);
  await run.until('stderr', 'blocked');
  run.child.kill('SIGINT');
  const result = await run.result;
  assert.equal(result.code, 130, result.stderr);
  assert.equal(json<Summary>(result).unknown, 1);
});

test("a message above the broker's size limit is named, and the others still go", async () => {
  assert.equal((await rmq(['queue', 'declare', 'sized', '--url', broker.url])).code, 0);
  const bodies = Array.from({ length: 50 }, (_, index) => (index === 20 || index === 40 ? 'x'.repeat(100_001) : `small ${index}`));
  const result = await rmq(['publish', '-q', 'sized', '--lines', '--json', '--url', broker.url], { input: bodies.join('\n') });
  assert.equal(result.code, 76, result.stderr);
  assert.match(result.stderr, /line 21\b/);
  assert.match(result.stderr, /line 41\b/);
  const { published, confirmed, nacked } = json<Summary>(result);
  assert.deepEqual([published, confirmed, nacked], [50, 48, 2]);
  const seen = distinct((await rmq(['consume', 'sized', '--drain', '--url', broker.url])).stdout);
  assert.deepEqual([...seen].sort(), bodies.filter((body) => body.length < 100).sort());
});
