import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Entry, Unconfirmed } from '../../../src/amqp/publisher/outcomes.ts';
import { Failure } from '../../../src/model/failure.ts';
import type { Message } from '../../../src/model/message/message.ts';

const entry = (record: number): Entry => ({
  message: { exchange: '', routingKey: 'q', properties: {}, body: Buffer.alloc(10) },
  record,
  settled: undefined,
  returned: undefined,
  done: false,
});

test('acks, single or multiple, in any order, settle each message exactly once', () => {
  const ack = fc.record({ tag: fc.integer({ min: 1, max: 60 }), multiple: fc.boolean() });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), fc.array(ack, { maxLength: 60 }), (count, acks) => {
      const window = new Unconfirmed();
      for (let record = 1; record <= count; record++) window.push(entry(record));
      const settled = new Set<number>();
      const expected = new Set<number>();
      for (const { tag, multiple } of acks) {
        for (let one = multiple ? 1 : tag; one <= Math.min(tag, count); one++) expected.add(one);
        window.take(tag, multiple, ({ record }) => {
          assert.ok(!settled.has(record), `${record} twice`);
          settled.add(record);
        });
        assert.deepEqual([...settled].sort(), [...expected].sort());
        assert.equal(window.count, count - settled.size);
        assert.equal(window.bytes, 10 * window.count);
      }
      assert.deepEqual(
        window.left().map(({ record }) => record),
        Array.from({ length: count }, (_, index) => index + 1).filter((record) => !settled.has(record)),
      );
    }),
    { numRuns: 2_000 },
  );
});

test('after a new channel the tags count from 1 over what is left', () => {
  const window = new Unconfirmed();
  for (let record = 1; record <= 5; record++) window.push(entry(record));
  window.take(2, false, () => undefined);
  const sent: Message[] = [];
  assert.deepEqual(
    window.restart((message) => {
      sent.push(message);
      return undefined;
    }),
    [],
  );
  assert.equal(sent.length, 4);
  assert.deepEqual(
    window.left().map(({ record }) => record),
    [1, 3, 4, 5],
  );
  const settled: number[] = [];
  window.take(2, true, ({ record }) => settled.push(record));
  assert.deepEqual(settled, [1, 3]);
});

test('what does not fit into the frames of a new channel takes no tag on it', () => {
  const window = new Unconfirmed();
  for (let record = 1; record <= 4; record++) window.push({ ...entry(record), message: { ...entry(record).message, routingKey: String(record) } });
  const failure = new Failure('data', 'too large');
  const refused = window.restart(({ routingKey }) => (routingKey === '2' ? failure : undefined));
  assert.deepEqual(
    refused.map(([{ record }, why]) => [record, why]),
    [[2, failure]],
  );
  assert.deepEqual([window.count, window.bytes], [3, 30]);
  const settled: number[] = [];
  window.take(2, true, ({ record }) => settled.push(record));
  assert.deepEqual(settled, [1, 3]);
});

test('equal messages that come back are told apart by their order', () => {
  const window = new Unconfirmed();
  for (let record = 1; record <= 3; record++) window.push(entry(record));
  assert.deepEqual([window.returned(() => true)?.record, window.returned(() => true)?.record], [1, 2]);
});
