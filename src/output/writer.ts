import { write } from 'node:fs';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../model/failure.ts';
import { reopenPipe } from './descriptor.ts';
import { watchReader } from './reader.ts';

/** Results on their way to standard output. */
export interface Writer {
  /** Queues text or bytes, and one more byte after them; resolves when the operating system has taken all of it. */
  write(content: Buffer | string, end?: number): Promise<void>;
  /** Resolves when everything is written, or when the patience (milliseconds) is over: the rest is then dropped. */
  close(patience?: number): Promise<void>;
}

/** What arrived in the same tick, or during a write; its messages share one promise. */
interface Batch {
  readonly parts: (Buffer | string | number)[];
  readonly written: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (failure: Failure) => void;
}

/** Milliseconds since the last write within which messages count as a stream, and for which a stream is gathered into one write. */
const STREAMING = 10;
const GATHERING = 2;
const STAGE = 256 * 1_024;
const LARGE = 64 * 1_024;
/** The most bytes that UTF-8 needs for one unit of a JavaScript string. */
const UTF8_UNIT = 3;

/**
 * Opens the way to standard output. After the first error nothing more is written: everything pending rejects with it, and
 * `onBroken` is called once. A reader that goes away is noticed at once if it is `watched`, else by the next write.
 */
export function openWriter(fd: number, onBroken: (failure: Failure) => void, watched = true): Writer {
  const sink = openSink(fd);
  const unwatch = watched ? watchReader(fd, () => fail(readerGone())) : () => undefined;
  let batch: Batch | undefined;
  let flushing: Promise<void> | undefined;
  let broken: Failure | undefined;
  let stage: Buffer | undefined;
  let lastWrite = Number.NEGATIVE_INFINITY;
  const underWay = new Set<Batch>();
  let giveUp: () => void = () => undefined;
  const gone = new Promise<void>((resolve) => {
    giveUp = resolve;
  });

  function fail(failure: Failure): void {
    if (broken !== undefined) return;
    broken = failure;
    for (const pending of underWay) pending.reject(failure);
    underWay.clear();
    batch = undefined;
    unwatch();
    sink.close();
    giveUp();
    onBroken(failure);
  }

  async function flush(): Promise<void> {
    // More of this tick joins the batch; in a stream of messages, the next moment does too.
    await (performance.now() - lastWrite < STREAMING ? sleep(GATHERING) : new Promise((resolve) => setImmediate(resolve)));
    stage ??= Buffer.allocUnsafeSlow(STAGE);
    for (let current = batch; current !== undefined && broken === undefined; current = batch) {
      batch = undefined;
      try {
        await drain(current.parts, stage, sink);
        current.resolve();
        underWay.delete(current);
        lastWrite = performance.now();
        if (batch !== undefined) await sleep(GATHERING);
      } catch (error) {
        fail(outputFailure(error as NodeJS.ErrnoException));
      }
    }
    flushing = undefined;
  }

  return {
    write(content, end) {
      if (broken !== undefined) return rejected(broken);
      if (batch === undefined) {
        batch = openBatch();
        underWay.add(batch);
        flushing ??= flush();
      }
      batch.parts.push(content);
      if (end !== undefined) batch.parts.push(end);
      return batch.written;
    },
    async close(patience) {
      // A stalled reader would keep the process alive.
      const late = (): void => fail(new Failure('io', 'standard output did not take everything in time'));
      const timer = patience === undefined ? undefined : setTimeout(late, patience);
      while (flushing !== undefined && broken === undefined) await Promise.race([flushing, gone]);
      clearTimeout(timer);
      unwatch();
      sink.close();
    },
  };
}

function openBatch(): Batch {
  let resolve = (): void => undefined;
  let reject: (failure: Failure) => void = () => undefined;
  const written = new Promise<void>((onTaken, onFailed) => {
    resolve = onTaken;
    reject = onFailed;
  });
  // A caller that ignores the promise causes no unhandled rejection: onBroken was called.
  written.catch(() => undefined);
  return { parts: [], written, resolve, reject };
}

function rejected(failure: Failure): Promise<void> {
  const never = Promise.reject(failure);
  never.catch(() => undefined);
  return never;
}

/** Joins small parts, so that many messages cost one write; large parts go out as they are. */
async function drain(parts: Batch['parts'], stage: Buffer, sink: Sink): Promise<void> {
  let used = 0;
  for (const part of parts) {
    const room = typeof part === 'number' ? 1 : typeof part === 'string' ? part.length * UTF8_UNIT : part.length;
    const large = room > LARGE;
    if (used > 0 && (large || used + room > STAGE)) {
      await sink.take(stage.subarray(0, used));
      used = 0;
    }
    if (typeof part === 'number') stage[used++] = part;
    else if (large) await sink.take(typeof part === 'string' ? Buffer.from(part) : part);
    else if (typeof part === 'string') used += stage.write(part, used);
    else {
      stage.set(part, used);
      used += room;
    }
  }
  if (used > 0) await sink.take(stage.subarray(0, used));
}

const readerGone = (cause?: unknown): Failure => new Failure('closed', 'the reader of standard output went away', { cause });

const REASONS: Readonly<Record<string, readonly [what: string, hint: string]>> = {
  ENOSPC: ['the disk is full', 'free some space and run it again'],
  EDQUOT: ['the disk quota is used up', 'free some space and run it again'],
  EFBIG: ['the file is larger than is allowed', 'write to another file, or raise the limit (ulimit -f)'],
  EBADF: ['it is closed', 'run it with standard output open, or with > /dev/null'],
  EIO: ['the device or terminal reports an error', 'run it again with standard output elsewhere'],
};

/** Why a write to standard output failed: `closed` when its reader went away, `io` otherwise. */
export function outputFailure(error: NodeJS.ErrnoException): Failure {
  if (error.code === 'EPIPE' || error.code === 'ECONNRESET') return readerGone(error);
  const [what, hint] = REASONS[error.code ?? ''] ?? [error.message, 'run it again with standard output elsewhere'];
  return new Failure('io', `cannot write to standard output: ${what}`, { hint, cause: error });
}

/** Where bytes go for good. */
export interface Sink {
  /** Resolves when the operating system has taken all of the bytes; they must not change until then. */
  take(bytes: Buffer): Promise<void>;
  close(): void;
}

/**
 * Opens a writer to a descriptor that never blocks the event loop, which would starve AMQP's heartbeats.
 *
 * A pipe is written through a socket of its own: a write that waits for its reader in the thread pool would also keep
 * `process.exit` waiting. Everything else is written in the thread pool.
 */
export function openSink(fd: number): Sink {
  const pipe = reopenPipe(fd);
  if (pipe === undefined) return { take: (bytes) => writeAll(fd, bytes), close: () => undefined };
  const socket = new Socket({ fd: pipe, readable: false, writable: true });
  // Each write reports its own error.
  socket.on('error', () => undefined);
  return {
    take: (bytes) => new Promise((resolve, reject) => socket.write(bytes, (error) => (error ? reject(error) : resolve()))),
    close: () => socket.destroy(),
  };
}

const LONGEST_PAUSE = 20;

async function writeAll(fd: number, bytes: Buffer): Promise<void> {
  let pause = 1;
  for (let offset = 0; offset < bytes.length; ) {
    const written = await writeSome(fd, bytes, offset);
    offset += written;
    if (written > 0) pause = 1;
    else {
      // Another process made the descriptor non-blocking, and its reader is slow.
      await sleep(pause);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
  }
}

function writeSome(fd: number, bytes: Buffer, offset: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, offset, bytes.length - offset, null, (error, written) => {
      if (error === null) resolve(written);
      else if (error.code === 'EAGAIN') resolve(0);
      else reject(error);
    });
  });
}
