import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { makeAuthority } from '../../support/certificates.ts';
import { rmq } from '../../support/rmq.ts';

test('the certificates of the connection hold for an https management URL', async (t) => {
  const management = process.env['RABBITMQ_MANAGEMENT_URL'] ?? assert.fail('RABBITMQ_MANAGEMENT_URL is not set: run the tests with npm test');
  const authority = makeAuthority('management');
  t.after(() => authority.remove());
  const [server, client] = [authority.issue('api', { names: 'DNS:api.example,IP:127.0.0.1' }), authority.issue('client')];
  const { hostname, port } = new URL(management);
  const front = createTlsServer(
    { cert: readFileSync(server.cert), key: readFileSync(server.key), ca: readFileSync(authority.cacert), requestCert: true, rejectUnauthorized: false },
    (asked, answer) => {
      shown.push((asked.socket as TLSSocket).authorized);
      const { method = '', url = '', headers } = asked;
      asked.pipe(request({ host: hostname, port, method, path: url, headers }, (told) => told.pipe(answer.writeHead(told.statusCode ?? 0, told.headers))));
    },
  ).listen(0, '127.0.0.1');
  const shown: boolean[] = [];
  t.after(() => front.close());
  await once(front, 'listening');
  const { username, password } = new URL(management);
  const secure = `https://${username}:${password}@127.0.0.1:${(front.address() as AddressInfo).port}`;
  const list = (...flags: string[]): ReturnType<typeof rmq> => rmq(['dlx', 'list', '--management-url', secure, '-o', 'json', ...flags]);
  const strange = await list();
  assert.equal(strange.code, 69);
  assert.match(strange.stderr, /its certificate is not trusted \(.*\)\n.*--cacert FILE/);
  for (const flags of [['--cacert', authority.cacert], ['--insecure'], ['--cacert', authority.cacert, '--servername', 'api.example']]) {
    const { code, stdout, stderr } = await list(...flags);
    assert.ok(code <= 1, `${flags.join(' ')}: ${stderr}`);
    assert.ok(Array.isArray((JSON.parse(stdout) as { queues: unknown }).queues));
  }
  assert.ok(!shown.includes(true));
  await list('--cacert', authority.cacert, '--cert', client.cert, '--key', client.key);
  assert.equal(shown.at(-1), true);
  const other = await list('--cacert', authority.cacert, '--servername', 'else.example');
  assert.equal(other.code, 69);
  assert.match(other.stderr, /its certificate is not for that name/);
  assert.equal((await list('--cacert', '/nowhere/ca.pem')).code, 66);
});
