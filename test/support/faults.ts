import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';

/** A port on the loopback interface where something goes wrong. */
export interface Port {
  readonly port: number;
  /** Resolves when a client has come; with a number, when that many have. */
  readonly visited: (times?: number) => Promise<void>;
}

/** Accepts and never says a word. */
export async function silentPort(t: TestContext): Promise<Port> {
  return listen(t, createServer(), (socket) => socket.resume());
}

/** Accepts and closes at once. */
export async function closingPort(t: TestContext): Promise<Port> {
  return listen(t, createServer(), (socket) => socket.destroy());
}

/** Speaks HTTP, on a free port unless told otherwise. */
export async function httpPort(t: TestContext, port = 0): Promise<Port> {
  const server = createHttpServer((_, response) => response.end('hello'));
  return listen(t, server, () => undefined, { port });
}

/** A port that was free a moment ago: nothing listens there. */
export async function deadPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A proxy in front of a real broker, which can spoil what goes through it. */
export interface FaultyProxy extends Port {
  /** The URL of the broker, through the proxy. */
  readonly url: string;
  /** Connections that are open now. */
  readonly open: number;
  /** Destroys the connections that are open; new ones go through. */
  readonly cut: () => void;
  /** Forwards nothing more on the connections that are open, in both directions, without closing them; new ones go through. */
  readonly stall: () => void;
  /** Stalls a connection as soon as its client sends these bytes, which are not forwarded any more. */
  readonly stallOn: (bytes: Buffer) => void;
  /** Holds everything back for so many milliseconds. */
  readonly delay: (milliseconds: number) => void;
  /** Refuses new connections, until `admit`. */
  readonly refuse: () => Promise<void>;
  readonly admit: () => Promise<void>;
}

export interface ProxyOptions {
  /** Where it listens; `127.0.0.1` unless told otherwise. */
  readonly host?: string;
  /** Speaks TLS to clients, and plain AMQP to the broker. */
  readonly tls?: TlsOptions;
  /** False: it starts out refusing. */
  readonly admitting?: boolean;
}

/** The method frame with which a client closes its connection begins its payload like this. */
export const CONNECTION_CLOSE = Buffer.from([0, 10, 0, 50]);

export async function proxy(t: TestContext, upstream: string, { host = '127.0.0.1', tls, admitting = true }: ProxyOptions = {}): Promise<FaultyProxy> {
  const broker = new URL(upstream);
  const pairs = new Set<{ client: Socket; server: Socket; stalled: boolean }>();
  let held = 0;
  let trap: Buffer | undefined;
  const accept = (client: Socket): void => {
    const server = connect(Number(broker.port), broker.hostname);
    const pair = { client, server, stalled: false };
    pairs.add(pair);
    const relay = (from: Socket, to: Socket): void => {
      from.on('data', (chunk: Buffer) => {
        if (from === client && trap !== undefined && chunk.includes(trap)) pair.stalled = true;
        if (pair.stalled) return;
        if (held === 0) to.write(chunk);
        else setTimeout(() => to.destroyed || pair.stalled || to.write(chunk), held);
      });
      from.on('error', () => undefined);
      from.on('close', () => {
        pairs.delete(pair);
        // Behind a network that has gone silent, nobody learns of a close either.
        if (!pair.stalled) to.destroy();
      });
    };
    relay(client, server);
    relay(server, client);
  };
  const server = tls === undefined ? createServer() : createTlsServer(tls);
  const { port, visited } = await listen(t, server, accept, { host, event: tls === undefined ? 'connection' : 'secureConnection' });
  const cut = (): void => {
    for (const { client, server: upward } of pairs) {
      client.destroy();
      upward.destroy();
    }
  };
  const refuse = async (): Promise<void> => {
    const closed = once(server, 'close');
    server.close();
    cut();
    await closed;
  };
  const admit = async (): Promise<void> => {
    server.listen(port, host);
    await once(server, 'listening');
  };
  t.after(cut);
  if (!admitting) await refuse();
  const url = new URL(upstream);
  url.protocol = tls === undefined ? 'amqp:' : 'amqps:';
  url.port = String(port);
  url.hostname = host.includes(':') ? `[${host}]` : host;
  return {
    port,
    visited,
    url: url.href,
    get open() {
      return pairs.size;
    },
    cut,
    stall: () => {
      for (const pair of pairs) pair.stalled = true;
    },
    stallOn: (bytes) => {
      trap = bytes;
    },
    delay: (milliseconds) => {
      held = milliseconds;
    },
    refuse,
    admit,
  };
}

interface Listening {
  readonly host?: string;
  readonly port?: number;
  /** What the server calls a client that has come. */
  readonly event?: 'connection' | 'secureConnection';
}

async function listen(
  t: TestContext,
  server: Server,
  accept: (socket: Socket) => void,
  { host = '127.0.0.1', port = 0, event = 'connection' }: Listening = {},
): Promise<Port> {
  const sockets = new Set<Socket>();
  let count = 0;
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  // A client that does not like the certificate is no error of the test.
  server.on('tlsClientError', () => undefined);
  server.on(event, (socket: Socket) => {
    count++;
    accept(socket);
    server.emit('visit');
  });
  server.listen(port, host);
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    visited: async (times = 1) => {
      while (count < times) await once(server, 'visit');
    },
  };
}
