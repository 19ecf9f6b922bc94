import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { Event } from '../../src/model/event.ts';
import { FanoutPublishConfig, FanoutSubscribeConfig, fanoutSubscription } from '../../src/patterns/subscribe/fanout.ts';
import { subscribe } from '../../src/patterns/subscribe/subscription.ts';
import { brokerUrl, peer } from '../support/broker.ts';
import { exchangeName } from '../support/names.ts';
import { testSession } from '../support/session.ts';

test('a service has a durable queue of its own name, which is bound to a durable exchange', () => {
  const { queue, topology } = fanoutSubscription({ exchange: 'order.events', service: 'email', queueType: 'quorum' });
  assert.equal(queue.name, 'order.events.email');
  assert.deepEqual(topology, {
    exchanges: [{ name: 'order.events', type: 'fanout', durable: true, arguments: {} }],
    queues: [{ name: 'order.events.email', durable: true, arguments: { 'x-queue-type': 'quorum' }, required: ['x-queue-type'] }],
    bindings: [{ exchange: 'order.events', queue: 'order.events.email', key: '', arguments: {} }],
  });
});

test('without a service, each run has an exclusive queue of another name, which the broker allows', () => {
  const names = ['order.events', 'order.events', 'amq.fanout', 'e'.repeat(255)].map((exchange) => {
    const { queue } = fanoutSubscription({ exchange });
    assert.deepEqual([queue.exclusive, queue.durable], [true, false]);
    assert.ok(!queue.name.startsWith('amq.') && Buffer.byteLength(queue.name) <= 255, queue.name);
    return queue.name;
  });
  assert.equal(new Set(names).size, names.length);
});

test('the defaults are the exchange order.events and ten messages at a time', () => {
  assert.deepEqual([FanoutSubscribeConfig.parse({}).exchange, FanoutSubscribeConfig.parse({}).prefetch], ['order.events', 10]);
  assert.equal(FanoutPublishConfig.parse({}).exchange, 'order.events');
});

/** A way to the broker on which clients can be lost while the broker believes that they are there. */
async function halfOpenWay(t: TestContext): Promise<{ url: string; loseClients: () => void }> {
  const url = new URL(brokerUrl());
  const [port, host] = [Number(url.port), url.hostname];
  const clients: Socket[] = [];
  const upward: Socket[] = [];
  const server = createServer((client) => {
    const broker = connect(port, host);
    clients.push(client);
    upward.push(broker);
    client.on('data', (chunk) => broker.write(chunk)).on('error', () => undefined);
    broker.on('data', (chunk) => client.destroyed || client.write(chunk)).on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of [...clients, ...upward]) socket.destroy();
    server.close();
  });
  url.port = String((server.address() as AddressInfo).port);
  url.hostname = '127.0.0.1';
  const loseClients = (): void => {
    for (const client of clients.splice(0)) client.destroy();
  };
  return { url: url.href, loseClients };
}

test('a temporary subscriber goes on although the broker has not noticed that its last connection is lost', async (t) => {
  const exchange = exchangeName(t);
  const { channel } = await peer(t);
  const { url, loseClients } = await halfOpenWay(t);
  const { session, until } = testSession(t, url);
  const saying = (text: string) =>
    until((event): event is Extract<Event, { kind: 'subscribed' }> => event.kind === 'subscribed' && event.text.startsWith(text));
  const bodies: string[] = [];
  const run = subscribe(session, fanoutSubscription({ exchange }), FanoutSubscribeConfig.parse({ exchange, count: 1 }), async ({ body }) => {
    bodies.push(body.toString());
    return 'ack';
  });
  await Promise.race([run, saying('listening on queue')]);
  loseClients();
  await Promise.race([run, saying('listening again on queue')]);
  channel.publish(exchange, '', Buffer.from('after'));
  await run;
  assert.deepEqual(bodies, ['after']);
});
