import { randomBytes } from 'node:crypto';
import { readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { abortFailure } from '../model/failure.ts';
import { makeDirectory, withFiles } from './node/directory.ts';
import { isAlive, markProcess, type ProcessMark } from './node/process.ts';

const STEP = 50;

/**
 * Runs while no other process on this machine holds the lock; waits for one that does. A lock whose process is dead is taken over.
 *
 * The lock is a symbolic link that points to the mark of its process: it is there as a whole or not at all, never replaces another one, and needs no room
 * on a disk that is full.
 *
 * @throws Failure `io` with the hint when it cannot be made; what the signal carries when that aborts
 */
export async function withLock<T>(path: string, hint: string, signal: AbortSignal, use: () => T | Promise<T>): Promise<T> {
  const aside = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.stale`;
  withFiles(`cannot make ${dirname(path)}`, hint, () => makeDirectory(dirname(path)));
  for (;;) {
    const state = withFiles(`cannot lock ${path}`, hint, () => (taken(path) ? 'taken' : removedStale(path, aside) ? 'removed' : 'held'));
    if (state === 'taken') break;
    if (signal.aborted) throw abortFailure(signal);
    if (state === 'held') await pause(STEP);
  }
  try {
    return await use();
  } finally {
    rmSync(path, { force: true });
  }
}

function taken(path: string): boolean {
  return made(JSON.stringify(markProcess(process.pid)), path);
}

/** False where something has that name already. */
function made(target: string, path: string): boolean {
  try {
    symlinkSync(target, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Moves a lock of a dead process out of the way. Between the look and the move another process may have done so and taken the
 * lock; what was moved is therefore looked at again, and put back when its owner lives.
 */
function removedStale(path: string, aside: string): boolean {
  if (isHeld(path)) return false;
  try {
    renameSync(path, aside);
    if (isHeld(aside)) made(readlinkSync(aside), path);
  } catch {
    // Another process was faster.
  }
  rmSync(aside, { force: true });
  return true;
}

function isHeld(path: string): boolean {
  try {
    return isAlive(JSON.parse(readlinkSync(path)) as ProcessMark);
  } catch {
    return false;
  }
}
