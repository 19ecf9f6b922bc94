import * as z from 'zod/mini';
import type { Session } from '../amqp/session.ts';
import type { PublishCounts } from '../model/event.ts';
import { Failure } from '../model/failure.ts';
import type { Message } from '../model/message.ts';
import { queueName, shortText } from './names.ts';
import { publishMessages, sendingShape } from './sending.ts';
import { type Draft, messageShape, propertiesOf, sourceShape } from './source.ts';

/** What `publish` takes. Without queue, exchange and routing key, each envelope goes where it says itself. */
export const PublishConfig = z.strictObject({
  queue: z.optional(queueName('--queue')),
  exchange: z.optional(shortText('--exchange')),
  routingKey: z.optional(shortText('--routing-key')),
  ...messageShape,
  ...sourceShape,
  ...sendingShape,
});
export type PublishConfig = z.output<typeof PublishConfig>;

/**
 * Publishes drafts; see `publishMessages` for what that means and for its failures.
 *
 * @throws Failure `data` for an envelope that does not say where to when the config does not either
 */
export async function publish(session: Session, config: PublishConfig, drafts: AsyncIterable<readonly Draft[]>): Promise<PublishCounts> {
  const { rate, window, confirm, allowUnroutable, confirmTimeout, timeout } = config;
  return publishMessages(session, { rate, window, confirm, allowUnroutable, confirmTimeout, timeout }, completed(drafts, completing(config)), targetOf(config));
}

/** What stands before a draft that cannot be completed is still sent. */
async function* completed(drafts: AsyncIterable<readonly Draft[]>, complete: (draft: Draft) => Message): AsyncGenerator<readonly Message[]> {
  for await (const batch of drafts) {
    const messages: Message[] = [];
    try {
      for (const draft of batch) messages.push(complete(draft));
    } catch (error) {
      yield messages;
      throw error;
    }
    yield messages;
  }
}

/**
 * Checks that it is clear where to, before anything is read or connected.
 *
 * @throws Failure `usage`
 */
export function checkTarget({ queue, exchange, routingKey, body, envelopes }: PublishConfig): void {
  if (queue !== undefined && (exchange !== undefined || routingKey !== undefined)) {
    throw new Failure('usage', '--queue excludes --exchange and --routing-key', {
      hint: '-q QUEUE publishes straight to a queue; -e EXCHANGE -r KEY through an exchange',
    });
  }
  if (queue === undefined && exchange === undefined && routingKey === undefined && (!envelopes || body !== undefined)) {
    throw new Failure('usage', 'where to? --queue QUEUE, or --exchange EXCHANGE with --routing-key KEY', { hint: 'only --envelopes can say so themselves' });
  }
}

/** Fills in where a draft goes and what the flags say: a flag wins over the envelope, headers are merged one by one. */
function completing(config: PublishConfig): (draft: Draft) => Message {
  const flags = propertiesOf(config);
  const target = targetFrom(config);
  // One id per message, made once: a message that is sent again after a lost connection can be told from a new one.
  const run = runId();
  let number = 0;
  if (!config.envelopes && target !== undefined) {
    const { exchange, routingKey } = target;
    // Lines come by the hundred thousand: one object of one shape each.
    if (Object.keys(flags).length === 0)
      return ({ body }) => ({ exchange, routingKey, properties: { deliveryMode: 2, messageId: `${run}-${++number}` }, body });
    return ({ body }) => ({ exchange, routingKey, properties: { deliveryMode: 2, messageId: `${run}-${++number}`, ...flags }, body });
  }
  return ({ exchange, routingKey, properties, body, line }) => {
    const at = target ?? { exchange: exchange ?? '', routingKey: routingKey ?? '' };
    if (target === undefined && exchange === undefined && routingKey === undefined) {
      throw new Failure('data', `line ${line}: the envelope has neither exchange nor routingKey`, { hint: '--queue QUEUE sends all of them to one queue' });
    }
    const headers = flags.headers === undefined ? properties.headers : { ...properties.headers, ...flags.headers };
    return { ...at, body, properties: { deliveryMode: 2, ...properties, ...flags, ...(headers !== undefined && { headers }) } };
  };
}

/** A name for this run that no other has: the time and 52 random bits, without the start-up cost of node:crypto. */
function runId(): string {
  return `${Date.now().toString(36)}${Math.random().toString(36).slice(2)}`;
}

function targetFrom({ queue, exchange, routingKey }: PublishConfig): Pick<Message, 'exchange' | 'routingKey'> | undefined {
  if (queue !== undefined) return { exchange: '', routingKey: queue };
  if (exchange === undefined && routingKey === undefined) return undefined;
  return { exchange: exchange ?? '', routingKey: routingKey ?? '' };
}

function targetOf({ queue, exchange, routingKey }: PublishConfig): string | undefined {
  if (queue !== undefined) return `queue "${queue}"`;
  if (exchange === undefined && routingKey === undefined) return undefined;
  if (exchange === undefined || exchange === '') return `queue "${routingKey ?? ''}"`;
  return routingKey === undefined || routingKey === '' ? `exchange "${exchange}"` : `exchange "${exchange}" with key "${routingKey}"`;
}
