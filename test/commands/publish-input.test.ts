import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { brokerUrl, peer, unique } from '../support/broker.ts';
import { scratchDirectory } from '../support/programs.ts';
import { json, type Running, rmq, start } from '../support/rmq.ts';

/** A pipe with a name, to which nobody writes. */
async function pipe(t: TestContext): Promise<string> {
  const path = join(await scratchDirectory(t), 'pipe');
  execFileSync('mkfifo', [path]);
  return path;
}

/** Resolves once a run has a file open. */
async function untilOpen({ child, result }: Running, path: string): Promise<void> {
  const isOpen = (fd: string): boolean => {
    try {
      return readlinkSync(`/proc/${child.pid}/fd/${fd}`) === path;
    } catch {
      return false;
    }
  };
  while (child.exitCode === null && child.signalCode === null) {
    if (readdirSync(`/proc/${child.pid}/fd`).some(isOpen)) return;
    await pause(20);
  }
  assert.fail((await result).stderr);
}

/** What reads a pipe as the body, as lines, or as the URL. */
const readings = (path: string): readonly (readonly string[])[] => [
  ['publish', '-q', unique('nowhere'), '-f', path],
  ['publish', '-q', unique('nowhere'), '--lines', '-f', path],
  ['publish', '-q', unique('nowhere'), '--url-file', path, 'body'],
  ['consume', unique('nowhere'), '--url-file', path],
];

test('a pipe without a writer keeps nobody: a signal ends the wait for it', async (t) => {
  const path = await pipe(t);
  for (const args of readings(path)) {
    for (const [signal, code] of [
      ['SIGTERM', 143],
      ['SIGINT', 130],
    ] as const) {
      const run = start(args, { timeout: 20_000 });
      await untilOpen(run, path);
      run.child.kill(signal);
      assert.equal((await run.result).code, code, args.join(' '));
    }
  }
});

test('a pipe without a writer ends with the deadline of the run', async (t) => {
  const path = await pipe(t);
  for (const args of readings(path)) {
    const { code, stderr } = await rmq([...args, '--timeout', '500ms'], { timeout: 20_000 });
    assert.equal(code, 124, `${args.join(' ')}: ${stderr}`);
    assert.match(stderr, /deadline/);
  }
});

test('a writer that comes late is waited for, and what it writes is read to its end', async (t) => {
  const { queue, take } = await peer(t);
  const [name, path] = [await queue(), await pipe(t)];
  const body = 'x'.repeat(300_000);
  const publishing = start(['publish', '-q', name, '-f', path]);
  await untilOpen(publishing, path);
  await writeFile(path, body);
  assert.equal((await publishing.result).code, 0);
  const url = start(['publish', '-q', name, '--url-file', path, 'second']);
  await untilOpen(url, path);
  await writeFile(path, `${brokerUrl()}\n`);
  assert.equal((await url.result).code, 0);
  assert.deepEqual(
    (await take(name)).map(({ content }) => String(content)),
    [body, 'second'],
  );
});

test('an empty file is bad data as an empty standard input is, and --allow-empty sends it', async (t) => {
  const { queue, take } = await peer(t);
  const name = await queue();
  const empty = join(await scratchDirectory(t), 'empty');
  await writeFile(empty, '');
  for (const file of ['/dev/null', empty]) {
    const { code, stderr } = await rmq(['publish', '-q', name, '-f', file]);
    assert.equal(code, 65, stderr);
    assert.match(stderr, /is empty: there is nothing to send[\s\S]*--allow-empty/);
    assert.ok(stderr.includes(file), stderr);
  }
  assert.deepEqual(await take(name), []);
  assert.equal((await rmq(['publish', '-q', name, '-f', empty, '--allow-empty'])).code, 0);
  assert.equal((await take(name)).length, 1);
});

test('an input without a line is told of as no message, and is no mistake', async (t) => {
  const { queue } = await peer(t);
  const name = await queue();
  for (const flag of ['--lines', '--envelopes']) {
    const told = await rmq(['publish', '-q', name, flag]);
    assert.equal(told.code, 0, told.stderr);
    assert.match(told.stderr, /published 0 messages/);
    assert.equal(json<{ published: number }>(await rmq(['publish', '-q', name, flag, '--json'])).published, 0);
  }
});
