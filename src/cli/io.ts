import { createReadStream, fstatSync, writeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { isatty } from 'node:tty';

/** The process, reduced to what is used of it. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdinIsTerminal: boolean;
  readonly stdoutIsTerminal: boolean;
  readonly stderrIsTerminal: boolean;
  readonly stderrColumns: number;
  /** Undefined where standard output is no terminal, or one that does not know its width. */
  readonly stdoutColumns: number | undefined;
  readonly stdoutFd: number;
  readonly stderrFd: number;
  /** Opens standard input; it is never read before this is called. */
  readonly stdin: () => Readable;
  /** Lets go of standard input, so that a writer which never ends cannot keep the process alive. */
  readonly release: () => void;
}

/** The real process. */
export function systemIo(): Io {
  let opened: Readable | undefined;
  return {
    env: process.env,
    stdinIsTerminal: isatty(0),
    stdoutIsTerminal: isatty(1),
    stderrIsTerminal: isatty(2),
    get stderrColumns() {
      // Looking at process.stderr makes a pipe non-blocking, also for whoever shares it.
      return (isatty(2) ? process.stderr.columns : undefined) ?? 80;
    },
    get stdoutColumns() {
      return isatty(1) ? process.stdout.columns || undefined : undefined;
    },
    stdoutFd: 1,
    stderrFd: 2,
    stdin: () => {
      opened ??= openStdin();
      return opened;
    },
    release: () => opened?.destroy(),
  };
}

/** Node turns a standard input that it does not know how to read, such as a directory, into an empty one. */
function openStdin(): Readable {
  const stats = fstatSync(0);
  return stats.isFile() || stats.isDirectory() ? createReadStream('', { fd: 0, autoClose: false }) : process.stdin;
}

/** Writes a short text, such as a help page, whole; a reader that went away is no error. False: it could not be written. */
export function writeText(fd: number, text: string): boolean {
  let bytes: Uint8Array = Buffer.from(text);
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(fd, bytes));
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code !== 'EAGAIN') return code === 'EPIPE';
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
  return true;
}
