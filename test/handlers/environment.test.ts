import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isPlainEnvironment, outerEnvironment, variablesOf } from '../../src/handlers/environment.ts';
import type { FieldTable } from '../../src/model/message/message.ts';
import { delivery, each, run, setEnvironment } from './stage.ts';

const withHeaders = (headers: FieldTable) => variablesOf(delivery('', { properties: { headers } }), 1);
/** The variables that come from headers, without what they all begin with. */
function headersOf(headers: FieldTable): Record<string, string> {
  const own = Object.entries(withHeaders(headers)).filter(([name]) => name.startsWith('RMQ_HEADER_'));
  return Object.fromEntries(own.map(([name, value]) => [name.slice('RMQ_HEADER_'.length), value]));
}

test('a program is told where its message comes from, and only what the message says', () => {
  assert.deepEqual(variablesOf(delivery(), 1), {
    RMQ_QUEUE: 'tasks',
    RMQ_EXCHANGE: '',
    RMQ_ROUTING_KEY: 'tasks',
    RMQ_REDELIVERED: 'false',
    RMQ_ATTEMPT: '1',
  });
  const properties = { messageId: 'm', correlationId: 'c', contentType: 'text/plain', headers: { tenant: 'acme' } };
  assert.deepEqual(variablesOf(delivery('', { queue: 'q', exchange: 'e', routingKey: 'k', redelivered: true, properties }), 7), {
    RMQ_QUEUE: 'q',
    RMQ_EXCHANGE: 'e',
    RMQ_ROUTING_KEY: 'k',
    RMQ_MESSAGE_ID: 'm',
    RMQ_CORRELATION_ID: 'c',
    RMQ_CONTENT_TYPE: 'text/plain',
    RMQ_REDELIVERED: 'true',
    RMQ_ATTEMPT: '7',
    RMQ_HEADER_TENANT: 'acme',
  });
});

test('a header that no variable can be named after gets a name that one can have', () => {
  const headers = {
    'x-sum.total': 'a',
    'with space': 'b',
    'é=1': 'c',
    '': 'd',
    '😀': 'e',
    "it's": 'f',
    '9': 'g',
    __proto__x: 'h',
    'a\0b': 'i',
    'a\nb\nc': 'j',
  };
  assert.deepEqual(headersOf(headers), {
    X_SUM_TOTAL: 'a',
    WITH_SPACE: 'b',
    __1: 'c',
    '': 'd',
    __: 'e',
    IT_S: 'f',
    '9': 'g',
    __PROTO__X: 'h',
    A_B: 'i',
    A_B_C: 'j',
  });
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.string()), (table) => {
      for (const name of Object.keys(withHeaders(table))) assert.match(name, /^RMQ_[A-Z0-9_]*$/);
    }),
  );
});

test('of two headers that come to one name, the first one counts', () => {
  assert.deepEqual(headersOf({ 'a-b': 'first', a_b: 'second', 'A.B': 'third' }), { A_B: 'first' });
  // One that no variable can hold is none.
  assert.deepEqual(headersOf({ 'a-b': 'no\0thing', a_b: 'second' }), { A_B: 'second' });
});

test('values are text as people read it', () => {
  const headers: FieldTable = {
    number: 3,
    fraction: 0.5,
    yes: true,
    nothing: null,
    list: [1, 'a', { b: false }],
    table: { a: { b: 'c' } },
    when: { '!': 'timestamp', value: 0 },
    empty: '',
    quoted: '"\'\n$(id)',
  };
  assert.deepEqual(headersOf(headers), {
    NUMBER: '3',
    FRACTION: '0.5',
    YES: 'true',
    NOTHING: 'null',
    LIST: '[1,"a",{"b":false}]',
    TABLE: '{"a":{"b":"c"}}',
    WHEN: '1970-01-01T00:00:00Z',
    EMPTY: '',
    QUOTED: '"\'\n$(id)',
  });
});

test('what no environment can hold is left out, and the rest is there', () => {
  assert.deepEqual(headersOf({ nul: 'a\0b', large: 'x'.repeat(100_000), wide: '😀'.repeat(17_000), fits: 'y' }), { FITS: 'y' });
  assert.equal(headersOf({ most: 'x'.repeat(65_536) })['MOST']?.length, 65_536);
  const { RMQ_MESSAGE_ID, RMQ_QUEUE } = variablesOf(delivery('', { properties: { messageId: 'a\0b' } }), 1);
  assert.deepEqual([RMQ_MESSAGE_ID, RMQ_QUEUE], [undefined, 'tasks']);
});

test('no message has so many headers that its program cannot be started', async (t) => {
  const headers: Record<string, string> = { first: 'here' };
  for (let index = 0; index < 3_000; index++) headers[`header-${index}`] = 'é'.repeat(500);
  const bytes = Object.entries(headersOf(headers)).reduce((sum, [name, value]) => sum + name.length + Buffer.byteLength(value), 0);
  assert.ok(bytes > 400_000 && bytes < 600_000, `${bytes} bytes`);
  const message = delivery('', { properties: { headers } });
  const command = ['sh', '-c', 'printf %s "$RMQ_HEADER_FIRST" >&2'];
  assert.equal((await run(command, { delivery: message })).stderr, 'here');
  assert.equal((await each(t, command).handle(message)).stderr, 'here');
});

test('what belongs to a message further up is none of the program, everything else of our environment is', async (t) => {
  setEnvironment(t, { RMQ_MESSAGE_ID: 'outer', RMQ_HEADER_TENANT: 'outer', RMQ_ATTEMPT: '9', RMQ_URL: 'amqp://kept', RMQ_TEST_OTHER: 'kept' });
  const outer = outerEnvironment();
  assert.deepEqual(
    ['RMQ_MESSAGE_ID', 'RMQ_HEADER_TENANT', 'RMQ_ATTEMPT', 'RMQ_URL', 'RMQ_TEST_OTHER'].map((name) => outer[name]),
    [undefined, undefined, undefined, 'amqp://kept', 'kept'],
  );
  const show = ['sh', '-c', 'env | grep -E "^RMQ_(MESSAGE|HEADER|ATTEMPT|TEST)" | sort >&2'];
  for (const stderr of [(await run(show, { attempt: 2 })).stderr, (await each(t, show).handle(delivery(), { attempt: 2 })).stderr]) {
    assert.equal(stderr, 'RMQ_ATTEMPT=2\nRMQ_TEST_OTHER=kept');
  }
});

test('an environment is plain as long as a shell passes all of it on', (t) => {
  for (const name of Object.keys(process.env)) if (!/^[A-Za-z_]\w*$/.test(name)) setEnvironment(t, { [name]: undefined });
  assert.equal(isPlainEnvironment(), true);
  for (const name of ['with.dots', 'BASH_FUNC_a%%', '9', 'é']) {
    setEnvironment(t, { [name]: 'x' });
    assert.equal(isPlainEnvironment(), false, name);
    setEnvironment(t, { [name]: undefined });
  }
});
