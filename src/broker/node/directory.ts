import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { Failure } from '../../model/failure.ts';

/** Makes a directory that only this user may enter, and those above it that are missing. The recursive `mkdir` of Node never ends below `/proc`. */
export function makeDirectory(path: string): void {
  const make = (): void => void mkdirSync(path, { mode: 0o700 });
  try {
    make();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    const above = dirname(path);
    if (code !== 'ENOENT' || existsSync(above)) throw error;
    makeDirectory(above);
    make();
  }
}

/**
 * Does something with files.
 *
 * @throws Failure `io` where the system refuses it
 */
export function withFiles<T>(what: string, hint: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw fileFailure(error, what, hint);
  }
}

/** What the system refused as a failure `io`; any other error as it is. */
export function fileFailure(error: unknown, what: string, hint: string): unknown {
  if (error instanceof Failure || !(error instanceof Error && 'syscall' in error)) return error;
  return new Failure('io', `${what}: ${error.message}`, { hint, cause: error });
}
