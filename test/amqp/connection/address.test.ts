import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseAddress } from '../../../src/amqp/connection/address.ts';
import { Failure } from '../../../src/model/failure.ts';

const cases: readonly (readonly [url: string, expected: Partial<ReturnType<typeof parseAddress>>])[] = [
  ['amqp://', { tls: false, host: 'localhost', port: 5672, username: 'guest', password: 'guest', vhost: '/' }],
  ['amqp://host', { host: 'host', port: 5672, vhost: '/' }],
  ['AMQP://host', { host: 'host', tls: false }],
  ['amqps://host', { tls: true, port: 5671 }],
  ['amqp://host:1234/', { port: 1234, vhost: '/' }],
  ['amqp://host/%2F', { vhost: '/' }],
  ['amqp://host//', { vhost: '/' }],
  ['amqp://host/orders', { vhost: 'orders' }],
  ['amqp://host/..', { vhost: '..' }],
  ['amqp://host/%2E?heartbeat=1', { vhost: '.' }],
  ['amqp://host/a%2Fb', { vhost: 'a/b' }],
  ['amqp://user:p%40ss%2Fw%C3%B6rd@host', { username: 'user', password: 'p@ss/wörd' }],
  ['amqp://user:pässwörd@host', { password: 'pässwörd' }],
  ['amqp://user@host', { username: 'user', password: '' }],
  ['amqp://[::1]:5673/v', { host: '::1', port: 5673, vhost: 'v' }],
  ['amqp://host?heartbeat=15&connection_timeout=2000&channel_max=10', { heartbeat: 15_000, connectTimeout: 2_000, channelMax: 10 }],
  [
    'amqps://host?cacertfile=/ca.pem&certfile=/c.pem&keyfile=/k.pem&password=secret&verify=verify_none',
    { cacert: '/ca.pem', cert: '/c.pem', key: '/k.pem', passphrase: 'secret', insecure: true },
  ],
  ['amqps://host?server_name_indication=other&auth_mechanism=external', { servername: 'other', mechanism: 'external' }],
  ['amqp://host?frobnicate=1', { ignored: ['frobnicate'] }],
];
for (const [url, expected] of cases) {
  test(`${url} is understood`, () => {
    const address = parseAddress(url);
    for (const [key, value] of Object.entries(expected)) assert.deepEqual(address[key as keyof typeof address], value, key);
  });
}

for (const url of [
  '',
  'host',
  'http://host',
  'amqp:host',
  'amqp://host:notaport',
  'amqp://host:99999',
  'amqp://host:0',
  'amqp://u:p/w@host',
  'amqp://u:p%zz@host',
  'amqp://host?heartbeat=x',
  'amqp://host?verify=maybe',
  'amqp://host?auth_mechanism=ntlm',
]) {
  test(`${JSON.stringify(url)} is refused as wrong usage`, () => {
    assert.throws(
      () => parseAddress(url),
      (error) => error instanceof Failure && error.kind === 'usage',
    );
  });
}

test('whatever credentials and vhost are percent-encoded come out as they went in, and the text never shows the password', () => {
  const name = fc.string({ unit: 'grapheme', minLength: 1 });
  fc.assert(
    fc.property(name, name, name, (username, password, vhost) => {
      const url = `amqp://${encodeURIComponent(username)}:${encodeURIComponent(password)}@host/${encodeURIComponent(vhost)}`;
      const address = parseAddress(url);
      assert.deepEqual([address.username, address.password, address.vhost], [username, password, vhost]);
      const other = parseAddress(url.replace(`:${encodeURIComponent(password)}@`, ':another@'));
      assert.equal(address.text, other.text);
    }),
    { numRuns: 2_000 },
  );
});

test('no text makes the parser throw anything but a usage failure, and no failure repeats a password', () => {
  const noise = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.tuple(fc.constantFrom('amqp://', 'amqps://', 'amqp:'), fc.string({ unit: 'binary' })).map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(noise, (text) => {
      try {
        parseAddress(text);
      } catch (error) {
        assert.ok(error instanceof Failure && error.kind === 'usage', String(error));
      }
    }),
    { numRuns: 2_000 },
  );
  for (const url of [
    'amqp://user:hunter2/x@host',
    'amqp://user:hunter2%zz@host',
    'amqp://user:hunter2@host:x',
    'amqp://user:hunter2@host?verify=x',
    'hunter2',
  ]) {
    assert.throws(
      () => parseAddress(url),
      (error) => error instanceof Failure && !`${error.message} ${error.hint}`.includes('hunter2'),
    );
  }
});
