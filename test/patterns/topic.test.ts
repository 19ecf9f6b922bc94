import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TopicPublishConfig, TopicSubscribeConfig, topicSubscription } from '../../src/patterns/subscribe/topic.ts';

test('a queue with a name is durable, and bound once for each pattern', () => {
  const { queue, topology } = topicSubscription({ exchange: 'events.topic', pattern: ['order.#', '*.*.placed'], queue: 'orders' });
  assert.equal(queue.name, 'orders');
  assert.deepEqual(topology, {
    exchanges: [{ name: 'events.topic', type: 'topic', durable: true, arguments: {} }],
    queues: [{ name: 'orders', durable: true, arguments: {}, required: [] }],
    bindings: ['order.#', '*.*.placed'].map((key) => ({ exchange: 'events.topic', queue: 'orders', key, arguments: {} })),
  });
});

test('without a name, the queue is exclusive, and all patterns are bound to it', () => {
  const { queue, topology } = topicSubscription({ exchange: 'events.topic', pattern: ['a', 'b'] });
  assert.deepEqual([queue.exclusive, queue.durable], [true, false]);
  assert.deepEqual(
    topology.bindings.map((binding) => [binding.queue, binding.key]),
    [
      [queue.name, 'a'],
      [queue.name, 'b'],
    ],
  );
});

test('the defaults are the exchange events.topic and ten messages at a time', () => {
  const { exchange, prefetch } = TopicSubscribeConfig.parse({ pattern: ['#'] });
  assert.deepEqual([exchange, prefetch], ['events.topic', 10]);
  assert.equal(TopicPublishConfig.parse({ key: 'k' }).exchange, 'events.topic');
});
