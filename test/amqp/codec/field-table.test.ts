import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readTable, writeTable } from '../../../src/amqp/codec/field-table.ts';
import { readProperties, writeProperties } from '../../../src/amqp/codec/frames.ts';
import { Failure } from '../../../src/model/failure.ts';
import { parseTable } from '../../../src/model/message/field.ts';
import { tableToJson } from '../../../src/model/message/field-json.ts';
import type { FieldTable } from '../../../src/model/message/message.ts';
import { table as tables } from '../../model/message/fields.ts';

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
    { numRuns: 1_500 },
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

/** The entries of a table with other fields around one that nests so deep, in tables and arrays by turns as `kinds` says. */
function deepEntries(depth: number, kinds: readonly boolean[]): Buffer {
  const isTable = (level: number): boolean => kinds[level % kinds.length] ?? true;
  const parts: Buffer[] = [];
  let size = 0;
  for (let level = 0; level < depth; level++) {
    const head = Buffer.from([...(isTable(level + 1) ? [1, 0x61] : []), isTable(level) ? 0x46 : 0x41, 0, 0, 0, 0]);
    head.writeUInt32BE(size, head.length - 4);
    parts.push(head);
    size += head.length;
  }
  const name = isTable(depth) ? [] : [1, 0x61];
  return Buffer.concat([Buffer.from([1, 0x62, 0x56]), Buffer.from(name), ...parts.reverse(), Buffer.from([1, 0x63, 0x74, 1])]);
}

test('headers of any depth are read, shown as JSON, read back and written as they were', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 60, max: 18_000 })),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 9 }),
      (depth, kinds) => {
        const bytes = deepEntries(depth, kinds);
        const read = readTable(bytes);
        assert.deepEqual(written(read), bytes);
        const { json, types } = tableToJson(read);
        assert.deepEqual(written(parseTable(JSON.parse(json), new Map(types))), bytes);
      },
    ),
    { numRuns: 300 },
  );
});

test('what is no field is raw bytes up to the end of its table, and only fields are written', () => {
  const table = readTable(Buffer.from([1, 0x61, 0x56, 1, 0x62, 0x3f, 1, 2, 3]));
  assert.deepEqual(table, { a: null, b: { '!': 'raw', value: Buffer.from([0x3f, 1, 2, 3]).toString('base64') } });
  for (const value of [Buffer.from([0x3f, 1]), Buffer.from([0x53, 0, 0, 0, 9]), Buffer.from([0x56, 0x56])]) {
    assert.throws(() => written({ a: { '!': 'raw', value: value.toString('base64') } }), { kind: 'data', message: /one encoded field/ });
  }
});

test('a table of a caller that nests too deep, or in itself, is refused', () => {
  const endless: Record<string, FieldTable> = {};
  endless['a'] = endless as FieldTable;
  assert.throws(() => written(endless), { kind: 'data', message: /64 levels/ });
});
