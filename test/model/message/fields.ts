import fc from 'fast-check';
import type { FieldTable, FieldType, FieldValue, Properties } from '../../../src/model/message/message.ts';

const typed = (type: FieldType) => (value: FieldValue) => ({ '!': type, value });
const whole = (min: number, max: number) => fc.integer({ min, max });
const exact = (value: number): FieldValue => (Object.is(value, -0) ? '-0' : Number.isFinite(value) ? value : String(value));
const isInt32 = (value: number): boolean => value >= -0x80000000 && value <= 0x7fffffff;

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value): FieldValue => {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) return typed('int64')(String(value));
  return isInt32(number) ? typed('int64')(number) : number;
});
const seconds = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value) => (Number.isSafeInteger(Number(value)) ? Number(value) : String(value)));
const timestamp = seconds.map(typed('timestamp'));
const double = fc.double().map((value) => (Number.isFinite(value) && !Number.isInteger(value) ? value : typed('double')(exact(value))));
const bytes = fc.uint8Array({ maxLength: 20 }).map((value) => Buffer.from(value).toString('base64'));

/** Any text that UTF-8 can hold. */
export const text = (maxLength: number): fc.Arbitrary<string> => fc.string({ unit: 'binary', maxLength });

const names = fc.oneof(fc.constantFrom('!', '', '__proto__', 'constructor', 'toString', '/', '~', '~1', '~0/', '0', 'value', '😀', 'x-death'), text(20));

/** Values in the one form that a delivery carries them in. */
const { field, table } = fc.letrec<{ field: FieldValue; table: FieldTable }>((tie) => ({
  field: fc.oneof(
    { maxDepth: 4 },
    text(30),
    fc.boolean(),
    fc.constant(null),
    whole(-0x80000000, 0x7fffffff),
    whole(-100, 100).map(typed('int64')),
    int64,
    whole(-0x80, 0x7f).map(typed('int8')),
    whole(0, 0xff).map(typed('uint8')),
    whole(-0x8000, 0x7fff).map(typed('int16')),
    whole(0, 0xffff).map(typed('uint16')),
    whole(0, 0xffffffff).map(typed('uint32')),
    double,
    whole(-9, 9).map(typed('double')),
    fc.float().map((value) => typed('float')(exact(value))),
    fc.record({ places: whole(0, 255), digits: whole(0, 0xffffffff) }, { noNullPrototype: true }).map(typed('decimal')),
    timestamp,
    bytes.map(typed('bytes')),
    bytes.map((value) => typed('longstr')(Buffer.concat([Buffer.from([0xff]), Buffer.from(value, 'base64')]).toString('base64'))),
    fc.array(tie('field'), { maxLength: 5 }),
    tie('table').map((value) => (Object.hasOwn(value, '!') ? typed('table')(value) : value)),
  ),
  table: fc.array(fc.tuple(names, tie('field')), { maxLength: 6 }).map((entries): FieldTable => Object.fromEntries(entries)),
}));

export { field, table };

const short = text(60);

/** Properties as a delivery carries them. */
export const properties: fc.Arbitrary<Properties> = fc.record(
  {
    contentType: short,
    contentEncoding: short,
    headers: table,
    deliveryMode: fc.constantFrom(1, 2),
    priority: whole(0, 255),
    correlationId: short,
    replyTo: short,
    expiration: fc.nat().map(String),
    messageId: short,
    timestamp: fc.oneof(fc.maxSafeNat(), seconds),
    type: short,
    userId: short,
    appId: short,
    clusterId: short,
  },
  { requiredKeys: [], noNullPrototype: true },
);
