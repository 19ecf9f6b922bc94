import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { abortFailure, Failure } from '../model/failure.ts';
import { isAlive, markProcess, type ProcessMark } from './process.ts';

const STEP = 50;

/**
 * Runs while no other process on this machine holds the lock file; waits for one that does. A lock whose process is dead
 * is taken over.
 *
 * @throws Failure `io` when the file cannot be written; what the signal carries when that aborts
 */
export async function withLock<T>(path: string, signal: AbortSignal, use: () => Promise<T>): Promise<T> {
  // Written under another name first: whoever finds the lock file finds it complete.
  const mine = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(mine, JSON.stringify(markProcess(process.pid)), { mode: 0o600 });
  } catch (error) {
    throw new Failure('io', `cannot write ${path}: ${(error as Error).message}`, {
      hint: 'XDG_STATE_HOME names another directory to keep the state in.',
      cause: error,
    });
  }
  try {
    while (!taken(mine, path)) {
      if (signal.aborted) throw abortFailure(signal);
      if (!removedStale(path, `${mine}.stale`)) await pause(STEP);
    }
  } finally {
    rmSync(mine, { force: true });
  }
  try {
    return await use();
  } finally {
    rmSync(path, { force: true });
  }
}

/** A link, unlike a rename, never replaces a file that is there. */
function taken(mine: string, path: string): boolean {
  try {
    linkSync(mine, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw new Failure('io', `cannot create ${path}: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * Moves a lock of a dead process out of the way. Between the look and the move somebody else may have done so and taken the
 * lock; what was moved is therefore looked at again, and put back when its owner lives.
 */
function removedStale(path: string, aside: string): boolean {
  if (isHeld(path)) return false;
  try {
    renameSync(path, aside);
    if (isHeld(aside)) linkSync(aside, path);
  } catch {
    // Somebody else was faster.
  }
  rmSync(aside, { force: true });
  return true;
}

function isHeld(path: string): boolean {
  try {
    return isAlive(JSON.parse(readFileSync(path, 'utf8')) as ProcessMark);
  } catch {
    return false;
  }
}
