import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { EXIT_CODES } from '../src/cli/exit.ts';
import { commands } from '../src/commands/index.ts';
import { brokerUrl, peer } from './support/broker.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const readme = await readFile(join(ROOT, 'README.md'), 'utf8');

test('the one-liners work as they stand, one after the other', async (t) => {
  const block = /## One-liners[\s\S]*?```sh\n([\s\S]*?)```/.exec(readme)?.[1];
  assert.ok(block);
  const directory = await mkdtemp(join(tmpdir(), 'rmq-readme-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
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
  t.after(() => promisify(execFile)('rmq', ['broker', 'stop'], { env, cwd: directory }).catch(() => undefined));
  const { stdout, stderr } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', block], {
    env,
    cwd: directory,
    maxBuffer: 10_000_000,
    timeout: 120_000,
  });
  assert.match(stdout, /^an event$/m, stderr);
  assert.match(stdout, /exit 67: no queue has that name/);
  assert.match(stdout, /a throwaway broker at amqp:/);
  assert.match(stdout, /processing task 10/);
  assert.match(stdout, /"x-rmq-stderr":"no such file"/);
  assert.match(stdout, /an email for \{"event": "order.placed"/);
  assert.match(stdout, /exit 1: it does not match/);
  assert.match(stdout, /^42$/m);
  assert.equal((await readFile(join(directory, 'copy.txt'), 'utf8')).split('\n').length, 1_002);
});

test('every command is in its table', () => {
  for (const { path } of commands)
    assert.ok(
      path.every((word) => new RegExp(`\`[^\`]*\\b${word}\\b`).test(readme)),
      path.join(' '),
    );
});

test('every exit code is in its table', () => {
  const table = /## Exit codes([\s\S]*?)\n## /.exec(readme)?.[1] ?? '';
  for (const [kind, code] of Object.entries(EXIT_CODES)) if (kind !== 'config') assert.match(table, new RegExp(`^\\|[^|]*\\b${code}\\b`, 'm'), kind);
});

test('the TypeScript example runs as it stands', async (t) => {
  const example = /## From TypeScript[\s\S]*?```ts\n([\s\S]*?)```/.exec(readme)?.[1];
  assert.ok(example);
  const { queue } = await peer(t);
  const name = await queue();
  // Inside the package, so that 'rmq' is what its users import.
  const file = join(ROOT, 'dist', `readme-${name}.mjs`);
  t.after(() => rm(file, { force: true }));
  await writeFile(file, example.replace('amqp://localhost', brokerUrl()).replaceAll("'orders'", JSON.stringify(name)));
  const { stdout } = await promisify(execFile)(process.execPath, [file], { timeout: 30_000 });
  assert.equal(stdout, 'hello\n');
});
