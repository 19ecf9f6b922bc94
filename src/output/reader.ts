import { Socket } from 'node:net';
import { reopenPipe } from './descriptor.ts';

/** What is used of the handle inside a TCP socket; it is not part of Node's documented interface. */
interface Handle {
  readonly constructor: new (kind: number) => Handle;
  open(fd: number): number;
}

const TCP_SOCKET = 0;

/**
 * Calls `onGone` once when the last reader of a pipe goes away while nothing is being written, as in
 * `rmq consume q | head -1` on a quiet queue. Returns what ends the watch.
 *
 * Without a write only `poll` tells (POLLERR on the writing end), and Node polls only what it believes to be readable.
 * It looks at how a pipe was opened, but not at how a TCP socket was: so the pipe, opened once more, goes into the
 * handle of a TCP socket that starts to read. Nothing ever arrives; when the reader leaves, the poll wakes up and the
 * read fails (EBADF). Where any of this does not work there is no watch, and the next write tells.
 */
export function watchReader(fd: number, onGone: () => void): () => void {
  const pipe = reopenPipe(fd);
  if (pipe === undefined) return () => undefined;
  try {
    const handle = tcpHandle();
    if (handle.open(pipe) !== 0) return () => undefined;
    const socket = new Socket({ handle, readable: true, writable: false } as ConstructorParameters<typeof Socket>[0]);
    let watching = true;
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (watching && error.code === 'EBADF') onGone();
      watching = false;
    });
    socket.resume();
    socket.unref();
    return () => {
      watching = false;
      socket.destroy();
    };
  } catch {
    return () => undefined;
  }
}

/** An empty handle, of the class that a socket gets as soon as it is told to connect; that one never does. */
function tcpHandle(): Handle {
  const donor = new Socket();
  donor.connect({ host: '127.0.0.1', port: 1 });
  const { _handle: handle } = donor as unknown as { _handle: Handle };
  donor.destroy();
  return new handle.constructor(TCP_SOCKET);
}
