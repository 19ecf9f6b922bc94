import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { commands } from '../src/commands/index.ts';
import { brokerUrl, peer } from './support/broker.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const readme = await readFile(join(ROOT, 'README.md'), 'utf8');

/** The command lines below a heading. */
const linesOf = (heading: string): string => new RegExp(`## ${heading}[\\s\\S]*?\`\`\`sh\n([\\s\\S]*?)\`\`\``).exec(readme)?.[1] ?? assert.fail(heading);

test('the two commands, the one-liners, the lines for the night and those for CI work as they stand, one after the other', async (t) => {
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
  const { queue } = await peer(t);
  const name = await queue();
  // Inside the package, so that 'rmq' is what its users import.
  const file = join(ROOT, 'dist', `readme-${name}.mjs`);
  t.after(() => rm(file, { force: true }));
  await writeFile(file, example.replace('amqp://localhost', brokerUrl()).replaceAll("'orders'", JSON.stringify(name)));
  const { stdout } = await promisify(execFile)(process.execPath, [file], { timeout: 30_000 });
  assert.equal(stdout, 'hello\n');
});
