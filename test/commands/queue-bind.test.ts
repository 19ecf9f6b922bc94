import assert from 'node:assert/strict';
import { test } from '../support/at-once.ts';
import { isSince, peer, unique } from '../support/broker.ts';
import { inside } from '../support/inside.ts';
import { queueExists } from '../support/names.ts';
import { json, rmq } from '../support/rmq.ts';

const NO_DESK = { env: { RABBITMQ_MANAGEMENT_URL: 'http://127.0.0.1:1' } };

/** Runs a command that must succeed, and returns its result. */
async function done(...args: readonly string[]): Promise<unknown> {
  const result = await inside([...args, '-o', 'json']);
  assert.equal(result.code, 0, result.stderr);
  return json(result);
}

test('queue bind binds with each key, and unbind removes one of them', async (t) => {
  const { queue, exchange, channel, depth } = await peer(t);
  const [name, events] = [await queue(), await exchange('topic')];
  assert.deepEqual(await done('queue', 'bind', name, events, 'order.#', '-r', 'invoice.*'), {
    queue: name,
    exchange: events,
    keys: ['order.#', 'invoice.*'],
    arguments: {},
  });
  const send = async (): Promise<number> => {
    for (const key of ['order.placed.eu', 'invoice.sent', 'other']) channel.publish(events, key, Buffer.from(key));
    await channel.waitForConfirms();
    return depth(name);
  };
  assert.equal(await send(), 2);
  await done('queue', 'unbind', name, events, 'invoice.*');
  assert.equal(await send(), 3);
  const last = await rmq(['queue', 'unbind', name, events, 'order.#']);
  assert.equal(last.code, 0, last.stderr);
  assert.match(last.stderr, /no exchange routes to ".*" now/);
  assert.equal(await send(), 3);
});

test('queue bind takes headers, and --match-any', async (t) => {
  const { queue, exchange, channel, depth } = await peer(t);
  const [all, any, headers] = [await queue(), await queue(), await exchange('headers')];
  await done('queue', 'bind', all, headers, '--match', 'region=eu', '--match', 'priority:=1');
  await done('queue', 'bind', any, headers, '--match', 'region=eu', '--match', 'priority:=1', '--match-any');
  for (const headersOf of [{ region: 'eu' }, { region: 'eu', priority: 1 }, { region: 'us' }])
    channel.publish(headers, '', Buffer.from('x'), { headers: headersOf });
  await channel.waitForConfirms();
  assert.deepEqual([await depth(all), await depth(any)], [1, 2]);
  await done('queue', 'unbind', any, headers, '--match', 'priority:=1', '--match', 'region=eu', '--match-any');
  assert.equal((await inside(['queue', 'bind', any, headers, '--match-any'])).code, 64);
});

test('exchange declare and bind make a way from exchange to exchange, with an alternate one', async (t) => {
  const { queue, channel, depth } = await peer(t);
  const [from, to, other] = ['from', 'to', 'other'].map((base) => unique(base)) as [string, string, string];
  t.after(() => Promise.all([from, to, other].map((name) => inside(['exchange', 'delete', name, '-y']))));
  const [name, unrouted] = [await queue(), await queue()];
  await done('exchange', 'declare', other, '--type', 'fanout');
  assert.deepEqual(await done('exchange', 'declare', from, '--type', 'topic', '--alternate-exchange', other), { exchange: from, type: 'topic' });
  await done('exchange', 'declare', to, '--type', 'fanout', '--internal', '--transient');
  await done('exchange', 'bind', to, from, 'order.*');
  await done('queue', 'bind', name, to);
  await done('queue', 'bind', unrouted, other);
  for (const key of ['order.placed', 'else']) channel.publish(from, key, Buffer.from(key));
  await channel.waitForConfirms();
  assert.deepEqual([await depth(name), await depth(unrouted)], [1, 1]);
  await done('exchange', 'unbind', to, from, 'order.*');
  channel.publish(from, 'order.placed', Buffer.from('x'));
  await channel.waitForConfirms();
  assert.deepEqual([await depth(name), await depth(unrouted)], [1, 2]);
  const refused = await inside(['exchange', 'declare', from, '--type', 'fanout', '--auto-delete']);
  assert.equal(refused.code, 76, refused.stderr);
  for (const difference of ['type is "topic" there, you asked for "fanout"', 'auto_delete is false there, you asked for true', 'alternate-exchange is ']) {
    assert.ok(refused.stderr.includes(difference), refused.stderr);
  }
  const unknown = await inside(['exchange', 'declare', unique('odd'), '--type', 'nonsense']);
  assert.equal(unknown.code, 76, unknown.stderr);
  assert.match(unknown.stderr, /^error: the broker has no exchanges of type "nonsense"/);
});

test('what cannot be bound or unbound is exit 66, and says what is there', async (t) => {
  const { queue, exchange } = await peer(t);
  const [name, events] = [await queue(), await exchange('topic')];
  await done('queue', 'bind', name, events, 'a');
  for (const line of [
    ['queue', 'bind', `${name}.no`, events],
    ['queue', 'bind', name, `${events}.no`],
    ['exchange', 'bind', events, `${events}.no`],
    ['queue', 'unbind', `${name}.no`, events],
  ]) {
    const result = await inside(line);
    assert.equal(result.code, 66, result.stderr);
    assert.match(result.stderr, /nothing was changed/);
  }
  const absent = await inside(['queue', 'unbind', name, events, 'b']);
  assert.equal(absent.code, 66, absent.stderr);
  assert.match(absent.stderr, /with the key "b"\n.*it is bound with the key "a"/);
  const headers = await exchange('headers');
  await done('queue', 'bind', name, headers, '--match', 'x=1', '--match', 'y:=2');
  const other = await inside(['queue', 'unbind', name, headers, '--match', 'x=2']);
  assert.match(other.stderr, /with the key "" and x=2\n.*it is bound with the key "" and x=1, y:=2/);
  const unseen = await inside(['queue', 'unbind', name, events, 'b'], NO_DESK);
  assert.equal(unseen.code, 0, unseen.stderr);
  assert.match(unseen.stderr, /only the management API tells whether there was such a binding/);
});

test('queue purge removes what is ready, and asks first', async (t) => {
  const { queue, publish, depth, channel } = await peer(t);
  const [name, stream] = [await queue(), await queue({ arguments: { 'x-queue-type': 'stream' } })];
  await publish(name, ['a', 'b', 'c']);
  assert.ok(await channel.get(name));
  const unasked = await inside(['queue', 'purge', name]);
  assert.equal(unasked.code, 64, unasked.stderr);
  assert.equal(await depth(name), 2);
  const wrong = await rmq(['queue', 'purge', name], { terminal: true, input: 'no\n' });
  assert.equal(wrong.code, 1);
  assert.match(wrong.stdout, /This removes the 2 messages in .* for good/);
  assert.deepEqual(await done('queue', 'purge', name, '-y'), { queue: name, purged: 2 });
  assert.equal(await depth(name), 0);
  assert.equal((await inside(['queue', 'purge', stream, '-y'])).code, 76);
  assert.equal((await inside(['queue', 'purge', `${name}.no`, '-y'])).code, 66);
});

test('queue declare has a flag for each standard argument', async (t) => {
  const { channel } = await peer(t);
  const [quorum, stream, classic] = ['quorum', 'stream', 'classic'].map((base) => unique(base)) as [string, string, string];
  t.after(() => Promise.all([quorum, stream, classic].map((name) => inside(['queue', 'delete', name, '-y']))));
  const flags = '--message-ttl 5m --expires 1h --max-length 10 --max-length-bytes 1mb --overflow reject-publish --dlx dead --dlx-routing-key k';
  const ofQuorum = '--dead-letter-strategy at-least-once --delivery-limit 7 --single-active-consumer --leader-locator balanced --quorum-initial-group-size 1';
  await done('queue', 'declare', quorum, '--queue-type', 'quorum', ...flags.split(' '), ...ofQuorum.split(' '));
  await done('queue', 'declare', stream, ...'--queue-type stream --max-age 7d --max-segment-size 1mb --stream-initial-cluster-size 1'.split(' '));
  assert.deepEqual(await done('queue', 'declare', classic, '--transient', '--auto-delete', '--max-priority', '4'), {
    queue: classic,
    type: 'classic',
    bindings: 0,
  });
  // The broker refuses arguments that differ from these.
  const common = { 'x-message-ttl': 300_000, 'x-expires': 3_600_000, 'x-max-length': 10, 'x-max-length-bytes': 1_048_576, 'x-overflow': 'reject-publish' };
  await channel.assertQueue(quorum, {
    arguments: {
      ...common,
      'x-queue-type': 'quorum',
      'x-dead-letter-exchange': 'dead',
      'x-dead-letter-routing-key': 'k',
      'x-dead-letter-strategy': 'at-least-once',
      'x-delivery-limit': 7,
      'x-single-active-consumer': true,
      'x-queue-leader-locator': 'balanced',
      'x-quorum-initial-group-size': 1,
    },
  });
  const streaming = { 'x-queue-type': 'stream', 'x-max-age': '7D', 'x-stream-max-segment-size-bytes': 1_048_576, 'x-initial-cluster-size': 1 };
  await channel.assertQueue(stream, { arguments: streaming });
  await channel.assertQueue(classic, { durable: false, autoDelete: true, arguments: { 'x-max-priority': 4 } });
  const [flag, argument] = isSince(channel, '3.13') ? ['--queue-mode=lazy', 'x-queue-mode'] : ['--filter-size=16', 'x-stream-filter-size-bytes'];
  const name = unique('later');
  const ignored = await inside(['queue', 'declare', name, '--queue-type', 'stream', flag]);
  assert.equal(ignored.code, 76, ignored.stderr);
  assert.match(ignored.stderr, new RegExp(`the argument ${argument}: it would be ignored`));
  assert.equal(await queueExists(name), false);
});
