import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brokerUrl, peer, unique } from '../support/broker.ts';
import { proxy } from '../support/faults.ts';
import { ordersService } from './orders-service.ts';

test('a service answers "queued" once the broker has the order, and the consumer beside it goes on after a lost connection', async (t) => {
  const { channel } = await peer(t);
  const [queue, dlx] = [unique('orders'), unique('dlx')];
  await channel.assertExchange(dlx, 'direct');
  t.after(async () => {
    const cleaner = (await peer(t)).channel;
    for (const name of [queue, `${queue}.retry.1000`, `${queue}.retry.2000`]) await cleaner.deleteQueue(name);
    await cleaner.deleteExchange(dlx);
  });
  const relay = await proxy(t, brokerUrl());
  const processed = new Set<unknown>();
  let seen: () => void = () => undefined;
  const { app, worked } = await ordersService({
    url: relay.url,
    queue,
    dlx,
    process: async (order) => {
      processed.add((order as { id: number }).id);
      seen();
    },
  });
  t.after(() => app.close());
  const until = async (id: number): Promise<void> => {
    while (!processed.has(id))
      await new Promise<void>((resolve) => {
        seen = resolve;
      });
  };
  const order = async (id: number): Promise<unknown> => (await app.inject({ method: 'POST', url: '/orders', payload: { id } })).json();
  assert.deepEqual(await order(1), { status: 'queued' });
  await until(1);
  relay.cut();
  assert.deepEqual(await order(2), { status: 'queued' });
  await until(2);
  // The first one may have come twice: its acknowledgement may have been under way when the connection was cut.
  assert.deepEqual([...processed], [1, 2]);
  await app.close();
  await worked;
});
