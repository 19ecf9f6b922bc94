import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as rmq from 'rmq';
import { brokerUrl, peer, unique } from './support/broker.ts';

const url = brokerUrl();

test('a program that imports the package publishes to a topic exchange and handles what matches', async (t) => {
  const exchange = unique('events');
  const queue = unique('europe');
  t.after(async () => {
    const { channel } = await peer(t);
    await channel.deleteQueue(queue);
    await channel.deleteExchange(exchange);
  });
  const session = rmq.openSession({ url });
  const seen: string[] = [];
  const worker = rmq.workTopic(session, { exchange, pattern: ['order.europe.*'], queue, dropDead: true, count: 1 }, async ({ body, routingKey }) => {
    seen.push(`${routingKey} ${body}`);
    return 'ack';
  });
  await worker.ready;
  await rmq.publishTopic(session, { exchange }, [{ routingKey: 'order.europe.placed', body: 'yes' }]);
  await assert.rejects(rmq.publishTopic(session, { exchange }, [{ routingKey: 'order.asia.placed', body: 'no' }]), { kind: 'unroutable' });
  assert.equal((await worker.done).acknowledged, 1);
  assert.deepEqual(seen, ['order.europe.placed yes']);
  await session.close();
});

test('a program that imports the package reaches every service of a fanout exchange, those too that were away', async (t) => {
  const exchange = unique('events');
  t.after(async () => {
    const { channel } = await peer(t);
    await channel.deleteQueue(`${exchange}.email`);
    await channel.deleteExchange(exchange);
  });
  const session = rmq.openSession({ url });
  const options = { exchange, service: 'email' };
  const first = rmq.subscribeFanout(session, options, async () => 'ack');
  await first.ready;
  assert.deepEqual(
    session.status().map(({ role, queue, state }) => [role, queue, state]),
    [['consumer', `${exchange}.email`, 'connected']],
  );
  await first.stop();
  await rmq.publishFanout(session, { exchange }, [{ body: 'one' }, { body: 'two' }]);
  const seen: string[] = [];
  const second = rmq.subscribeFanout(session, { ...options, count: 2 }, async ({ body }, { attempt }) => {
    seen.push(`${body} ${attempt}`);
  });
  assert.equal((await second.done).acknowledged, 2);
  assert.deepEqual(seen, ['one 1', 'two 1']);
  await session.close();
});

test('a program that imports the package sets up dead letters, reads why they died, replays those that an expression is true for, and keeps the others in a file', async (t) => {
  const { depth } = await peer(t);
  const [queue, deadQueue, dlx] = [unique('work'), unique('dead'), unique('dlx')];
  const directory = mkdtempSync(join(tmpdir(), 'rmq-bundle-'));
  t.after(async () => {
    rmSync(directory, { recursive: true });
    const { channel } = await peer(t);
    for (const one of [queue, deadQueue]) await channel.deleteQueue(one);
    await channel.deleteExchange(dlx);
  });
  const session = rmq.openSession({ url, managementUrl: process.env['RABBITMQ_MANAGEMENT_URL'] });
  await rmq.setupDeadLetters(session, { queue, deadQueue, dlx });
  const [found] = await rmq.listDeadLetters(session, { queue: [queue] });
  assert.deepEqual([found?.exchange, found?.targets.map((target) => target.queue), found?.problems], [dlx, [deadQueue], []]);
  const messages = [10, 1_000].map((total) => ({ routingKey: queue, body: JSON.stringify({ total }) }));
  await rmq.publishMessages(session, {}, messages);
  await rmq.workQueue(session, { queue, count: 2 }, async () => 'dead').done;
  const reasons: (string | undefined)[] = [];
  const { read } = await rmq.inspectDeadLetters(session, { queue: deadQueue }, ({ properties }, { number }) => {
    reasons.push(`${number} ${rmq.deathHistory(properties.headers).first?.reason}`);
  });
  assert.deepEqual([read, reasons], [2, ['1 rejected', '2 rejected']]);
  const { counts } = await rmq.replayDeadLetters(session, { queue: deadQueue, where: 'json.total > 99.5' });
  assert.deepEqual([counts.seen, counts.chosen, counts.moved], [2, 1, 1]);
  assert.deepEqual([await depth(queue), await depth(deadQueue)], [1, 1]);
  const bundle = join(directory, 'bundle');
  assert.equal((await rmq.exportDeadLetters(session, { queue: deadQueue, directory: bundle })).exported, 1);
  assert.equal((await rmq.purgeDeadLetters(session, { queue: deadQueue })).purged, 1);
  assert.equal(await depth(deadQueue), 0);
  assert.equal((await rmq.importDeadLetters(session, { directory: bundle, queue: deadQueue })).confirmed, 1);
  await assert.rejects(rmq.importDeadLetters(session, { directory: bundle, queue: deadQueue }), { kind: 'usage' });
  assert.equal((await rmq.moveMessages(session, { queue: deadQueue, toQueue: queue })).counts.moved, 1);
  assert.deepEqual([await depth(queue), await depth(deadQueue)], [2, 0]);
  await session.close();
});

test('a program that imports the package serves requests and makes them, and an error reaches the caller', async (t) => {
  const queue = unique('rpc');
  t.after(async () => (await peer(t)).channel.deleteQueue(queue));
  const session = rmq.openSession({ url });
  const server = rmq.rpcServer(session, { queue, concurrency: 5, grace: 0 }, async ({ body }, { signal }) => {
    if (body.length === 0) throw new rmq.RpcError('there is nothing to do', { exitCode: 3 });
    if (String(body) === 'slow') await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    return body.toString().toUpperCase();
  });
  await server.ready;
  const client = await rmq.rpcClient(session, { queue });
  const replies = await Promise.all(['a', 'b', 'c'].map((body) => client.call(body, { properties: { type: 'letter' } })));
  assert.deepEqual(
    replies.map(({ body }) => body.toString()),
    ['A', 'B', 'C'],
  );
  await assert.rejects(client.call(''), { exitCode: 3 });
  await assert.rejects(client.call('slow', { timeout: 50 }), { kind: 'deadline' });
  await assert.rejects(client.call('slow', { signal: AbortSignal.timeout(50) }), { kind: 'deadline' });
  await assert.rejects(client.call('a', { signal: AbortSignal.abort() }), { kind: 'interrupted' });
  assert.equal(String((await client.call('d')).body), 'D');
  await session.close();
  const { replied, failed } = await server.done;
  assert.deepEqual([replied, failed], [4, 1]);
});

test('the library and the command import nothing that has to be installed with them', () => {
  const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
  const files = ['dist/rmq.cjs', 'dist/index.js', 'dist/testing.js', ...readdirSync('dist/chunks').map((name) => `dist/chunks/${name}`)];
  const imported = files.flatMap((file) =>
    // Behind a quote it is text: ajv can write modules, and nobody asks it to.
    [...read(file).matchAll(/(?<!["'`])(?:\bfrom|\bimport|\bimport\(|\brequire\()["']([@a-z][^"'\s]*)["']/g)].map(([, name = '']) => name),
  );
  assert.ok(imported.includes('node:net'));
  assert.deepEqual(
    imported.filter((name) => !isBuiltin(name)),
    [],
  );
  assert.equal(JSON.parse(read('package.json')).dependencies, undefined);
});

test('the licences of all that is bundled go along with it', () => {
  const notices = readFileSync(new URL('../dist/THIRD-PARTY-NOTICES.txt', import.meta.url), 'utf8');
  for (const name of ['amqplib', 'zod', 'commander', 'chalk', 'ora', '@marcbachmann/cel-js'])
    assert.match(notices, new RegExp(`^${name} \\d\\S+ \\(MIT\\)\n\n`, 'm'));
  assert.match(notices, /copyright/i);
});
