import { createServer, type Server } from 'node:net';
import { Failure } from '../../model/failure.ts';

/**
 * Below the range from which systems take the local port of an outgoing connection (32768 and up on Linux, 49152 and up
 * elsewhere). Inside it, a client that keeps trying to reach a stopped node may be given the node's own port as its local
 * one: it would connect to itself, and the node could not come back.
 */
const LOWEST = 20_000;
const HIGHEST = 32_000;

/**
 * Free ports on the loopback interface, all different.
 * Another process may still take one before it is used: the caller has to cope with that.
 *
 * @throws Failure `unavailable` when there are none
 */
export async function freePorts(count: number): Promise<number[]> {
  const held: Server[] = [];
  const ports: number[] = [];
  try {
    for (let attempt = 0; ports.length < count && attempt < 1_000; attempt += 1) {
      const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
      const server = await hold(port);
      if (typeof server === 'string') continue;
      held.push(server);
      ports.push(port);
    }
  } finally {
    await Promise.all(held.map((server) => new Promise((done) => server.close(done))));
  }
  if (ports.length < count) throw new Failure('unavailable', `found no free port between ${LOWEST} and ${HIGHEST} on 127.0.0.1`);
  return ports;
}

/** Why this port cannot be listened on right now; nothing when it can. */
export async function portProblem(port: number): Promise<string | undefined> {
  const held = await hold(port);
  if (typeof held === 'string') return held;
  await new Promise((done) => held.close(done));
  return undefined;
}

function hold(port: number): Promise<Server | string> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', ({ code, message }: NodeJS.ErrnoException) => {
      resolve(code === 'EADDRINUSE' ? 'is in use by another program' : code === 'EACCES' ? 'may only be used by root' : `cannot be used: ${message}`);
    });
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(server));
  });
}
