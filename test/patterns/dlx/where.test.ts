import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../../src/model/failure.ts';
import type { Delivery, FieldTable, Properties } from '../../../src/model/message/message.ts';
import { compileWhere } from '../../../src/patterns/dlx/filter/where.ts';

const NOW = 1_700_000_000_000;
const DEATH: FieldTable = {
  reason: 'rejected',
  queue: 'orders',
  count: { '!': 'int64', value: 3 },
  exchange: 'events',
  'routing-keys': ['order.placed'],
  time: { '!': 'timestamp', value: NOW / 1_000 - 7_200 },
};

function dead(body: string | Buffer, headers: FieldTable = {}, properties: Properties = {}): Delivery {
  return {
    queue: 'dead',
    exchange: 'dlx',
    routingKey: 'failed',
    redelivered: false,
    body: Buffer.from(body as string),
    properties: { ...properties, headers },
  };
}

const judge = (expression: string, delivery: Delivery): unknown => compileWhere(expression)(delivery, NOW);

function holds(delivery: Delivery, ...expressions: string[]): void {
  for (const expression of expressions) assert.equal(judge(expression, delivery), true, expression);
}

test('numbers compare and calculate by value, whether they are whole or not', () => {
  const message = dead('{"whole": 100, "part": 99.75, "n": 3, "written": 3.0, "list": [1, 2.5]}', {
    attempt: 4,
    ratio: 3.5,
    exact: { '!': 'double', value: 3 },
  });
  holds(
    message,
    'headers.attempt > 3 && headers.attempt > 3.5 && headers.attempt == 4 && headers.attempt == 4.0 && headers.attempt in [1, 4]',
    'headers.ratio > 3 && headers.ratio * 2 == 7 && headers.ratio - 1 == 2.5 && headers.exact == 3',
    'json.whole > 99.5 && json.part > 99.5 && json.part > 99 && json.whole >= 100',
    'json.n == 3 && json.written == 3 && json.n == 3.0 && json.n in [1, 2, 3] && json.n != 4',
    'json.n / 2 == 1.5 && json.n % 2 == 1 && json.n + 1 == 4 && json.n + 0.5 == 3.5 && 10 - json.n == 7',
    'json.n + headers.attempt == 7 && json.n < headers.attempt && size > 9.5 && size + 0.5 > 1 && size == size + 0.0',
    'json.list.exists(x, x > 2) && json.list.all(x, x > 0) && json.list[1] == 2.5 && size(json.list) == 2',
  );
});

test('whole numbers of 64 bits are exact, in headers and in bodies', () => {
  const message = dead(
    '{"id": 9007199254740993, "text": "9007199254740993", "large": 98765432109876543210, "neg": -9223372036854775808, "f": 1.2345678901234567}',
    {
      id: { '!': 'int64', value: '9007199254740993' },
      most: { '!': 'int64', value: '9223372036854775807' },
    },
  );
  holds(
    message,
    'json.id == 9007199254740993 && json.id != 9007199254740992 && json.id > 9007199254740992',
    'json.text == "9007199254740993" && json.large > 1 && json.neg < 0 && json.f < 2',
    'headers.id == 9007199254740993 && headers.id == json.id && headers.most > headers.id',
  );
});

test('an expression sees where a message died, where it came from and what it is', () => {
  const message = dead('hello wörld', { 'x-death': [DEATH], tenant: 'acme' }, { messageId: 'm1', type: 'order' });
  holds(
    message,
    'reason == "rejected" && queue == "orders" && count == 3 && exchange == "events" && routingKey == "order.placed"',
    'age > duration("1h") && age < duration("3h") && age == duration("7200s")',
    'size == 12 && body.size() == 11 && body.contains("wörld") && body.matches("^hello") && json == null',
    'id == "m1" && messageType == "order" && headers["x-death"][0].reason == reason && headers["x-death"][0].time < timestamp("2023-11-15T00:00:00Z")',
  );
  holds(dead(''), 'reason == "" && queue == "" && count == 0 && exchange == "dlx" && routingKey == "failed" && id == "" && messageType == "" && body == ""');
});

test('header types that JSON lacks are what they are: bytes, timestamps, decimals', () => {
  const message = dead('', {
    bytes: { '!': 'bytes', value: Buffer.from([1, 255]).toString('base64') },
    raw: { '!': 'longstr', value: Buffer.from([255]).toString('base64') },
    when: { '!': 'timestamp', value: 1_700_000_000 },
    price: { '!': 'decimal', value: { places: 2, digits: 1050 } },
    nan: { '!': 'double', value: 'NaN' },
    wrapped: { '!': 'table', value: { '!': 'x' } },
    nothing: null,
  });
  holds(
    message,
    'headers.bytes == b"\\x01\\xff" && size(headers.bytes) == 2 && size(headers.raw) == 1',
    'headers.when == timestamp("2023-11-14T22:13:20Z") && headers.when.getFullYear() == 2023',
    'headers.price == 10.5 && headers.nan != headers.nan && headers.wrapped["!"] == "x" && headers.nothing == null',
  );
});

test('what lacks a key is not meant, and has() asks for it', () => {
  const message = dead('{"order": {"total": null}}');
  const lacking = { missing: true, reason: 'No such key: x' };
  for (const expression of ['headers.x == 1', 'headers.x != 1', 'json.x.y > 1', 'json.order.x', 'json.order.total.x']) {
    assert.deepEqual(judge(expression, message), lacking, expression);
  }
  holds(message, '!has(headers.x) && has(json.order) && !has(json.order.x) && !("x" in headers) && headers.?x.orValue(7) == 7', 'headers.x == 1 || true');
  assert.deepEqual(judge('json.x == 1', dead('no JSON')), lacking);
  assert.deepEqual(judge('!(age > duration("1h"))', message), { missing: true, reason: 'Unknown variable: age' });
});

test('what cannot be judged says why, and nothing makes it throw', () => {
  const message = dead(`{"constructor": 1, "__proto__": {"a": 2}, "toString": "x", "n": "three", "deep": ${'['.repeat(50_000)}${']'.repeat(50_000)}}`, {
    constructor: 5,
    'x-death': [{ queue: 7, reason: { a: [] } }, 'x', { ...DEATH, time: 1e300, count: -1, reason: 'evil' }],
  });
  const plain = dead('{"constructor": 1, "__proto__": {"a": 2}, "n": "three"}', message.properties.headers);
  assert.deepEqual(judge('json.n > 3', plain), { missing: false, reason: 'there is no operation "string > int"' });
  assert.deepEqual(judge('json.n', plain), { missing: false, reason: 'the result is neither true nor false' });
  holds(plain, 'json.constructor == 1 && json.__proto__.a == 2 && headers.constructor == 5 && !has(json.toString)', 'reason == "evil" && count == 1');
  for (const expression of ['json.n > 3', 'age > duration("1s")', 'int(json.n) > 3', 'headers["x-death"][9].x == 1', '1 / (size - size) > 0']) {
    assert.equal(typeof judge(expression, message), 'object', expression);
  }
  assert.equal(judge('size > 1000000 && body.startsWith("a")', dead(Buffer.alloc(20_000_000, 'a'))), true);
});

test('an expression that can never be judged is refused, with its place and an example', () => {
  const refused = (expression: string): Failure => {
    try {
      compileWhere(expression);
    } catch (error) {
      assert.ok(error instanceof Failure && error.kind === 'usage');
      assert.match(error.hint ?? '', /for example: headers\.tenant == /);
      return error;
    }
    return assert.fail(`${expression} was taken`);
  };
  assert.equal(refused('headers.attempt >').message, 'where: Unexpected token: EOF, at character 18\nheaders.attempt >\n                 ^');
  assert.equal(refused('true &&\n  tenant == "a"').message, 'where: Unknown variable: tenant, at character 11\n  tenant == "a"\n  ^');
  assert.match(refused('reason > 3').message, /there is no operation "string > int", at character 1\n/);
  assert.match(refused('age > 3600').message, /there is no operation "duration > int"/);
  assert.match(refused('size + 1').message, /must be true or false, and this is of type int/);
  assert.match(refused('age > duration("1d")').message, /Invalid duration string: 1d, at character 7\n/);
  assert.match(refused('json.ok || body.matches("[")').message, /Invalid regular expression: \[, at character 25\n/);
});
