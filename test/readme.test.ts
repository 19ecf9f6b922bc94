import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { commands } from '../src/commands/index.ts';
import { brokerUrl, peer, unique } from './support/broker.ts';
import { deadPort } from './support/faults.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const readme = await readFile(join(ROOT, 'README.md'), 'utf8');

/** The command lines below a heading. */
const linesOf = (heading: string): string => new RegExp(`## ${heading}[\\s\\S]*?\`\`\`sh\n([\\s\\S]*?)\`\`\``).exec(readme)?.[1] ?? assert.fail(heading);

test('the two commands, the one-liners, the lines for the night and those for CI work as they stand, one after the other', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'rmq-readme-'));
  await symlink(join(ROOT, 'bin/rmq.js'), join(directory, 'rmq'));
  // They use the node that the first of them starts, as for somebody who has no other.
  const env = {
    ...process.env,
    PATH: `${directory}:${process.env['PATH']}`,
    XDG_STATE_HOME: join(directory, 'state'),
    RABBITMQ_URL: '',
    RABBITMQ_MANAGEMENT_URL: undefined,
    RMQ_URL: '',
    AMQP_URL: '',
    CLOUDAMQP_URL: '',
  };
  t.after(async () => {
    await promisify(execFile)(join(directory, 'rmq'), ['broker', 'stop'], { env, cwd: directory });
    await rm(directory, { recursive: true });
  });
  const run = (lines: string): Promise<{ readonly stdout: string; readonly stderr: string }> =>
    promisify(execFile)('bash', ['-euo', 'pipefail', '-c', lines], { env, cwd: directory, maxBuffer: 10_000_000, timeout: 300_000 });
  assert.equal((await run(linesOf('The two commands'))).stdout.split('\n').at(-2), 'hello');
  const teaching = await run(linesOf('Six one-liners that teach'));
  for (const shown of [/^5$/m, /^did 10$/m, /^exit 67: no such queue$/m, /matches/]) assert.match(teaching.stdout, shown, teaching.stderr);
  await run(`rmq work publish jobs '{"id": 7}'; rmq work run jobs -n 1 -- sh -c 'echo "unknown customer" >&2; exit 65'`);
  const night = await run(linesOf('At night'));
  for (const shown of [/unknown customer/, /dead\.letters/]) assert.match(night.stdout, shown, night.stderr);
  assert.equal((await run('rmq consume jobs --expect 1 --timeout 10s')).stdout, '{"id": 7}\n', night.stderr);
  assert.match((await run(linesOf('In CI'))).stdout, /^order 3$/m);
});

test('every command is in its table', () => {
  for (const { path } of commands)
    assert.ok(
      path.every((word) => new RegExp(`\`[^\`]*\\b${word}\\b`).test(readme)),
      path.join(' '),
    );
});

test('the TypeScript example runs as it stands', async (t) => {
  const example = /## From TypeScript[\s\S]*?```ts\n([\s\S]*?)```/.exec(readme)?.[1];
  assert.ok(example);
  const [name, dlx] = [unique('orders'), unique('dlx')];
  t.after(async () => {
    const { channel } = await peer(t);
    for (const one of [name, `${name}.retry.1000`, `${name}.retry.2000`]) await channel.deleteQueue(one);
    await channel.deleteExchange(dlx);
  });
  // Inside the package, so that 'rmq' is what its users import.
  const file = join(ROOT, 'dist', `readme-${name}.mjs`);
  t.after(() => rm(file, { force: true }));
  const port = await deadPort();
  const here = example.replace('amqp://localhost', brokerUrl()).replace('8080', String(port));
  await writeFile(
    file,
    here.replaceAll("queue: 'orders'", `queue: '${name}'`).replaceAll("routingKey: 'orders'", `routingKey: '${name}'`).replace("'dlx'", `'${dlx}'`),
  );
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  const ended = once(child, 'exit');
  const output = text(child.stdout);
  let said = '';
  const connected = new Promise<void>((resolve) => {
    child.stderr.on('data', (chunk) => {
      said += chunk;
      // The publisher, which has no queue.
      if (said.includes('connected \n')) resolve();
    });
  });
  await Promise.race([connected, ended]);
  assert.equal(child.exitCode, null, said);
  const answer = async (path: string, body?: string): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, body === undefined ? {} : { method: 'POST', body }).catch(() => undefined);
    return response === undefined ? answer(path, body) : `${response.status} ${await response.text()}`;
  };
  assert.match(await answer('/health'), /^200 .*"role":"consumer"/);
  assert.equal(await answer('/', 'one'), '202 queued\n');
  child.kill('SIGTERM');
  assert.deepEqual(await ended, [0, null], said);
  assert.equal(await output, 'order one, attempt 1\n');
});
