import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, statSync, writeSync } from 'node:fs';

/**
 * Opens the pipe behind a descriptor a second time, non-blocking; undefined where that is not a pipe or not
 * possible. A new open file description has flags of its own: programs that share the old one keep a blocking pipe.
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
    // A closed descriptor, no /proc, or a pipe of another user.
  }
  if (opened !== undefined) closeSync(opened);
  return undefined;
}

/** Programs that can start another one with a descriptor closed, as in `>&-`. */
const SHELLS: ReadonlySet<string> = new Set(['sh', 'ash', 'bash', 'busybox', 'dash', 'fish', 'ksh', 'mksh', 'zsh']);

/** The system's error for a closed descriptor. */
export function closedDescriptor(): NodeJS.ErrnoException {
  return Object.assign(new Error('closed'), { code: 'EBADF' });
}

/**
 * True where a descriptor was closed when the process began (`>&-`). Node then opens `/dev/null` in its place, for reading and writing, and everything
 * written there is lost. Programs that start another one without output (`stdio: 'ignore'` of Node, `DEVNULL` of Python) open it in the same way. The parent
 * process tells them apart: the descriptor was closed if the parent lacks it too, or is a shell whose own one is another.
 */
export function wasClosed(fd: number): boolean {
  try {
    const stats = fstatSync(fd);
    const isNull = stats.isCharacterDevice() && stats.rdev === statSync('/dev/null').rdev;
    return isNull && readSync(fd, Buffer.alloc(1)) === 0 && writeSync(fd, Buffer.alloc(0)) === 0 && wasClosedBy(process.ppid, fd);
  } catch {
    return false;
  }
}

function wasClosedBy(pid: number, fd: number): boolean {
  const open = readdirSync(`/proc/${pid}/fd`);
  if (!open.includes(String(fd))) return true;
  if (!SHELLS.has(readFileSync(`/proc/${pid}/comm`, 'latin1').trim())) return false;
  const flags = Number.parseInt(/^flags:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'latin1'))?.[1] ?? '', 8);
  // Its own one, of the same kind, is handed down.
  return readlinkSync(`/proc/${pid}/fd/${fd}`) !== '/dev/null' || (flags & constants.O_RDWR) === 0;
}

const PAUSE = 5;

/** Writes a short text as a whole; returns the error, if any. A reader that stalls for longer than its patience, in milliseconds, gets no more. */
export function writeText(fd: number, text: string | Uint8Array, patience = Number.POSITIVE_INFINITY): NodeJS.ErrnoException | undefined {
  let bytes = typeof text === 'string' ? Buffer.from(text) : text;
  for (let paused = 0; bytes.length > 0 && paused < patience; ) {
    try {
      bytes = bytes.subarray(writeSync(fd, bytes));
      paused = 0;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return error as NodeJS.ErrnoException;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE);
      paused += PAUSE;
    }
  }
  return undefined;
}
