import type { Duplex } from 'node:stream';
import type { Channel } from 'amqplib';

// What amqplib 2.3.1 does not document: the only file that looks inside. Each function checks what it finds and answers
// undefined when it is something else, and its caller then takes amqplib's public way.

interface Inside {
  readonly ch?: unknown;
  readonly connection?: { readonly stream?: unknown; readonly frameMax?: unknown; sentSinceLastCheck?: unknown };
}

/** A way to put ready frames on the socket of a channel's connection. */
export interface Wire {
  readonly channel: number;
  readonly frameMax: number;
  /** Hands frames to the socket; `done` is called when the operating system has them, or when the socket is gone. */
  readonly write: (frames: Buffer, done: () => void) => void;
}

/** The wire below a channel. Whole frames may be written between those of amqplib: each of its writes is whole frames too. */
export function wireOf(channel: Channel): Wire | undefined {
  const { ch, connection } = channel as unknown as Inside;
  if (typeof ch !== 'number' || connection === undefined || typeof connection.frameMax !== 'number') return undefined;
  if (typeof connection.sentSinceLastCheck !== 'boolean' || !isDuplex(connection.stream)) return undefined;
  const stream = connection.stream;
  return {
    channel: ch,
    frameMax: connection.frameMax,
    write: (frames, done) => {
      connection.sentSinceLastCheck = true;
      stream.write(frames, done);
    },
  };
}

function isDuplex(value: unknown): value is Duplex {
  return typeof value === 'object' && value !== null && 'write' in value && typeof value.write === 'function' && 'cork' in value;
}

interface Receiving {
  rest?: unknown;
  recvSinceLastCheck?: unknown;
  readonly stream?: unknown;
  recvFrame?: () => unknown;
}

const HEADER_FRAME = 2;
const FRAME_HEAD = 7;
const FRAME_OVERHEAD = 8;

/** Reads the content header of the message that amqplib is delivering right now; undefined when it cannot be had. */
export type HeaderTap = () => Buffer | undefined;

/**
 * Lets the content headers of incoming messages be read exactly. amqplib decodes a header frame and throws its bytes away;
 * this keeps them until the message is delivered, which amqplib does synchronously with the last body frame.
 * For a connection with a single consuming channel.
 */
export function tapHeaders(channel: Channel): HeaderTap {
  const connection = (channel as unknown as { connection?: Receiving }).connection;
  const original = connection?.recvFrame;
  let header: Buffer | undefined;
  if (connection !== undefined && typeof original === 'function' && Buffer.isBuffer(connection.rest) && isDuplex(connection.stream)) {
    const stream = connection.stream;
    connection.recvFrame = () => {
      for (;;) {
        const rest = connection.rest as Buffer;
        if (rest.length >= FRAME_HEAD) {
          const size = rest.readUInt32BE(3);
          if (rest.length >= size + FRAME_OVERHEAD || size > 0x0400_0000) {
            // Class, weight and body size come first: 12 bytes.
            if (rest[0] === HEADER_FRAME) header = rest.subarray(FRAME_HEAD + 12, FRAME_HEAD + size);
            return original.call(connection);
          }
        }
        const incoming = stream.read() as Buffer | null;
        if (incoming === null) return false;
        connection.recvSinceLastCheck = true;
        connection.rest = rest.length === 0 ? incoming : Buffer.concat([rest, incoming]);
      }
    };
  }
  return () => header;
}
