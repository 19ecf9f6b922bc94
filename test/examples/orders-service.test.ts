import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brokerUrl, peer, unique } from '../support/broker.ts';
import { proxy } from '../support/faults.ts';
import { ordersService } from './orders-service.ts';

test('a service answers "queued" once the broker has the order, tells whether it is healthy, and goes on after a lost connection', async (t) => {
  const { channel } = await peer(t);
  const [queue, dlx, exchange] = [unique('orders'), unique('dlx'), unique('done')];
  await channel.assertExchange(dlx, 'direct');
  t.after(async () => {
    const cleaner = (await peer(t)).channel;
    for (const name of [queue, `${queue}.retry.1000`, `${queue}.retry.2000`, `${exchange}.counter`]) await cleaner.deleteQueue(name);
    for (const name of [dlx, exchange]) await cleaner.deleteExchange(name);
  });
  const relay = await proxy(t, brokerUrl());
  const processed = new Set<unknown>();
  let seen: () => void = () => undefined;
  const lost: (string | undefined)[] = [];
  const app = await ordersService({
    url: relay.url,
    queue,
    dlx,
    exchange,
    process: async (order) => {
      processed.add((order as { id: number }).id);
      seen();
    },
    log: (event) => {
      if (event.kind === 'disconnected') lost.push(event.queue);
      seen();
    },
  });
  t.after(() => app.close());
  // What happens while it is asked whether it is so counts as well: the next event may be the last one.
  const until = async (isSo: () => boolean | Promise<boolean>): Promise<void> => {
    for (;;) {
      const event = new Promise<void>((resolve) => {
        seen = resolve;
      });
      if (await isSo()) return;
      await event;
    }
  };
  const order = async (id: number): Promise<unknown> => (await app.inject({ method: 'POST', url: '/orders', payload: { id } })).json();
  const health = async (): Promise<number> => (await app.inject('/health')).statusCode;
  assert.deepEqual(await order(1), { status: 'queued' });
  await until(() => processed.has(1));
  assert.equal(await health(), 200);
  relay.cut();
  await until(() => lost.includes(queue) && lost.includes(`${exchange}.counter`) && lost.includes(undefined));
  assert.equal(await health(), 503);
  assert.deepEqual(await order(2), { status: 'queued' });
  await until(() => processed.has(2));
  // The first one may have come twice: its acknowledgement may have been under way when the connection was cut.
  assert.deepEqual([...processed], [1, 2]);
  await until(async () => (await health()) === 200);
  while ((await app.inject('/stats')).json().done < 2);
  assert.deepEqual((await app.inject('/stats')).json(), { done: 2, waiting: 0 });
});
