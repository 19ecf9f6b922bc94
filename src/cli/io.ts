import { constants, createReadStream, fstatSync, openSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { isatty, ReadStream } from 'node:tty';

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
  /**
   * Opens a file. A pipe that nobody writes to keeps nobody waiting before its stream is read, and neither the process from ending.
   *
   * @throws what the system says
   */
  readonly open: (path: string) => Readable;
  /** Lets go of every input, so that a writer which never ends cannot keep the process alive. */
  readonly release: () => void;
}

/** The real process. */
export function systemIo(): Io {
  let stdin: Readable | undefined;
  const opened = new Set<Readable>();
  const keep = (input: Readable): Readable => {
    opened.add(input);
    return input;
  };
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
      stdin ??= keep(openStdin());
      return stdin;
    },
    open: (path) => keep(openFile(path)),
    release: () => {
      for (const input of opened) input.destroy();
    },
  };
}

/**
 * Reading a pipe or a terminal in the thread pool could not be given up, and neither could opening a pipe without a writer: both are left to the event loop.
 */
function openFile(path: string): Readable {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  if (fstatSync(fd).isFIFO()) return new Socket({ fd, readable: true, writable: false });
  return isatty(fd) ? new ReadStream(fd) : createReadStream('', { fd });
}

/** Node turns a standard input that it does not know how to read, such as a directory, into an empty one. */
function openStdin(): Readable {
  const stats = fstatSync(0);
  return stats.isFile() || stats.isDirectory() ? createReadStream('', { fd: 0, autoClose: false }) : process.stdin;
}

/** Writes a short text, such as a help page, whole; returns why that could not be done. */
export function writeText(fd: number, text: string): NodeJS.ErrnoException | undefined {
  let bytes: Uint8Array = Buffer.from(text);
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(fd, bytes));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return error as NodeJS.ErrnoException;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
  return undefined;
}
