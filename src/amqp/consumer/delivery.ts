import type { Message as AmqplibMessage, Channel, ConsumeMessage } from 'amqplib';
import { brokenRule } from '../../model/failure.ts';
import type { Delivery, FieldTable, Properties } from '../../model/message/message.ts';
import { type DeliveryFrames, tapDeliveries } from '../codec/amqplib-internals.ts';
import { readProperties } from '../codec/frames.ts';
import type { Connection } from '../connection/connection.ts';

/** A delivery off the wire. Its parts are decoded when they are read: printing bodies needs no properties. */
export interface WireDelivery extends Delivery {
  /** Its channel and its tag there; an answer needs both. */
  readonly generation: number;
  readonly tag: number;
  /** The offset in a stream; undefined for other queues. */
  readonly offset: number | undefined;
}

/** The connection and channel of deliveries; the caller counts the channels. */
export interface DeliveryOrigin {
  readonly queue: string;
  readonly generation: number;
  /** True for deliveries that get no answer: the broker gives direct replies any tag (tried on 3.10.8). */
  readonly unanswered?: boolean;
  /** How many may have arrived by now: the answered ones and the prefetch. */
  readonly most?: (() => number) | undefined;
}

/**
 * Hands out the deliveries of the one consumer of a channel; the result is for `channel.consume`. Delivery tags count from 1 on each channel. A broker that
 * omits one, or sends one twice, cannot be answered, and its connection is given up.
 */
export function takeDeliveries(
  channel: Channel,
  connection: Connection,
  origin: DeliveryOrigin,
  onDelivery: (delivery: WireDelivery) => void,
): (message: ConsumeMessage | null) => void {
  let last = 0;
  const take = (delivery: WireDelivery): void => {
    if (delivery.tag === last + 1 || origin.unanswered === true) {
      last++;
      // Streams deliver in chunks of any size. From other queues, deliveries beyond the prefetch would only fill the memory.
      if (origin.most === undefined || last <= origin.most() || delivery.offset !== undefined) onDelivery(delivery);
      else if (connection.open) connection.giveUp(brokenRule(`it delivered message ${last} although the prefetch ends at ${origin.most()}`));
    } else if (connection.open) connection.giveUp(brokenRule(`it sent the delivery tag ${delivery.tag} where ${last + 1} was due`));
  };
  const header = tapDeliveries(channel, (frames) => take(new FramedDelivery(origin, frames)));
  return (message) => message !== null && take(new DecodedDelivery(origin, message, header()));
}

/** A delivery in one piece in the bytes of the socket. */
class FramedDelivery implements WireDelivery {
  readonly queue: string;
  readonly generation: number;
  readonly tag: number;
  readonly redelivered: boolean;
  readonly body: Buffer;
  readonly #frames: DeliveryFrames;
  #properties: Properties | undefined;

  constructor({ queue, generation }: DeliveryOrigin, frames: DeliveryFrames) {
    this.queue = queue;
    this.generation = generation;
    this.tag = frames.tag;
    this.redelivered = frames.redelivered;
    this.body = frames.bytes.subarray(frames.body, frames.bodyEnd);
    this.#frames = frames;
  }

  get exchange(): string {
    const { bytes, names } = this.#frames;
    return shortString(bytes, names);
  }

  get routingKey(): string {
    const { bytes, names } = this.#frames;
    return shortString(bytes, names + 1 + (bytes[names] as number));
  }

  get properties(): Properties {
    const { bytes, header, headerEnd } = this.#frames;
    this.#properties ??= readProperties(bytes.subarray(header, headerEnd));
    return this.#properties;
  }

  get offset(): number | undefined {
    return offsetIn(this.properties.headers);
  }
}

/** A delivery that amqplib put together. */
class DecodedDelivery implements WireDelivery {
  readonly queue: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly redelivered: boolean;
  readonly body: Buffer;
  readonly generation: number;
  readonly tag: number;
  readonly #header: Buffer | undefined;
  readonly #decoded: AmqplibMessage['properties'];
  #properties: Properties | undefined;

  constructor({ queue, generation }: DeliveryOrigin, { fields, content, properties }: ConsumeMessage, header: Buffer | undefined) {
    this.queue = queue;
    this.generation = generation;
    this.tag = fields.deliveryTag;
    this.exchange = fields.exchange;
    this.routingKey = fields.routingKey;
    this.redelivered = fields.redelivered;
    this.body = content;
    this.#header = header;
    this.#decoded = properties;
  }

  get properties(): Properties {
    this.#properties ??= this.#header === undefined ? present(this.#decoded) : readProperties(this.#header);
    return this.#properties;
  }

  get offset(): number | undefined {
    return offsetIn(this.properties.headers);
  }
}

function shortString(bytes: Buffer, at: number): string {
  const size = bytes[at] as number;
  return size === 0 ? '' : bytes.toString('utf8', at + 1, at + 1 + size);
}

function offsetIn(headers: FieldTable | undefined): number | undefined {
  const offset = headers?.['x-stream-offset'];
  const value = typeof offset === 'object' && offset !== null && 'value' in offset ? offset['value'] : offset;
  return typeof value === 'number' ? value : undefined;
}

/** The properties that amqplib found, without its undefined keys. */
function present(properties: AmqplibMessage['properties']): Properties {
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined)) as Properties;
}
