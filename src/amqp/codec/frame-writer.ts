import type { Channel } from 'amqplib';
import { Failure } from '../../model/failure.ts';
import { isTyped } from '../../model/message/field.ts';
import type { FieldTable, FieldValue, Message } from '../../model/message/message.ts';
import { forgetConfirms, type Wire, wireOf } from './amqplib-internals.ts';
import type { Growing } from './field-table.ts';
import { frameBytes, writeMessage } from './frames.ts';

/** Puts messages on a channel, many at a time. */
export interface FrameWriter {
  /**
   * Adds a message; it leaves with the next flush at the latest.
   *
   * @throws Failure `data` when it cannot be encoded; nothing of it is sent then
   */
  readonly write: (message: Message) => void;
  /** Sends what was added; `done` is called when the operating system has it. */
  readonly flush: (done?: () => void) => void;
}

/** Adds a message to a writer, if there is one. Returns why the message cannot be encoded; undefined when it leaves with the next flush. */
export function added(writer: FrameWriter | undefined, message: Message): Failure | undefined {
  try {
    writer?.write(message);
    return undefined;
  } catch (error) {
    if (error instanceof Failure && error.kind === 'data') return error;
    throw error;
  }
}

/** Whether the broker returns a message that no queue is bound for: always, never, or depending on the message. */
export type Mandatory = boolean | ((message: Message) => boolean);

/** Writes frames itself where amqplib's internals are as expected; uses its public API otherwise. */
export function frameWriter(channel: Channel, mandatory: Mandatory): FrameWriter {
  const wire = wireOf(channel);
  if (wire === undefined) return publicWriter(channel, mandatory);
  forgetConfirms(channel);
  return batchWriter(wire, mandatory);
}

const BATCH = 65_536;
const SPARE_BATCHES = 4;

function batchWriter(wire: Wire, mandatory: Mandatory): FrameWriter {
  const { channel, frameMax } = wire;
  const [required, optional] = [
    { channel, frameMax, mandatory: true },
    { channel, frameMax, mandatory: false },
  ];
  const spare: Buffer[] = [];
  const next = (size: number): Growing => ({ bytes: (size <= BATCH ? spare.pop() : undefined) ?? Buffer.allocUnsafeSlow(Math.max(size, BATCH)), length: 0 });
  let batch = next(0);
  const flush = (done?: () => void): void => {
    const { bytes, length } = batch;
    if (length === 0) {
      done?.();
      return;
    }
    batch = next(0);
    wire.write(bytes.subarray(0, length), () => {
      if (bytes.length === BATCH && spare.length < SPARE_BATCHES) spare.push(bytes);
      done?.();
    });
  };
  return {
    write: (message) => {
      const size = frameBytes(message);
      if (batch.length + size > batch.bytes.length) {
        flush();
        if (size > BATCH) batch = next(size);
      }
      writeMessage(batch, message, isMandatory(message, mandatory) ? required : optional);
    },
    flush,
  };
}

/** Through `channel.publish`, one message at a time. */
function publicWriter(channel: Channel, mandatory: Mandatory): FrameWriter {
  let full = false;
  return {
    write: (message) => {
      const { exchange, routingKey, properties, body } = message;
      const { headers, timestamp, ...rest } = properties;
      if (typeof timestamp === 'string') throw inexact(`the timestamp ${timestamp}`);
      const options = {
        ...rest,
        ...(timestamp !== undefined && { timestamp }),
        mandatory: isMandatory(message, mandatory),
        headers: headers === undefined ? {} : encodable(headers),
      };
      full = !channel.publish(exchange, routingKey, body, options);
    },
    flush: (done) => {
      if (done === undefined) return;
      if (full) channel.once('drain', done);
      else setImmediate(done);
    },
  };
}

function isMandatory(message: Message, mandatory: Mandatory): boolean {
  return typeof mandatory === 'boolean' ? mandatory : mandatory(message);
}

const inexact = (what: string): Failure => new Failure('data', `${what} cannot be sent through this version of amqplib without a loss`);

/**
 * A table as amqplib encodes it: it has no `bytes`, `longstr` and `table`.
 *
 * @throws Failure `data` for what amqplib would change
 */
export function encodable(table: FieldTable): Record<string, unknown> {
  return Object.fromEntries(Object.entries(table).map(([name, value]) => [name, encodableValue(value)]));
}

function encodableValue(value: FieldValue): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return (value as readonly FieldValue[]).map(encodableValue);
  if (!isTyped(value as FieldTable)) return encodable(value as FieldTable);
  const { '!': type, value: inner } = value as { '!': string; value: FieldValue };
  if (type === 'bytes') return Buffer.from(inner as string, 'base64');
  // Text that is not UTF-8, a table with a key "!", which would be taken for a type, and fields that are encoded already.
  if (type === 'longstr' || type === 'table' || type === 'raw') throw inexact(`a header of type ${type}`);
  return value;
}
