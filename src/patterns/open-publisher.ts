import { Publisher } from '../amqp/publisher.ts';
import type { Session } from '../amqp/session.ts';
import type { Outcome } from '../amqp/unconfirmed.ts';
import { Failure } from '../model/failure.ts';
import type { Message, Properties } from '../model/message.ts';
import { SendingConfig, WINDOW_BYTES } from './sending.ts';
import { uniqueId } from './unique.ts';

/** A message to send; without an exchange, the routing key names a queue. It is persistent, and has an id, unless its properties say otherwise. */
export interface Outgoing {
  readonly exchange?: string;
  readonly routingKey: string;
  readonly properties?: Properties;
  readonly body: Buffer | string;
}

/** A publisher that stays open, for a program that publishes when it has something to say. */
export interface OpenPublisher {
  /**
   * Sends a message, and resolves once the broker has taken responsibility for it and it has reached a queue. A lost connection
   * comes back, and what had no confirm is sent again. Any number of calls may be under way at once.
   *
   * @throws Failure `unroutable`, `later` (nacked), `refused`, `data` for a message that cannot be encoded, or `unavailable`: then nobody knows
   */
  readonly publish: (message: Outgoing) => Promise<void>;
  /** Closes the connection; messages without an outcome are unknown. */
  readonly close: () => Promise<void>;
}

/**
 * Connects a publisher that stays open.
 *
 * @throws Failure as the connection gives it
 */
export async function openPublisher(session: Session, config: SendingConfig = SendingConfig.parse({})): Promise<OpenPublisher> {
  const { window, confirm, allowUnroutable, confirmTimeout } = config;
  const publisher = new Publisher(session, { window, windowBytes: WINDOW_BYTES, confirm, mandatory: !allowUnroutable, oneExchange: false, confirmTimeout });
  await publisher.connect();
  const run = uniqueId();
  let number = 0;
  return {
    publish: async ({ exchange = '', routingKey, properties, body }) => {
      const bytes = typeof body === 'string' ? Buffer.from(body) : body;
      const message: Message = { exchange, routingKey, properties: { deliveryMode: 2, messageId: `${run}-${++number}`, ...properties }, body: bytes };
      const failure = failureOf(await publisher.publish(message), message);
      if (failure !== undefined) throw failure;
    },
    close: () => publisher.close(),
  };
}

function failureOf(outcome: Outcome, { exchange, routingKey }: Message): Failure | undefined {
  switch (outcome.kind) {
    case 'confirmed':
    case 'sent':
      return undefined;
    case 'returned':
      return new Failure(
        'unroutable',
        exchange === '' ? `there is no queue "${routingKey}"` : `no queue is bound to exchange "${exchange}" for key "${routingKey}"`,
      );
    case 'nacked':
      return new Failure('later', 'the broker refused the message (nack)', { hint: 'a full queue with overflow=reject-publish does this' });
    case 'refused':
    case 'unknown':
      return outcome.failure;
  }
}
