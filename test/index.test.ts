import assert from 'node:assert/strict';
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
