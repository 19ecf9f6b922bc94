import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { test } from '../../support/at-once.ts';
import { peer, unique } from '../../support/broker.ts';
import { inside } from '../../support/inside.ts';
import { exchangeName, queueName } from '../../support/names.ts';
import { json, rmq } from '../../support/rmq.ts';

interface SetUp {
  readonly verified?: { readonly through: string; readonly reason: string; readonly exchange: string; readonly routingKey: string };
}

/** Names of a queue, its dead-letter queue and the exchange in between, also as arguments of `rmq`; what has them is gone after the test. */
function place(t: TestContext): { readonly queue: string; readonly dead: string; readonly dlx: string; readonly names: readonly string[] } {
  const [queue, dead, dlx] = [queueName(t, unique('work')), queueName(t, unique('dead')), exchangeName(t)];
  return { queue, dead, dlx, names: [queue, '--dlx', dlx, '--dead-queue', dead] };
}

for (const flags of [[], ['--queue-type', 'quorum', '--at-least-once', '--dead-queue-type', 'quorum', '--dlx-routing-key', 'lost']]) {
  test(`a marked message goes all the way, and leaves nothing behind (${flags[1] ?? 'classic'})`, async (t) => {
    const { depth } = await peer(t);
    const { queue, dead, dlx, names } = place(t);
    const verified = await inside(['dlx', 'setup', ...names, ...flags, '--verify', '-o', 'json']);
    assert.equal(verified.code, 0, verified.stderr);
    const { milliseconds: _, ...way } = json<SetUp & { verified: { milliseconds: number } }>(verified).verified;
    assert.deepEqual(way, { through: 'queue', reason: 'rejected', exchange: dlx, routingKey: flags.length === 0 ? 'failed' : 'lost' });
    assert.deepEqual([await depth(queue), await depth(dead)], [0, 0]);
    const told = await inside(['dlx', 'setup', ...names, ...flags, '--verify']);
    assert.match(told.stdout, /^verified: a marked message went through the queue and arrived in ".*" after .* \(rejected, /m);
  });
}

test('real messages are not disturbed: a twin stands in for a queue that is in use, and dead letters keep their order', async (t) => {
  const { publish, take, channel } = await peer(t);
  const { queue, dead, names } = place(t);
  assert.equal((await rmq(['dlx', 'setup', ...names])).code, 0);
  await publish(queue, ['work 1', 'work 2']);
  await publish(dead, ['letter 1', 'letter 2', 'letter 3']);
  const verified = await rmq(['dlx', 'setup', ...names, '--verify', '-o', 'json']);
  assert.equal(verified.code, 0, verified.stderr);
  assert.equal(json<SetUp>(verified).verified?.through, 'twin');
  assert.match(verified.stderr, /3 dead letters .* are back in their place/);
  assert.deepEqual(
    (await take(queue)).map((message) => [message.content.toString(), message.fields.redelivered]),
    [
      ['work 1', false],
      ['work 2', false],
    ],
  );
  assert.deepEqual(
    (await take(dead)).map((message) => message.content.toString()),
    ['letter 1', 'letter 2', 'letter 3'],
  );
  // A queue that has consumers is in use as well.
  const seen: string[] = [];
  await channel.consume(queue, (message) => void seen.push(message?.content.toString() ?? 'cancelled'));
  const beside = await rmq(['dlx', 'setup', ...names, '--verify', '-o', 'json']);
  assert.equal(json<SetUp>(beside).verified?.through, 'twin', beside.stderr);
  assert.deepEqual(seen, []);
});

test('somebody who takes the dead letters away makes it impossible to verify: nothing is sent', async (t) => {
  const { channel } = await peer(t);
  const { dead, names } = place(t);
  assert.equal((await inside(['dlx', 'setup', ...names])).code, 0);
  const seen: unknown[] = [];
  await channel.consume(dead, (message) => void seen.push(message));
  const refused = await inside(['dlx', 'setup', ...names, '--verify']);
  assert.equal(refused.code, 75);
  assert.match(refused.stderr, /has 1 consumer: --verify cannot see its message arrive/);
  assert.deepEqual(seen, []);
});

test('dead letters of a quorum queue that counts attempts are not looked at', async (t) => {
  const { channel, publish, take } = await peer(t);
  const { dead, names } = place(t);
  await channel.assertQueue(dead, { durable: true, arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 3 } });
  assert.equal((await inside(['dlx', 'setup', ...names])).code, 0);
  await publish(dead, ['letter']);
  const refused = await inside(['dlx', 'setup', ...names, '--verify']);
  assert.equal(refused.code, 75);
  assert.match(refused.stderr, /would lose a delivery attempt/);
  assert.deepEqual(
    (await take(dead)).map((message) => [message.content.toString(), message.fields.redelivered]),
    [['letter', false]],
  );
});

test('a message that does not arrive ends the run with 1, and with where to look', async (t) => {
  const { channel, depth } = await peer(t);
  const { queue, dead, names } = place(t);
  await channel.assertQueue(dead, { durable: true, arguments: { 'x-max-length-bytes': 1, 'x-overflow': 'reject-publish', 'x-message-ttl': 60_000 } });
  const failed = await inside(['dlx', 'setup', ...names, '--verify']);
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /the marked message did not arrive in ".*" within 10 s/);
  assert.deepEqual([await depth(queue), await depth(dead)], [0, 0]);
});

test('a full dead-letter queue is no good, and is not made to lose one', async (t) => {
  const { channel, publish, take } = await peer(t);
  const { dead, names } = place(t);
  await channel.assertQueue(dead, { durable: true, arguments: { 'x-max-length': 2, 'x-message-ttl': 60_000 } });
  await publish(dead, ['letter', 'another']);
  const failed = await inside(['dlx', 'setup', ...names, '--verify']);
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /is full \(2\)/);
  assert.deepEqual(
    (await take(dead)).map((message) => message.content.toString()),
    ['letter', 'another'],
  );
});

for (const type of ['classic', 'quorum']) {
  test(`a policy is verified, and so is a ladder, over all of its rungs (${type})`, async (t) => {
    const { channel } = await peer(t);
    const { queue, dlx, names } = place(t);
    t.after(async () => {
      const { origin, username, password } = new URL(process.env['RABBITMQ_MANAGEMENT_URL'] ?? '');
      await fetch(`${origin}/api/policies/%2F/rmq-dlx-${queue}`, { method: 'DELETE', headers: { authorization: `Basic ${btoa(`${username}:${password}`)}` } });
      const cleaner = (await peer(t)).channel;
      for (const rung of [1, 2]) await cleaner.deleteQueue(`${queue}.retry.20ms-30ms.${rung}`);
      for (const suffix of ['', '.first', '.back']) await cleaner.deleteExchange(`${queue}.retry.20ms-30ms${suffix}`);
    });
    await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': type } });
    const byPolicy = await inside(['dlx', 'setup', ...names, '--policy', '--verify', '-o', 'json']);
    assert.equal(json<SetUp>(byPolicy).verified?.exchange, dlx, byPolicy.stderr);
    const climbed = await inside(['dlx', 'setup', ...names, '--policy', '--retry', '20ms,30ms', '-o', 'json']);
    assert.equal(climbed.code, 0, climbed.stderr);
    const verified = await inside(['dlx', 'setup', ...names, '--policy', '--retry', '20ms,30ms', '--verify', '-o', 'json']);
    assert.equal(json<SetUp>(verified).verified?.exchange, `${queue}.retry.20ms-30ms`, verified.stderr);
  });
}
