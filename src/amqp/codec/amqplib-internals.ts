import type { Duplex } from 'node:stream';
import type { Channel, ChannelModel } from 'amqplib';
import { deferred } from '../../model/async.ts';
import { defuseHeaders } from './frames.ts';

// The only file that uses what amqplib 2.3.1 does not document. Each function checks what it finds and returns undefined
// when it finds something else; its caller then uses amqplib's public API.

interface Inside {
  readonly ch?: unknown;
  readonly connection?: { readonly stream?: unknown; readonly frameMax?: unknown; sentSinceLastCheck?: unknown };
}

/** Puts ready frames on the socket of a channel's connection. */
export interface Wire {
  readonly channel: number;
  readonly frameMax: number;
  /** Hands frames to the socket; `done` is called when the operating system has them, or when the socket is gone. */
  readonly write: (frames: Buffer, done: () => void) => void;
}

/** The wire below a channel. Whole frames may go between those of amqplib, which also writes whole frames. */
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

/**
 * Keeps amqplib from recording the confirms of a channel whose messages it does not see: it would make a list as long as the broker's tag,
 * and walk all of it when the channel closes.
 */
export function forgetConfirms(channel: Channel): void {
  for (const event of ['ack', 'nack']) {
    const own = channel.listeners(event).find(({ name }) => name === 'bound handleConfirm');
    if (own !== undefined) channel.off(event, own as () => void);
  }
}

type Reply = (error: unknown, frame?: unknown) => void;
type Ask = (method: number, fields: object, reply: Reply) => void;

interface Opening extends Inside {
  reply: Reply | null;
  readonly pending: { method: number; fields: object; reply: Reply }[];
  sendOrEnqueue: Ask;
  sendImmediately: (method: number, fields: object) => unknown;
}

const CHANNEL_OPEN = 0x0014_000a;
const CONFIRM_SELECT = 0x0055_000a;

/**
 * Opens a channel with confirms. Both requests leave together: amqplib would send the second one when the first is answered, a round trip
 * later, and each some turns of the event loop later.
 */
export async function openConfirmChannel(model: ChannelModel): Promise<Channel> {
  const { connection } = model as unknown as { connection?: { freshChannel?: unknown } };
  const allocate = connection?.freshChannel;
  if (connection === undefined || typeof allocate !== 'function' || Object.hasOwn(connection, 'freshChannel')) return model.createConfirmChannel();
  try {
    connection.freshChannel = (channel: Opening, ...options: readonly unknown[]): unknown => {
      openTogether(channel);
      return allocate.call(connection, channel, ...options);
    };
    return model.createConfirmChannel();
  } finally {
    // It was called by now: amqplib allocates before it waits for anything.
    delete connection.freshChannel;
  }
}

/** Sends both requests when amqplib sends the first one, and keeps the answer to the second until amqplib asks for it. */
function openTogether(channel: Opening): void {
  const { sendOrEnqueue: ask, sendImmediately: send } = channel;
  const selected = deferred<Parameters<Reply>>();
  channel.sendOrEnqueue = (method, fields, reply) => {
    const wire = method === CHANNEL_OPEN && channel.reply === null ? wireOf(channel as unknown as Channel) : undefined;
    if (wire === undefined) {
      channel.sendOrEnqueue = ask;
      ask.call(channel, method, fields, reply);
      return;
    }
    channel.reply = reply;
    channel.pending.push({ method: CONFIRM_SELECT, fields: {}, reply: (...answer) => selected.resolve(answer) });
    // What is pending is sent already when its turn comes.
    channel.sendImmediately = (pending, more) => {
      if (pending !== CONFIRM_SELECT) return send.call(channel, pending, more);
      channel.sendImmediately = send;
      return undefined;
    };
    channel.sendOrEnqueue = (next, nextFields, nextReply) => {
      channel.sendOrEnqueue = ask;
      if (next !== CONFIRM_SELECT) ask.call(channel, next, nextFields, nextReply);
      else void selected.promise.then((answer) => hand(answer, nextReply));
    };
    wire.write(Buffer.concat([requestOn(wire.channel, CHANNEL_OPEN), requestOn(wire.channel, CONFIRM_SELECT)]), () => undefined);
  };
}

/** Hands an answer to amqplib, which closes the channel when it is a wrong one: that throws if the connection has ended since, and amqplib gets the error instead. */
function hand(answer: Parameters<Reply>, reply: Reply): void {
  try {
    reply(...answer);
  } catch (error) {
    reply(error);
  }
}

/** A method whose only argument is one byte of zeros: an empty text, or no flags. */
function requestOn(channel: number, method: number): Buffer {
  const frame = Buffer.alloc(FRAME_OVERHEAD + METHOD_HEAD + 1);
  frame.writeUInt8(METHOD_FRAME, 0);
  frame.writeUInt16BE(channel, 1);
  frame.writeUInt32BE(METHOD_HEAD + 1, 3);
  frame.writeUInt32BE(method, FRAME_HEAD);
  frame.writeUInt8(FRAME_END, FRAME_HEAD + METHOD_HEAD + 1);
  return frame;
}

interface Receiving {
  rest?: unknown;
  recvSinceLastCheck?: unknown;
  readonly stream?: unknown;
  readonly accept?: unknown;
  recvFrame?: () => unknown;
}

const METHOD_FRAME = 1;
const HEADER_FRAME = 2;
const BODY_FRAME = 3;
const FRAME_HEAD = 7;
const FRAME_OVERHEAD = 8;
const FRAME_END = 0xce;
const BASIC_DELIVER = 0x003c_003c;
/** Class, weight and size of the body come before the properties. */
const CONTENT_HEAD = 12;
/** Class and method come before the arguments. */
const METHOD_HEAD = 4;
const HIGH_WORD = 0x1_0000_0000;
/** Milliseconds; the shortest heartbeat is a second. */
const ALIVE = 500;

/** A delivery, and where its parts are in the socket's bytes. */
export interface DeliveryFrames {
  readonly bytes: Buffer;
  readonly tag: number;
  readonly redelivered: boolean;
  /** Exchange and routing key, as short strings. */
  readonly names: number;
  /** Property flags and values. */
  readonly header: number;
  readonly headerEnd: number;
  readonly body: number;
  readonly bodyEnd: number;
}

/** Reads the content header of the message that amqplib is delivering; undefined when it is not available. */
export type HeaderTap = () => Buffer | undefined;

interface Tapped {
  /** The last content header of this channel: one of another channel may lie between it and its body. */
  header: Buffer | undefined;
  readonly onFrames: (frames: DeliveryFrames) => void;
  /** False once amqplib no longer takes deliveries on this channel. */
  readonly isOpen: () => boolean;
}

interface Tap {
  readonly channels: Map<number, Tapped>;
  readonly frames: () => number;
  /** Stops reading, or reads on. */
  readonly pause: (paused: boolean) => void;
  limit: BodyLimit | undefined;
}

/** The largest body, and what to do when the broker announces a larger one or sends empty parts of a body. */
export interface BodyLimit {
  readonly most: number;
  readonly onTooLarge: (size: number) => void;
  readonly onEmptyPart: () => void;
}

const taps = new WeakMap<object, Tap>();

/**
 * Takes deliveries off the socket before amqplib, which allocates some ten objects for each and decodes headers inexactly.
 * A delivery that is not in one piece, such as a large body, goes through amqplib; the result then gives its content header while amqplib
 * delivers it. For a channel with a single consumer.
 */
export function tapDeliveries(channel: Channel, onFrames: (frames: DeliveryFrames) => void): HeaderTap {
  const { ch, connection, accept } = channel as unknown as { ch?: unknown; connection?: Receiving; accept?: unknown };
  if (connection === undefined || typeof ch !== 'number') return () => undefined;
  const channels = (taps.get(connection) ?? tapped(connection))?.channels;
  if (channels === undefined) return () => undefined;
  const inside = channel as unknown as { accept?: unknown };
  const own: Tapped = { header: undefined, onFrames, isOpen: () => inside.accept === accept };
  channels.set(ch, own);
  channel.once('close', () => channels.delete(ch));
  return () => own.header;
}

/**
 * Counts the whole frames that a connection receives on its channels; heartbeats, empty frames and notices about the connection do not count. From then on only a whole frame
 * is a sign of life for amqplib: heartbeats that fill up a frame whose rest was lost would keep a dead connection open for ever.
 * Nothing more is received once the broker announces a message above the limit. A broker is not taken for silent while reading is paused.
 */
export function watchFrames(model: object, limit: BodyLimit): { readonly frames: () => number; readonly pause: (paused: boolean) => void } {
  const { connection } = model as { connection?: Receiving };
  const tap = connection === undefined ? undefined : (taps.get(connection) ?? tapped(connection));
  if (tap === undefined) return { frames: () => 0, pause: () => undefined };
  tap.limit = limit;
  return tap;
}

function tapped(connection: Receiving): Tap | undefined {
  const original = connection.recvFrame;
  const stream = connection.stream;
  if (typeof original !== 'function' || !Buffer.isBuffer(connection.rest) || !isDuplex(stream)) return undefined;
  const channels = new Map<number, Tapped>();
  const { accept } = connection;
  let frames = 0;
  let refused = false;
  let alive: NodeJS.Timeout | undefined;
  const pause = (paused: boolean): void => {
    if (paused === (alive !== undefined)) return;
    clearInterval(alive);
    alive = paused ? setInterval(() => (connection.recvSinceLastCheck = true), ALIVE).unref() : undefined;
    // The socket does not announce again what was not read.
    if (!paused && !stream.destroyed) stream.emit('readable');
  };
  const tap: Tap = { channels, frames: () => frames, pause, limit: undefined };
  connection.recvFrame = () => {
    for (;;) {
      if (refused || alive !== undefined) return false;
      if (connection.accept === accept && takeWhole(connection, channels, tap.limit?.most)) {
        connection.recvSinceLastCheck = true;
        frames++;
      }
      const rest = connection.rest as Buffer;
      if (rest.length >= FRAME_HEAD) {
        const size = rest.readUInt32BE(3);
        if (rest.length >= size + FRAME_OVERHEAD || size > 0x0400_0000) {
          if (rest[0] === HEADER_FRAME && size >= CONTENT_HEAD) {
            const announced = rest.readUInt32BE(FRAME_HEAD + 4) * HIGH_WORD + rest.readUInt32BE(FRAME_HEAD + 8);
            if (tap.limit !== undefined && announced > tap.limit.most) {
              refused = true;
              tap.limit.onTooLarge(announced);
              return false;
            }
            const own = channels.get(rest.readUInt16BE(1));
            const header = rest.subarray(FRAME_HEAD + CONTENT_HEAD, Math.min(FRAME_HEAD + size, rest.length));
            const original = defuseHeaders(header);
            if (own !== undefined) own.header = original;
          }
          if (rest[0] === BODY_FRAME && size === 0 && tap.limit !== undefined) {
            // amqplib would keep each of them for ever.
            refused = true;
            tap.limit.onEmptyPart();
            return false;
          }
          if (rest.readUInt16BE(1) !== 0 && size > 0 && (rest[0] as number) <= BODY_FRAME) frames++;
          connection.recvSinceLastCheck = true;
          return original.call(connection);
        }
      }
      const incoming = stream.read() as Buffer | null;
      if (incoming === null) return false;
      connection.rest = rest.length === 0 ? incoming : Buffer.concat([rest, incoming]);
    }
  };
  taps.set(connection, tap);
  return tap;
}

/** Hands out the whole deliveries at the front of what was received; true when there were any. */
function takeWhole(connection: Receiving, channels: ReadonlyMap<number, Tapped>, most = Number.POSITIVE_INFINITY): boolean {
  const rest = connection.rest as Buffer;
  let at = 0;
  try {
    for (;;) {
      if (rest.length < at + FRAME_HEAD + METHOD_HEAD || rest[at] !== METHOD_FRAME || rest.readUInt32BE(at + FRAME_HEAD) !== BASIC_DELIVER) return at > 0;
      const tapped = channels.get(rest.readUInt16BE(at + 1));
      if (tapped === undefined || !tapped.isOpen()) return at > 0;
      const frames = deliveryAt(rest, at);
      if (frames === undefined || frames.bodyEnd - frames.body > most) return at > 0;
      // A delivery whose handling throws is not handed out again.
      at = frames.bodyEnd + 1;
      tapped.onFrames(frames);
    }
  } finally {
    if (at > 0) connection.rest = rest.subarray(at);
  }
}

/** The delivery that begins here: method, content header and at most one body frame; undefined when it is something else or not all there. */
function deliveryAt(bytes: Buffer, at: number): DeliveryFrames | undefined {
  const methodEnd = at + FRAME_HEAD + bytes.readUInt32BE(at + 3);
  const content = methodEnd + 1 + FRAME_HEAD;
  // Class and method, a consumer tag, the delivery tag, a flag, and two names.
  if (
    methodEnd < at + FRAME_HEAD + METHOD_HEAD + 12 ||
    bytes.length < content + CONTENT_HEAD ||
    bytes[methodEnd] !== FRAME_END ||
    bytes[methodEnd + 1] !== HEADER_FRAME
  )
    return undefined;
  const headerEnd = content + bytes.readUInt32BE(methodEnd + 1 + 3);
  const size = bytes.readUInt32BE(content + 4) * HIGH_WORD + bytes.readUInt32BE(content + 8);
  const body = size === 0 ? headerEnd : headerEnd + 1 + FRAME_HEAD;
  const bodyEnd = body + size;
  if (bytes.length <= bodyEnd || bytes[headerEnd] !== FRAME_END || bytes[bodyEnd] !== FRAME_END) return undefined;
  if (size > 0 && bytes.readUInt32BE(headerEnd + 1 + 3) !== size) return undefined;
  const tagAt = at + FRAME_HEAD + METHOD_HEAD + 1 + (bytes[at + FRAME_HEAD + METHOD_HEAD] as number);
  return {
    bytes,
    tag: bytes.readUInt32BE(tagAt) * HIGH_WORD + bytes.readUInt32BE(tagAt + 4),
    redelivered: bytes[tagAt + 8] === 1,
    names: tagAt + 9,
    header: content + CONTENT_HEAD,
    headerEnd,
    body,
    bodyEnd,
  };
}
