import assert from 'node:assert/strict';
import { connect } from 'amqplib';
import { test } from '../support/at-once.ts';
import { brokerUrl, isSince, peer, unique } from '../support/broker.ts';
import { inside } from '../support/inside.ts';
import { json, jsonLines, rmq } from '../support/rmq.ts';

test('a queue of the vhost that another program declared is worked on as it is, and its dead letters go where --dlx says', async (t) => {
  const { queue, channel, take } = await peer(t);
  // As pika does: queue_declare(queue, durable=True), and queue_declare(queue).
  for (const durable of [true, false]) {
    const [name, dlx] = [await queue({ durable }), unique('dlx')];
    const dead = await queue();
    t.after(() => rmq(['exchange', 'delete', dlx, '-y']));
    await channel.assertExchange(dlx, 'fanout');
    await channel.bindQueue(dead, dlx, '');
    const published = await rmq(['work', 'publish', name, 'task', '--dlx', dlx]);
    assert.equal(published.code, 0, published.stderr);
    const worked = await rmq(['work', 'run', name, '--dlx', dlx, '--retries', '1', '--backoff', '10ms', '--idle', '2s', '--', 'false']);
    assert.equal(worked.code, 0, worked.stderr);
    assert.match(worked.stderr, /exists without a dead-letter exchange, and is used as it is/);
    assert.deepEqual(
      (await take(dead)).map(({ content }) => String(content)),
      ['task'],
    );
    await rmq(['queue', 'delete', name, '--retries', '-y']);
  }
});

test('a queue with another dead-letter exchange is not fought', async (t) => {
  const { queue } = await peer(t);
  const name = await queue({ deadLetterExchange: 'theirs' });
  const worked = await inside(['work', 'run', name, '--dlx', 'ours', '--idle', '1ms', '--', 'true']);
  assert.equal(worked.code, 76, worked.stderr);
  assert.match(worked.stderr, /x-dead-letter-exchange is "theirs" there, you asked for "ours"/);
});

test('the type of a queue is sent only when it is asked for: a vhost may have another default', async (t) => {
  const { channel } = await peer(t);
  const vhost = unique('vhost');
  const management = new URL(process.env['RABBITMQ_MANAGEMENT_URL'] ?? assert.fail('RABBITMQ_MANAGEMENT_URL is not set'));
  const headers = { authorization: `Basic ${btoa(`${management.username}:${management.password}`)}`, 'content-type': 'application/json' };
  const ask = (method: string, path: string, body: object = {}): Promise<unknown> =>
    fetch(`${management.origin}/api/${path}`, { method, headers, ...(method === 'PUT' && { body: JSON.stringify(body) }) });
  await ask('PUT', `vhosts/${vhost}`, { default_queue_type: 'quorum' });
  t.after(() => ask('DELETE', `vhosts/${vhost}`));
  const { username } = new URL(brokerUrl());
  await ask('PUT', `permissions/${vhost}/${username}`, { configure: '.*', write: '.*', read: '.*' });
  const url = `${brokerUrl().replace(/\/[^/]*$/, '')}/${vhost}`;
  for (const line of [
    ['queue', 'declare', 'declared'],
    ['work', 'publish', 'tasks', 'x'],
    ['work', 'run', 'worked', '--dlx', 'dlx', '--retries', '1', '--idle', '1ms', '--', 'true'],
    ['fanout', 'subscribe', 'events', 'service', '--idle', '1ms'],
    ['topic', 'subscribe', 'topics', 'a.#', '--queue', 'subscribed', '--idle', '1ms'],
    ['rpc', 'serve', 'served', '--idle', '1ms', '--', 'true'],
  ]) {
    const result = await inside(['-u', url, ...line]);
    assert.equal(result.code, 0, result.stderr);
  }
  const names = ['declared', 'tasks', 'worked', 'events.service', 'subscribed', 'served', 'dead.letters'];
  const statuses = jsonLines<{ readonly type: string }>(await inside(['-u', url, 'queue', 'status', ...names, '-o', 'json']));
  // Before 3.11, a vhost has no default of its own.
  const type = isSince(channel, '3.11') ? 'quorum' : 'classic';
  assert.deepEqual(
    statuses.map((status) => status.type),
    names.map(() => type),
  );
  const model = await connect(url);
  model.on('error', () => undefined);
  const plain = await model.createChannel();
  for (const name of names.slice(0, -1)) await plain.assertQueue(name, { durable: true, ...(name === 'worked' && WITH_DLX) });
  await model.close();
  const asked = await inside(['-u', url, 'queue', 'declare', 'classic', '--queue-type', 'classic', '-o', 'json']);
  assert.equal(json<{ type: string }>(asked).type, 'classic');
});

const WITH_DLX = { deadLetterExchange: 'dlx', deadLetterRoutingKey: 'failed' };
