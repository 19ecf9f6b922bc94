import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { test } from 'node:test';
import * as rmq from 'rmq';
import { brokerUrl, peer, unique } from './support/broker.ts';

const connection = (): rmq.ConnectionConfig => rmq.ConnectionConfig.parse({ url: [brokerUrl()] });

test('a program that imports the package publishes to a topic exchange and handles what matches', async (t) => {
  const exchange = unique('events');
  const queue = unique('europe');
  t.after(async () => {
    const { channel } = await peer(t);
    await channel.deleteQueue(queue);
    await channel.deleteExchange(exchange);
  });
  const config = rmq.TopicWorkConfig.parse({ exchange, pattern: ['order.europe.*'], queue, dropDead: true, count: 1 });
  await rmq.withSession(connection(), async (session) => {
    await rmq.declareMissing(session, rmq.topicSubscription(config).topology);
    const publisher = await rmq.openPublisher(session);
    await publisher.publish({ exchange, routingKey: 'order.europe.placed', body: 'yes' });
    await assert.rejects(publisher.publish({ exchange, routingKey: 'order.asia.placed', body: 'no' }), { kind: 'unroutable' });
    await publisher.close();
    const seen: string[] = [];
    const counts = await rmq.workTopic(session, config, async ({ body, routingKey }) => {
      seen.push(`${routingKey} ${body}`);
      return 'ack';
    });
    assert.deepEqual(seen, ['order.europe.placed yes']);
    assert.equal(counts.acknowledged, 1);
  });
});

test('a program that imports the package sets up dead letters, reads why they died, and replays those that an expression is true for', async (t) => {
  const { depth } = await peer(t);
  const [queue, deadQueue, dlx] = [unique('work'), unique('dead'), unique('dlx')];
  t.after(async () => {
    const { channel } = await peer(t);
    for (const one of [queue, deadQueue]) await channel.deleteQueue(one);
    await channel.deleteExchange(dlx);
  });
  await rmq.withSession(connection(), async (session) => {
    const place = { connection: connection(), management: { url: undefined, asked: false } };
    await rmq.setupDeadLetters(session, rmq.DlxSetupConfig.parse({ queue, deadQueue, dlx }), place);
    const publisher = await rmq.openPublisher(session);
    for (const total of [10, 1_000]) await publisher.publish({ routingKey: queue, body: JSON.stringify({ total }) });
    await publisher.close();
    await rmq.workQueue(session, rmq.WorkConfig.parse({ queue, count: 2 }), async () => 'dead');
    const reasons: (string | undefined)[] = [];
    const { read } = await rmq.inspectDeadLetters(session, rmq.InspectConfig.parse({ queue: deadQueue }), Date.now(), ({ properties }) => {
      reasons.push(rmq.deathHistory(properties.headers).first?.reason);
      return undefined;
    });
    assert.deepEqual([read, reasons], [2, ['rejected', 'rejected']]);
    const config = await rmq.ReplayConfig.parseAsync({ queue: deadQueue, where: 'json.total > 99.5' });
    const { counts, failure } = await rmq.replayDeadLetters(session, session, config);
    assert.equal(failure, undefined);
    assert.deepEqual([counts.seen, counts.chosen, counts.moved], [2, 1, 1]);
  });
  assert.deepEqual([await depth(queue), await depth(deadQueue)], [1, 1]);
});

test('a program that imports the package serves requests and makes them, and an error reaches the caller', async (t) => {
  const queue = unique('rpc');
  t.after(async () => (await peer(t)).channel.deleteQueue(queue));
  const stop = new AbortController();
  let listening: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => {
    listening = resolve;
  });
  const emit = (event: rmq.Event): void => {
    if (event.kind === 'note' && event.text.startsWith('serving')) listening();
  };
  const session = rmq.openSession(connection(), emit, stop.signal);
  const served = rmq.rpcServer(session, rmq.RpcServerConfig.parse({ queue }), async ({ body }) => {
    if (body.length === 0) throw new rmq.RpcError('there is nothing to do', { exitCode: 3 });
    return body.toString().toUpperCase();
  });
  await ready;
  await rmq.withSession(connection(), async (calling) => {
    const client = await rmq.rpcClient(calling, rmq.RpcClientConfig.parse({ queue }));
    const replies = await Promise.all(['a', 'b', 'c'].map((body) => client.call(body)));
    assert.deepEqual(
      replies.map(({ body }) => body.toString()),
      ['A', 'B', 'C'],
    );
    await assert.rejects(client.call(''), { exitCode: 3 });
    await client.close();
  });
  stop.abort();
  const counts = await served;
  await session.close();
  assert.deepEqual(counts, { received: 4, replied: 3, failed: 1, unaddressed: 0, unheard: 0, returned: 0, unknown: 0 });
});

test('the library and the command import nothing that has to be installed with them', () => {
  const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
  const files = ['dist/rmq.cjs', 'dist/index.js', ...readdirSync('dist/chunks').map((name) => `dist/chunks/${name}`)];
  const imported = files.flatMap((file) =>
    [...read(file).matchAll(/(?:\bfrom|\bimport|\bimport\(|\brequire\()["']([@a-z][^"'\s]*)["']/g)].map(([, name = '']) => name),
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
