import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startBroker } from '../../src/broker/broker.ts';
import { greet } from '../../src/broker/handshake.ts';
import { untilKept } from '../support/own-broker.ts';
import { scratch } from './rmq.ts';

test('a killed node comes back on the same ports with the same data', async (t) => {
  const directory = scratch(t);
  const broker = await startBroker({ directory, config: ['default_user_tags.administrator = true', 'max_message_size = 4096'], plugins: ['rabbitmq_shovel'] });
  t.after(() => broker.stop());
  const [node] = broker.nodes;
  assert.match(broker.version, /^\d+\.\d+\.\d+/);
  assert.equal((await management(node.managementUrl, '/api/queues/%2F/kept', { method: 'PUT', body: '{"durable":true}' })).status, 201);
  await untilKept(broker);

  const before = node.pid;
  await node.kill();
  assert.equal(node.pid, undefined);
  assert.equal(await greet(node.port, 1_000), undefined);

  await node.restart();
  assert.notEqual(node.pid, before);
  assert.equal((await greet(node.port, 5_000))?.version, broker.version);
  assert.equal((await management(node.managementUrl, '/api/queues/%2F/kept')).status, 200);

  await node.shutdown();
  assert.equal(await greet(node.port, 1_000), undefined);
});

async function management(url: string, path: string, init: RequestInit = {}): Promise<Response> {
  const { username, password, origin } = new URL(url);
  return fetch(origin + path, { ...init, headers: { authorization: `Basic ${btoa(`${username}:${password}`)}` } });
}
