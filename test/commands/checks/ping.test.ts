import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brokerUrl } from '../../support/broker.ts';
import { closingPort, deadPort, proxy, silentPort } from '../../support/faults.ts';
import { json, rmq, start } from '../../support/rmq.ts';

interface Pong {
  readonly product: string;
  readonly version: string;
  readonly vhost: string;
  readonly address: string;
  readonly roundTrip: number;
}

test('ping logs in, opens a channel, and names product, version, vhost and round trip', async () => {
  const pong = json<Pong>(await rmq(['ping', '--json']));
  assert.equal(pong.product, 'RabbitMQ');
  assert.match(pong.version, /^\d+\.\d+\.\d+/);
  assert.equal(pong.vhost, '/');
  assert.ok(pong.roundTrip > 0);
  assert.doesNotMatch(JSON.stringify(pong), /guest:/);
  const { code, stdout, stderr } = await rmq(['ping']);
  assert.equal(code, 0, stderr);
  assert.match(stdout, new RegExp(`^RabbitMQ ${pong.version.replaceAll('.', '\\.')} at amqp://guest@.* answers in [\\d.]+ ms \\(vhost "/"\\)\n$`));
  assert.equal(stderr, '');
});

test('ping says by its exit code why the broker does not answer', async (t) => {
  const dead = `amqp://guest:guest@127.0.0.1:${await deadPort()}`;
  assert.equal((await rmq(['ping', '--url', dead])).code, 69);
  const denied = await rmq(['ping', '--url', brokerUrl().replace('guest:guest', 'guest:wrong')]);
  assert.equal(denied.code, 77, denied.stderr);
  const vhost = await rmq(['ping', '--url', `${brokerUrl().replace(/\/[^/]*$/, '')}/nowhere`]);
  assert.ok(vhost.code === 77 || vhost.code === 66, vhost.stderr);
  const silent = `amqp://127.0.0.1:${(await silentPort(t)).port}`;
  const late = await rmq(['ping', '--url', silent, '--timeout', '300ms']);
  assert.equal(late.code, 124, late.stderr);
  assert.match(late.stderr, /300 ms/);
});

test('--wait is told to those who have not given it', async (t) => {
  const url = `amqp://guest:guest@127.0.0.1:${await deadPort()}`;
  assert.match((await rmq(['ping', '--url', url])).stderr, /--wait 60s keeps trying/);
  const { code, stderr } = await rmq(['ping', '--url', url, '--wait', '300ms']);
  assert.equal(code, 69, stderr);
  assert.match(stderr, /tried for 300 ms/);
  assert.doesNotMatch(stderr, /--wait/);
  // The other half of the advice stays.
  const closing = `amqp://127.0.0.1:${(await closingPort(t)).port}`;
  assert.match((await rmq(['ping', '--url', closing])).stderr, /amqps:.*--wait 60s keeps trying/);
  const closed = await rmq(['ping', '--url', closing, '--wait', '300ms']);
  assert.match(closed.stderr, /amqps:.*tried for 300 ms/);
  assert.doesNotMatch(closed.stderr, /--wait/);
});

test('who uses TLS is not told to use TLS', async (t) => {
  const { code, stderr } = await rmq(['ping', '--url', `amqps://127.0.0.1:${(await closingPort(t)).port}`]);
  assert.equal(code, 69, stderr);
  assert.match(stderr, /5671.*--wait 60s keeps trying/);
  assert.doesNotMatch(stderr, /needs amqps/);
});

test('--wait is for the first connection: who loses a later one is not told of it', async (t) => {
  const between = await proxy(t, brokerUrl());
  const run = start(['tap', 'amq.fanout', '--url', between.url, '--max-reconnects', '1', '--wait', '30s']);
  await run.until('stderr', 'copying');
  await between.refuse();
  between.cut();
  const { code, stderr } = await run.result;
  assert.equal(code, 69, stderr);
  assert.doesNotMatch(stderr, /--wait|it was tried for/);
});
