import type { Message as AmqplibMessage } from 'amqplib';
import type { Delivery, FieldTable, Properties } from '../model/message.ts';
import { readProperties } from './properties.ts';

/** A delivery as it came off the wire. Its properties are decoded only when somebody looks: printing bodies needs none. */
export class WireDelivery implements Delivery {
  readonly queue: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly redelivered: boolean;
  readonly body: Buffer;
  /** The channel it came on and its place there; both are needed to answer. */
  readonly generation: number;
  readonly tag: number;
  readonly #header: Buffer | undefined;
  readonly #decoded: AmqplibMessage['properties'];
  #properties: Properties | undefined;

  constructor(queue: string, generation: number, message: AmqplibMessage, header: Buffer | undefined) {
    const fields = message.fields as { deliveryTag: number; redelivered: boolean; exchange: string; routingKey: string };
    this.queue = queue;
    this.generation = generation;
    this.tag = fields.deliveryTag;
    this.exchange = fields.exchange;
    this.routingKey = fields.routingKey;
    this.redelivered = fields.redelivered;
    this.body = message.content;
    this.#header = header;
    this.#decoded = message.properties;
  }

  get properties(): Properties {
    this.#properties ??= this.#header === undefined ? present(this.#decoded) : readProperties(this.#header);
    return this.#properties;
  }

  /** The offset in a stream, or undefined where the queue is none. */
  get offset(): number | undefined {
    const value = (this.#decoded.headers as FieldTable | undefined)?.['x-stream-offset'];
    return typeof value === 'number' ? value : undefined;
  }
}

/** The properties that amqplib found, without the keys that it leaves undefined. */
function present(properties: AmqplibMessage['properties']): Properties {
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined)) as Properties;
}
