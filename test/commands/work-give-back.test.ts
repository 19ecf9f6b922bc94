import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isSince, type Peer, peer } from '../support/broker.ts';
import { inside } from '../support/inside.ts';
import { queueName } from '../support/names.ts';
import { linesOf, program, scratchDirectory } from '../support/programs.ts';
import { json, start } from '../support/rmq.ts';
import { restrictedUser } from '../support/users.ts';

interface Summary {
  readonly received: number;
  readonly acknowledged: number;
  readonly dead: number;
  readonly dropped: number;
  readonly requeued: number;
  readonly copiedBack: number;
  readonly unknown: number;
}

/** A quorum queue that allows two returns, bound to an exchange, and a handler that gives everything back and writes down what it was told. */
async function place(t: TestContext): Promise<Peer & { readonly name: string; readonly source: string; readonly handler: string; readonly log: string }> {
  const other = await peer(t);
  const name = queueName(t);
  await other.channel.assertQueue(name, { durable: true, arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 2 } });
  const source = await other.exchange('topic');
  await other.channel.bindQueue(name, source, '#');
  const directory = await scratchDirectory(t);
  const log = join(directory, 'log');
  const handler = await program(
    directory,
    'later.sh',
    `#!/bin/sh\necho "$RMQ_ATTEMPT $RMQ_EXCHANGE $RMQ_ROUTING_KEY $RMQ_HEADER_COLOR $(env | grep -c RMQ_HEADER_X_RMQ) $(cat)" >> ${log}\nexit 75\n`,
  );
  return { ...other, name, source, handler, log };
}

/** Quorum queues count what is given back by a nack until 4.3. */
async function countsReturns(t: TestContext): Promise<boolean> {
  const { channel } = await peer(t);
  return !isSince(channel, '4.3');
}

for (const [what, env, expected] of [
  // Two returns, then a copy.
  ['its limit is known', {}, [6, 2]],
  // A policy might allow no more than one return.
  ['its limit cannot be learned', { RABBITMQ_MANAGEMENT_URL: 'http://127.0.0.1:1' }, [4, 4]],
] as const) {
  test(`a message that is given back again and again stays, for a copy takes its place before the last return: ${what}`, async (t) => {
    const { name, source, handler, log, take } = await place(t);
    const message = ['--message-id', 'm1', '--priority', '3', '-H', 'color=red'];
    assert.equal((await inside(['publish', '-e', source, '-r', 'a.key', 'task', ...message])).code, 0);
    const result = await inside(['work', 'run', name, '--drop-dead', '--requeue-delay', '1ms', '-n', '8', '--json', '--', handler], { env });
    assert.equal(result.code, 0, result.stderr);
    const { received, requeued, copiedBack, dropped, unknown } = json<Summary>(result);
    assert.deepEqual([received, requeued + copiedBack, dropped, unknown], [8, 8, 0, 0]);
    const counted = await countsReturns(t);
    assert.deepEqual([requeued, copiedBack], counted ? expected : [8, 0]);
    if (counted) assert.match(result.stderr, /a message \(id "m1"\) was put back as a copy at the end of ".*": it is at the delivery limit/);
    // Each time the same message, at its first attempt.
    assert.deepEqual(await linesOf(log), Array(8).fill(`1 ${source} a.key red 0 task`));
    const [left, ...more] = await take(name);
    assert.equal(more.length, 0);
    assert.equal(left?.content.toString(), 'task');
    assert.equal(left?.properties.messageId, 'm1');
    assert.equal(left?.properties.priority, 3);
    assert.equal(left?.properties.deliveryMode, 2);
    assert.equal(left?.properties.headers?.['color'], 'red');
  });
}

test('a message that waits for its turn, or whose handler is killed, survives the end of the worker at its last return', async (t) => {
  const { name, publish, channel, depth } = await place(t);
  await publish(name, ['a', 'b', 'c']);
  // Two returns are used up, wherever returns are counted: closing a channel counts in every version.
  for (let use = 0; use < 2; use++) {
    const { channel: other } = await peer(t);
    const got = [await other.get(name), await other.get(name), await other.get(name)];
    assert.ok(got.every((one) => one !== false));
    await other.close();
    while ((await channel.checkQueue(name)).messageCount < 3);
  }
  const running = start(['work', 'run', name, '--drop-dead', '--prefetch', '3', '--grace', '1ms', '--json', '--', 'sh', '-c', 'echo started >&2; sleep 60']);
  await running.until('stderr', 'started');
  while ((await channel.checkQueue(name)).messageCount > 0);
  running.child.kill('SIGTERM');
  const result = await running.result;
  assert.equal(result.code, 143, result.stderr);
  while ((await depth(name)) < 3);
  assert.equal(await depth(name), 3);
});

test('who may put no copy back has the message at its last return dead-lettered or dropped where the limit is known, and stops where it is not', async (t) => {
  const { name, handler, publish, depth } = await place(t);
  const flags = ['--drop-dead', '--requeue-delay', '1ms', '-n', '3', '--idle', '2s', '--json'];
  const RABBITMQ_URL = await restrictedUser(t, { configure: '.*', read: '.*' });
  const run = ['work', 'run', name, ...flags, '--', handler];
  await publish(name, ['a']);
  const blind = await inside(run, { env: { RABBITMQ_URL, RABBITMQ_MANAGEMENT_URL: 'http://127.0.0.1:1' } });
  const seeing = await inside(run, { env: { RABBITMQ_URL } });
  assert.equal(seeing.code, 0, seeing.stderr);
  const { requeued, copiedBack, dropped } = json<Summary>(seeing);
  if (await countsReturns(t)) {
    assert.equal(blind.code, 77, blind.stderr);
    assert.match(blind.stderr, /this user cannot see the delivery limit of the queue, and may not put a copy back/);
    assert.deepEqual([copiedBack, dropped, await depth(name)], [0, 1, 0]);
    assert.match(seeing.stderr, /failed for good \(attempt 1\): it is at the delivery limit of its queue, and no copy of it can be put back; it is dropped/);
  } else {
    assert.equal(blind.code, 0, blind.stderr);
    assert.deepEqual([requeued, copiedBack, dropped, await depth(name)], [3, 0, 0, 1]);
  }
});

test('many tasks that are given back at once say nothing of listeners', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue();
  await publish(
    name,
    Array.from({ length: 40 }, (_, index) => String(index)),
  );
  const { code, stderr } = await inside(['work', 'run', name, '--drop-dead', '--concurrency', '20', '-n', '40', '--', 'sh', '-c', 'exit 75']);
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, /MaxListeners|Warning/);
});
