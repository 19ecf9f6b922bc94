import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Channel } from 'amqplib';
import { isSince, peer } from '../support/broker.ts';
import { ownVhost } from '../support/users.ts';

const EXAMPLE = fileURLToPath(new URL('./orders.ts', import.meta.url));

/** The queue as the service may find it. */
const FOUND: readonly (readonly [what: string, declare: (channel: Channel) => Promise<unknown>])[] = [
  ['that is not there', async () => undefined],
  ['that aio-pika declared, durable and without arguments', (channel) => channel.assertQueue('orders', { durable: true })],
  // RabbitMQ 4.3 has no such queues any more: there it is durable.
  ['that aio-pika declared without durable=True', (channel) => channel.assertQueue('orders', { durable: isSince(channel, '4.3') })],
  ['with other arguments', (channel) => channel.assertQueue('orders', { durable: true, arguments: { 'x-max-length': 1000, 'x-queue-type': 'quorum' } })],
  ['with a dead-letter exchange of its own', (channel) => withDeadLetters(channel)],
];

async function withDeadLetters(channel: Channel): Promise<void> {
  await channel.assertExchange('others', 'fanout');
  await channel.assertQueue('orders', { durable: true, deadLetterExchange: 'others' });
}

for (const [what, declare] of FOUND) {
  test(`npm run example:orders prints the line to try, and that line works, with a queue ${what}`, async (t) => {
    const url = await ownVhost(t);
    const { channel } = await peer(t, url);
    await declare(channel);
    const { line, ends } = await startExample(t, url);
    const { 1: command = assert.fail() } = /^try: (curl .*)$/.exec(await line((text) => text.startsWith('try: '))) ?? [];
    const { stdout } = await promisify(execFile)('sh', ['-c', command]);
    assert.deepEqual(JSON.parse(stdout), { status: 'queued' });
    await line((text) => text === 'processing order: {"id":1}');
    assert.deepEqual(await ends(), [0, null]);
    assert.equal((await channel.checkQueue('orders')).messageCount, 0);
  });
}

async function startExample(
  t: TestContext,
  url: string,
): Promise<{ line: (wanted: (text: string) => boolean) => Promise<string>; ends: () => Promise<unknown[]> }> {
  const child = spawn(process.execPath, ['--import', 'tsx', EXAMPLE], {
    env: { ...process.env, RABBITMQ_URL: url, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => void child.kill('SIGKILL'));
  const exit = once(child, 'exit');
  const lines = createInterface({ input: child.stdout });
  const said: string[] = [];
  lines.on('line', (text) => said.push(text));
  const ended = once(lines, 'close').then(() => assert.fail(`it ended, and said ${said.join('\n')}`));
  ended.catch(() => undefined);
  return {
    line: async (wanted) => {
      for (;;) {
        const found = said.find(wanted);
        if (found !== undefined) return found;
        await Promise.race([once(lines, 'line'), ended]);
      }
    },
    ends: () => {
      child.kill('SIGTERM');
      return exit;
    },
  };
}
