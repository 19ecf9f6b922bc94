import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Death, deathHistory } from '../../../src/model/dead-letter/death.ts';
import { DeathGroups } from '../../../src/model/dead-letter/groups.ts';
import type { Delivery, FieldTable, FieldValue } from '../../../src/model/message/message.ts';
import { deathStory, decodeDeath } from '../../../src/text/dead-letter-story.ts';
import { formatTable, letterCells } from '../../../src/text/dead-letter-table.ts';
import { visibleLine } from '../../../src/text/escape.ts';
import { previewOf, shortLine, textWidth } from '../../../src/text/width.ts';

const NOW = 1_700_000_000_000;
/** What a terminal would obey. */
const CONTROL = /[\0-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/;

const scalar = fc.oneof(fc.string({ unit: 'binary' }), fc.double(), fc.integer(), fc.boolean(), fc.constant(null));
/** What the wire can bring. */
const typed = fc.oneof(
  fc.record({ '!': fc.constant('int64'), value: fc.oneof(fc.integer(), fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n }).map(String)) }),
  fc.record({ '!': fc.constant('timestamp'), value: fc.oneof(fc.maxSafeNat(), fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }).map(String)) }),
  fc.record({ '!': fc.constant('double'), value: fc.constantFrom('NaN', 'Infinity', '-0', 1) }),
  fc.record({ '!': fc.constant('decimal'), value: fc.record({ places: fc.nat(255), digits: fc.nat() }) }),
  fc.record({ '!': fc.constantFrom('bytes', 'longstr'), value: fc.base64String() }),
  fc.record({ '!': fc.constant('table'), value: fc.dictionary(fc.string(), scalar, { maxKeys: 3 }) }),
);
const anything = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, scalar, typed, fc.array(tie('value'), { maxLength: 4 }), fc.dictionary(fc.string(), tie('value'), { maxKeys: 4 })),
})).value as fc.Arbitrary<FieldValue>;
const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('rejected', 'expired', '__proto__', 'constructor', 'toString', '\u001b[2J'));
const entry = fc.record(
  {
    queue: fc.oneof(text, anything),
    reason: fc.oneof(text, anything),
    exchange: fc.oneof(text, anything),
    count: fc.oneof(fc.integer(), anything),
    time: fc.oneof(fc.integer(), fc.double(), typed, anything),
    'routing-keys': fc.oneof(fc.array(text, { maxLength: 3 }), anything),
    'original-expiration': fc.oneof(fc.string(), anything),
  },
  { requiredKeys: [] },
) as unknown as fc.Arbitrary<FieldValue>;
const forged = fc.record(
  {
    'x-death': fc.oneof(fc.array(entry, { maxLength: 5 }), anything),
    'x-first-death-queue': fc.oneof(text, anything),
    'x-first-death-reason': fc.oneof(text, anything),
    'x-rmq-replays': anything,
    'x-rmq-attempt': anything,
    'x-rmq-reason': fc.oneof(text, anything),
    'x-rmq-exit-code': anything,
    'x-rmq-stderr': fc.oneof(text, anything),
  },
  { requiredKeys: [] },
) as unknown as fc.Arbitrary<FieldTable>;

const letter = (headers: FieldTable, body = Buffer.from('body')): Delivery => ({
  queue: 'dead',
  exchange: '',
  routingKey: 'dead',
  redelivered: false,
  properties: { headers },
  body,
});

test('no forged header makes reading, showing or grouping it fail', () => {
  fc.assert(
    fc.property(forged, fc.uint8Array({ maxLength: 80 }), (headers, bytes) => {
      const delivery = letter(headers, Buffer.from(bytes));
      const { deaths, first, malformed } = deathHistory(headers);
      assert.ok(first === undefined ? deaths.length === 0 : deaths.includes(first));
      assert.ok(malformed >= 0);
      for (const { count, time } of deaths) assert.ok(Number.isSafeInteger(count) && count > 0 && (time === undefined || time >= 0));
      assert.doesNotThrow(() => JSON.stringify(decodeDeath(delivery)));
      for (const line of deathStory(delivery, NOW).split('\n')) assert.doesNotMatch(line, CONTROL);
      const row = letterCells(delivery, 1, NOW);
      for (const cell of row) assert.doesNotMatch(cell, CONTROL);
      assert.equal(formatTable([row], { right: new Set([0]), widths: [] }).split('\n').length, 2);
      const groups = new DeathGroups(['reason', 'queue', 'exchange', 'routingKey', 'type', 'header:x-rmq-stderr']);
      groups.add(delivery);
      assert.equal(groups.sorted[0]?.count, 1);
    }),
    { numRuns: 500 },
  );
});

test('a history that a broker has written is read as it is', () => {
  const death = fc.record({
    queue: fc.string({ minLength: 1 }),
    reason: fc.constantFrom('rejected', 'expired', 'maxlen', 'delivery_limit'),
    count: fc.integer({ min: 1 }),
    time: fc.integer({ min: 0, max: 4_000_000_000 }),
    exchange: fc.string(),
    routingKeys: fc.array(fc.string(), { minLength: 1 }),
    originalExpiration: fc.option(fc.nat().map(String), { nil: undefined }),
  });
  const written = ({ time, count, routingKeys, originalExpiration, ...same }: Death): FieldTable => ({
    ...same,
    count: { '!': 'int64', value: count },
    time: { '!': 'timestamp', value: time ?? 0 },
    'routing-keys': routingKeys,
    ...(originalExpiration !== undefined && { 'original-expiration': originalExpiration }),
  });
  fc.assert(
    fc.property(fc.array(death, { minLength: 1, maxLength: 6 }), (deaths) => {
      const { deaths: read, first, malformed } = deathHistory({ 'x-death': deaths.map(written) });
      assert.deepEqual(
        read,
        deaths.map((one) => ({ ...one })),
      );
      assert.deepEqual([first, malformed], [read.at(-1), 0]);
    }),
  );
});

test('a story is told in the order of time, and where that says nothing in the order of the entries', () => {
  const entry = (queue: string, reason: string, time?: number): FieldTable => ({
    queue,
    reason,
    count: 2,
    exchange: 'e',
    'routing-keys': ['k'],
    ...(time !== undefined && { time: { '!': 'timestamp', value: time } }),
  });
  const hops = (entries: readonly FieldTable[], headers: FieldTable = {}): string[] =>
    deathStory(letter({ 'x-death': entries, ...headers }), NOW)
      .split('\n')
      .flatMap((line) => /^\d\. .* "(.*?)" twice/.exec(line)?.[1] ?? []);
  // It was rejected first, and is again the newest: the broker has moved that entry to the front.
  assert.deepEqual(hops([entry('work', 'rejected', 100), entry('wait.2', 'expired', 103), entry('wait.1', 'expired', 101)]), ['work', 'wait.1', 'wait.2']);
  const first = { 'x-first-death-queue': 'work', 'x-first-death-reason': 'rejected' };
  assert.deepEqual(hops([entry('work', 'rejected', 100), entry('wait.2', 'expired', 100), entry('wait.1', 'expired', 100)], first), [
    'work',
    'wait.1',
    'wait.2',
  ]);
  assert.deepEqual(hops([entry('work', 'rejected', 100), entry('wait', 'expired')], first), ['wait', 'work']);
});

test('a huge history is not read to its end', () => {
  const entries = Array.from({ length: 100_000 }, () => ({ queue: 'q', reason: 'r', exchange: '', 'routing-keys': [] }));
  assert.equal(deathHistory({ 'x-death': entries }).deaths.length, 1_000);
});

test('groups beyond ten thousand are only counted', () => {
  const groups = new DeathGroups(['header:id']);
  for (let id = 0; id < 10_005; id++) groups.add(letter({ id }));
  groups.add(letter({ id: 3 }));
  assert.deepEqual([groups.sorted.length, groups.sorted[0]?.values, groups.sorted[0]?.count, groups.ungrouped], [10_000, ['3'], 2, 5]);
});

test('text that others have chosen is cut to its width and shows what it would do to a terminal', () => {
  assert.equal(visibleLine('a\u001b[31m\tb\n\u202e'), 'a\\x1b[31m\\tb\\n\\u202e');
  assert.equal(shortLine('abcdef', 4), 'abc…');
  assert.equal(shortLine('abcd', 4), 'abcd');
  assert.equal(previewOf(Buffer.from('é'.repeat(500)), 10), `${'é'.repeat(9)}…`);
  assert.equal(previewOf(Buffer.from([0xff, 0x00]), 10), 'ff 00');
  assert.equal(previewOf(Buffer.alloc(40), 10), `${Array.from({ length: 16 }, () => '00').join(' ')} …`);
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 2, max: 20 }), (given, most) => textWidth(shortLine(given, most)) <= most));
});
