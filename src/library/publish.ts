import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod/mini';
import type { PublishCounts } from '../model/event.ts';
import { Failure } from '../model/failure.ts';
import type { Message } from '../model/message/message.ts';
import { isPlainObject, quote } from '../model/text.ts';
import { exchangeName } from '../patterns/names.ts';
import { checkedOptions } from '../patterns/options.ts';
import * as open from '../patterns/publish/open-publisher.ts';
import { messageMaker, type Outgoing } from '../patterns/publish/outgoing.ts';
import { SendingConfig, sendingRules, sendingShape, sendMessages } from '../patterns/publish/send.ts';
import { declareMissing, exchangeTopology } from '../patterns/subscribe/subscription.ts';
import { type Open, opening } from './handle.ts';
import type { Call, Input } from './options.ts';
import { type Session, within } from './session.ts';

/** What `openPublisher` takes; durations are milliseconds. */
export interface PublisherOptions extends Input<typeof open.openPublisherShape> {}

/** A publisher that stays open, for a program that publishes when it has something to say. */
export interface OpenPublisher extends Open, Pick<open.OpenPublisher, 'publish'> {
  /** Waits for confirms that are on their way, 5 s at most, and closes the connection. What has none by then is rejected: `later` where it was not sent, else `unavailable`. */
  close(): Promise<void>;
}

/** How long messages under way may take once a publisher is closed, in milliseconds. */
const CLOSE_GRACE = 5_000;

/**
 * Connects a publisher that stays open; see {@link OpenPublisher.publish}. While the broker cannot be reached, it waits for it: a `signal` limits that.
 *
 * @throws Failure `usage` for wrong options, `denied` for a refused login, what the signal was aborted with, and `unavailable` where the session has a limit
 */
export async function openPublisher(session: Session, options: PublisherOptions = {}, call?: Call): Promise<OpenPublisher> {
  const underWay = new Set<Promise<void>>();
  const settled = async (): Promise<void> => {
    const stop = new AbortController();
    const late = delay(CLOSE_GRACE, undefined, { signal: stop.signal }).catch(() => undefined);
    await Promise.race([Promise.allSettled(underWay), late]);
    stop.abort();
  };
  return opening(session, { queue: undefined, call, settled }, async (links) => {
    const { publish, close } = await open.openPublisher(links, checkedOptions(open.OpenPublisherConfig, options));
    const sending = async (message: Outgoing, given?: open.PublishOptions): Promise<void> => {
      const sent = publish(message, given);
      underWay.add(sent);
      try {
        await sent;
      } finally {
        underWay.delete(sent);
      }
    };
    return { publish: sending, close };
  });
}

/** Messages, or arrays of them as they become known. */
export type Batches<M> = Iterable<M> | AsyncIterable<readonly M[]>;

/** What `publishMessages` takes; durations are milliseconds. */
export interface PublishMessagesOptions extends Input<typeof sendingShape> {}

/** A message to an exchange that the options name. */
export type Published = Omit<Outgoing, 'exchange' | 'routingKey'> & { readonly routingKey?: string };

/**
 * Publishes messages, and resolves when the broker has taken responsibility for each and each has reached a queue. What is no message is not sent, and
 * costs no other. Further messages are read as there is room for them; an async iterable yields arrays.
 *
 * @throws Failure `usage` for wrong options, before anything is connected; otherwise, after everything else was sent, what did not work: `unroutable`,
 * `later` (nacked), `refused`, `unavailable`, `data` for what is no message or cannot be encoded, `partial` for several reasons, or what a signal was aborted with
 */
export async function publishMessages(session: Session, options: PublishMessagesOptions, messages: Batches<Outgoing>, call?: Call): Promise<PublishCounts> {
  return within(session, undefined, call, (links) => {
    const config = checkedOptions(SendingConfig, options);
    checkBatches(messages);
    return sendMessages(links, config, made(messages), undefined);
  });
}

/** An exchange, and how messages are sent to it. */
export interface PublishToOptions extends PublishMessagesOptions {
  /** Declared where it is missing. `order.events` unless told otherwise. */
  readonly exchange?: string | undefined;
}

/**
 * Publishes messages to a durable fanout exchange: every queue that is bound to it gets each.
 *
 * @throws Failure `refused` for an exchange of another type, `unroutable` where no queue is bound, and as {@link publishMessages} does
 */
export async function publishFanout(session: Session, options: PublishToOptions, messages: Batches<Published>, call?: Call): Promise<PublishCounts> {
  return publishTo(session, 'fanout', withExchange(options, 'order.events'), messages, call);
}

/**
 * Publishes messages to a durable topic exchange (`events.topic` unless told otherwise): the queues whose patterns match its routing key get each.
 *
 * @throws Failure `refused` for an exchange of another type, `unroutable` where no pattern matches, and as {@link publishMessages} does
 */
export async function publishTopic(
  session: Session,
  options: PublishToOptions,
  messages: Batches<Published & { readonly routingKey: string }>,
  call?: Call,
): Promise<PublishCounts> {
  return publishTo(session, 'topic', withExchange(options, 'events.topic'), messages, call);
}

const SendingToConfig = z.strictObject({ exchange: exchangeName, ...sendingShape }).check(...sendingRules);

function withExchange(options: PublishToOptions, exchange: string): PublishToOptions {
  return isPlainObject(options) ? { exchange, ...options } : options;
}

async function publishTo(
  session: Session,
  type: 'fanout' | 'topic',
  options: PublishToOptions,
  messages: Batches<Published>,
  call: Call | undefined,
): Promise<PublishCounts> {
  return within(session, undefined, call, async (links) => {
    const { exchange, ...config } = checkedOptions(SendingToConfig, options);
    checkBatches(messages);
    await declareMissing(links, exchangeTopology(exchange, type));
    return sendMessages(links, config, made(messages, exchange), exchange);
  });
}

/** @throws Failure `usage` for what cannot be read as messages */
function checkBatches(messages: unknown): void {
  if (typeof messages === 'object' && messages !== null && (Symbol.iterator in messages || Symbol.asyncIterator in messages)) return;
  throw new Failure('usage', `messages must be an array, an iterable or an async iterable of arrays; got ${quote(messages)}`);
}

/** What is no message stands as its failure: it costs no other. */
async function* made(messages: Batches<unknown>, exchange?: string): AsyncGenerator<readonly (Message | Failure)[]> {
  const make = messageMaker();
  const attempt = (given: unknown): Message | Failure => {
    try {
      return make(exchange !== undefined && isPlainObject(given) ? { routingKey: '', ...given, exchange } : given);
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

/** Messages of an array that are handed on at a time: one by one, each would be a write of its own. */
const BATCH = 500;

function* batched<T>(items: Iterable<T>): Generator<readonly T[]> {
  let batch: T[] = [];
  for (const item of items) {
    batch.push(item);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
