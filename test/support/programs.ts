import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

/** A directory of the test's own. */
export async function scratchDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'rmq-test-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Writes a program into a directory, and resolves with its path. */
export async function program(directory: string, name: string, text: string, mode = 0o755): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, text);
  await chmod(path, mode);
  return path;
}

/** The lines of a file that programs append to; none when nobody has. */
export async function linesOf(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.split('\n').filter((line) => line !== '');
}

/** True for a process that lives; one that has ended and was not buried yet does not. */
export async function isRunning(pid: string | number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat !== '' && !/^\d+ \(.*\) [ZX] /s.test(stat);
}

/** Resolves once a process has ended: what was killed takes a moment. */
export async function untilGone(pid: string | number): Promise<void> {
  while (await isRunning(pid)) await pause(10);
}
