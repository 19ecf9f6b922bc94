import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deadLetterFilter } from '../../../src/model/dead-letter/death.ts';
import type { Delivery, FieldTable, Properties } from '../../../src/model/message/message.ts';

const NOW = 1_700_000_000_000;

function dead(headers: FieldTable | undefined, properties: Properties = {}): Delivery {
  return {
    queue: 'dead.letters',
    exchange: 'dlx',
    routingKey: 'failed',
    redelivered: false,
    body: Buffer.from(''),
    properties: { ...properties, ...(headers !== undefined && { headers }) },
  };
}

function death(reason: string, queue: string, minutesAgo: number): FieldTable {
  const time = { '!': 'timestamp', value: NOW / 1_000 - minutesAgo * 60 } as const;
  return { reason, queue, count: 1, exchange: 'orders', 'routing-keys': ['order.placed'], time };
}

test('reason, queue and age are those of the newest death', () => {
  const message = dead({ 'x-death': [death('rejected', 'orders', 10), death('expired', 'orders.wait', 60)] });
  const passes = (criteria: Parameters<typeof deadLetterFilter>[0]): boolean => deadLetterFilter(criteria)(message, NOW);
  assert.equal(passes({}), true);
  assert.equal(passes({ reason: ['rejected'] }), true);
  assert.equal(passes({ reason: ['maxlen', 'rejected'], fromQueue: ['orders'] }), true);
  assert.equal(passes({ reason: ['expired'] }), false);
  assert.equal(passes({ fromQueue: ['orders.wait'] }), false);
  assert.equal(passes({ olderThan: 9 * 60_000, newerThan: 11 * 60_000 }), true);
  assert.equal(passes({ olderThan: 10 * 60_000 }), false);
  assert.equal(passes({ newerThan: 10 * 60_000 }), false);
});

test('a message that does not tell what is asked for is not meant', () => {
  const { time: _, ...untimed } = death('rejected', 'orders', 10);
  assert.equal(deadLetterFilter({ newerThan: 60_000 })(dead({ 'x-death': [untimed] }), NOW), false);
  assert.equal(deadLetterFilter({ olderThan: 1 })(dead(undefined), NOW), false);
  assert.equal(deadLetterFilter({ reason: ['rejected'] })(dead({ 'x-death': 'rejected' }), NOW), false);
  assert.equal(deadLetterFilter({ id: ['a'] })(dead(undefined), NOW), false);
  assert.equal(deadLetterFilter({ id: ['a', 'b'] })(dead(undefined, { messageId: 'b' }), NOW), true);
  assert.equal(deadLetterFilter({ header: { toString: 'x' } })(dead({}), NOW), false);
});

test('headers are compared by value, whatever their type on the wire', () => {
  const message = dead({ tenant: 'acme', attempts: { '!': 'int64', value: 3 }, urgent: true, tags: ['a', { '!': 'int8', value: 1 }] });
  const passes = (header: FieldTable): boolean => deadLetterFilter({ header })(message, NOW);
  assert.equal(passes({ tenant: 'acme', attempts: '3', urgent: 'true' }), true);
  assert.equal(passes({ attempts: 3, tags: ['a', 1] }), true);
  assert.equal(passes({ tenant: 'acme', attempts: '4' }), false);
  assert.equal(passes({ other: '' }), false);
});
