import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { peer, unique } from '../support/broker.ts';
import { scratchDirectory } from '../support/programs.ts';
import { type Result, rmq, start } from '../support/rmq.ts';

const BIN = fileURLToPath(new URL('../../bin/rmq.js', import.meta.url));

/** The exit code of a command whose reader is gone before it prints anything, and what it says: `rmq … | true`. */
async function unread(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Pick<Result, 'code' | 'stderr'>> {
  const line = ['-o', 'pipefail', '-c', '"$0" "$@" < /dev/null | true', process.execPath, BIN, ...args];
  return promisify(execFile)('bash', line, { env: { ...process.env, ...env }, timeout: 60_000 }).then(
    ({ stderr }) => ({ code: 0, stderr }),
    ({ code, stderr }: { code: number; stderr: string }) => ({ code, stderr }),
  );
}

test('a reader that goes away does not turn a negative answer into success', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue();
  await publish(name, ['a']);
  // Its dead letters have nowhere to go.
  const dangling = await queue({ deadLetterExchange: unique('nowhere') });
  const file = join(await scratchDirectory(t), 'topology.yaml');
  await writeFile(file, `queues: [{ name: ${unique('wanted')} }]`);
  for (const line of [
    ['check', 'queue', name, '--max-depth', '0'],
    ['consume', name, '--requeue', '--expect', '5', '--timeout', '20s'],
    ['consume', name, '--expect', '1', '--timeout', '20s'],
    ['tap', 'amq.fanout', '--expect', '1', '--timeout', '20s'],
    ['fanout', 'subscribe', 'amq.fanout', '--expect', '1', '--timeout', '20s'],
    ['topic', 'match', '--explain', 'order.*', 'a.b'],
    ['dlx', 'list', dangling],
    ['dlx', 'setup', name, '--plan'],
    ['queue', 'watch', name, '--until', 'ready == 7', '--interval', '100ms'],
    ['topology', 'plan', file],
  ]) {
    const { code, stderr } = await unread(line);
    assert.equal(code, 1, `${line.join(' ')}: ${stderr}`);
  }
  const status = await unread(['broker', 'status'], { XDG_STATE_HOME: '/nonexistent' });
  assert.equal(status.code, 1, status.stderr);
});

test('a reader that goes away does not hide what is missing', async (t) => {
  const { queue } = await peer(t);
  const name = await queue();
  for (const line of [
    ['queue', 'list', name, unique('absent')],
    ['queue', 'status', name, unique('absent')],
  ]) {
    const { code, stderr } = await unread(line);
    assert.equal(code, 66, `${line.join(' ')}: ${stderr}`);
  }
});

test('a call whose handler fails has its exit code, whether anybody reads the reply or not', async (t) => {
  const name = unique('calls');
  const server = start(['rpc', 'serve', name, '--', 'sh', '-c', 'echo no; exit 5']);
  t.after(async () => {
    server.child.kill('SIGTERM');
    await server.result;
    await rmq(['queue', 'delete', name, '-y']);
  });
  await rmq(['wait', '--queue', name, '--consumers', '1']);
  for (const how of [[], ['-o', 'json']]) {
    const { code, stderr } = await unread(['rpc', 'call', name, 'x', '--timeout', '20s', ...how]);
    assert.equal(code, 5, stderr);
  }
});
