import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';

/** What ends what was opened: a test, or a campaign. */
export type Cleanup = Pick<TestContext, 'after'>;

/** A port on the loopback interface where something goes wrong. */
export interface Port {
  readonly port: number;
  /** Resolves when a client has come; with a number, when that many have. */
  readonly visited: (times?: number) => Promise<void>;
}

/** Accepts and never says a word. */
export async function silentPort(t: Cleanup): Promise<Port> {
  return listen(t, createServer(), (socket) => socket.resume());
}

/** Accepts and closes at once. */
export async function closingPort(t: Cleanup): Promise<Port> {
  return listen(t, createServer(), (socket) => socket.destroy());
}

/** Speaks HTTP, on a free port unless told otherwise. */
export async function httpPort(t: Cleanup, port = 0): Promise<Port> {
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
  /** Resolves once so many bytes have gone through, in both directions and over all connections. */
  readonly passed: (bytes: number) => Promise<void>;
  /** Bytes that clients have sent so far. */
  readonly sent: number;
  /** Destroys the connections that are open; new ones go through. */
  readonly cut: () => void;
  /** The same, as a peer does that has forgotten them: with a reset. */
  readonly reset: () => void;
  /** Cuts each connection that is open in the middle of what its broker sends next. */
  readonly halve: () => void;
  /** Changes whatever brokers or clients send from now on. */
  readonly spoil: (from: 'broker' | 'client', change: (bytes: Buffer) => Buffer) => void;
  /** Forwards nothing more on the connections that are open, in both directions, without closing them; new ones go through. */
  readonly stall: () => void;
  /** Forwards nothing more of what clients send on the connections that are open; what the broker sends goes through. */
  readonly deafen: () => void;
  /** Forwards nothing more of what the broker sends on the connections that are open; it goes on hearing their clients. */
  readonly mute: () => void;
  /** Stalls a connection as soon as its client sends these bytes, which are not forwarded any more; so many of them at most. Resolves once the first is stalled. */
  readonly stallOn: (bytes: Buffer, connections?: number) => Promise<void>;
  /** Leaves the method frames that begin like this out of what the broker sends, on so many of the next connections. */
  readonly leaveOut: (method: Buffer, connections?: number) => void;
  /**
   * Begins a large frame in place of the method frame that begins like this, on so many of the next connections, and from then on hands out a
   * byte of it now and then, as heartbeats would that fill a frame whose rest was lost.
   */
  readonly drip: (method: Buffer, connections?: number) => void;
  /** Holds everything back for so many milliseconds. */
  readonly delay: (milliseconds: number) => void;
  /** Takes no more than so many bytes a second from each client. */
  readonly throttle: (rate: number) => void;
  /** Hands clients what the broker sends in pieces of at most so many bytes. */
  readonly chop: (size: number) => void;
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

/** The two sides of a connection that goes through a proxy. */
interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  deaf: boolean;
  mute: boolean;
  halved: boolean;
}

/** How the payload of a method frame begins: its class and its number. */
export const CONNECTION_CLOSE = Buffer.from([0, 10, 0, 50]);
export const BASIC_PUBLISH = Buffer.from([0, 60, 0, 40]);
export const BASIC_ACK = Buffer.from([0, 60, 0, 80]);
export const BASIC_DELIVER = Buffer.from([0, 60, 0, 60]);
export const BASIC_CONSUME_OK = Buffer.from([0, 60, 0, 21]);
export const QUEUE_DECLARE_OK = Buffer.from([0, 50, 0, 11]);
export const CONFIRM_SELECT_OK = Buffer.from([0, 85, 0, 11]);

export async function proxy(t: Cleanup, upstream: string, { host = '127.0.0.1', tls, admitting = true }: ProxyOptions = {}): Promise<FaultyProxy> {
  const broker = new URL(upstream);
  const pairs = new Set<Pair>();
  const toBroker: Socket[] = [];
  let held = 0;
  let sent = 0;
  let rate = Number.POSITIVE_INFINITY;
  let piece = Number.POSITIVE_INFINITY;
  let trap: { bytes: Buffer; connections: number; sprung: () => void } | undefined;
  let unwanted: { method: Buffer; connections: number } | undefined;
  let dripped: { method: Buffer; connections: number } | undefined;
  const spoiled: { broker?: (bytes: Buffer) => Buffer; client?: (bytes: Buffer) => Buffer } = {};
  let count = 0;
  const awaited = new Map<() => void, number>();
  const accept = (client: Socket): void => {
    const server = connect(Number(broker.port), broker.hostname);
    toBroker.push(server);
    const pair: Pair = { client, server, deaf: false, mute: false, halved: false };
    pairs.add(pair);
    const filter =
      unwanted !== undefined && unwanted.connections-- > 0
        ? without(unwanted.method)
        : dripped !== undefined && dripped.connections-- > 0
          ? dripping(dripped.method, client)
          : undefined;
    const relay = (from: Socket, to: Socket): void => {
      from.on('data', (bytes: Buffer) => {
        if (from === client) sent += bytes.length;
        if (from === client && trap !== undefined && !pair.deaf && bytes.includes(trap.bytes) && trap.connections-- > 0) {
          pair.deaf = pair.mute = true;
          trap.sprung();
        }
        count += bytes.length;
        for (const [resolve, most] of awaited) {
          if (count < most) continue;
          awaited.delete(resolve);
          resolve();
        }
        if (from === client ? pair.deaf : pair.mute) return;
        if (pair.halved && from === server) {
          pair.halved = false;
          to.end(bytes.subarray(0, bytes.length >> 1), () => from.destroy());
          return;
        }
        if (from === client && rate !== Number.POSITIVE_INFINITY) {
          client.pause();
          setTimeout(() => client.resume(), (bytes.length / rate) * 1_000);
        }
        const change = from === server ? (spoiled.broker ?? filter) : spoiled.client;
        const chunk = change === undefined ? bytes : change(bytes);
        if (from === server && piece < chunk.length) inPieces(from, to, chunk, piece);
        else if (held === 0) to.write(chunk);
        else setTimeout(() => to.destroyed || (from === client ? pair.deaf : pair.mute) || to.write(chunk), held);
      });
      from.on('error', () => undefined);
      from.on('close', () => {
        pairs.delete(pair);
        // Behind a network that has gone silent, nobody learns of a close either.
        if (!pair.deaf && !pair.mute) to.destroy();
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
  // One whose client left while it was stalled is in no pair any more, and would keep the test's process alive.
  t.after(() => {
    for (const socket of toBroker) socket.destroy();
  });
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
    passed: (bytes) => (count >= bytes ? Promise.resolve() : new Promise((resolve) => awaited.set(resolve, bytes))),
    get sent() {
      return sent;
    },
    cut,
    reset: () => {
      for (const { client, server: upward } of pairs) {
        client.resetAndDestroy();
        upward.resetAndDestroy();
      }
    },
    halve: () => {
      for (const pair of pairs) pair.halved = true;
    },
    spoil: (from, change) => {
      spoiled[from] = change;
    },
    stall: () => {
      for (const pair of pairs) pair.deaf = pair.mute = true;
    },
    deafen: () => {
      for (const pair of pairs) pair.deaf = true;
    },
    mute: () => {
      for (const pair of pairs) pair.mute = true;
    },
    stallOn: (bytes, connections = Number.POSITIVE_INFINITY) =>
      new Promise((resolve) => {
        trap = { bytes, connections, sprung: resolve };
      }),
    leaveOut: (method, connections = Number.POSITIVE_INFINITY) => {
      unwanted = { method, connections };
    },
    drip: (method, connections = Number.POSITIVE_INFINITY) => {
      dripped = { method, connections };
    },
    delay: (milliseconds) => {
      held = milliseconds;
    },
    throttle: (bytesPerSecond) => {
      rate = bytesPerSecond;
    },
    chop: (size) => {
      piece = size;
    },
    refuse,
    admit,
  };
}

/** Each piece in a turn of its own, so that it is read by itself; what comes meanwhile waits. */
function inPieces(from: Socket, to: Socket, bytes: Buffer, size: number): void {
  from.pause();
  to.write(bytes.subarray(0, size));
  const rest = bytes.subarray(size);
  setImmediate(() => {
    if (to.destroyed) return;
    if (rest.length > size) inPieces(from, to, rest, size);
    else {
      to.write(rest);
      from.resume();
    }
  });
}

const METHOD_FRAME = 1;
/** Its type, its channel and the size of its payload; one byte comes after that. */
const FRAME_HEADER = 7;

/** The payload of a frame that is never finished. */
const UNFINISHED = 100_000;
const DRIP = 100;

/** Takes the method frames whose payload begins like this out of a stream of AMQP. */
function without(method: Buffer): (bytes: Buffer) => Buffer {
  return eachFrame((frame) => (begins(frame, method) ? Buffer.alloc(0) : frame));
}

/** Ends a stream of AMQP at the method frame whose payload begins like this: an unfinished frame comes instead, byte by byte. */
function dripping(method: Buffer, client: Socket): (bytes: Buffer) => Buffer {
  let over = false;
  return eachFrame((frame) => {
    if (over) return Buffer.alloc(0);
    if (!begins(frame, method)) return frame;
    over = true;
    const timer = setInterval(() => client.write(Buffer.alloc(1)), DRIP);
    client.once('close', () => clearInterval(timer));
    const head = Buffer.from(frame.subarray(0, FRAME_HEADER));
    head.writeUInt32BE(UNFINISHED, 3);
    return head;
  });
}

function begins(frame: Buffer, method: Buffer): boolean {
  return frame[0] === METHOD_FRAME && frame.indexOf(method) === FRAME_HEADER;
}

/** Replaces each frame of a stream of AMQP. */
function eachFrame(replace: (frame: Buffer) => Buffer): (bytes: Buffer) => Buffer {
  let rest: Buffer = Buffer.alloc(0);
  return (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    const kept: Buffer[] = [];
    for (;;) {
      const size = rest.length < FRAME_HEADER ? FRAME_HEADER : FRAME_HEADER + rest.readUInt32BE(3) + 1;
      if (rest.length < size) return Buffer.concat(kept);
      kept.push(replace(rest.subarray(0, size)));
      rest = rest.subarray(size);
    }
  };
}

export interface Listening {
  readonly host?: string;
  readonly port?: number;
  /** What the server calls a client that has come. */
  readonly event?: 'connection' | 'secureConnection';
}

/** Listens on a port of the loopback interface, and hands over each client. */
export async function listen(
  t: Cleanup,
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
