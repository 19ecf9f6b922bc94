import type { Session } from '../../amqp/connection/session.ts';
import type { PublishCounts } from '../../model/event.ts';
import { Failure } from '../../model/failure.ts';
import type { Message } from '../../model/message/message.ts';
import { quote } from '../../model/text.ts';
import { messageMaker, type Outgoing } from './outgoing.ts';
import { type SendingConfig, sendMessages } from './send.ts';

/** Messages, or batches of them as they become known. A failure stands for an invalid message: the others are sent. */
export type Batches = Iterable<Outgoing> | AsyncIterable<readonly (Outgoing | Failure)[]>;

/**
 * Publishes messages, and resolves when the broker has taken responsibility for each and each has reached a queue. An invalid message is not sent, and
 * stops no other.
 *
 * @throws Failure `usage` for what cannot be read as messages; after everything else was sent, what failed: `unroutable`,
 * `later` (nacked), `refused`, `unavailable`, `data` for a message that is invalid or cannot be encoded, or what the session's signal was aborted with
 */
export async function publishMessages(session: Session, config: SendingConfig, messages: Batches, target?: string): Promise<PublishCounts> {
  checkBatches(messages);
  return sendMessages(session, config, made(messages), target);
}

/** @throws Failure `usage` for what cannot be read as messages */
export function checkBatches(messages: unknown): void {
  if (typeof messages === 'object' && messages !== null && (Symbol.iterator in messages || Symbol.asyncIterator in messages)) return;
  throw new Failure('usage', `messages must be an array, an iterable or an async iterable of arrays; got ${quote(messages)}`);
}

/** Messages of an array that are handed on at a time: one by one, each would be a write of its own. */
const BATCH = 500;

async function* made(messages: Batches): AsyncGenerator<readonly (Message | Failure)[]> {
  const make = messageMaker();
  const attempt = (given: unknown): Message | Failure => {
    try {
      return given instanceof Failure ? given : make(given);
    } catch (error) {
      if (error instanceof Failure) return error;
      throw error;
    }
  };
  if (Symbol.asyncIterator in messages) {
    for await (const batch of messages)
      yield Array.isArray(batch) ? batch.map(attempt) : [new Failure('data', `a batch must be an array, got ${quote(batch)}`)];
  } else for (const batch of batched(messages)) yield batch.map(attempt);
}

/** What is given one by one, in batches. */
export function* batched<T>(items: Iterable<T>): Generator<readonly T[]> {
  let batch: T[] = [];
  for (const item of items) {
    batch.push(item);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
