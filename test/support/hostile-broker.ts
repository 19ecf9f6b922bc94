import { createServer, type Socket } from 'node:net';
import { type Cleanup, listen, type Port } from './faults.ts';

/** What a client has sent: a method on a channel, with its arguments as bytes. */
export interface Sent {
  readonly channel: number;
  /** Class and number, such as `50.10` for queue.declare. */
  readonly method: string;
  readonly args: Buffer;
}

/** One client of a hostile broker. */
export interface HostileClient {
  readonly socket: Socket;
  /** Which connection it is, from 1. */
  readonly number: number;
  /** Sends a method frame. */
  readonly method: (channel: number, method: string, ...args: readonly Buffer[]) => void;
  /** Sends a frame of any kind, whatever it holds. */
  readonly frame: (type: number, channel: number, payload: Buffer) => void;
  /** Sends a delivery for the consumer `ctag`: its method, its content header and its body, with `size` announced in place of the body's own. */
  readonly deliver: (channel: number, delivery: HostileDelivery) => void;
  /** Sends bytes as they are. */
  readonly raw: (bytes: Buffer) => void;
}

export interface HostileDelivery {
  readonly tag: bigint;
  readonly body?: Buffer;
  /** What the content header announces, where that is not the size of the body. */
  readonly size?: bigint;
  /** Property flags and values; none unless given. */
  readonly properties?: Buffer;
}

/** Answers by itself what the script does not: true from the script keeps the broker from answering. */
export type Script = (client: HostileClient, sent: Sent) => boolean | undefined;

export interface HostileBroker extends Port {
  readonly url: string;
  /** Connections that have come. */
  readonly connections: () => number;
}

export interface Hostility {
  /** Sees each method that a client sends, before it is answered. */
  readonly script?: Script;
  /** The arguments of connection.start behind the two version bytes; those of a plain broker unless given. */
  readonly greeting?: Buffer;
  /** Takes the place of the greeting, once a client has come. */
  readonly opening?: (client: HostileClient) => void;
}

export const octet = (value: number): Buffer => Buffer.from([value]);
export const short = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff]);
export const long = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
export const longlong = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
};
export const shortstr = (text: string): Buffer => Buffer.concat([octet(Buffer.byteLength(text)), Buffer.from(text)]);
export const longstr = (text: string | Buffer): Buffer => Buffer.concat([long(Buffer.byteLength(text)), Buffer.from(text)]);
/** A table of encoded entries. */
export const table = (...entries: readonly Buffer[]): Buffer => longstr(Buffer.concat(entries));

/** The entries of a table that nests so deep. */
export function nested(levels: number): Buffer {
  // From the inside to the outside: each level wraps the bytes of the one before.
  const heads: Buffer[] = [];
  let size = 0;
  for (let level = 0; level < levels; level++) {
    heads.push(Buffer.concat([shortstr('a'), Buffer.from('F'), long(size)]));
    size += 7;
  }
  return Buffer.concat(heads.reverse());
}

/** The properties of a message whose headers are the table with these entries. */
export const headers = (...entries: readonly Buffer[]): Buffer => Buffer.concat([short(0x2000), table(...entries)]);

/** Does something in the place of the answer to a method. */
export const on =
  (method: string, act: (client: HostileClient, sent: Sent) => void): Script =>
  (client, sent) => {
    if (sent.method !== method) return undefined;
    act(client, sent);
    return true;
  };

/** Answers a consumer, and then does something. */
export const consumed = (act: (client: HostileClient, channel: number) => void): Script =>
  on('60.20', (client, { channel }) => {
    client.method(channel, '60.21', shortstr('ctag'));
    act(client, channel);
  });

export const METHOD = 1;
export const HEADER = 2;
export const BODY = 3;
const FRAME_HEAD = 7;
const PROTOCOL_HEADER = 8;
const FRAME_MAX = 131_072;

export const START = Buffer.concat([table(Buffer.concat([shortstr('version'), Buffer.from('S'), longstr('4.0.5')])), longstr('PLAIN'), longstr('en_US')]);

/** What a plain broker answers to a method; `next` counts what it names. */
const ANSWERS: Readonly<Record<string, (client: HostileClient, sent: Sent) => void>> = {
  '10.11': (client) => client.method(0, '10.30', short(2_047), long(FRAME_MAX), short(0)),
  '10.31': () => undefined,
  '10.40': (client) => client.method(0, '10.41', shortstr('')),
  '10.50': (client) => {
    client.method(0, '10.51');
    client.socket.end();
  },
  '20.10': (client, { channel }) => client.method(channel, '20.11', longstr('')),
  '20.40': (client, { channel }) => client.method(channel, '20.41'),
  '50.10': (client, { channel, args }) => client.method(channel, '50.11', args.subarray(2, 3 + (args[2] ?? 0)), long(3), long(0)),
  '40.10': (client, { channel }) => client.method(channel, '40.11'),
  '50.20': (client, { channel }) => client.method(channel, '50.21'),
  '60.10': (client, { channel }) => client.method(channel, '60.11'),
  '60.20': (client, { channel }) => client.method(channel, '60.21', shortstr('ctag')),
  '60.30': (client, { channel, args }) => client.method(channel, '60.31', args.subarray(0, 1 + (args[0] ?? 0))),
  '85.10': (client, { channel }) => client.method(channel, '85.11'),
};

/**
 * A TCP server that speaks enough AMQP 0-9-1 to let any client in, and then misbehaves as its script says. Without one it is a broker with a single queue
 * of three messages, which it neither takes nor hands out.
 */
export async function hostileBroker(t: Cleanup, { script = () => undefined, greeting = START, opening }: Hostility = {}): Promise<HostileBroker> {
  let count = 0;
  const port = await listen(t, createServer(), (socket) => {
    serve(socket, ++count, script, opening ?? ((client) => client.method(0, '10.10', octet(0), octet(9), greeting)));
  });
  return { ...port, url: `amqp://guest:guest@127.0.0.1:${port.port}/`, connections: () => count };
}

function serve(socket: Socket, number: number, script: Script, opening: (client: HostileClient) => void): void {
  const write = (bytes: Buffer): void => {
    if (!socket.destroyed && socket.writable) socket.write(bytes);
  };
  const frame = (type: number, channel: number, payload: Buffer): void =>
    write(Buffer.concat([octet(type), short(channel), long(payload.length), payload, octet(0xce)]));
  const method = (channel: number, name: string, ...args: readonly Buffer[]): void => {
    const [group = 0, id = 0] = name.split('.').map(Number);
    frame(METHOD, channel, Buffer.concat([short(group), short(id), ...args]));
  };
  const deliver = (channel: number, { tag, body = Buffer.from('body'), size = BigInt(body.length), properties = short(0) }: HostileDelivery): void => {
    method(channel, '60.60', shortstr('ctag'), longlong(tag), octet(0), shortstr(''), shortstr('q'));
    frame(HEADER, channel, Buffer.concat([short(60), short(0), longlong(size), properties]));
    for (let at = 0; at < body.length; at += FRAME_MAX - 8) frame(BODY, channel, body.subarray(at, at + FRAME_MAX - 8));
  };
  const client: HostileClient = { socket, number, method, frame, deliver, raw: write };
  let rest: Buffer = Buffer.alloc(0);
  let greeted = false;
  socket.on('data', (bytes: Buffer) => {
    rest = Buffer.concat([rest, bytes]);
    if (!greeted && rest.length >= PROTOCOL_HEADER) {
      greeted = true;
      rest = rest.subarray(PROTOCOL_HEADER);
      opening(client);
    }
    while (greeted && rest.length >= FRAME_HEAD && rest.length > FRAME_HEAD + rest.readUInt32BE(3)) {
      const end = FRAME_HEAD + rest.readUInt32BE(3);
      if (rest[0] === METHOD) {
        const sent = { channel: rest.readUInt16BE(1), method: `${rest.readUInt16BE(7)}.${rest.readUInt16BE(9)}`, args: rest.subarray(11, end) };
        if (script(client, sent) !== true) ANSWERS[sent.method]?.(client, sent);
      }
      rest = rest.subarray(end + 1);
    }
  });
}
