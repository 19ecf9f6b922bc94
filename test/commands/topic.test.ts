import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brokerUrl, peer, unique } from '../support/broker.ts';
import { deadPort, proxy } from '../support/faults.ts';
import { inside } from '../support/inside.ts';
import { exchangeName, queueExists, queueName } from '../support/names.ts';
import { pika } from '../support/python.ts';
import { json, jsonLines, rmq, start } from '../support/rmq.ts';

interface Line {
  readonly queue: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly properties: { readonly deliveryMode?: number; readonly headers?: Record<string, unknown> };
  readonly body: string;
}

/** Declares and binds a queue, as a subscriber does that has run before. */
async function subscribeOnce(exchange: string, queue: string, patterns: readonly string[]): Promise<void> {
  const result = await inside(['topic', 'subscribe', exchange, ...patterns, '--queue', queue, '--drain']);
  assert.equal(result.code, 0, result.stderr);
}

async function publish(exchange: string, key: string, body: string): Promise<void> {
  const result = await inside(['topic', 'publish', exchange, key, body]);
  assert.equal(result.code, 0, result.stderr);
}

test('each queue gets what its pattern asks for, also what came while nobody listened', async (t) => {
  const exchange = exchangeName(t);
  const queues = { 'order.#': queueName(t), 'order.europe.*': queueName(t), '*.*.placed': queueName(t) };
  for (const [pattern, queue] of Object.entries(queues)) await subscribeOnce(exchange, queue, [pattern]);
  for (const key of ['order.europe.placed', 'order.asia.cancelled', 'order.asia.placed', 'order']) await publish(exchange, key, `{"about":"${key}"}`);
  const expected = {
    'order.#': ['order.europe.placed', 'order.asia.cancelled', 'order.asia.placed', 'order'],
    'order.europe.*': ['order.europe.placed'],
    '*.*.placed': ['order.europe.placed', 'order.asia.placed'],
  } as const;
  for (const [pattern, keys] of Object.entries(expected)) {
    const queue = queues[pattern as keyof typeof queues];
    const result = await rmq(['topic', 'subscribe', exchange, pattern, '--queue', queue, '--drain', '-o', 'json']);
    assert.equal(result.code, 0, result.stderr);
    assert.deepEqual(
      jsonLines<Line>(result).map(({ queue, exchange, routingKey, properties, body }) => [queue, exchange, routingKey, properties.deliveryMode, body]),
      keys.map((key) => [queue, exchange, key, 2, `{"about":"${key}"}`]),
    );
  }
});

test('a message that matches several patterns of a queue comes once', async (t) => {
  const exchange = exchangeName(t);
  const run = start(['topic', 'subscribe', exchange, 'order.#', '*.*.placed', '#', '-n', '2', '-o', 'json'], { timeout: 30_000 });
  await run.until('stderr', `(bound to "${exchange}" with "order.#", "*.*.placed", "#")`);
  await publish(exchange, 'order.europe.placed', 'one');
  await publish(exchange, 'order.paid', 'two');
  assert.deepEqual(
    jsonLines<Line>(await run.result).map(({ body }) => body),
    ['one', 'two'],
  );
});

test('without --queue, only what comes meanwhile is printed, and no queue is left behind', async (t) => {
  const exchange = exchangeName(t);
  assert.equal((await inside(['topic', 'publish', exchange, 'a.b', 'too early', '--allow-unroutable'])).code, 0);
  const run = start(['topic', 'subscribe', exchange, 'a.*', 'b.*', '-o', 'json', '-n', '2'], { timeout: 30_000 });
  await run.until('stderr', 'listening on queue');
  await publish(exchange, 'a.b', 'in time');
  assert.equal((await inside(['topic', 'publish', exchange, 'c.d', 'not asked for'])).code, 67);
  await publish(exchange, 'b.', 'in time');
  const lines = jsonLines<Line>(await run.result);
  assert.deepEqual(
    lines.map(({ routingKey, body }) => [routingKey, body]),
    [
      ['a.b', 'in time'],
      ['b.', 'in time'],
    ],
  );
  const [{ queue } = assert.fail()] = lines;
  assert.equal(await queueExists(queue), false);
});

test('a key that no queue is bound for is exit 67, unless that is accepted', async (t) => {
  const exchange = exchangeName(t);
  const queue = queueName(t);
  await subscribeOnce(exchange, queue, ['order.#']);
  const result = await inside(['topic', 'publish', exchange, 'invoice.paid', 'x', '--json']);
  assert.equal(result.code, 67, result.stderr);
  assert.equal(json<{ returned: number }>(result).returned, 1);
  assert.match(result.stderr, /for key "invoice\.paid"/);
  assert.equal((await inside(['topic', 'publish', exchange, 'invoice.paid', 'x', '--allow-unroutable'])).code, 0);
  const literal = await inside(['topic', 'publish', exchange, 'order.*', 'x']);
  assert.equal(literal.code, 0, literal.stderr);
  assert.match(literal.stderr, /the key "order\.\*" is taken as it stands/);
});

test('lines and envelopes all go to the exchange with the key of the command line', async (t) => {
  const exchange = exchangeName(t);
  const queue = queueName(t);
  await subscribeOnce(exchange, queue, ['#']);
  const envelope = { exchange: 'elsewhere', routingKey: 'own.key', properties: { headers: { a: 1 } }, body: 'three' };
  assert.equal((await inside(['topic', 'publish', exchange, 'order.placed', '--lines', '-H', 'n:=1'], { input: 'one\ntwo\n' })).code, 0);
  assert.equal((await inside(['topic', 'publish', exchange, 'order.paid', '--envelopes'], { input: JSON.stringify(envelope) })).code, 0);
  // An empty key is a key.
  assert.equal((await inside(['topic', 'publish', exchange, '', '--envelopes'], { input: JSON.stringify(envelope) })).code, 0);
  const lines = jsonLines<Line>(await inside(['topic', 'subscribe', exchange, '#', '--queue', queue, '--drain', '-o', 'json']));
  assert.deepEqual(
    lines.map((line) => [line.exchange, line.routingKey, line.properties.headers, line.body]),
    [
      [exchange, 'order.placed', { n: 1 }, 'one'],
      [exchange, 'order.placed', { n: 1 }, 'two'],
      [exchange, 'order.paid', { a: 1 }, 'three'],
      [exchange, '', { a: 1 }, 'three'],
    ],
  );
});

test('an exchange of another type is refused with 76, and both types are named', async (t) => {
  const exchange = await (await peer(t)).exchange('direct');
  const queue = queueName(t);
  for (const args of [
    ['publish', exchange, 'key', 'x'],
    ['subscribe', exchange, '#', '--queue', queue],
    ['subscribe', exchange, '#'],
  ]) {
    const result = await inside(['topic', ...args]);
    assert.equal(result.code, 76, result.stderr);
    assert.match(result.stderr, /direct instead of topic/);
  }
  assert.equal(await queueExists(queue), false);
});

test('an exchange and a queue that exist are used as they are, with the bindings that they have', async (t) => {
  const other = await peer(t);
  const exchange = await other.exchange('topic', { durable: false, alternateExchange: 'amq.topic' });
  const queue = await other.queue({ durable: false, messageTtl: 60_000, arguments: { 'x-max-length': 5 } });
  await other.channel.bindQueue(queue, exchange, 'old.*');
  await subscribeOnce(exchange, queue, ['new.*']);
  await publish(exchange, 'old.one', 'one');
  await publish(exchange, 'new.two', 'two');
  assert.equal(await other.depth(queue), 2);
  const refused = await inside(['topic', 'subscribe', exchange, 'new.*', '--queue', queue, '--queue-type', 'quorum', '--drain']);
  assert.equal(refused.code, 76, refused.stderr);
  assert.match(refused.stderr, /x-queue-type/);
  assert.equal((await inside(['topic', 'subscribe', exchange, 'new.*', '--queue', queue, '--drain'])).stdout, 'one\ntwo\n');
});

test('the exchange of the broker itself can be used, and subscribed to without a queue', async () => {
  const key = unique('key');
  const run = start(['topic', 'subscribe', 'amq.topic', `${key}.*`, '-n', '1'], { timeout: 30_000 });
  await run.until('stderr', 'listening on queue');
  await publish('amq.topic', `${key}.x`, 'hello');
  assert.equal((await run.result).stdout, 'hello\n');
});

test('after a lost connection, every pattern is bound again', async (t) => {
  const exchange = exchangeName(t);
  const port = await proxy(t, brokerUrl());
  const run = start(['topic', 'subscribe', exchange, 'a.#', 'b.#', '-n', '2', '--url', port.url], { timeout: 30_000 });
  await run.until('stderr', 'listening on queue');
  port.cut();
  await run.until('stderr', 'listening again on queue');
  await publish(exchange, 'a', 'one');
  await publish(exchange, 'b', 'two');
  const result = await run.result;
  assert.deepEqual([result.code, result.stdout], [0, 'one\ntwo\n'], result.stderr);
});

test('a Python subscriber and a Python publisher work with it, each in the other place', async (t) => {
  const exchange = exchangeName(t);
  const queue = queueName(t);
  const setUp = `
ch.exchange_declare(exchange="${exchange}", exchange_type="topic", durable=True)
ch.queue_declare(queue="${queue}", durable=True)
ch.queue_bind(exchange="${exchange}", queue="${queue}", routing_key="order.europe.*")
`;
  await pika(`${setUp}
ch.basic_publish(exchange="${exchange}", routing_key="order.europe.placed", body=b"{}", properties=pika.BasicProperties(delivery_mode=2))
ch.basic_publish(exchange="${exchange}", routing_key="order.asia.placed", body=b"{}")`);
  const got = await inside(['topic', 'subscribe', exchange, 'order.europe.*', '--queue', queue, '--drain', '-o', 'json']);
  assert.deepEqual(
    jsonLines<Line>(got).map(({ routingKey }) => routingKey),
    ['order.europe.placed'],
    got.stderr,
  );
  await publish(exchange, 'order.europe.cancelled', '{"id":7}');
  const printed = await pika(`${setUp}
for method, properties, body in ch.consume("${queue}", inactivity_timeout=20):
    print(method.routing_key, json.loads(body)["id"], properties.delivery_mode)
    ch.basic_ack(method.delivery_tag)
    break`);
  assert.equal(printed, 'order.europe.cancelled 7 2\n');
});

test('a key and a pattern of 255 bytes arrive', async (t) => {
  const exchange = exchangeName(t);
  const queue = queueName(t);
  const key = `${'\u00e4'.repeat(126)}.bc`;
  assert.equal(Buffer.byteLength(key), 255);
  await subscribeOnce(exchange, queue, [key]);
  await publish(exchange, key, 'long');
  assert.equal((await inside(['topic', 'subscribe', exchange, key, '--queue', queue, '--drain'])).stdout, 'long\n');
});

test('topic match compares every key, and exits with 0 only when all of them match', async () => {
  const all = await inside(['topic', 'match', 'order.#', 'order.europe.placed', 'order']);
  assert.deepEqual([all.code, all.stdout, all.stderr], [0, 'order.europe.placed: matches\norder: matches\n', '']);
  const some = await inside(['topic', 'match', 'order.*', 'order.placed', 'order', '', 'order.']);
  assert.deepEqual([some.code, some.stdout, some.stderr], [1, 'order.placed: matches\norder: does not match\n: does not match\norder.: matches\n', '']);
});

test('topic match says which word does not match, and as JSON too', async () => {
  const args = ['topic', 'match', '--explain', 'order.europe.*', 'order.europe.placed', 'order.asia.placed', 'order.europe'];
  const text = await inside(args);
  assert.deepEqual(
    [text.code, text.stdout],
    [
      1,
      'order.europe.placed: matches\norder.asia.placed: does not match: word 2: "asia" is not "europe"\norder.europe: does not match: the key has 2 words; the pattern has 1 more: "*"\n',
    ],
  );
  const pattern = 'order.europe.*';
  assert.deepEqual(jsonLines(await inside([...args, '-o', 'json'])), [
    { pattern, key: 'order.europe.placed', matches: true },
    { pattern, key: 'order.asia.placed', matches: false, mismatch: { kind: 'differs', word: 2, found: 'asia', wanted: 'europe' } },
    { pattern, key: 'order.europe', matches: false, mismatch: { kind: 'short', words: 2, wanted: ['*'] } },
  ]);
  assert.deepEqual(jsonLines(await inside(['topic', 'match', pattern, 'x', '--json'])), [{ pattern, key: 'x', matches: false }]);
});

test('topic match needs no broker, and no URL that makes sense', async () => {
  const result = await inside(['topic', 'match', '#', 'a'], { env: { RMQ_URL: 'this is no URL' } });
  assert.deepEqual([result.code, result.stdout], [0, 'a: matches\n'], result.stderr);
});

const usage: readonly (readonly [args: readonly string[], names: RegExp])[] = [
  [['publish', 'e'], /KEY/],
  [['publish', '', 'k', 'x'], /EXCHANGE must not be empty/],
  [['publish', 'e', 'k'.repeat(256), 'x'], /KEY must have at most 255 bytes/],
  [['publish', 'e', '\u00e4'.repeat(128), 'x'], /KEY must have at most 255 bytes/],
  [['publish', 'e'.repeat(256), 'k', 'x'], /EXCHANGE must have at most 255 bytes/],
  [['publish', 'e', 'k', 'x', '--lines'], /BODY/],
  [['subscribe', 'e'], /PATTERN/],
  [['subscribe', 'e', 'a', 'p'.repeat(256)], /PATTERN must have at most 255 bytes/],
  [['subscribe', 'e', '#', '--queue', ''], /--queue must not be empty/],
  [['subscribe', 'e', '#', '--queue-type', 'quorum'], /--queue-type needs --queue/],
  [['subscribe', 'e', '#', '--drain'], /--drain/],
  [['subscribe', 'e', '#', '--requeue'], /--requeue/],
  [['subscribe', 'e', '#', '--queue', 'q', '--expect', '0'], /--expect 0/],
  [['match', '#'], /KEY/],
  [['match', 'p'.repeat(256), 'k'], /PATTERN must have at most 255 bytes/],
  [['match', '#', 'k', 'k'.repeat(256)], /KEY must have at most 255 bytes/],
];
for (const [args, names] of usage) {
  test(`rmq topic ${args.map((arg) => (arg.length > 20 ? `${arg.slice(0, 5)}…` : JSON.stringify(arg))).join(' ')} is wrong usage, before any connection`, async () => {
    const result = await inside(['topic', ...args, '--url', `amqp://127.0.0.1:${await deadPort()}`]);
    assert.equal(result.code, 64, result.stderr);
    assert.match(result.stderr, names);
  });
}
