import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from '../support/at-once.ts';
import { brokerUrl, peer, unique } from '../support/broker.ts';
import { inside } from '../support/inside.ts';
import { json, jsonLines, type Result, rmq, start } from '../support/rmq.ts';
import { restrictedUser } from '../support/users.ts';

const NO_DESK = { env: { RABBITMQ_MANAGEMENT_URL: 'http://127.0.0.1:1' } };

interface ListedQueue {
  readonly ready: number;
  readonly type: string | null;
  readonly unacked: number | null;
}

type Row = Readonly<Record<string, unknown>>;

async function rows(...args: readonly string[]): Promise<Row[]> {
  const result = await inside([...args, '-o', 'json']);
  assert.equal(result.code, 0, result.stderr);
  return jsonLines<Row>(result);
}

/** Lists until the broker has counted: its statistics are some seconds old. */
async function rowsWhen(isIt: (found: readonly Row[]) => boolean, ...args: readonly string[]): Promise<readonly Row[]> {
  for (;;) {
    const found = await rows(...args);
    if (isIt(found)) return found;
  }
}

test('the management API of another broker answers no question about this one', async (t) => {
  const { queue } = await peer(t);
  const name = await queue();
  const other = createServer((_, response) => response.end(JSON.stringify({ cluster_name: 'other@elsewhere', rabbitmq_version: '4.3.6' })));
  await once(other.listen(0, '127.0.0.1'), 'listening');
  t.after(() => other.close());
  const { port } = other.address() as AddressInfo;
  const near = { RABBITMQ_URL: 'amqp://elsewhere', RMQ_URL: brokerUrl() };
  const lines = [
    ['queue', 'list'],
    ['queue', 'list', name],
    ['dlx', 'list'],
    ['check', 'dlx'],
    ['topology', 'export'],
    ['topology', 'graph'],
  ];
  for (const line of lines) {
    const { code, stderr } = await inside(line, { env: { ...near, RABBITMQ_MANAGEMENT_URL: `http://127.0.0.1:${port}` } });
    assert.equal(code, 64, `${line.join(' ')}: ${stderr}`);
    assert.match(stderr, /belongs to another broker \("other@elsewhere"\) than the URL/);
  }
  const { code, stdout, stderr } = await rmq(['queue', 'list', name], { env: near });
  assert.equal(code, 0, stderr);
  assert.match(stdout, new RegExp(name));
});

test('queue list tells of each queue, and of a new one as it is now', async (t) => {
  const { queue, publish, channel } = await peer(t);
  const prefix = unique('list');
  const first = await queue({ arguments: { 'x-dead-letter-exchange': 'dead', 'x-dead-letter-routing-key': 'k' } }, prefix);
  const second = await queue({ arguments: { 'x-queue-type': 'quorum' } }, prefix);
  await publish(first, ['a', 'b', 'c']);
  await channel.get(first);
  const where = `name.startsWith("test.${prefix}")`;
  const found = await rows('queue', 'list', '--where', where, '--sort', 'ready');
  assert.deepEqual(
    found.map(({ name, type, ready, consumers, deadLetterTo }) => [name, type, ready, consumers, deadLetterTo]),
    [
      [first, 'classic', 2, 0, 'dead:k'],
      [second, 'quorum', 0, 0, null],
    ],
  );
  assert.equal(found[0]?.['unacked'], 1);
  assert.deepEqual(Object.keys(found[0] ?? {}), ['name', 'type', 'ready', 'unacked', 'consumers', 'inRate', 'outRate', 'deadLetterTo', 'policy', 'state']);
  assert.deepEqual(await rows('queue', 'list', '--where', `${where} && type == "quorum"`, '--columns', 'ready,name'), [{ ready: 0, name: second }]);
  const everywhere = await rows('queue', 'list', '--where', where, '--vhost-all', '--columns', 'vhost,name', '--sort', 'name');
  assert.deepEqual(
    everywhere,
    [first, second].sort().map((name) => ({ vhost: '/', name })),
  );
});

test('queue list measures rates, and knows consumers', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue();
  const consumer = start(['consume', name, '--quiet']);
  t.after(() => consumer.child.kill('SIGKILL'));
  const seen = rowsWhen(([row]) => Number(row?.['inRate']) > 0 && Number(row?.['outRate']) > 0 && row?.['consumers'] === 1, 'queue', 'list', name);
  let done = false;
  const publishing = (async () => {
    while (!done) await publish(name, ['x']);
  })();
  await seen.finally(() => {
    done = true;
  });
  await publishing;
  const [listed] = await rowsWhen((found) => found.length === 1, 'consumer', 'list', name);
  assert.deepEqual([listed?.['queue'], listed?.['ackRequired'], listed?.['active']], [name, true, true]);
  const connections = await rowsWhen((found) => found.some(({ name: of }) => of === listed?.['connection']), 'connection', 'list');
  assert.equal(connections.find(({ name: of }) => of === listed?.['connection'])?.['clientName'], 'rmq consumer');
});

test('a look at a stream leaves no consumer in the lists', async (t) => {
  const { queue, publish, channel } = await peer(t);
  const name = await queue({ arguments: { 'x-queue-type': 'stream' } });
  await publish(name, ['a', 'b']);
  for (const line of [
    ['peek', name],
    ['peek', name, '--last', '1'],
  ])
    assert.equal((await inside(line)).code, 0);
  await channel.prefetch(1);
  const { consumerTag } = await channel.consume(name, () => undefined);
  // The broker tells of consumers in the order in which they came.
  const listed = await rowsWhen((found) => found.some(({ tag }) => tag === consumerTag), 'consumer', 'list', name);
  assert.deepEqual(
    listed.map(({ tag }) => tag),
    [consumerTag],
  );
});

test('queue list of named queues works without the management API, and says what is unknown', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue({ arguments: { 'x-queue-type': 'quorum', 'x-dead-letter-exchange': 'dead' } });
  await publish(name, ['a', 'b']);
  const listed = await inside(['queue', 'list', name, '-o', 'json'], NO_DESK);
  assert.equal(listed.code, 0, listed.stderr);
  assert.deepEqual(json(listed), {
    name,
    type: 'quorum',
    ready: 2,
    unacked: null,
    consumers: 0,
    inRate: null,
    outRate: null,
    deadLetterTo: 'dead',
    policy: null,
    state: null,
  });
  assert.match(listed.stderr, /only what AMQP tells is known/);
  const text = await inside(['queue', 'list', name], NO_DESK);
  assert.match(text.stdout, new RegExp(`${name} +quorum +2 +\\? +0 +\\? +\\? +dead +\\? +\\?`));
  const unnamed = await inside(['queue', 'list'], NO_DESK);
  assert.equal(unnamed.code, 69, unnamed.stderr);
  assert.match(unnamed.stderr, /only queues that are named are told of, over AMQP/);
  for (const env of [NO_DESK, {}]) {
    const absent = await inside(['queue', 'list', name, `${name}.no`], env);
    assert.equal(absent.code, 66, absent.stderr);
    assert.match(absent.stdout, new RegExp(name));
    assert.match(absent.stderr, /there is no ".*\.no"/);
  }
});

test('a user without access to the management API gets what AMQP tells of named queues', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue();
  await publish(name, ['a']);
  const url = await restrictedUser(t, { read: '.*' });
  const own = (process.env['RABBITMQ_MANAGEMENT_URL'] ?? '').replace(/\/\/[^@]*@/, '//');
  const ask = (...args: readonly string[]): Promise<Result> => inside(args, { env: { RABBITMQ_URL: url, RABBITMQ_MANAGEMENT_URL: own } });
  const named = await ask('queue', 'list', name, '-o', 'json');
  assert.equal(named.code, 0, named.stderr);
  const { ready, type, unacked } = json<ListedQueue>(named);
  assert.deepEqual([ready, type, unacked], [1, null, null]);
  assert.match(named.stderr, /may not use the management API/);
  assert.equal((await ask('queue', 'list')).code, 77);
});

test('binding list and exchange list tell ways and exchanges', async (t) => {
  const { queue, exchange, channel } = await peer(t);
  const [name, events, copies] = [await queue(), await exchange('topic', { alternateExchange: 'none' }), await exchange('fanout')];
  await channel.bindQueue(name, events, 'order.#');
  await channel.bindExchange(copies, events, 'order.*', { extra: 1 });
  await channel.bindQueue(name, copies, '');
  const way = (source: string, destinationType: string, destination: string, routingKey: string, args = {}): Row => ({
    source,
    destinationType,
    destination,
    routingKey,
    arguments: args,
  });
  const direct = way(events, 'queue', name, 'order.#');
  const copied = way(copies, 'queue', name, '');
  const between = way(events, 'exchange', copies, 'order.*', { extra: 1 });
  const sorted = (found: readonly Row[]): string[] => found.map((one) => JSON.stringify(one)).sort();
  assert.deepEqual(sorted(await rows('binding', 'list', '--queue', name)), sorted([direct, copied]));
  assert.deepEqual(sorted(await rows('binding', 'list', '--exchange', copies)), sorted([between, copied]));
  const [shown] = await rows('exchange', 'list', '--where', `name == "${events}"`);
  assert.deepEqual([shown?.['type'], shown?.['durable'], shown?.['alternateExchange']], ['topic', true, 'none']);
  for (const line of [
    ['binding', 'list', '--queue', `${name}.no`],
    ['binding', 'list', '--exchange', `${name}.no`],
    ['consumer', 'list', `${name}.no`],
  ]) {
    assert.equal((await inside(line)).code, 66, line.join(' '));
  }
});

test('a list refuses columns and expressions that it does not know, before it asks', async () => {
  const code = async (...args: readonly string[]): Promise<Result> => inside(['queue', 'list', ...args], NO_DESK);
  for (const args of [
    ['--columns', 'name,redy'],
    ['--sort', 'redy'],
    ['--sort', 'ready:up'],
  ]) {
    const { code: is, stderr } = await code(...args);
    assert.equal(is, 64, stderr);
    assert.match(stderr, /must be one of name, type, ready/);
  }
  const expression = await code('--where', 'ready > 1 && redy == 0');
  assert.equal(expression.code, 64, expression.stderr);
  assert.match(expression.stderr, /redy, at character 14\n {2}ready > 1 && redy == 0\n {15}\^/);
});

test('an expression that no row can make true or false is wrong usage, and told with what it is', async () => {
  for (const [where, told] of [
    ['ready', 'must be true or false, and this is of type number, at character 1'],
    ['name', 'of type string'],
    ['arguments', 'of type map'],
    ['inRate > 1.5 ? name : type', 'of type string'],
    ['ready > "x"', 'there is no operation "double > string", at character 1'],
    ['durable && consumers', 'operands'],
    ['!ready', 'there is no operation "!double"'],
    ['size(ready) > 3', 'size\\(double\\)'],
  ] as const) {
    const { code, stderr } = await inside(['queue', 'list', '--where', where], NO_DESK);
    assert.equal(code, 64, `${where}: ${stderr}`);
    assert.match(stderr, new RegExp(told.replace(/[.+!"]/g, '\\$&')), where);
  }
  const until = await inside(['queue', 'watch', '--until', 'unacked'], NO_DESK);
  assert.equal(until.code, 64, until.stderr);
  assert.match(until.stderr, /--until: must be true or false, and this is of type number/);
});

test('what a row may lack is no mistake of an expression', async (t) => {
  const { queue } = await peer(t);
  const name = await queue({ maxLength: 7 });
  for (const where of ['arguments["x-max-length"] == 7.0', 'policy == null && !exclusive', 'name.split(".")[1] == "queue"', 'size(name) > 2 && node != ""']) {
    const { stdout, stderr, code } = await inside(['queue', 'list', name, '--where', where, '--columns', 'name', '-o', 'json']);
    assert.deepEqual([code, stdout], [0, `{"name":"${name}"}\n`], `${where}: ${stderr}`);
  }
});

test('a list escapes names', async (t) => {
  const { channel } = await peer(t);
  const name = `${unique('hostile')}\x1b[31m${'x'.repeat(100)}`;
  await channel.assertQueue(name);
  t.after(async () => void (await (await peer(t)).channel.deleteQueue(name)));
  const shown = await rmq(['queue', 'list', '--where', 'name.contains("test.hostile")'], { terminal: true, columns: 80 });
  assert.equal(shown.code, 0, shown.stdout);
  assert.doesNotMatch(shown.stdout, /\x1b\[31m/);
  const piped = await inside(['queue', 'list', '--where', 'name.contains("test.hostile")']);
  assert.ok(piped.stdout.includes('\\x1b[31mxxx'), piped.stdout);
});

test('no name in a list is cut: on a narrow terminal the last columns go, and then a long name has its own line', async (t) => {
  const { queue } = await peer(t);
  const base = unique('narrow');
  const [short, long] = [await queue({}, base), await queue({}, `${base}.${'l'.repeat(50)}`)];
  const list = async (columns: number, ...flags: readonly string[]): Promise<string[]> => {
    const { stdout } = await rmq(['queue', 'list', '--where', `name.startsWith("test.${base}")`, ...flags], { terminal: true, columns });
    return stdout.split('\r\n').map((line) => line.replaceAll(/\x1b\[\d*m/g, ''));
  };
  const wide = await list(200);
  assert.match(wide[0] ?? '', /^NAME .*OUT\/S/);
  assert.deepEqual([wide[1]?.split(' ')[0], wide[2]?.split(' ')[0]].sort(), [long, short].sort());
  const narrow = await list(40);
  assert.match(narrow[0] ?? '', /^NAME +TYPE +READY +UNACKED +CONSUMERS$/);
  for (const name of [short, long]) assert.match(narrow[narrow.indexOf(name) + 1] ?? '', /^ +classic +0 +0 +0$/, narrow.join('\n'));
  assert.ok(
    narrow.every((line) => line.length <= 40 || line === long || line.startsWith('no room')),
    narrow.join('\n'),
  );
  assert.ok(
    narrow.some((line) => /^no room for IN\/S, OUT\/S.*: .*--columns/.test(line)),
    narrow.join('\n'),
  );
  const asked = await list(40, '--columns', 'name,vhost,type,ready,consumers,durable');
  assert.match(asked[0] ?? '', /^NAME +VHOST +TYPE +READY +CONSUMERS +DURABLE$/);
});

test('queue status tells of several queues, and of those that are missing', async (t) => {
  const { queue, publish } = await peer(t);
  const [one, other] = [await queue(), await queue()];
  await publish(other, ['a']);
  const result = await inside(['queue', 'status', one, `${one}.no`, other, '-o', 'json']);
  assert.equal(result.code, 66, result.stderr);
  assert.match(result.stderr, /no queue '.*\.no'/);
  assert.deepEqual(
    jsonLines<Row>(result).map((status) => [status['queue'], status['messages']]),
    [
      [one, 0],
      [other, 1],
    ],
  );
});
