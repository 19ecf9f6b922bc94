import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { brokerUrl, peer, unique } from '../support/broker.ts';
import { deadPort, proxy } from '../support/faults.ts';
import { inside } from '../support/inside.ts';
import { exchangeName, queueExists, queueName } from '../support/names.ts';
import { program, scratchDirectory } from '../support/programs.ts';
import { pika } from '../support/python.ts';
import { json, jsonLines, type Running, rmq, start } from '../support/rmq.ts';
import { restrictedUser } from '../support/users.ts';

interface Line {
  readonly queue: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly properties: { readonly messageId?: string; readonly deliveryMode?: number; readonly headers?: Record<string, unknown> };
  readonly body: string;
}

/** A subscriber that listens. */
async function listening(args: readonly string[]): Promise<Running> {
  const run = start(['fanout', 'subscribe', ...args], { timeout: 30_000 });
  await run.until('stderr', 'listening on queue');
  return run;
}

/** The queue that a subscriber says it listens on. */
async function queueOf({ child, until }: Running): Promise<string> {
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk;
  });
  await until('stderr', 'listening on queue');
  return /listening on queue "(.*?)"/.exec(stderr)?.[1] ?? assert.fail(stderr);
}

/** Declares the queue of a service, as a service does that has run before. */
async function subscribeOnce(exchange: string, service: string): Promise<void> {
  const result = await inside(['fanout', 'subscribe', exchange, service, '--drain']);
  assert.equal(result.code, 0, result.stderr);
}

test('every service gets every event, in order and once', async (t) => {
  const exchange = exchangeName(t);
  const services = ['email', 'analytics'].map((service) => ({ service, queue: queueName(t, `${exchange}.${service}`) }));
  const runs = await Promise.all(services.map(({ service }) => listening([exchange, service, '-n', '3', '-o', 'json'])));
  const published = await rmq(['fanout', 'publish', exchange, '--lines', '--json'], { input: 'one\ntwo\nthree\n' });
  assert.equal(published.code, 0, published.stderr);
  assert.equal(json<{ confirmed: number }>(published).confirmed, 3);
  for (const [index, run] of runs.entries()) {
    const result = await run.result;
    assert.equal(result.code, 0, result.stderr);
    const lines = jsonLines<Line>(result);
    assert.deepEqual(
      lines.map(({ queue, exchange, routingKey, properties, body }) => [queue, exchange, routingKey, properties.deliveryMode, body]),
      ['one', 'two', 'three'].map((body) => [services[index]?.queue, exchange, '', 2, body]),
    );
  }
});

test('two runs of one service share its events', async (t) => {
  const exchange = exchangeName(t);
  queueName(t, `${exchange}.email`);
  const runs = [await listening([exchange, 'email', '-n', '1']), await listening([exchange, 'email', '-n', '1'])];
  assert.equal((await inside(['fanout', 'publish', exchange, '--lines'], { input: 'one\ntwo\n' })).code, 0);
  const printed = await Promise.all(runs.map(async ({ result }) => (await result).stdout));
  assert.deepEqual(printed.sort(), ['one\n', 'two\n']);
});

test('a service that was away gets what it missed', async (t) => {
  const exchange = exchangeName(t);
  queueName(t, `${exchange}.email`);
  await subscribeOnce(exchange, 'email');
  assert.equal((await inside(['fanout', 'publish', exchange, '--lines'], { input: 'one\ntwo\n' })).code, 0);
  assert.equal((await inside(['fanout', 'subscribe', exchange, 'email', '--requeue'])).stdout, 'one\ntwo\n');
  const result = await inside(['fanout', 'subscribe', exchange, 'email', '--drain', '-0']);
  assert.deepEqual([result.code, result.stdout], [0, 'one\0two\0'], result.stderr);
});

test('without a service, only what comes meanwhile is printed, and no queue is left behind', async (t) => {
  const exchange = exchangeName(t);
  assert.equal((await inside(['fanout', 'publish', exchange, 'too early', '--allow-unroutable'])).code, 0);
  const run = start(['fanout', 'subscribe', exchange, '--expect', '1', '--timeout', '20s']);
  const queue = await queueOf(run);
  assert.equal(await queueExists(queue), true);
  assert.equal((await inside(['fanout', 'publish', exchange, 'in time'])).code, 0);
  const result = await run.result;
  assert.deepEqual([result.code, result.stdout], [0, 'in time\n'], result.stderr);
  assert.equal(await queueExists(queue), false);
  assert.equal((await inside(['fanout', 'publish', exchange, 'too late'])).code, 67);
});

test('a subscriber without a service that is killed leaves no queue behind', async (t) => {
  const exchange = exchangeName(t);
  const run = start(['fanout', 'subscribe', exchange]);
  const queue = await queueOf(run);
  assert.equal(await queueExists(queue), true);
  run.child.kill('SIGKILL');
  assert.equal((await run.result).code, 137);
  const deadline = Date.now() + 10_000;
  while (await queueExists(queue)) assert.ok(Date.now() < deadline, 'still there');
});

test('an event that no service is there for is exit 67, unless that is accepted', async (t) => {
  const exchange = exchangeName(t);
  const result = await inside(['fanout', 'publish', exchange, 'x', '--json']);
  assert.equal(result.code, 67, result.stderr);
  const { confirmed, returned } = json<{ confirmed: number; returned: number }>(result);
  assert.deepEqual([confirmed, returned], [0, 1]);
  assert.equal((await inside(['fanout', 'publish', exchange, 'x', '--allow-unroutable'])).code, 0);
});

test('envelopes go to the exchange of the command line; what they say otherwise is kept unless a flag says it', async (t) => {
  const exchange = exchangeName(t);
  const queue = queueName(t, `${exchange}.email`);
  await subscribeOnce(exchange, 'email');
  const envelopes = [
    { queue: 'was here', exchange: 'elsewhere', routingKey: 'own.key', properties: { messageId: 'm-1', headers: { a: 1, b: 2 } }, body: 'one' },
    { body: 'two' },
  ];
  const input = envelopes.map((envelope) => JSON.stringify(envelope)).join('\n');
  assert.equal((await inside(['fanout', 'publish', exchange, '--envelopes', '-H', 'b=3'], { input })).code, 0);
  assert.equal((await inside(['fanout', 'publish', exchange, '--envelopes', '-r', 'flag.key', '-n', '1'], { input })).code, 0);
  const lines = jsonLines<Line>(await inside(['fanout', 'subscribe', exchange, 'email', '--drain', '-o', 'json']));
  assert.deepEqual(
    lines.map((line) => [line.queue, line.exchange, line.routingKey, line.properties.headers, line.body]),
    [
      [queue, exchange, 'own.key', { a: 1, b: '3' }, 'one'],
      [queue, exchange, '', { b: '3' }, 'two'],
      [queue, exchange, 'flag.key', { a: 1, b: 2 }, 'one'],
    ],
  );
  assert.equal(lines[0]?.properties.messageId, 'm-1');
});

test('an exchange of another type is refused with 76, and both types are named', async (t) => {
  const exchange = await (await peer(t)).exchange('topic');
  for (const args of [
    ['publish', exchange, 'x'],
    ['subscribe', exchange, 'email', '--drain'],
  ]) {
    const result = await inside(['fanout', ...args]);
    assert.equal(result.code, 76, result.stderr);
    assert.match(result.stderr, /topic instead of fanout/);
  }
  assert.equal(await queueExists(`${exchange}.email`), false);
});

test('an exchange and a queue that exist are used as they are', async (t) => {
  const other = await peer(t);
  const exchange = await other.exchange('fanout', { durable: false, autoDelete: true, alternateExchange: 'amq.fanout' });
  const queue = queueName(t, `${exchange}.email`);
  await other.channel.assertQueue(queue, { durable: false, maxLength: 2 });
  await subscribeOnce(exchange, 'email');
  assert.equal((await inside(['fanout', 'publish', exchange, '--lines'], { input: 'one\ntwo\nthree' })).code, 0);
  assert.deepEqual(
    (await other.take(queue)).map(({ content }) => String(content)),
    ['two', 'three'],
  );
});

test('a user who may use what exists, but declare nothing, publishes and subscribes all the same', async (t) => {
  const exchange = exchangeName(t);
  queueName(t, `${exchange}.email`);
  await inside(['fanout', 'subscribe', exchange, 'email', '--drain']);
  const url = await restrictedUser(t, { configure: '^$', write: '.*', read: '.*' });
  const published = await inside(['fanout', 'publish', exchange, 'hello', '--url', url]);
  assert.equal(published.code, 0, published.stderr);
  const result = await inside(['fanout', 'subscribe', exchange, 'email', '--drain', '--url', url]);
  assert.deepEqual([result.code, result.stdout], [0, 'hello\n'], result.stderr);
  for (const args of [
    ['publish', unique('missing'), 'x'],
    ['subscribe', exchange, 'missing'],
    ['subscribe', exchange],
  ]) {
    const denied = await inside(['fanout', ...args, '--url', url]);
    assert.equal(denied.code, 77, denied.stderr);
  }
});

test('the queue of a service has the type that is asked for, and one that exists with another is refused with 76', async (t) => {
  const exchange = exchangeName(t);
  const queue = queueName(t, `${exchange}.email`);
  const { channel } = await peer(t);
  assert.equal((await inside(['fanout', 'subscribe', exchange, 'email', '--drain', '--queue-type', 'quorum'])).code, 0);
  await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  await subscribeOnce(exchange, 'email');
  const result = await inside(['fanout', 'subscribe', exchange, 'email', '--drain', '--queue-type', 'classic']);
  assert.equal(result.code, 76, result.stderr);
  assert.match(result.stderr, /x-queue-type is "quorum" there, you asked for "classic"/);
});

test('a subscriber without a service goes on after a lost connection, and says what that means', async (t) => {
  const exchange = exchangeName(t);
  const port = await proxy(t, brokerUrl());
  const run = await listening([exchange, '-n', '2', '--url', port.url]);
  assert.equal((await inside(['fanout', 'publish', exchange, 'before'])).code, 0);
  await run.until('stdout', 'before\n');
  port.cut();
  await run.until('stderr', 'listening again on queue');
  assert.equal((await inside(['fanout', 'publish', exchange, 'after'])).code, 0);
  const result = await run.result;
  assert.deepEqual([result.code, result.stdout], [0, 'before\nafter\n'], result.stderr);
  assert.match(result.stderr, /messages published meanwhile are missing/);
});

test('a message whose temporary queue went with the connection while its handler ran has come, and is not waited for again', async (t) => {
  const exchange = exchangeName(t);
  const directory = await scratchDirectory(t);
  const go = join(directory, 'go');
  const port = await proxy(t, brokerUrl());
  const handler = await program(directory, 'handle.sh', `#!/bin/sh\necho begun\nwhile [ ! -e ${go} ]; do sleep 0.05; done\necho done\n`);
  const run = start(['fanout', 'subscribe', exchange, '-n', '1', '--timeout', '20s', '--drop-dead', '--url', port.url, '--', handler]);
  await run.until('stderr', 'working on the queue');
  assert.equal((await inside(['fanout', 'publish', exchange, 'one'])).code, 0);
  await run.until('stdout', 'begun\n');
  port.cut();
  await run.until('stderr', 'attempt 1');
  await writeFile(go, '');
  const { code, stdout, stderr } = await run.result;
  assert.deepEqual([code, stdout], [0, 'begun\ndone\n'], stderr);
});

test('a handler of a temporary queue works on another one after a lost connection, which is named', async (t) => {
  const exchange = exchangeName(t);
  const port = await proxy(t, brokerUrl());
  const run = start(['fanout', 'subscribe', exchange, '-n', '1', '--timeout', '20s', '--drop-dead', '--url', port.url, '--', 'cat']);
  await run.until('stderr', 'working on the queue');
  port.cut();
  await run.until('stderr', 'working again on the queue');
  assert.equal((await inside(['fanout', 'publish', exchange, 'one'])).code, 0);
  const { code, stdout, stderr } = await run.result;
  assert.deepEqual([code, stdout], [0, 'one'], stderr);
  const [first, second] = [...stderr.matchAll(/working (?:again )?on the queue "(.*)"/g)].map(([, name]) => name);
  assert.ok(first?.startsWith(exchange) && second?.startsWith(exchange) && first !== second, stderr);
  assert.match(stderr, /messages published meanwhile are missing/);
});

test('a service goes on after a lost connection, and misses nothing', async (t) => {
  const exchange = exchangeName(t);
  queueName(t, `${exchange}.email`);
  const port = await proxy(t, brokerUrl());
  const run = await listening([exchange, 'email', '-n', '2', '--url', port.url]);
  assert.equal((await inside(['fanout', 'publish', exchange, 'before'])).code, 0);
  await run.until('stdout', 'before\n');
  await port.refuse();
  assert.equal((await inside(['fanout', 'publish', exchange, 'meanwhile'])).code, 0);
  await port.admit();
  const result = await run.result;
  assert.equal(result.code, 0, result.stderr);
  // What was printed but not yet acknowledged comes again.
  assert.deepEqual([...new Set(result.stdout.trim().split('\n'))], ['before', 'meanwhile']);
  assert.doesNotMatch(result.stderr, /missing/);
});

test('a Python service and a Python publisher work with it, each in the other place', async (t) => {
  const exchange = exchangeName(t);
  const queue = queueName(t, `${exchange}.email`);
  const setUp = `
ch.exchange_declare(exchange="${exchange}", exchange_type="fanout", durable=True)
ch.queue_declare(queue="${queue}", durable=True)
ch.queue_bind(exchange="${exchange}", queue="${queue}")
`;
  await subscribeOnce(exchange, 'email');
  await pika(`${setUp}
ch.basic_publish(exchange="${exchange}", routing_key="", body=json.dumps({"event": "order.placed"}).encode(),
    properties=pika.BasicProperties(delivery_mode=2))`);
  const got = await inside(['fanout', 'subscribe', exchange, 'email', '-n', '1', '--timeout', '20s']);
  assert.deepEqual([got.code, got.stdout], [0, '{"event": "order.placed"}\n'], got.stderr);
  assert.equal((await inside(['fanout', 'publish', exchange, '{"event":"order.paid"}'])).code, 0);
  const printed = await pika(`${setUp}
ch.basic_qos(prefetch_count=10)
for method, properties, body in ch.consume("${queue}", inactivity_timeout=20):
    print(json.loads(body)["event"], properties.delivery_mode)
    ch.basic_ack(method.delivery_tag)
    break`);
  assert.equal(printed, 'order.paid 2\n');
});

const usage: readonly (readonly [args: readonly string[], names: RegExp])[] = [
  [['publish'], /EXCHANGE/],
  [['publish', '', 'x'], /EXCHANGE must not be empty/],
  [['publish', 'a\nb', 'x'], /line breaks/],
  [['publish', 'e'.repeat(256), 'x'], /255 bytes/],
  [['publish', 'e', 'x', '-r', 'k'.repeat(256)], /--routing-key must have at most 255 bytes/],
  [['publish', 'e', 'x', '-n', '0'], /--count/],
  [['subscribe', 'e', ''], /SERVICE must not be empty/],
  [['subscribe', 'e'.repeat(130), 's'.repeat(125)], /EXCHANGE\.SERVICE.*255 bytes/],
  [['subscribe', 'amq.fanout', 'email'], /amq\./],
  [['subscribe', 'e', '--queue-type', 'quorum'], /--queue-type needs a SERVICE/],
  [['subscribe', 'e', 'email', '--queue-type', 'stream'], /classic, quorum/],
  [['subscribe', 'e', '--drain'], /--drain/],
  [['subscribe', 'e', '--requeue', '-n', '1'], /--requeue/],
  [['subscribe', 'e', 'email', '--requeue', '--reject'], /--reject/],
  [['subscribe', 'e', 'email', '--prefetch', '0'], /--prefetch/],
];
for (const [args, names] of usage) {
  test(`rmq fanout ${args.map((arg) => (arg.length > 20 ? `${arg.slice(0, 5)}…` : JSON.stringify(arg))).join(' ')} is wrong usage, before any connection`, async () => {
    const result = await inside(['fanout', ...args, '--url', `amqp://127.0.0.1:${await deadPort()}`]);
    assert.equal(result.code, 64, result.stderr);
    assert.match(result.stderr, names);
  });
}
