import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peer } from '../support/broker.ts';
import { json, rmq } from '../support/rmq.ts';

test('queue status tells depth, consumers, type and arguments, and changes nothing', async (t) => {
  const { queue, publish, channel, depth } = await peer(t);
  const name = await queue({ arguments: { 'x-queue-type': 'quorum', 'x-max-length': 100, 'x-dead-letter-exchange': 'dead' } });
  await publish(name, ['a', 'b', 'c']);
  await channel.prefetch(1);
  await new Promise((resolve) => channel.consume(name, resolve));
  const shown = await rmq(['queue', 'status', name, '--json']);
  assert.equal(shown.code, 0, shown.stderr);
  assert.deepEqual(json(shown), {
    queue: name,
    messages: 2,
    consumers: 1,
    type: 'quorum',
    durable: true,
    arguments: { 'x-max-length': 100, 'x-dead-letter-exchange': 'dead' },
  });
  const text = await rmq(['queue', 'status', name]);
  assert.match(text.stdout, /^queue ".*" \(quorum\): 2 messages ready, 1 consumer\n/);
  assert.match(text.stdout, /x-max-length: 100\n/);
  assert.equal(await depth(name), 2);
});

for (const [type, options] of [
  ['classic', { durable: false }],
  ['stream', { arguments: { 'x-queue-type': 'stream' } }],
] as const) {
  test(`queue status knows a ${type} queue`, async (t) => {
    const { queue } = await peer(t);
    const shown = await rmq(['queue', 'status', await queue(options), '--json']);
    assert.equal(shown.code, 0, shown.stderr);
    const { type: told, durable, messages } = json<{ type: string; durable: boolean; messages: number }>(shown);
    assert.deepEqual([told, durable, messages], [type, type === 'stream', 0]);
  });
}

test('queue status of a queue that does not exist is exit 66, and leaves none behind', async () => {
  for (const _ of ['first', 'second']) {
    const missing = await rmq(['queue', 'status', 'no.such.queue']);
    assert.equal(missing.code, 66, missing.stderr);
    assert.equal(missing.stdout, '');
  }
});
