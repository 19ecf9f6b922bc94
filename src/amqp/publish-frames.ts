import { Failure } from '../model/failure.ts';
import type { Message, Properties } from '../model/message.ts';
import { type Growing, reserve } from './field-table.ts';
import { writeProperties, writeShortString } from './properties.ts';

const METHOD = 1;
const HEADER = 2;
const BODY = 3;
const FRAME_END = 0xce;
const BASIC_CLASS = 60;
const BASIC_PUBLISH = 40;
const FRAME_HEAD = 7;
/** Bytes of a frame besides its payload. */
const FRAME_OVERHEAD = FRAME_HEAD + 1;

/** What the frames of a message depend on besides the message. */
export interface Framing {
  readonly channel: number;
  /** The largest frame that was negotiated; 0 is no limit. */
  readonly frameMax: number;
  readonly mandatory: boolean;
}

/**
 * Writes a message as AMQP frames: basic.publish, content header, bodies. Writing many messages into one buffer and
 * handing that to the socket is what amqplib cannot do: it allocates four buffers and makes a write of its own per message.
 *
 * @throws Failure `data` when a name, a property or a header does not fit; whatever is thrown, nothing of the message has been written then
 */
export function writeMessage(to: Growing, message: Message, framing: Framing): void {
  const start = to.length;
  try {
    writePublish(to, message, framing);
    writeHeader(to, message.properties, message.body.length, framing);
    writeBody(to, message.body, framing);
  } catch (error) {
    to.length = start;
    throw error;
  }
}

/** About how many bytes a message's frames will take, for choosing a buffer. */
export function frameBytes(message: Message): number {
  return message.body.length + 1_024;
}

function openFrame(to: Growing, type: number, channel: number): number {
  const bytes = reserve(to, FRAME_HEAD);
  bytes[to.length] = type;
  bytes.writeUInt16BE(channel, to.length + 1);
  to.length += FRAME_HEAD;
  return to.length;
}

function closeFrame(to: Growing, start: number): void {
  reserve(to, 1);
  to.bytes.writeUInt32BE(to.length - start, start - 4);
  to.bytes[to.length++] = FRAME_END;
}

function writePublish(to: Growing, { exchange, routingKey }: Message, { channel, mandatory }: Framing): void {
  const start = openFrame(to, METHOD, channel);
  reserve(to, 6);
  to.bytes.writeUInt16BE(BASIC_CLASS, to.length);
  to.bytes.writeUInt16BE(BASIC_PUBLISH, to.length + 2);
  to.bytes.writeUInt16BE(0, to.length + 4);
  to.length += 6;
  writeShortString(to, exchange, 'exchange name');
  writeShortString(to, routingKey, 'routing key');
  reserve(to, 1)[to.length++] = mandatory ? 1 : 0;
  closeFrame(to, start);
}

function writeHeader(to: Growing, properties: Properties, bodySize: number, { channel, frameMax }: Framing): void {
  const start = openFrame(to, HEADER, channel);
  reserve(to, 12);
  to.bytes.writeUInt16BE(BASIC_CLASS, to.length);
  to.bytes.writeUInt16BE(0, to.length + 2);
  to.bytes.writeUInt32BE(Math.floor(bodySize / 0x1_0000_0000), to.length + 4);
  to.bytes.writeUInt32BE(bodySize >>> 0, to.length + 8);
  to.length += 12;
  writeProperties(to, properties);
  const size = to.length - start;
  if (frameMax > 0 && size + FRAME_OVERHEAD > frameMax) {
    throw new Failure('data', `the properties and headers have ${size} bytes; with this broker at most ${frameMax - FRAME_OVERHEAD} fit`);
  }
  closeFrame(to, start);
}

function writeBody(to: Growing, body: Buffer, { channel, frameMax }: Framing): void {
  const most = frameMax > 0 ? frameMax - FRAME_OVERHEAD : body.length;
  for (let offset = 0; offset < body.length; offset += most) {
    const start = openFrame(to, BODY, channel);
    const end = Math.min(offset + most, body.length);
    reserve(to, end - offset);
    to.length += body.copy(to.bytes, to.length, offset, end);
    closeFrame(to, start);
  }
}
