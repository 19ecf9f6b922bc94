import { closeSync, constants, fstatSync, openSync, readSync, statSync, writeSync } from 'node:fs';

/**
 * Opens the pipe behind a descriptor a second time, without blocking; undefined where that is not a pipe or cannot be
 * done. A new open file description has flags of its own: whoever else shares the old one keeps a blocking pipe.
 * Only Linux makes one here; elsewhere `/dev/fd` duplicates the old.
 */
export function reopenPipe(fd: number): number | undefined {
  if (process.platform !== 'linux') return undefined;
  let opened: number | undefined;
  try {
    if (!fstatSync(fd).isFIFO()) return undefined;
    opened = openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
    if (fstatSync(opened).ino === fstatSync(fd).ino) return opened;
  } catch {
    // A closed descriptor, no /proc, or a pipe that belongs to another user.
  }
  if (opened !== undefined) closeSync(opened);
  return undefined;
}

/**
 * True where a descriptor was closed when the process began (`>&-`). Node opens `/dev/null` in its place, for reading and writing, and everything that is
 * written there is gone; `> /dev/null` opens it for writing alone. (Whoever starts a process with `/dev/null` opened for both looks the same.)
 */
export function wasClosed(fd: number): boolean {
  try {
    const stats = fstatSync(fd);
    const isNull = stats.isCharacterDevice() && stats.rdev === statSync('/dev/null').rdev;
    return isNull && readSync(fd, Buffer.alloc(1)) === 0 && writeSync(fd, Buffer.alloc(0)) === 0;
  } catch {
    return false;
  }
}
