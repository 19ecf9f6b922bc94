import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Broker } from '../../src/broker/broker.ts';
import { peer } from '../support/broker.ts';
import { proxy } from '../support/faults.ts';
import { ownBroker } from '../support/own-broker.ts';
import { type Running, rmq, start } from '../support/rmq.ts';

/** Signs a token that lives for as many seconds as the next line of a file says; of the last line, for ever. */
const SIGNER = `
import { sign } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';
const [directory] = process.argv.slice(2);
appendFileSync(directory + '/calls', '.');
const lives = readFileSync(directory + '/lives', 'utf8').trim().split('\\n');
const life = Number(lives[Math.min(readFileSync(directory + '/calls').length, lives.length) - 1]);
if (life === 0) { console.error('the issuer is away'); process.exit(1); }
const now = Math.floor(Date.now() / 1000);
const scope = ['rabbitmq.configure:*/*', 'rabbitmq.read:*/*', 'rabbitmq.write:*/*', 'rabbitmq.tag:management'];
const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const signed = part({ alg: 'RS256', typ: 'JWT', kid: 'local' }) + '.' + part({ sub: 'app', aud: ['rabbitmq'], scope, iat: now, exp: now + life, jti: String(Math.random()) });
console.log(signed + '.' + sign('sha256', Buffer.from(signed), readFileSync(directory + '/private.pem')).toString('base64url'));
`;

/** A program that prints tokens. */
interface Tokens {
  readonly command: string;
  readonly calls: () => number;
  /** How many seconds its next tokens live; 0: it fails. */
  readonly live: (seconds: readonly number[]) => void;
}

function scratch(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'rmq-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

/** A broker that lets in whoever has a token which was signed with the key beside it. */
async function tokenBroker(t: TestContext): Promise<{ readonly broker: Broker; readonly tokens: (lives: readonly number[]) => Tokens }> {
  const keys = scratch(t);
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  writeFileSync(join(keys, 'public.pem'), publicKey.export({ type: 'spki', format: 'pem' }));
  const broker = await ownBroker(t, {
    plugins: ['rabbitmq_auth_backend_oauth2'],
    config: [
      'auth_backends.1 = rabbit_auth_backend_oauth2',
      'auth_backends.2 = internal',
      'auth_oauth2.resource_server_id = rabbitmq',
      'auth_oauth2.default_key = local',
      `auth_oauth2.signing_keys.local = ${join(keys, 'public.pem')}`,
      'auth_oauth2.algorithms.1 = RS256',
    ],
  });
  const tokens = (lives: readonly number[]): Tokens => {
    const directory = scratch(t);
    writeFileSync(join(directory, 'private.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
    writeFileSync(join(directory, 'signer.mjs'), SIGNER);
    const live: Tokens['live'] = (seconds) => writeFileSync(join(directory, 'lives'), seconds.join('\n'));
    live(lives);
    return { command: `'${process.execPath}' '${directory}/signer.mjs' '${directory}'`, calls: () => readFileSync(join(directory, 'calls')).length, live };
  };
  return { broker, tokens };
}

test('a token logs in, is renewed before it expires, and is asked for again when the broker no longer takes it', async (t) => {
  const { broker, tokens } = await tokenBroker(t);
  const [node] = broker.nodes;
  const url = `amqp://nobody@127.0.0.1:${node.port}/`;
  const { channel } = await peer(t, node.url);
  const running = (args: readonly string[]): Running => {
    const run = start([...args, '-v'], { timeout: 120_000 });
    t.after(() => run.child.kill('SIGKILL'));
    return run;
  };
  await channel.assertQueue('q');
  await channel.bindQueue('q', 'amq.fanout', '');
  const envelope = (exchange: string, body: string): string => `${JSON.stringify({ exchange, routingKey: 'q', body })}\n`;

  await t.test('a publisher may do afterwards what needs a token that is valid', async () => {
    const { command, calls } = tokens([10, 600]);
    const began = Date.now();
    const run = running(['publish', '--envelopes', '-u', url, '--token-command', command]);
    run.child.stdin.write(envelope('', 'before'));
    await run.until('stderr', 'the token of the connection was renewed');
    await pause(began + 13_000 - Date.now());
    run.child.stdin.end(envelope('amq.fanout', 'after'));
    const { code, stdout, stderr } = await run.result;
    assert.equal(code, 0, stderr);
    assert.equal(calls(), 2);
    assert.doesNotMatch(stdout + stderr, /eyJ/);
    assert.equal((await channel.purgeQueue('q')).messageCount, 2);
  });

  await t.test('an issuer that is away for a moment is told of and asked again', async () => {
    const { command, calls } = tokens([16, 0, 600]);
    const run = running(['consume', 'q', '-u', url, '--token-command', command]);
    await run.until('stderr', 'the token cannot be renewed, and expires in');
    await run.until('stderr', 'the token of the connection was renewed');
    assert.equal(calls(), 3);
    run.child.kill('SIGTERM');
    const { stderr } = await run.result;
    assert.match(stderr, /--token-command ended with 1: the issuer is away/);
  });

  await t.test('a reconnect after the token has expired logs in with another one', async () => {
    const faulty = await proxy(t, node.url);
    const { command, live } = tokens([5]);
    const began = Date.now();
    const run = running(['consume', 'q', '-u', `amqp://nobody@127.0.0.1:${faulty.port}/`, '--token-command', command]);
    await run.until('stderr', 'connected');
    live([0]);
    await run.until('stderr', 'the token cannot be renewed');
    await pause(began + 6_000 - Date.now());
    live([600]);
    faulty.cut();
    const body = 'delivered on the next connection';
    channel.sendToQueue('q', Buffer.from(body));
    await run.until('stdout', body);
    run.child.kill('SIGTERM');
    assert.doesNotMatch((await run.result).stderr, /eyJ/);
  });

  await t.test('a token that has expired is refused with 77', async () => {
    const { command } = tokens([-60]);
    const run = await rmq(['publish', '-q', 'q', 'x', '-u', url, '--token-command', command]);
    assert.equal(run.code, 77, run.stderr);
  });

  await t.test('the management API takes the token as well', async () => {
    const { command, calls } = tokens([600]);
    const place = new URL(node.managementUrl).origin;
    const run = await rmq(['queue', 'status', 'q', '--json', '-u', url, '--management-url', place, '--token-command', command]);
    assert.equal(run.code, 0, run.stderr);
    assert.equal(calls(), 1);
  });
});
