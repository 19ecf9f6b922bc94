import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Failure } from '../../../src/model/failure.ts';
import { formatEnvelope, parseEnvelope } from '../../../src/model/message/envelope.ts';
import type { Delivery, FieldTable, Properties } from '../../../src/model/message/message.ts';
import { properties, text } from './fields.ts';

const PLAIN: Delivery = { queue: 'orders', exchange: 'shop', routingKey: 'order.created', redelivered: false, properties: {}, body: Buffer.from('hello') };
const delivery = (more: Partial<Delivery>): Delivery => ({ ...PLAIN, ...more });
const format = (more: Partial<Delivery>, jsonBody = false): string => formatEnvelope(delivery(more), { jsonBody });
const formatJson = (body: string): string => format({ body: Buffer.from(body) }, true);
const withHeaders = (headers: FieldTable): string => format({ properties: { headers } });
const headersOf = (json: string, types = ''): FieldTable => parseEnvelope(`{"body":"","properties":{"headers":${json}}${types}}`).properties.headers ?? {};

function refuses(line: string, message: RegExp): void {
  assert.throws(
    () => parseEnvelope(line),
    (error) => {
      assert.ok(error instanceof Failure);
      assert.equal(error.kind, 'data');
      assert.match(error.message, message);
      return true;
    },
  );
}

describe('an envelope that is written', () => {
  it('is one line with its keys in a fixed order', () => {
    const given: Properties = { deliveryMode: 2, contentType: 'text/plain', headers: { n: 1 } };
    assert.equal(
      format({ properties: given, body: Buffer.from('a\nb') }),
      '{"queue":"orders","exchange":"shop","routingKey":"order.created","redelivered":false,"properties":{"contentType":"text/plain","headers":{"n":1},"deliveryMode":2},"body":"a\\nb"}',
    );
  });

  it('says that a message without a delivery mode is transient', () => {
    assert.deepEqual(JSON.parse(format({ properties: { priority: 3 } })).properties, { deliveryMode: 1, priority: 3 });
  });

  it('holds bytes that are not UTF-8 as base64', () => {
    assert.match(format({ body: Buffer.from([0xff, 0x00]) }), /,"bodyBase64":"\/wA="}$/);
  });

  it('shows integers of every width as plain numbers, with their types aside', () => {
    const line = withHeaders({ 'x-death': [{ count: { '!': 'int64', value: 3 } }], 'a/b~c': { '!': 'uint8', value: 7 }, n: 5, big: 5_000_000_000 });
    assert.deepEqual(JSON.parse(line).properties.headers, { 'x-death': [{ count: 3 }], 'a/b~c': 7, n: 5, big: 5_000_000_000 });
    assert.deepEqual(JSON.parse(line).types, { '/x-death/0/count': 'int64', '/a~1b~0c': 'uint8' });
  });

  it('has no types where every integer has its usual one', () => {
    assert.ok(!withHeaders({ n: 5, big: 5_000_000_000, half: 0.5 }).includes('"types"'));
  });

  it('writes the values that JSON lacks inline', () => {
    const headers: FieldTable = {
      at: { '!': 'timestamp', value: 1_700_000_000 },
      nan: { '!': 'double', value: 'NaN' },
      huge: { '!': 'int64', value: '9223372036854775807' },
    };
    assert.deepEqual(JSON.parse(withHeaders(headers)).properties.headers, headers);
  });

  it('writes plain numbers beyond 2^53 and -0 as the doubles that they are on the wire', () => {
    assert.deepEqual(headersOf(JSON.stringify(JSON.parse(withHeaders({ a: 1e300, b: -0, c: Number.NaN })).properties.headers)), {
      a: { '!': 'double', value: 1e300 },
      b: { '!': 'double', value: '-0' },
      c: { '!': 'double', value: 'NaN' },
    });
  });

  it('refuses headers that nest deeper than it could read back', () => {
    const nest = (levels: number): FieldTable => (levels === 1 ? {} : { a: nest(levels - 1) });
    assert.deepEqual(parseEnvelope(withHeaders(nest(64))).properties.headers, nest(64));
    assert.throws(() => withHeaders(nest(65)), { kind: 'data', message: /64 levels/ });
  });
});

describe('a JSON body', () => {
  it('is written as JSON, on one line, when that is asked for', () => {
    assert.match(formatJson('{\n  "id": 1.50,\n  "a": "\\u00e9"\n}'), /,"bodyJson":{"id":1.5,"a":"é"}}$/);
    assert.match(format({ body: Buffer.from('{"id":1}') }), /,"body":"{\\"id\\":1}"}$/);
  });

  for (const lossy of ['12345678901234567890', '1e400', '-0', '{"a":1,"a":2}', '{"a":1,"\\u0061":2}', '[0.1234567890123456789]', '9007199254740993']) {
    it(`stays text where parsing would change it: ${lossy}`, () => assert.ok(formatJson(lossy).endsWith(`"body":${JSON.stringify(lossy)}}`)));
  }

  for (const other of ['', 'hello', '{"a":']) {
    it(`stays text where it is none: ${other}`, () => assert.ok(formatJson(other).endsWith(`"body":${JSON.stringify(other)}}`)));
  }

  it('stays text where the envelope would nest deeper than 256 levels', () => {
    const nest = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`;
    assert.ok(formatJson(nest(255)).endsWith(`"bodyJson":${nest(255)}}`));
    for (const levels of [256, 100_000]) assert.ok(formatJson(nest(levels)).endsWith(`"body":${JSON.stringify(nest(levels))}}`));
    const brackets = JSON.stringify('['.repeat(1_000));
    assert.ok(formatJson(brackets).endsWith(`"bodyJson":${brackets}}`));
  });

  it('holds the same value afterwards', () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        assert.deepEqual(JSON.parse(parseEnvelope(formatJson(json)).body.toString()), JSON.parse(json));
      }),
      { numRuns: 2_000 },
    );
  });

  it('is read digit by digit, as it is spelled', () => {
    assert.equal(
      parseEnvelope('{"bodyJson": {"id": 12345678901234567890, "a":"\\u00e9,}"} , "exchange":""}').body.toString(),
      '{"id": 12345678901234567890, "a":"\\u00e9,}"}',
    );
    assert.equal(parseEnvelope('{"bodyJson":null}').body.toString(), 'null');
    assert.equal(parseEnvelope('{"bodyJson":"}\\\\\\""}').body.toString(), '"}\\\\\\""');
  });

  it('may nest deeply', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    assert.equal(parseEnvelope(`{"bodyJson":${deep}}`).body.toString(), deep);
  });
});

describe('an envelope that is read', () => {
  it('gives back exactly what was written', () => {
    fc.assert(
      fc.property(text(60), text(60), properties, fc.uint8Array(), fc.boolean(), (exchange, routingKey, given, bytes, jsonBody) => {
        const body = Buffer.from(bytes);
        const line = format({ exchange, routingKey, properties: given, body }, jsonBody);
        assert.ok(!/[\r\n]/.test(line));
        const read = parseEnvelope(line);
        assert.deepEqual({ ...read, body: '' }, { exchange, routingKey, properties: { deliveryMode: 1, ...given }, body: '' });
        if (!line.includes('"bodyJson":')) assert.ok(read.body.equals(body));
      }),
      { numRuns: 2_000 },
    );
  });

  it('fails as bad data and in no other way, whatever the line holds', () => {
    const odd = fc.oneof(fc.jsonValue(), fc.constantFrom(null, '', 0, -1, 1e300, '\ud800', { '!': 'int64' }, { '!': 'table', value: {} }, [], {}));
    const keys = fc.constantFrom('queue', 'exchange', 'routingKey', 'redelivered', 'properties', 'types', 'body', 'bodyBase64', 'bodyJson', '__proto__', 'bdy');
    const near = fc.record({ body: fc.constant(''), properties: fc.record({ headers: fc.dictionary(fc.constantFrom('a', '!', 'value'), odd) }), types: odd });
    const lines = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      fc.dictionary(keys, odd).map((line) => JSON.stringify(line)),
      near.map((line) => JSON.stringify(line)),
    );
    fc.assert(
      fc.property(lines, (line) => {
        try {
          parseEnvelope(line);
        } catch (error) {
          assert.ok(error instanceof Failure && error.kind === 'data', String(error));
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it('needs a body and nothing else', () => {
    assert.deepEqual(parseEnvelope('{"body":""}'), { properties: {}, body: Buffer.alloc(0) });
    assert.deepEqual(parseEnvelope('{"queue":"q","redelivered":true,"exchange":"","routingKey":"k","bodyBase64":"/w=="}'), {
      exchange: '',
      routingKey: 'k',
      properties: {},
      body: Buffer.from([0xff]),
    });
  });

  it('accepts integers with their types inline or aside, in one form', () => {
    const expected = { a: { '!': 'uint8', value: 3 }, b: 3, c: 5_000_000_000 };
    assert.deepEqual(headersOf('{"a":3,"b":3,"c":5000000000}', ',"types":{"/a":"uint8","/b":"int32"}'), expected);
    assert.deepEqual(headersOf('{"a":{"!":"uint8","value":3},"b":{"!":"int32","value":3},"c":{"!":"int64","value":"5000000000"}}'), expected);
  });

  it('keeps a header named __proto__ as an ordinary header', () => {
    const headers = headersOf('{"__proto__":{"polluted":1}}');
    assert.deepEqual(Object.keys(headers), ['__proto__']);
    assert.equal(Object.getPrototypeOf(headers), Object.prototype);
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  });

  it('refuses headers that nest too deep without running out of stack', () => {
    refuses(`{"body":"","properties":{"headers":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}}}`, /64 levels/);
    refuses(`{"body":"","properties":{"headers":{"a":${'['.repeat(10_000)}${']'.repeat(10_000)}}}}`, /64 levels/);
    refuses(`{"body":"","properties":{"headers":{"a":${'{"!":"table","value":{"a":'.repeat(10_000)}1${'}}'.repeat(10_000)}}}}`, /64 levels/);
  });
});

describe('an envelope is refused', () => {
  const property = (json: string): string => `{"body":"","properties":{${json}}}`;
  const header = (json: string, types = ''): string => `{"body":"","properties":{"headers":${json}}${types}}`;
  const cases: readonly (readonly [why: string, line: string, message: RegExp])[] = [
    ['when it is no JSON', 'hello', /^not JSON: /],
    ['when it is no object', '[1]', /must be a JSON object, got an array/],
    ['for an unknown key', '{"body":"","routing_key":"a"}', /^unknown key "routing_key"; did you mean "routingKey"\?$/],
    ['for an unknown key like nothing known', '{"body":"","zzzzzz":"a"}', /^unknown key "zzzzzz"$/],
    ['for an unknown property', property('"delivery-mode":2'), /^unknown property "delivery-mode"; did you mean "deliveryMode"\?$/],
    ['for a key named __proto__', '{"body":"","__proto__":{}}', /^unknown key "__proto__"/],
    ['for a repeated key', '{"body":"a","body":"b"}', /"body" stands twice/],
    ['for a repeated property', property('"type":"a","type":"b"'), /properties: the key "type" stands twice/],
    ['for a repeated header', header('{"a":1,"\\u0061":2}'), /the key "a" stands twice/],
    ['without a body', '{"exchange":"a"}', /one of body, bodyBase64 and bodyJson is needed/],
    ['with two bodies', '{"body":"","bodyJson":null}', /only one of .* got body and bodyJson/],
    ['for a body that is no text', '{"body":{}}', /body must be text, got an object/],
    ['for half of a surrogate pair in the body', '{"body":"\\ud83d"}', /body holds half of a surrogate pair/],
    ['for half of a surrogate pair in a header', header('{"a":"\\ude00"}'), /header a holds half of a surrogate pair/],
    ['for half of a surrogate pair in a header name', header('{"\\ude00":1}'), /half of a surrogate pair in its name/],
    ['for half of a surrogate pair in a property', property('"type":"\\ud83d"'), /type holds half of a surrogate pair/],
    ['for base64 with an alien character', '{"bodyBase64":"aGV$bG8="}', /not base64/],
    ['for base64 without padding', '{"bodyBase64":"aGVsbG8"}', /not base64/],
    ['for base64 with bits left over', '{"bodyBase64":"/x=="}', /not base64/],
    ['for a queue that is no text', '{"body":"","queue":5}', /queue must be text, got 5/],
    ['for a redelivered that is no boolean', '{"body":"","redelivered":"yes"}', /redelivered must be true or false, got "yes"/],
    ['for null', '{"body":"","exchange":null}', /exchange must not be null/],
    ['for null as a property', property('"type":null'), /type must be text, got null/],
    ['for properties that are no object', '{"body":"","properties":[]}', /properties must be an object/],
    ['for a long exchange name', `{"body":"","exchange":"${'é'.repeat(128)}"}`, /exchange has 256 bytes; AMQP allows 255/],
    ['for a long property', property(`"messageId":"${'a'.repeat(256)}"`), /messageId has 256 bytes/],
    ['for a long header name', header(`{"${'a'.repeat(256)}":1}`), /has a name of 256 bytes/],
    ['for a priority out of range', property('"priority":256'), /priority must be a whole number from 0 to 255, got 256/],
    ['for an unknown delivery mode', property('"deliveryMode":3'), /deliveryMode must be 1 \(transient\) or 2 \(persistent\), got 3/],
    ['for a fractional timestamp', property('"timestamp":1.5'), /timestamp must be whole seconds since 1970, got 1.5/],
    ['for a negative timestamp', property('"timestamp":-1'), /timestamp must be whole seconds/],
    ['for an expiration that is a number', property('"expiration":60000'), /expiration must be milliseconds as digits in quotes, as in "60000", got 60000/],
    ['for headers that are no object', header('[]'), /headers must be an object, got an array/],
    ['for digits that a number cannot hold', header('{"a":9007199254740993}'), /the number 9007199254740993 would be read as 9007199254740992/],
    ['for a whole number beyond 2^53', header('{"a":1e20}'), /header a is 100000000000000000000: beyond 2\^53 a number must say its type/],
    ['for an unknown type', header('{"a":{"!":"int46","value":1}}'), /header a has the unknown type "int46"; did you mean "int16"\?/],
    ['for a typed value without a value', header('{"a":{"!":"int8"}}'), /header a must be {"!":"int8","value":…} and nothing else/],
    ['for a typed value with something else', header('{"a":{"!":"int8","value":1,"b":2}}'), /and nothing else/],
    ['for an integer out of its range', header('{"a":{"!":"int8","value":128}}'), /header a is 128, which int8 does not hold \(-128 to 127\)/],
    ['for an int64 out of range', header('{"a":{"!":"int64","value":"9223372036854775808"}}'), /cannot be "9223372036854775808" as int64/],
    ['for a float out of range', header('{"a":{"!":"float","value":1e39}}'), /cannot be 1e\+39 as float/],
    ['for a decimal out of range', header('{"a":{"!":"decimal","value":{"places":256,"digits":1}}}'), /cannot be an object as decimal/],
    ['for bytes that are not base64', header('{"a":{"!":"bytes","value":"?"}}'), /cannot be "\?" as bytes; it takes base64/],
    ['for a table that is none', header('{"a":{"!":"table","value":1}}'), /header a\/value must be an object, got 1/],
    ['for types that hit nothing', header('{"a":1}', ',"types":{"/b":"int8"}'), /types names "\/b", where headers hold no plain whole number/],
    ['for types that hit a fraction', header('{"a":1.5}', ',"types":{"/a":"int8"}'), /types names "\/a"/],
    ['for types that hit a typed value', header('{"a":{"!":"int8","value":1}}', ',"types":{"/a":"int8"}'), /types names "\/a"/],
    ['for types out of range', header('{"a":300}', ',"types":{"/a":"uint8"}'), /header a is 300, which uint8 does not hold/],
    ['for types that are none', header('{"a":3}', ',"types":{"/a":"float"}'), /types gives "\/a" the type "float"; it must be one of int8/],
    ['for types without headers', '{"body":"","types":{"/a":"int8"}}', /there are no headers/],
  ];
  for (const [why, line, message] of cases) it(why, () => refuses(line, message));
});
