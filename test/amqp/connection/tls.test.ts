import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { type Broker, startBroker } from '../../../src/broker/broker.ts';
import { peer, unique } from '../../support/broker.ts';
import { type Authority, type Certificate, makeAuthority } from '../../support/certificates.ts';
import { deadPort, proxy } from '../../support/faults.ts';
import { createUser } from '../../support/management.ts';
import { type Result, rmq, start } from '../../support/rmq.ts';

const SECRET = 'open sesame';

let ours: Authority;
let foreign: Authority;
let server: Certificate;
let client: Certificate;
let broker: Broker;
/** The TLS port of the broker, which lets in only clients with a certificate of our authority. */
let port: number;

before(async () => {
  ours = makeAuthority('Our Authority');
  foreign = makeAuthority('Foreign Authority');
  server = ours.issue('server', { names: 'DNS:localhost,DNS:broker.example,IP:127.0.0.1,IP:::1' });
  client = ours.issue('client', { commonName: 'alice' });
  port = await deadPort();
  broker = await startBroker({
    plugins: ['rabbitmq_auth_mechanism_ssl'],
    config: [
      `listeners.ssl.1 = 127.0.0.1:${port}`,
      `ssl_options.cacertfile = ${ours.cacert}`,
      `ssl_options.certfile = ${server.cert}`,
      `ssl_options.keyfile = ${server.key}`,
      'ssl_options.verify = verify_peer',
      'ssl_options.fail_if_no_peer_cert = true',
      'ssl_cert_login_from = common_name',
      'auth_mechanisms.1 = PLAIN',
      'auth_mechanisms.2 = AMQPLAIN',
      'auth_mechanisms.3 = EXTERNAL',
    ],
  });
});
after(async () => {
  await broker?.stop();
  ours.remove();
  foreign.remove();
});

/** Publishes to a queue of the broker; a hang fails the test. */
async function publishTo(url: string, ...flags: string[]): Promise<Result> {
  const result = await rmq(['publish', '-q', 'q', 'hello', '--allow-unroutable', '--url', url, ...flags], { timeout: 40_000 });
  assert.ok(!`${result.stdout}${result.stderr}`.includes(SECRET), result.stderr);
  return result;
}

/** Checks how a run failed: the exit code, and a message for people without a stack trace or OpenSSL's own. */
function assertFails(result: Result, code: number, ...says: readonly RegExp[]): void {
  assert.equal(result.code, code, result.stderr);
  assert.match(result.stderr, /^error: /m);
  assert.doesNotMatch(result.stderr, /^ +at |SSL routines|deps\/openssl/m);
  for (const pattern of says) assert.match(result.stderr, pattern);
}

/** The broker behind a server certificate of the test's choice, which asks for none in return. */
async function behind(t: TestContext, { cert, key }: Certificate, host?: string): ReturnType<typeof proxy> {
  return proxy(t, broker.url, { tls: { cert: readFileSync(cert), key: readFileSync(key) }, ...(host !== undefined && { host }) });
}

// What the broker shows

test('--cacert trusts an authority; without it the certificate is from one that is not trusted: exit 69', async (t) => {
  const { url } = await behind(t, server);
  assertFails(await publishTo(url), 69, /the certificate of amqps:\/\/.* is from an authority that is not trusted/, /--cacert/, /--insecure/);
  const result = await publishTo(url, '--cacert', ours.cacert);
  assert.equal(result.code, 0, result.stderr);
});

test('the authority in the query of the URL counts too, and a flag wins over it', async (t) => {
  const { url } = await behind(t, server);
  assert.equal((await publishTo(`${url}?cacertfile=${ours.cacert}`)).code, 0);
  assertFails(await publishTo(`${url}?cacertfile=${ours.cacert}`, '--cacert', foreign.cacert), 69, /not trusted/);
});

test('a certificate of a foreign authority is not trusted: exit 69', async (t) => {
  const { url } = await behind(t, foreign.issue('server', { names: 'DNS:localhost,IP:127.0.0.1' }));
  assertFails(await publishTo(url, '--cacert', ours.cacert), 69, /is from an authority that is not trusted/);
});

test('a certificate that has expired is exit 69, in words of its own', async (t) => {
  const { url } = await behind(t, ours.issue('expired', { names: 'IP:127.0.0.1', until: '20210101000000Z' }));
  assertFails(await publishTo(url, '--cacert', ours.cacert), 69, /the certificate of .* has expired/);
});

test('a certificate that is not valid yet is exit 69, in words of its own', async (t) => {
  const { url } = await behind(t, ours.issue('early', { names: 'IP:127.0.0.1', from: '20900101000000Z' }));
  assertFails(await publishTo(url, '--cacert', ours.cacert), 69, /the certificate of .* is not valid yet/, /clock/);
});

test('a certificate for another name is exit 69, and --servername expects that one', async (t) => {
  const { url } = await behind(t, ours.issue('other', { names: 'DNS:broker.example' }));
  assertFails(await publishTo(url, '--cacert', ours.cacert), 69, /the certificate of .* is for another name/, /broker\.example/, /--servername/);
  assert.equal((await publishTo(url, '--cacert', ours.cacert, '--servername', 'broker.example')).code, 0);
  assert.equal((await publishTo(`${url}?server_name_indication=broker.example`, '--cacert', ours.cacert)).code, 0);
  assertFails(await publishTo(url, '--cacert', ours.cacert, '--servername', 'else.example'), 69, /another name/);
});

test('a certificate that is signed by itself can be trusted as its own authority', async (t) => {
  const self = { cert: join(ours.directory, 'self.pem'), key: join(ours.directory, 'self.key') };
  const names = ['-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', self.key, '-out', self.cert, '-subj', '/CN=self', '-days', '9', ...names],
    {
      stdio: 'ignore',
    },
  );
  const { url } = await behind(t, self);
  assertFails(await publishTo(url), 69, /is signed by itself and not trusted/, /--cacert/);
  assert.equal((await publishTo(url, '--cacert', self.cert)).code, 0);
});

test('--insecure accepts any certificate, and so does verify=verify_none in the URL', async (t) => {
  const { url } = await behind(t, foreign.issue('bad', { names: 'DNS:else.example', until: '20210101000000Z' }));
  assert.equal((await publishTo(url, '--insecure')).code, 0);
  assert.equal((await publishTo(`${url}?verify=verify_none`)).code, 0);
});

test('a host name and an IPv6 address are looked for in the certificate as they are', async (t) => {
  const named = await behind(t, server);
  assert.equal((await publishTo(named.url.replace('127.0.0.1', 'localhost'), '--cacert', ours.cacert)).code, 0);
  const sixth = await behind(t, server, '::1').catch(() => undefined);
  if (sixth !== undefined) assert.equal((await publishTo(sixth.url, '--cacert', ours.cacert)).code, 0);
});

test('a certificate that is not accepted is not tried again', async (t) => {
  const { url } = await behind(t, server);
  const result = await publishTo(url, '--wait', '1h');
  assertFails(result, 69);
  assert.doesNotMatch(result.stderr, /attempt/);
});

test('plain AMQP on a TLS port is exit 69, with the scheme that would work', async () => {
  assertFails(await publishTo(`amqp://127.0.0.1:${port}`), 69, /before the login was done/, /amqps:\/\//);
});

// What the client shows

const trusting = (): string[] => ['--cacert', ours.cacert];
const showing = ({ cert, key }: Certificate): string[] => [...trusting(), '--cert', cert, '--key', key];
const brokerUrl = (login = '', query = ''): string => `amqps://${login}localhost:${port}/${query}`;

test('a broker that wants a client certificate is exit 77 without one, and works with one', async (t) => {
  assertFails(await publishTo(brokerUrl(), ...trusting()), 77, /wants a client certificate/, /--cert/);
  const { queue, take } = await peer(t, broker.url);
  const name = await queue();
  const result = await rmq(['publish', '-q', name, 'x', '--url', brokerUrl(), ...showing(client)]);
  assert.equal(result.code, 0, result.stderr);
  assert.equal((await take(name)).length, 1);
});

test('certificate and key in the query of the URL count too', async () => {
  const result = await publishTo(brokerUrl('', `?cacertfile=${ours.cacert}&certfile=${client.cert}&keyfile=${client.key}`));
  assert.equal(result.code, 0, result.stderr);
});

test('a client certificate that the broker does not trust is exit 77', async () => {
  assertFails(await publishTo(brokerUrl(), ...showing(foreign.issue('stranger'))), 77, /does not accept the client certificate/);
});

test('a wrong password, vhost or permission over TLS reads as it does without', async () => {
  assertFails(await publishTo(brokerUrl('guest:wrong@'), ...showing(client)), 77, /refused the user name or password/);
  assertFails(await publishTo(`${brokerUrl('guest:guest@')}nowhere`, ...showing(client)), 77, /there is no vhost "nowhere"/);
});

test('an encrypted key is opened by --passphrase-file; without it, or with a wrong one, the key is named: exit 78', async () => {
  const encrypted = ours.issue('encrypted', { passphrase: SECRET });
  const [right, wrong] = [join(ours.directory, 'right'), join(ours.directory, 'wrong')];
  writeFileSync(right, `${SECRET}\n`);
  writeFileSync(wrong, 'something else\n');
  const flags = showing(encrypted);
  assert.equal((await publishTo(brokerUrl(), ...flags, '--passphrase-file', right)).code, 0);
  assert.equal((await publishTo(brokerUrl('', `?password=${encodeURIComponent(SECRET)}`), ...flags)).code, 0);
  assertFails(await publishTo(brokerUrl(), ...flags), 78, /--key: .*encrypted\.enc is encrypted/, /--passphrase-file/);
  assertFails(await publishTo(brokerUrl(), ...flags, '--passphrase-file', wrong), 78, /encrypted\.enc cannot be decrypted: the passphrase is wrong/);
});

test('files that come through a pipe are read once, and serve for every connection of a run', async (t) => {
  const through = await proxy(t, `amqps://localhost:${port}`);
  const pipe = join(ours.directory, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const { name, depth, bodies } = await ownQueue(t);
  const flags = ['--cacert', ours.cacert, '--cert', client.cert, '--key', pipe, '--servername', 'localhost'];
  const run = start(['publish', '-q', name, '--lines', '-v', '--url', through.url.replace('amqp:', 'amqps:'), ...flags]);
  writeFileSync(pipe, readFileSync(client.key));
  run.child.stdin.write('before\n');
  while ((await depth()) === 0);
  through.cut();
  await through.visited(2);
  run.child.stdin.end('after\n');
  const result = await run.result;
  assert.equal(result.code, 0, result.stderr);
  assert.deepEqual([...new Set(await bodies())], ['before', 'after']);
});

async function ownQueue(t: TestContext): Promise<{ name: string; depth: () => Promise<number>; bodies: () => Promise<string[]> }> {
  const { queue, take, depth } = await peer(t, broker.url);
  const name = await queue();
  return { name, depth: () => depth(name), bodies: async () => (await take(name)).map(({ content }) => String(content)) };
}

test('files that do not hold what they should are named before the network is touched', async () => {
  const junk = join(ours.directory, 'junk.pem');
  writeFileSync(junk, 'not a certificate');
  const broken = join(ours.directory, 'broken.pem');
  writeFileSync(broken, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
  const url = `amqps://127.0.0.1:${await deadPort()}`;
  const { cert, key } = client;
  assertFails(await publishTo(url, '--cacert', junk), 78, /--cacert: .*junk\.pem holds no certificate/);
  assertFails(await publishTo(url, '--cacert', broken), 78, /--cacert: .*broken\.pem holds no certificate/);
  assertFails(await publishTo(url, '--cert', junk, '--key', key), 78, /--cert: .*junk\.pem holds no certificate/);
  assertFails(await publishTo(url, '--cert', cert, '--key', junk), 78, /--key: .*junk\.pem holds no private key/);
  assertFails(await publishTo(url, '--cert', cert, '--key', server.key), 78, /do not belong together/);
  assertFails(await publishTo(url, '--cert', cert), 64, /--cert and --key go together/);
  assertFails(await publishTo(url, '--cacert', '/nowhere/ca.pem'), 66, /--cacert: \/nowhere\/ca\.pem does not exist/);
  assertFails(await publishTo(url, '--cacert', ours.directory), 74, /--cacert: .* cannot be read/);
  assertFails(await publishTo(`${url}?cacertfile=/nowhere/ca.pem`), 66, /cacertfile in the URL: \/nowhere/);
  assertFails(await publishTo(url, ...showing(client), '--passphrase-file', '/nowhere/phrase'), 66, /--passphrase-file: \/nowhere/);
});

// SASL EXTERNAL: the certificate is the login

test('with auth_mechanism=external the certificate names the user; an unknown one is exit 77', async () => {
  const external = '?auth_mechanism=external';
  assertFails(await publishTo(brokerUrl('', external), ...showing(client)), 77, /does not let the owner of the client certificate in/, /ssl_cert_login_from/);
  await createUser(broker, 'alice', unique('password'), ['/']);
  const result = await publishTo(brokerUrl('', external), ...showing(client));
  assert.equal(result.code, 0, result.stderr);
  // The user of a message is checked by the broker: only alice herself may say that she is alice.
  assert.equal((await publishTo(brokerUrl('', external), ...showing(client), '--user-id', 'alice')).code, 0);
});

test('auth_mechanism=external where the broker does not offer it is exit 77', async () => {
  assertFails(await publishTo(`${broker.url}nowhere?auth_mechanism=external`), 77, /EXTERNAL/, /rabbitmq_auth_mechanism_ssl/);
});

test('Ctrl-C in the middle of a TLS handshake ends the run at once', async (t) => {
  const stuck = createServer((socket) => socket.resume().on('error', () => undefined));
  const greeted = new Promise<void>((resolve) => stuck.on('connection', (socket) => socket.once('data', () => resolve())));
  const url = await new Promise<string>((resolve) => {
    stuck.listen(0, '127.0.0.1', () => resolve(`amqps://127.0.0.1:${(stuck.address() as { port: number }).port}`));
  });
  t.after(() => stuck.close());
  const run = start(['publish', '-q', 'q', 'x', '--url', url, '--connect-timeout', '1h'], { timeout: 20_000 });
  await greeted;
  run.child.kill('SIGINT');
  assert.equal((await run.result).code, 130);
});
