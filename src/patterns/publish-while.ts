import type { Publisher } from '../amqp/publisher.ts';
import type { Outcome } from '../amqp/unconfirmed.ts';
import type { Message } from '../model/message.ts';

/**
 * Publishes what comes of a delivery when there is room for it, and resolves with the outcome. Undefined when the connection of the
 * delivery has been lost by then: it comes again, and so does what comes of it.
 */
export async function publishWhile(publisher: Publisher, message: Message, isCurrent: () => boolean): Promise<Outcome | undefined> {
  await publisher.readyFor(message);
  if (!isCurrent()) return undefined;
  return new Promise((resolve) => publisher.send(message, resolve));
}
