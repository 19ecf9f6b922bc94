import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readTable, writeTable } from '../../src/amqp/field-table.ts';
import { readProperties, writeProperties } from '../../src/amqp/properties.ts';
import { Failure } from '../../src/model/failure.ts';
import type { FieldTable } from '../../src/model/message.ts';
import { table as tables } from '../model/fields.ts';

const written = (table: FieldTable, capacity = 16): Buffer => {
  const to = { bytes: Buffer.alloc(capacity), length: 0 };
  writeTable(to, table);
  return to.bytes.subarray(4, to.length);
};

test('whatever table is written comes back exactly, however often the buffer grew', () => {
  fc.assert(
    fc.property(tables, fc.integer({ min: 1, max: 200 }), (table, capacity) => {
      // RabbitMQ has no NaN and no infinity, so that no table may hold them.
      if (/"(NaN|-?Infinity)"/.test(JSON.stringify(table))) return;
      assert.deepEqual(readTable(written(table, capacity)), table);
    }),
    { numRuns: 3_000 },
  );
});

test('properties come back exactly, each alone and all together', () => {
  const all = {
    contentType: 'a/b',
    contentEncoding: 'gzip',
    headers: { x: 1 },
    deliveryMode: 2,
    priority: 0,
    correlationId: 'ü',
    replyTo: '',
    expiration: '5',
    messageId: 'm',
    timestamp: 2 ** 40,
    type: 't',
    userId: 'u',
    appId: 'a',
    clusterId: 'c',
  };
  for (const properties of [{}, all, ...Object.entries(all).map(([name, value]) => ({ [name]: value }))]) {
    const to = { bytes: Buffer.alloc(1), length: 0 };
    writeProperties(to, properties);
    assert.deepEqual(readProperties(to.bytes.subarray(0, to.length)), properties);
  }
});

test('a time before 1970, and one beyond 2^53, is written as its 64 bits', () => {
  const cases = [
    ['18446744011573954816', 'fffffff1886e0900'], // -62135596800: DateTime.MinValue of .NET
    ['18446744073709551615', 'ffffffffffffffff'],
    ['9007199254740993', '0020000000000001'],
    [9_007_199_254_740_991, '001fffffffffffff'],
  ] as const;
  for (const [timestamp, bits] of cases) {
    const to = { bytes: Buffer.alloc(1), length: 0 };
    writeProperties(to, { timestamp });
    assert.equal(to.bytes.subarray(0, to.length).toString('hex'), `0040${bits}`);
    assert.deepEqual(readProperties(Buffer.from(`0040${bits}`, 'hex')), { timestamp });
    assert.equal(written({ t: { '!': 'timestamp', value: timestamp } }).toString('hex'), `017454${bits}`);
  }
  for (const timestamp of [-1, 1.5, 2 ** 53, '18446744073709551616', '-1', 'x']) {
    assert.throws(
      () => writeProperties({ bytes: Buffer.alloc(1), length: 0 }, { timestamp }),
      (error) => error instanceof Failure && error.kind === 'data',
    );
  }
});

test('a delivery mode that only RabbitMQ 4 lets pass is what the broker takes it for', () => {
  for (const [mode, read] of [
    ['00', 1],
    ['01', 1],
    ['02', 2],
    ['03', 1],
    ['ff', 1],
  ] as const)
    assert.deepEqual(readProperties(Buffer.from(`1000${mode}`, 'hex')), { deliveryMode: read });
});

test('a text of more than 255 bytes is refused where AMQP has no room for it', () => {
  const to = { bytes: Buffer.alloc(1), length: 0 };
  const refused = (error: unknown): boolean => error instanceof Failure && error.kind === 'data';
  assert.throws(() => writeProperties(to, { messageId: 'ü'.repeat(128) }), refused);
  assert.throws(() => writeTable(to, { ['n'.repeat(256)]: 1 }), refused);
});

test('a number that RabbitMQ cannot hold is refused before it is sent', () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, { '!': 'double', value: 'Infinity' }, { '!': 'float', value: 'NaN' }] as const) {
    assert.throws(
      () => written({ value }),
      (error) => error instanceof Failure && error.kind === 'data',
    );
  }
});
