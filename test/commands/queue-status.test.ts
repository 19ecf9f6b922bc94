import assert from 'node:assert/strict';
import { test } from '../support/at-once.ts';
import { isSince, peer } from '../support/broker.ts';
import { inside } from '../support/inside.ts';
import { json, rmq } from '../support/rmq.ts';

/** Nothing listens there: what is told without the management API. */
const NO_DESK = { env: { RABBITMQ_MANAGEMENT_URL: 'http://127.0.0.1:1' } };

interface Status {
  readonly messages: number;
  readonly unacked: number | null;
  readonly delayed?: number | null;
}

/** Asks until the broker has counted: its statistics are some seconds old. */
async function statusWhen(queue: string, isIt: (status: Status) => boolean): Promise<Status> {
  for (;;) {
    const shown = await inside(['queue', 'status', queue, '--json']);
    assert.equal(shown.code, 0, shown.stderr);
    const status = json<Status>(shown);
    if (isIt(status)) return status;
  }
}

test('queue status tells what is unacknowledged in a classic queue as it is now', async (t) => {
  const { queue, publish, channel, take } = await peer(t);
  const name = await queue();
  await publish(name, ['a', 'b', 'c']);
  for (const _ of ['a', 'b']) await channel.get(name);
  const { messages, unacked, delayed } = await statusWhen(name, () => true);
  assert.deepEqual([messages, unacked, delayed], [1, 2, undefined]);
  assert.match((await rmq(['queue', 'status', name])).stdout, /1 message ready, 2 unacknowledged, 0 consumers/);
  channel.ackAll();
  await take(name);
  await statusWhen(name, (status) => status.unacked === 0);
});

test('queue status tells what is unacknowledged in a quorum queue once the broker has counted', async (t) => {
  const { queue, publish, channel } = await peer(t);
  const name = await queue({ arguments: { 'x-queue-type': 'quorum' } });
  await publish(name, ['a', 'b']);
  for (const _ of ['a', 'b']) assert.ok(await channel.get(name));
  const known = await statusWhen(name, ({ unacked }) => unacked !== null && unacked > 0);
  assert.deepEqual([known.messages, known.unacked], [0, 2]);
});

test('queue status tells what a quorum queue hides for a while, from 4.3 on', async (t) => {
  const { queue, publish, channel } = await peer(t);
  const name = await queue({ arguments: { 'x-queue-type': 'quorum', 'x-delayed-retry-type': 'all', 'x-delayed-retry-min': 600_000 } });
  await publish(name, ['a', 'b', 'c']);
  for (const _ of ['a', 'b']) await channel.get(name);
  channel.nackAll(true);
  if (!isSince(channel, '4.3')) {
    assert.equal((await statusWhen(name, ({ unacked }) => unacked === 0)).delayed, undefined);
    return;
  }
  const { messages, delayed } = await statusWhen(name, (status) => typeof status.delayed === 'number' && status.delayed > 0 && status.unacked === 0);
  assert.deepEqual([messages, delayed], [1, 2]);
  assert.match((await inside(['queue', 'status', name])).stdout, /1 message ready, 0 unacknowledged, 2 delayed/);
  const deleted = await inside(['queue', 'delete', name, '-y']);
  assert.match(deleted.stdout, /is deleted, and with it 1 message and 2 delayed messages/);
});

test('queue status tells depth, consumers, type and arguments, and changes nothing', async (t) => {
  const { queue, publish, channel, depth } = await peer(t);
  const name = await queue({ arguments: { 'x-queue-type': 'quorum', 'x-max-length': 100, 'x-dead-letter-exchange': 'dead' } });
  await publish(name, ['a', 'b', 'c']);
  await channel.prefetch(1);
  await new Promise((resolve) => channel.consume(name, resolve));
  const shown = await inside(['queue', 'status', name, '--json'], NO_DESK);
  assert.equal(shown.code, 0, shown.stderr);
  assert.deepEqual(json(shown), {
    queue: name,
    messages: 2,
    unacked: null,
    consumers: 1,
    type: 'quorum',
    durable: true,
    autoDelete: false,
    arguments: { 'x-max-length': 100, 'x-dead-letter-exchange': 'dead' },
  });
  const text = await inside(['queue', 'status', name], NO_DESK);
  assert.match(text.stdout, /^queue ".*" \(quorum\): 2 messages ready, \? unacknowledged, 1 consumer\n/);
  assert.match(text.stdout, /x-max-length: 100\n/);
  assert.equal(await depth(name), 2);
});

for (const [type, args] of [
  ['quorum', { 'x-delivery-limit': 3, 'x-max-length': 9 }],
  ['stream', { 'x-max-age': '1h' }],
] as const) {
  test(`the management API tells the arguments that a ${type} queue alone has`, async (t) => {
    const { queue } = await peer(t);
    const name = await queue({ arguments: { 'x-queue-type': type, ...args } });
    const shown = await inside(['queue', 'status', name, '--json']);
    assert.equal(shown.code, 0, shown.stderr);
    const told = json<{ type: string; arguments: object }>(shown);
    assert.deepEqual([told.type, told.arguments], [type, args]);
    assert.match((await inside(['queue', 'status', name])).stdout, new RegExp(`${Object.keys(args)[0]}: `));
  });
}

for (const [type, options] of [
  ['classic', { durable: false }],
  ['stream', { arguments: { 'x-queue-type': 'stream' } }],
] as const) {
  test(`queue status knows a ${type} queue`, async (t) => {
    const { queue } = await peer(t);
    const shown = await inside(['queue', 'status', await queue(options), '--json']);
    assert.equal(shown.code, 0, shown.stderr);
    const { type: told, durable, messages } = json<{ type: string; durable: boolean; messages: number }>(shown);
    assert.deepEqual([told, durable, messages], [type, type === 'stream', 0]);
  });
}

test('queue status of a queue that does not exist is exit 66, and leaves none behind', async () => {
  for (const _ of ['first', 'second']) {
    const missing = await inside(['queue', 'status', 'no.such.queue']);
    assert.equal(missing.code, 66, missing.stderr);
    assert.equal(missing.stdout, '');
  }
});

test('a queue with any character in its name is told of, listed and deleted', async (t) => {
  const { queue } = await peer(t);
  const name = await queue({}, 'hare 🐇 (é)+');
  for (const line of [
    ['queue', 'status', name],
    ['queue', 'list', name],
    ['queue', 'delete', name, '-y'],
  ]) {
    const { code, stderr } = await inside(line);
    assert.equal(code, 0, stderr);
  }
});
