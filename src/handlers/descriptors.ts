import { execFile } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { whenLeaving } from './process-group.ts';

/** Limits for the program that makes pipes: how many at once, and milliseconds. */
const BATCH = 24;
const FEW = 8;

/** The descriptors of both ends; the taker of the pipe closes them. */
export interface Pipe {
  readonly reading: number;
  readonly writing: number;
}

const spare: Pipe[] = [];
let making: Promise<void> | undefined;
let impossible = false;

/**
 * Kernel pipes; undefined where they cannot be made. Node gives its children sockets, which cannot be opened by name:
 * `echo problem >/dev/stderr` would fail.
 */
export async function takePipes(count: number): Promise<Pipe[] | undefined> {
  while (spare.length < count && !impossible) await makeMore();
  if (spare.length < count) return undefined;
  const taken = spare.splice(-count);
  if (spare.length < FEW && !impossible) void makeMore();
  return taken;
}

function makeMore(): Promise<void> {
  making ??= makePipes()
    .catch(() => {
      impossible = true;
    })
    .finally(() => {
      making = undefined;
    });
  return making;
}

async function makePipes(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'rmq-'));
  const clear = (): void => rmSync(directory, { recursive: true, force: true });
  const calledOff = whenLeaving(clear);
  try {
    const paths = Array.from({ length: BATCH }, (_, index) => join(directory, `pipe-${index}`));
    await promisify(execFile)('mkfifo', ['-m', '600', ...paths]);
    for (const path of paths) spare.push(openPipe(path));
  } finally {
    clear();
    calledOff();
  }
}

function openPipe(path: string): Pipe {
  // Opening one end waits for the other, unless it is opened for both.
  const both = openSync(path, constants.O_RDWR);
  try {
    return { reading: openSync(path, constants.O_RDONLY), writing: openSync(path, constants.O_WRONLY) };
  } finally {
    closeSync(both);
    unlinkSync(path);
  }
}

/** False once nobody can read from a pipe any more, which only a write tells otherwise. Where there is no /proc, true. */
export function hasReader(writing: number): boolean {
  try {
    closeSync(openSync(`/proc/self/fd/${writing}`, constants.O_WRONLY | constants.O_NONBLOCK));
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENXIO';
  }
}

/** Files up to this size are written synchronously: a round through the thread pool would take longer. */
const SMALL = 65_536;

/** Writes a file that only this user may read. */
export async function writePrivately(path: string, content: Buffer | string): Promise<void> {
  const options = { mode: 0o600, flag: 'wx' };
  if (content.length > SMALL) await writeFile(path, content, options);
  else writeFileSync(path, content, options);
}

/** A descriptor from which a child can read the whole content, of a file without a name; undefined where there is no space for one. */
export async function spool(content: Buffer | string): Promise<number | undefined> {
  let clear = (): void => undefined;
  const calledOff = whenLeaving(() => clear());
  try {
    const directory = mkdtempSync(join(tmpdir(), 'rmq-'));
    clear = () => rmSync(directory, { recursive: true, force: true });
    const path = join(directory, 'message');
    await writePrivately(path, content);
    return openSync(path, 'r');
  } catch {
    return undefined;
  } finally {
    clear();
    calledOff();
  }
}
