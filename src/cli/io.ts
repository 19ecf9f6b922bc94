import { constants, createReadStream, fstatSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { isatty, ReadStream } from 'node:tty';

/** The parts of the process that the program uses. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdinIsTerminal: boolean;
  readonly stdoutIsTerminal: boolean;
  readonly stderrIsTerminal: boolean;
  readonly stderrColumns: number;
  /** Undefined where standard output is not a terminal, or does not know its width. */
  readonly stdoutColumns: number | undefined;
  readonly stdoutFd: number;
  readonly stderrFd: number;
  /** Opens standard input, which is not read before. */
  readonly stdin: () => Readable;
  /**
   * Opens a file. A pipe without a writer blocks neither this call nor the end of the process.
   *
   * @throws the system's error
   */
  readonly open: (path: string) => Readable;
  /** Closes every input: a writer that never ends cannot keep the process alive then. */
  readonly release: () => void;
}

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
      // Reading process.stderr makes a pipe non-blocking, for all processes that share it.
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

/** Reads of a pipe or a terminal in the thread pool cannot be cancelled, nor can the opening of a pipe without a writer: the event loop does both. */
function openFile(path: string): Readable {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  if (fstatSync(fd).isFIFO()) return new Socket({ fd, readable: true, writable: false });
  return isatty(fd) ? new ReadStream(fd) : createReadStream('', { fd });
}

/** Node silently turns a standard input that it cannot read, such as a directory, into an empty one. */
function openStdin(): Readable {
  const stats = fstatSync(0);
  return stats.isFile() || stats.isDirectory() ? createReadStream('', { fd: 0, autoClose: false }) : process.stdin;
}
