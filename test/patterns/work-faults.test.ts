import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { peer } from '../support/broker.ts';
import { ownBroker, untilKept } from '../support/own-broker.ts';
import { linesOf, scratchDirectory } from '../support/programs.ts';
import { json, rmq, start } from '../support/rmq.ts';
import { policyFor } from '../support/users.ts';

test('a broker that is killed while handlers run, and started again, costs no task, and none is done more than twice', async (t) => {
  const broker = await ownBroker(t);
  const [node] = broker.nodes;
  const directory = await scratchDirectory(t);
  const log = join(directory, 'log');
  const input = Array.from({ length: 200 }, (_, index) => `task-${index}`).join('\n');
  const dlx = ['--dlx', '', '--dlx-routing-key', 'dead'];
  assert.equal((await rmq(['work', 'publish', 'q', '--lines', ...dlx, '--url', broker.url], { input })).code, 0);
  await untilKept(broker);
  const handler = ['sh', '-c', `echo "$(cat)" >> ${log}; echo handled >&2`];
  const run = start(['work', 'run', 'q', '--concurrency', '4', '--idle', '5s', '--url', broker.url, '--', ...handler], { timeout: 180_000 });
  while ((await linesOf(log)).length < 40) await run.until('stderr', 'handled');
  await node.kill();
  await run.until('stderr', 'attempt 1');
  await node.restart();
  const result = await run.result;
  assert.equal(result.code, 0, result.stderr);
  const done = await linesOf(log);
  const times = new Map<string, number>();
  for (const task of done) times.set(task, (times.get(task) ?? 0) + 1);
  assert.equal(times.size, 200);
  // Nothing tells a handler that its verdict came too late, or that its acknowledgement was lost with the broker.
  assert.ok([...times.values()].every((count) => count <= 2));
  const other = await peer(t, broker.url);
  assert.deepEqual([await other.depth('q'), await other.depth('dead')], [0, 0]);
});

test('a queue that only a policy dead-letters is worked on with --policy-dlx', async (t) => {
  const { queue, publish, take } = await peer(t);
  const [q, dead] = [await queue(), await queue()];
  await policyFor(t, q, { 'dead-letter-exchange': '', 'dead-letter-routing-key': dead });
  await publish(q, ['a']);
  const refused = await rmq(['work', 'run', q, '--', 'false']);
  assert.equal(refused.code, 64, refused.stderr);
  assert.match(refused.stderr, /--policy-dlx/);
  const worked = await rmq(['work', 'run', q, '-n', '1', '--policy-dlx', '--json', '--', 'false']);
  assert.equal(worked.code, 0, worked.stderr);
  assert.equal(json<{ dead: number }>(worked).dead, 1);
  const [letter] = await take(dead);
  assert.equal(letter?.properties.headers?.['x-death']?.[0]?.reason, 'rejected');
});
