import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fingerprintOf, selectionOf } from '../../../src/model/dead-letter/selection.ts';
import type { FieldTable, Message } from '../../../src/model/message/message.ts';

const message = (body: string, headers?: FieldTable, more: Partial<Message> = {}): Message => ({
  exchange: 'dlx',
  routingKey: 'failed',
  body: Buffer.from(body),
  properties: headers === undefined ? {} : { headers },
  ...more,
});

test('a message is known again by all that it is, and by nothing that its delivery adds', () => {
  const first = fingerprintOf(message('a'));
  assert.equal(fingerprintOf(message('a', { 'x-delivery-count': 2, 'x-acquired-count': { '!': 'int64', value: 3 } })), first);
  assert.equal(fingerprintOf(message('a', {})), first);
  const others = [
    message('b'),
    message('a', { n: 1 }),
    message('a', { n: { '!': 'int64', value: 1 } }),
    message('a', undefined, { exchange: '' }),
    message('a', undefined, { routingKey: 'x' }),
    message('a', undefined, { properties: { messageId: '1' } }),
  ].map(fingerprintOf);
  assert.equal(new Set([first, ...others]).size, others.length + 1);
});

test('of equal copies as many are taken as were chosen', () => {
  const [a, b, c] = [message('a'), message('b'), message('c')];
  const selection = selectionOf([a, b, a, a].map(fingerprintOf), [0, 1, 3]);
  assert.equal(selection.size, 3);
  assert.deepEqual([a, a, a, b, b, c].map(selection.takes), [true, true, false, true, false, false]);
});

test('after a lost connection those are taken again of which every copy was chosen', () => {
  const [a, b] = [message('a'), message('b')];
  const selection = selectionOf([a, b, a, b].map(fingerprintOf), [0, 1, 2]);
  assert.deepEqual([a, b, b].map(selection.takes), [true, true, false]);
  selection.again();
  assert.deepEqual([a, a, a, b].map(selection.takes), [true, true, false, false]);
});
