import { write } from 'node:fs';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { reopenPipe } from './descriptor.ts';

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
