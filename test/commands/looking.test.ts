import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { brokerUrl, isSince, type Peer, peer, unique } from '../support/broker.ts';
import { BASIC_CONSUME_OK, proxy } from '../support/faults.ts';
import { inside } from '../support/inside.ts';
import { linesOf, scratchDirectory, untilGone } from '../support/programs.ts';
import { json, type Result, type Running, rmq, start } from '../support/rmq.ts';
import { policyFor, restrictedUser } from '../support/users.ts';

// What a look costs differs from version to version. What has to hold does not: every message is there afterwards.

const BIN = fileURLToPath(new URL('../../bin/rmq.js', import.meta.url));
const BODIES = ['a', 'b', 'c', 'd', 'e', 'f'];

/** Ways to look at a queue, each called with the queue and with another one. */
const LOOKS: readonly ((queue: string, other: string, directory: string) => readonly string[])[] = [
  (queue) => ['dlx', 'inspect', queue],
  (queue) => ['consume', queue, '--requeue'],
  (queue, other) => ['dlx', 'replay', queue, '--to-queue', other, '--dry-run'],
  (queue) => ['consume', queue, '--requeue', '-n', '2'],
  (queue, other) => ['dlx', 'move', queue, other, '--id', 'nobody'],
  (queue, _, directory) => ['dlx', 'export', queue, '-d', directory],
  (queue) => ['dlx', 'inspect', queue, '--show', '2'],
  (queue) => ['dlx', 'purge', queue, '--where', 'body == "nothing"', '-y'],
  (queue) => ['consume', queue, '--expect', '6', '--timeout', '20s', '--requeue'],
  (queue) => ['dlx', 'inspect', queue, '--group-by', 'reason'],
];

interface Setting {
  readonly arguments?: Readonly<Record<string, unknown>>;
  readonly policy?: number;
}

const SETTINGS: Readonly<Record<string, Setting>> = {
  'with the default limit': {},
  'with a limit of 1': { arguments: { 'x-delivery-limit': 1 } },
  'with a limit of 3': { arguments: { 'x-delivery-limit': 3 } },
  'with a limit of 2 by policy': { policy: 2 },
};

async function quorum(t: TestContext, { arguments: args = {}, policy }: Setting): Promise<Peer & { readonly name: string; readonly other: string }> {
  const own = await peer(t);
  const name = await own.queue({ arguments: { 'x-queue-type': 'quorum', ...args } }, 'looked');
  if (policy !== undefined) await policyFor(t, name, { 'delivery-limit': policy });
  await own.publish(name, BODIES);
  return { ...own, name, other: await own.queue() };
}

/** Gives every message back as often, as consumers do that fail. */
async function wear({ channel, depth }: Peer, queue: string, times: number): Promise<void> {
  for (let time = 0; time < times; time++) {
    for (const _ of BODIES) assert.notEqual(await channel.get(queue), false);
    channel.nackAll(true);
    while ((await depth(queue)) < BODIES.length);
  }
}

/** Where nobody answers. */
const NO_MANAGEMENT = { RABBITMQ_MANAGEMENT_URL: 'http://127.0.0.1:9/' };

const bodiesOf = async ({ take }: Peer, queue: string): Promise<string[]> => (await take(queue)).map(({ content }) => content.toString());
const saysCopied = ({ stderr }: Result): boolean => /at the end of the queue|"copiedBack":[1-9]/.test(stderr);

for (const [which, setting] of Object.entries(SETTINGS)) {
  for (const may of ['everything', 'no more than to read and write, without the management API']) {
    test(`looks at a quorum queue ${which} lose nothing, for a user who may do ${may}`, { timeout: 120_000 }, async (t) => {
      const at = await quorum(t, setting);
      const { name, other } = at;
      // Looks begin where the default limit of a version may be near.
      if (which === 'with the default limit') await wear(at, name, 17);
      const url = may === 'everything' ? undefined : await restrictedUser(t, { configure: '^$', write: '.*', read: '.*' });
      const env = url === undefined ? {} : { RMQ_URL: url, ...NO_MANAGEMENT };
      const directory = await scratchDirectory(t);
      let copied = false;
      for (const [index, look] of LOOKS.entries()) {
        const run = which === 'with the default limit' ? rmq : inside;
        const result = await run(look(name, other, join(directory, String(index))), { env: { RMQ_URL: process.env['RABBITMQ_URL'], ...env } });
        assert.equal(result.code, 0, `${look(name, other, '').join(' ')}\n${result.stderr}`);
        copied ||= saysCopied(result);
      }
      const left = await bodiesOf(at, name);
      assert.deepEqual(left.toSorted(), BODIES);
      if (!copied) assert.deepEqual(left, BODIES);
      assert.deepEqual(await bodiesOf(at, other), []);
    });
  }
}

test('messages at their delivery limit are put back as copies, which say so and lack nothing', async (t) => {
  const at = await quorum(t, { arguments: { 'x-delivery-limit': 1 } });
  const { channel, name } = at;
  await channel.purgeQueue(name);
  const exchange = await at.exchange('topic');
  await channel.bindQueue(name, exchange, '#');
  const headers = { text: 'a', number: 7, 'x-death': [{ count: 1, queue: 'q', reason: 'rejected', exchange: 'e', 'routing-keys': ['k'] }] };
  channel.publish(exchange, 'a.key', Buffer.from('body'), { headers, persistent: true, messageId: 'id', priority: 3, timestamp: 12 });
  await at.publish(name, []);
  const first = await rmq(['dlx', 'inspect', name]);
  assert.match(first.stderr, /nothing was removed\n$/);
  if (saysCopied(await rmq(['consume', name, '--requeue']))) {
    const [copy] = await at.take(name);
    assert.equal(copy?.content.toString(), 'body');
    const { messageId, priority, timestamp, deliveryMode } = copy.properties;
    assert.deepEqual([messageId, priority, timestamp, deliveryMode], ['id', 3, 12, 2]);
    const { 'x-rmq-moved': moved, 'x-delivery-count': count = 0, ...own } = copy.properties.headers ?? {};
    assert.deepEqual(own, headers);
    assert.deepEqual([moved, count], [{ exchange, routingKey: 'a.key' }, 0]);
  } else {
    // From 4.3 on no copy is needed: a nack is not counted.
    const [message] = await at.take(name);
    assert.equal(message?.fields.routingKey, 'a.key');
    assert.equal(message.properties.headers?.['x-delivery-count'] ?? 0, 0);
  }
});

test('a dry run tells how many messages it has put back as copies', async (t) => {
  const at = await quorum(t, { arguments: { 'x-delivery-limit': 1 } });
  const run = (): Promise<Result> => inside(['dlx', 'move', at.name, at.other, '--dry-run', '--json']);
  assert.equal(json<{ copiedBack: number }>(await run()).copiedBack, 0);
  const second = await run();
  assert.equal(second.code, 0, second.stderr);
  const { copiedBack, would } = json<{ copiedBack: number; would: number }>(second);
  assert.equal(would, 6);
  assert.ok(copiedBack === 6 || copiedBack === 0, String(copiedBack));
  if (copiedBack === 6) assert.match(second.stderr, /6 messages of ".*" were at the delivery limit and could not be returned: copies of them are at the end/);
  assert.deepEqual(await bodiesOf(at, at.name), BODIES);
});

test('copies keep the order of the queue where all of its messages are at the limit', async (t) => {
  const at = await quorum(t, { arguments: { 'x-delivery-limit': 1 } });
  for (let look = 1; look <= 6; look++) assert.equal((await inside(['consume', at.name, '-n', '2', '--requeue'])).stdout, 'a\nb\n');
  assert.deepEqual(await bodiesOf(at, at.name), BODIES);
});

test('one who may not put copies back is refused before anything is taken, as often as they try', async (t) => {
  const at = await quorum(t, { arguments: { 'x-delivery-limit': 2 } });
  const env = { RMQ_URL: await restrictedUser(t, { configure: '^$', write: '^$', read: '.*' }) };
  for (let look = 1; look <= 5; look++) {
    for (const args of [
      ['dlx', 'inspect', at.name],
      ['consume', at.name, '--requeue'],
      ['dlx', 'replay', at.name, '--dry-run'],
    ]) {
      const result = await inside(args, { env });
      // Where no return is counted, nothing has to be put back.
      if (result.code === 0) continue;
      assert.equal(result.code, 77, result.stderr);
      assert.match(result.stderr, /may not put a copy back[\s\S]*nothing was taken[\s\S]*amq\.default/);
    }
  }
  assert.deepEqual(await bodiesOf(at, at.name), BODIES);
});

test('what could be neither returned nor copied is told, and is no success', async (t) => {
  const at = await quorum(t, { arguments: { 'x-delivery-limit': 1 } });
  await wear(at, at.name, 1);
  const env = { RMQ_URL: await restrictedUser(t, { configure: '^$', write: '^$', read: '.*' }) };
  const forced = await inside(['dlx', 'inspect', at.name, '--force'], { env });
  const left = await bodiesOf(at, at.name);
  if (forced.code === 0) assert.deepEqual(left, BODIES);
  else {
    assert.equal(forced.code, 3, forced.stderr);
    assert.match(forced.stderr, /6 messages of ".*" were at the delivery limit and could not be put back: the queue has dead-lettered them, or dropped them/);
    assert.doesNotMatch(forced.stderr, /nothing was removed/);
    assert.deepEqual(left, []);
  }
});

test('a queue that hides what is returned is not looked at, unless it is forced', async (t) => {
  const at = await peer(t);
  const delayed = isSince(at.channel, '4.3');
  const name = await at.queue({ arguments: { 'x-queue-type': 'quorum', 'x-delayed-retry-type': 'returned', 'x-delayed-retry-min': 60_000 } });
  await at.publish(name, BODIES);
  const other = await at.queue();
  for (const look of [
    ['dlx', 'inspect', name],
    ['consume', name, '--requeue'],
    ['dlx', 'move', name, other, '--dry-run'],
  ]) {
    const result = await inside(look);
    // Before 4.3 the arguments mean nothing.
    if (!delayed) assert.equal(result.code, 0, result.stderr);
    else {
      assert.equal(result.code, 76, result.stderr);
      assert.match(result.stderr, /hides returned messages for at least 1 min/);
    }
  }
  assert.deepEqual(await bodiesOf(at, name), BODIES);
});

test('one who cannot see that a queue hides what is returned is told of it afterwards', async (t) => {
  const at = await peer(t);
  const name = await at.queue({ arguments: { 'x-queue-type': 'quorum', 'x-delayed-retry-type': 'all', 'x-delayed-retry-min': 3_000 } });
  await at.publish(name, BODIES);
  const env = { RMQ_URL: await restrictedUser(t, { write: '.*', read: '.*' }), ...NO_MANAGEMENT };
  const result = await inside(['dlx', 'inspect', name], { env });
  assert.equal(result.code, 0, result.stderr);
  if ((await at.depth(name)) < BODIES.length) assert.match(result.stderr, /6 messages of ".*" are not ready again: .* hides returned messages/);
  while ((await at.depth(name)) < BODIES.length);
});

for (const type of ['classic', 'quorum']) {
  test(`a look at a ${type} queue that ends early keeps the order: --show, -n, an interrupted one`, async (t) => {
    const at = await peer(t);
    const name = await at.queue({ arguments: { 'x-queue-type': type } });
    const many = Array.from({ length: 300 }, (_, index) => `m${index}`);
    await at.publish(name, many);
    assert.equal((await inside(['consume', name, '--requeue', '--drain'])).stdout, `${many.join('\n')}\n`);
    assert.equal((await inside(['consume', name, '--requeue', '-n', '3'])).stdout, 'm0\nm1\nm2\n');
    assert.equal((await inside(['dlx', 'inspect', name, '--show', '2'])).code, 0);
    const few = await inside(['consume', name, '--requeue', '-n', '1000', '--timeout', '3s']);
    assert.equal(few.code, 124, few.stderr);
    assert.match(few.stderr, /300 messages of 1000 came/);
    assert.deepEqual(await bodiesOf(at, name), many);
  });
}

test('looking into a quorum queue that dlx setup has made for dead letters is free: no copy is ever needed', async (t) => {
  const at = await peer(t);
  const [work, dead, dlx] = [await at.queue(), unique('dead'), unique('dlx')];
  await at.channel.deleteQueue(work);
  const setup = await inside(['dlx', 'setup', work, '--dlx', dlx, '--dead-queue', dead, '--dead-queue-type', 'quorum']);
  assert.equal(setup.code, 0, setup.stderr);
  await at.publish(dead, BODIES);
  await wear(at, dead, 22);
  for (let look = 1; look <= 3; look++) {
    const result = await inside(['dlx', 'inspect', dead]);
    assert.equal(result.code, 0, result.stderr);
    assert.ok(!saysCopied(result), result.stderr);
  }
  assert.deepEqual((await bodiesOf(at, dead)).toSorted(), BODIES);
  for (const name of [work, dead]) await at.channel.deleteQueue(name);
  await at.channel.deleteExchange(dlx);
});

for (const line of [
  ['dlx', 'inspect', '-o', 'json'],
  ['consume', '--requeue', '--drain'],
  ['consume', '--drain'],
]) {
  test(`rmq ${line.join(' ')} that is stopped at the delivery limit puts back also what was on its way`, async (t) => {
    const at = await peer(t);
    const name = await at.queue({ arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 1 } }, 'looked');
    const many = Array.from({ length: 1_500 }, (_, index) => `${index}`.padStart(300, '.'));
    await at.publish(name, many);
    assert.equal((await inside(['dlx', 'inspect', name, '--group-by', 'reason'])).code, 0);
    const run = start([...line, name]);
    await run.until('stdout', '...1');
    run.child.kill('SIGTERM');
    await assertNoneGone(at, name, many, run, line.join(' ') === 'consume --drain');
  });

  test(`rmq ${line.join(' ')} that is stopped while it subscribes, at the delivery limit, loses nothing`, async (t) => {
    const at = await peer(t);
    const name = await at.queue({ arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 1 } }, 'looked');
    const many = Array.from({ length: 1_500 }, (_, index) => `${index}`.padStart(300, '.'));
    await at.publish(name, many);
    assert.equal((await inside(['dlx', 'inspect', name, '--group-by', 'reason'])).code, 0);
    const between = await proxy(t, brokerUrl());
    between.delay(50);
    const run = start([...line, name, '-u', between.url]);
    // The broker begins to deliver, and the run does not know it yet.
    between.spoil('broker', (bytes) => {
      if (bytes.includes(BASIC_CONSUME_OK)) run.child.kill('SIGTERM');
      return bytes;
    });
    await assertNoneGone(at, name, many, run, line.join(' ') === 'consume --drain');
  });
}

test('a look at the delivery limit whose terminal is closed loses nothing', async (t) => {
  const at = await peer(t);
  const name = await at.queue({ arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 1 } }, 'looked');
  const many = Array.from({ length: 1_500 }, (_, index) => `${index}`.padStart(300, '.'));
  await at.publish(name, many);
  assert.equal((await rmq(['dlx', 'inspect', name, '--group-by', 'reason'])).code, 0);
  const said = join(await scratchDirectory(t), 'code');
  const line = `sh -c 'trap : HUP; echo "pid $$"; ${process.execPath} ${BIN} dlx inspect ${name} -o json; echo $? > ${said}'`;
  const terminal = spawn('script', ['-qefc', line, '/dev/null']);
  let shown = '';
  for await (const chunk of terminal.stdout) {
    shown += String(chunk);
    // Nothing asks it to go on, and nobody reads what it says any more.
    if (shown.includes('...1')) terminal.kill('SIGKILL');
  }
  const pid = Number(/pid (\d+)/.exec(shown)?.[1]);
  await untilGone(pid);
  assert.deepEqual(await linesOf(said), ['129']);
  assert.deepEqual((await bodiesOf(at, name)).toSorted(), many.toSorted());
});

/** What was printed by a run that looks stays; what a drain has printed it may have acknowledged. */
async function assertNoneGone(at: Peer, name: string, bodies: readonly string[], run: Running, removes: boolean): Promise<void> {
  const { code, stdout, stderr } = await run.result;
  assert.ok(code === 143 || code === 0, stderr);
  const printed = new Set(stdout.split('\n').filter((text) => text !== ''));
  while ((await at.channel.checkQueue(name)).consumerCount > 0);
  const there = new Set(await bodiesOf(at, name));
  assert.equal(bodies.filter((body) => !there.has(body) && !(removes && printed.has(body))).length, 0, stderr);
}
