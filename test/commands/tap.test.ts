import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ConfirmChannel } from 'amqplib';
import { brokerUrl, type Peer, peer, unique } from '../support/broker.ts';
import { proxy } from '../support/faults.ts';
import { inside } from '../support/inside.ts';
import { scratchDirectory } from '../support/programs.ts';
import { type Result, rmq, start } from '../support/rmq.ts';
import { restrictedUser } from '../support/users.ts';

const COPYING = 'copying';

async function send({ channel }: Peer, exchange: string, keys: readonly string[], headers: Readonly<Record<string, string>> = {}): Promise<void> {
  for (const key of keys) channel.publish(exchange, key, Buffer.from(`${key}!`), { headers });
  await (channel as ConfirmChannel).waitForConfirms();
}

/** What a tap prints while messages are sent, and what it leaves. */
async function tapped(args: readonly string[], send: () => Promise<void>, options: Parameters<typeof start>[1] = {}): Promise<Result> {
  const run = start(['tap', ...args, '--timeout', '30s'], { input: '', ...options });
  await run.until('stderr', COPYING);
  await send();
  return run.result;
}

for (const [type, patterns, keys, copied] of [
  ['fanout', [], ['a', '', 'b.c'], ['a!', '!', 'b.c!']],
  ['topic', [], ['a', 'b.c'], ['a!', 'b.c!']],
  ['topic', ['order.*', 'user.#'], ['order.new', 'order.new.eu', 'user', 'user.a.b'], ['order.new!', 'user!', 'user.a.b!']],
  ['headers', [], ['a', 'b'], ['a!', 'b!']],
  ['direct', ['info', 'error'], ['info', 'debug', 'error'], ['info!', 'error!']],
] as const) {
  test(`tap copies what flows through a ${type} exchange${patterns.length === 0 ? '' : ` with ${patterns.join(', ')}`}; its queue gets all of it`, async (t) => {
    const own = await peer(t);
    const [exchange, queue] = [await own.exchange(type), await own.queue()];
    for (const key of type === 'topic' ? ['#'] : keys) await own.channel.bindQueue(queue, exchange, key);
    const { code, stdout, stderr } = await tapped([exchange, ...patterns, '-n', String(copied.length)], () => send(own, exchange, keys));
    assert.equal(code, 0, stderr);
    assert.equal(stdout, copied.map((line) => `${line}\n`).join(''));
    assert.match(stderr, new RegExp(`copied ${copied.length} messages of the exchange "${exchange}" in [0-9.]+ m?s$`, 'm'));
    assert.equal(await own.depth(queue), keys.length);
  });
}

test('tap of a direct exchange without keys copies those that are bound; without any it asks for them', async (t) => {
  const own = await peer(t);
  const [exchange, queue] = [await own.exchange('direct'), await own.queue()];
  const none = await rmq(['tap', exchange]);
  assert.equal(none.code, 64);
  assert.match(none.stderr, /is a direct exchange: the routing keys to copy must stand behind its name/);
  for (const key of ['one', 'two']) await own.channel.bindQueue(queue, exchange, key);
  const { stdout, stderr } = await tapped([exchange, '-n', '2'], () => send(own, exchange, ['two', 'three', 'one']));
  assert.equal(stdout, 'two!\none!\n');
  assert.match(stderr, /2 keys that are bound now/);
});

test('tap --queue copies what the bindings of a queue bring, headers included', async (t) => {
  const own = await peer(t);
  const [topic, headers, queue] = [await own.exchange('topic'), await own.exchange('headers'), await own.queue()];
  await own.channel.bindQueue(queue, topic, 'order.*');
  await own.channel.bindQueue(queue, headers, '', { 'x-match': 'all', kind: 'x' });
  const both = async (): Promise<void> => {
    await send(own, topic, ['order.a', 'user.b', 'order.c']);
    await send(own, headers, ['no'], { kind: 'y' });
    await send(own, headers, ['yes'], { kind: 'x' });
  };
  const { code, stdout, stderr } = await tapped(['--queue', queue, '-n', '3'], both);
  assert.equal(code, 0, stderr);
  assert.deepEqual(stdout.trim().split('\n').toSorted(), ['order.a!', 'order.c!', 'yes!']);
  assert.equal(await own.depth(queue), 3);
});

test('tap --where copies what matches, and -n counts that', async (t) => {
  const own = await peer(t);
  const exchange = await own.exchange('fanout');
  const { stdout, stderr } = await tapped([exchange, '--where', 'routingKey.startsWith("b")', '-n', '2'], () =>
    send(own, exchange, ['a', 'b1', 'c', 'b2', 'b3']),
  );
  assert.equal(stdout, 'b1!\nb2!\n');
  assert.match(stderr, /of which 2 match/);
});

test('tap judges what flows: --expect counts it, --expect-file and --match look into it', async (t) => {
  const own = await peer(t);
  const exchange = await own.exchange('fanout');
  const two = (): Promise<void> => send(own, exchange, ['a', 'b']);
  const directory = await scratchDirectory(t);
  const file = async (...bodies: readonly string[]): Promise<string> => {
    const path = join(directory, 'want.ndjson');
    await writeFile(path, bodies.map((body) => `${JSON.stringify({ body })}\n`).join(''));
    return path;
  };
  assert.equal((await tapped([exchange, '--expect', '2'], two)).code, 0);
  assert.equal((await tapped([exchange, '--expect', '1'], two)).code, 1);
  assert.equal((await tapped([exchange, '--expect-file', await file('b!', 'a!')], two)).code, 0);
  const wrong = await tapped([exchange, '--expect-file', await file('a!', 'c!')], two);
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /c!/);
  assert.equal((await tapped([exchange, '--match', 'routingKey == "a"', '-n', '2'], two)).code, 1);
  assert.equal((await inside(['tap', exchange, '--expect', '1', '-n', '1'])).code, 64);
  assert.equal((await inside(['tap', exchange, '--expect', '0'])).code, 64);
});

test('tap says what it cannot copy, and the way out', async (t) => {
  const own = await peer(t);
  const [fanout, headers, queue] = [await own.exchange('fanout'), await own.exchange('headers'), await own.queue()];
  for (const [args, code, says] of [
    [[''], 64, /default exchange: --queue taps/],
    [[], 64, /name an exchange or a queue \(--queue\)/],
    [[fanout, '--queue', queue], 64, /and not both/],
    [[unique('none')], 66, /no exchange/],
    [['--queue', unique('none')], 66, /there is no queue/],
    [['--queue', queue], 76, /no exchange is bound.*\n.*rmq peek/],
    [[fanout, 'key'], 64, /does not route by keys.*\n.*--where 'routingKey == "KEY"'/],
    [[headers, 'key'], 64, /does not route by keys.*\n.*--where 'headers/],
    [[fanout, '--where', 'nothing +'], 64, /\^/],
    [['--queue', queue, '--management-url', 'http://127.0.0.1:9'], 69, /management/],
  ] as const) {
    const result = await inside(['tap', ...args]);
    assert.equal(result.code, code, `${args.join(' ')}\n${result.stderr}`);
    assert.match(result.stderr, says);
  }
});

test('tap tells a user without rights what is missing, and works for one who may not count', async (t) => {
  const own = await peer(t);
  const exchange = await own.exchange('topic');
  const env = { RABBITMQ_MANAGEMENT_URL: 'http://127.0.0.1:9/' };
  const dots = exchange.replaceAll('.', '\\.');
  for (const rights of [
    { configure: '^$', write: '.*', read: '.*' },
    { configure: '.*', write: '^$', read: '.*' },
    { configure: '.*', write: '.*', read: `^${dots}\\..*` },
  ]) {
    const denied = await inside(['tap', exchange, '-u', await restrictedUser(t, rights)], { env });
    assert.equal(denied.code, 77, denied.stderr);
    assert.match(denied.stderr, /a tap needs the permissions configure, write and read on queues ".*….*, and read on/);
  }
  const url = await restrictedUser(t, { configure: `^${dots}\\..*`, write: `^${dots}\\..*`, read: `^${dots}.*` });
  const { code, stdout, stderr } = await tapped([exchange, '-n', '1', '-u', url], () => send(own, exchange, ['k']), { env });
  assert.deepEqual([code, stdout], [0, 'k!\n'], stderr);
  assert.match(stderr, /cannot be counted/);
  assert.match(stderr, /may not see the type/);
});

test('a tap that is too slow drops the oldest copies, and its count is exact; the publisher is confirmed all the same', async (t) => {
  const own = await peer(t);
  const [exchange, queue] = [await own.exchange('fanout'), await own.queue()];
  await own.channel.bindQueue(queue, exchange, '');
  // A busy broker may let all of them wait for being counted.
  const run = start(['tap', exchange, '--max-length', '50', '--max-length-bytes', '1gb', '--idle', '2s'], { input: '' });
  await run.until('stderr', COPYING);
  // Its standard output is full from here on.
  run.child.stdout.pause();
  const body = Buffer.alloc(8_000, 'x');
  const [sent, step] = [20_000, 1_000];
  for (let number = 0; number < sent; number += step) {
    for (let one = 0; one < step; one++) own.channel.publish(exchange, '', body);
    await (own.channel as ConfirmChannel).waitForConfirms();
  }
  await run.until('stderr', 'dropped so far');
  run.child.stdout.resume();
  const { code, stdout, stderr } = await run.result;
  assert.equal(code, 0, stderr);
  const dropped = Number(/; ([\d,]+) older copies were dropped/.exec(stderr)?.[1]?.replaceAll(',', ''));
  assert.equal(stdout.split('\n').length - 1 + dropped, sent, stderr);
  assert.ok(dropped > 1_000, stderr);
  assert.equal(await own.depth(queue), sent);
});

test('a tap leaves nothing behind, also when it is killed', async (t) => {
  const own = await peer(t);
  const exchange = await own.exchange('fanout', { autoDelete: true });
  const run = start(['tap', exchange], { input: '' });
  await run.until('stderr', COPYING);
  const bound = await bindingsFrom(exchange);
  assert.deepEqual(
    bound.map(({ destination }) => destination.startsWith(`${exchange}.`)),
    [true],
  );
  run.child.kill('SIGKILL');
  await once(run.child, 'close');
  while ((await bindingsFrom(exchange)).length > 0);
  await assert.rejects(own.channel.checkQueue(bound[0]?.destination ?? ''), /NOT_FOUND/);
});

test('a tap ends when its exchange is deleted', async (t) => {
  const own = await peer(t);
  const exchange = await own.exchange('fanout');
  const run = start(['tap', exchange], { input: '' });
  await run.until('stderr', COPYING);
  await own.channel.deleteExchange(exchange);
  const { code, stderr } = await run.result;
  assert.equal(code, 66);
  assert.match(stderr, /was deleted/);
});

async function bindingsFrom(exchange: string): Promise<readonly { readonly destination: string }[]> {
  const { username, password, origin } = new URL(process.env['RABBITMQ_MANAGEMENT_URL'] ?? '');
  const response = await fetch(`${origin}/api/bindings/%2F`, { headers: { authorization: `Basic ${btoa(`${username}:${password}`)}` } });
  const all = (await response.json()) as { source: string; destination: string }[];
  return all.filter(({ source }) => source === exchange);
}

test('tap goes on over a connection that is cut, and says that copies were missed', async (t) => {
  const own = await peer(t);
  const exchange = await own.exchange('fanout');
  const faulty = await proxy(t, brokerUrl());
  const run = start(['tap', exchange, '-n', '2', '--timeout', '50s', '--url', faulty.url]);
  await run.until('stderr', COPYING);
  await send(own, exchange, ['before']);
  await run.until('stdout', 'before');
  faulty.cut();
  await run.until('stderr', 'again; what was published in the last');
  await send(own, exchange, ['after']);
  const { code, stdout, stderr } = await run.result;
  assert.equal(code, 0, stderr);
  assert.equal(stdout, 'before!\nafter!\n');
});
