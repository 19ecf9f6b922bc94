import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { greet } from '../../src/broker/node/boot.ts';
import { isAlive } from '../../src/broker/node/process.ts';
import { ownBroker, untilKept } from '../support/own-broker.ts';
import { STAND_IN, scratch, until } from './rmq.ts';

test('a killed node comes back on the same ports with the same data', async (t) => {
  const directory = scratch(t);
  const broker = await ownBroker(t, { directory, config: ['default_user_tags.administrator = true', 'max_message_size = 4096'], plugins: ['rabbitmq_shovel'] });
  const [node] = broker.nodes;
  assert.match(broker.version, /^\d+\.\d+\.\d+/);
  assert.equal((await management(node.managementUrl, '/api/queues/%2F/kept', { method: 'PUT', body: '{"durable":true}' })).status, 201);
  await untilKept(broker);

  const before = node.pid;
  await node.kill();
  assert.equal(node.pid, undefined);
  assert.equal(await greet(node.port, 1_000), undefined);

  await node.restart();
  assert.notEqual(node.pid, before);
  assert.equal(await greet(node.port, 60_000), broker.version);
  assert.equal((await management(node.managementUrl, '/api/queues/%2F/kept')).status, 200);

  await node.shutdown();
  assert.equal(await greet(node.port, 1_000), undefined);
});

/** Is killed right after it has started a command, before it can name it. */
const KILLED = `
  const { spawn } = await import('node:child_process');
  const { startBroker } = await import(process.argv[1]);
  const broker = await startBroker({ bootTimeout: 300_000 });
  broker.expect('RABBITMQ_URL=' + broker.url);
  const command = spawn('sleep', ['300'], { env: { ...process.env, RABBITMQ_URL: broker.url }, detached: true, stdio: 'ignore' });
  console.log(command.pid);
  process.kill(process.pid, 'SIGKILL');
`;

test('a command that was announced ends with its broker even when nobody had time to name it', { skip: !existsSync('/proc') }, async () => {
  const module = new URL('../../src/broker/broker.ts', import.meta.url).href;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', KILLED, module], {
    env: { ...process.env, ...STAND_IN },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk;
  });
  await once(child, 'close');
  const pid = Number(output);
  assert.ok(pid > 1);
  await until(() => !isAlive({ pid }), 'the command has ended');
});

async function management(url: string, path: string, init: RequestInit = {}): Promise<Response> {
  const { username, password, origin } = new URL(url);
  return fetch(origin + path, { ...init, headers: { authorization: `Basic ${btoa(`${username}:${password}`)}` } });
}
