import * as z from 'zod/mini';
import type { Session } from '../../amqp/connection/session.ts';
import { withoutSignature } from '../../model/dead-letter/attempt.ts';
import type { PublishCounts } from '../../model/event.ts';
import { Failure } from '../../model/failure.ts';
import { withoutBrokerHeaders } from '../../model/message/broker-headers.ts';
import { type Message, placeOf } from '../../model/message/message.ts';
import { option } from '../../model/option.ts';
import { formatCount, formatDuration, MAX_TIMER } from '../../model/quantity.ts';
import { queueName, shortString, uniqueId } from '../names.ts';
import { type Draft, type Drafts, messageShape, propertiesOf, sourceShape, templateShape } from './input.ts';
import { sendingRules, sendingShape, sendMessages } from './send.ts';

/** What every publishing command takes besides where to. */
export const publishingShape = {
  ...messageShape,
  ...sourceShape,
  ...templateShape,
  ...sendingShape,
  /** A file with the JSON Schema of each body; one that does not fit is not sent. */
  schema: z.optional(z.string().check(z.minLength(1))),
  /** Milliseconds that messages wait, in a queue of their own, before they go where they are sent. */
  delay: z.optional(z.int().check(z.minimum(1), z.maximum(MAX_TIMER))),
};

const PublishingConfig = z.object(publishingShape);
/** How a publishing command completes and sends its messages. */
export type PublishingConfig = z.output<typeof PublishingConfig>;

/** What holds between them: for `check` of every config that has them. */
export const publishingRules = [
  ...sendingRules,
  z.refine<Pick<PublishingConfig, 'delay' | 'ttl'>>(({ delay, ttl }) => delay === undefined || ttl === undefined, {
    error: () => `${option('delay')} and ${option('ttl')} exclude each other: the broker drops the time of a message that it hands on`,
  }),
] as const;

/** The options of `publish`. Without queue, exchange and routing key, each envelope goes to its own destination. */
export const PublishConfig = z
  .strictObject({
    queue: z.optional(queueName),
    exchange: z.optional(shortString),
    routingKey: z.optional(shortString),
    ...publishingShape,
  })
  .check(...publishingRules);
export type PublishConfig = z.output<typeof PublishConfig>;

/**
 * Publishes drafts; see `sendMessages` for its promise and its failures.
 *
 * @throws Failure `data` for an envelope without a destination when the config has none either
 */
export async function publish(session: Session, config: PublishConfig, drafts: Drafts): Promise<PublishCounts> {
  return publishDrafts(session, config, drafts, targetOf(config));
}

/**
 * Checks the destination, before anything is read or connected.
 *
 * @throws Failure `usage`
 */
export function checkDestination({ queue, exchange, routingKey, body, envelopes, delay, template, data }: PublishConfig): void {
  if (queue !== undefined && (exchange !== undefined || routingKey !== undefined)) {
    throw new Failure('usage', `${option('queue')} excludes ${option('exchange')} and ${option('routingKey')}`, {
      hint: `${option('queue')} publishes straight to a queue; ${option('exchange')} with ${option('routingKey')} publishes through an exchange`,
    });
  }
  if (queue === undefined && exchange === undefined && routingKey === undefined && (!envelopes || body !== undefined)) {
    throw new Failure('usage', `no destination: use ${option('queue', 'QUEUE')}, or ${option('exchange', 'EXCHANGE')} with ${option('routingKey', 'KEY')}`, {
      hint: `only messages read with ${option('envelopes')} name their own destination`,
    });
  }
  if (delay === undefined || queue !== undefined) return;
  if (exchange === undefined && (routingKey === undefined || template || data !== undefined)) {
    throw new Failure('usage', `${option('delay')} needs one destination: use ${option('queue', 'QUEUE')} or ${option('exchange', 'EXCHANGE')}`);
  }
}

/** An option that names half of a destination leaves the other half empty. */
function targetOf({ queue, exchange, routingKey }: PublishConfig): Target {
  if (queue !== undefined) return { exchange: '', routingKey: queue };
  if (exchange === undefined && routingKey === undefined) return {};
  return { exchange: exchange ?? '', routingKey: routingKey ?? '' };
}

/** A destination. Each envelope fills in what is undefined; what it does not name is empty. */
export interface Target {
  readonly exchange?: string | undefined;
  readonly routingKey?: string | undefined;
}

/**
 * Completes drafts and publishes them; see `sendMessages` for its promise and its failures. An envelope without a
 * destination, when the target has none either, is invalid.
 */
export async function publishDrafts(session: Session, config: PublishingConfig, drafts: Drafts, target: Target): Promise<PublishCounts> {
  const left = { envelopes: 0 };
  const { delay } = config;
  const address = delay === undefined ? target : await delayed(session, config, delay, target);
  const told = describeTarget(target);
  try {
    const messages = completed(drafts, completing(config, address, left));
    return await sendMessages(session, config, messages, delay === undefined ? told : `${told}, where they will be in ${formatDuration(delay)}`);
  } finally {
    if (left.envelopes > 0) {
      const which = formatCount(left.envelopes, 'envelope');
      session.emit({
        kind: 'note',
        text: `${which} had headers that a broker wrote, such as x-death: they were removed, without ${option('keepBrokerHeaders')}`,
      });
    }
  }
}

/** Where messages wait that are to go to the target later. */
async function delayed(session: Session, config: PublishingConfig, pause: number, { exchange, routingKey }: Target): Promise<Target> {
  if (exchange === undefined) throw new Failure('usage', `${option('delay')} needs one destination`, { hint: 'each envelope names its own' });
  const { prepareDelay } = await import('./delay.ts');
  const address = await prepareDelay(session, pause, { exchange, routingKey }, config.allowUnroutable);
  return { routingKey, ...address };
}

async function* completed(drafts: Drafts, complete: (draft: Draft) => Message | Failure): AsyncGenerator<readonly (Message | Failure)[]> {
  for await (const batch of drafts) yield batch.map((draft) => (draft instanceof Failure ? draft : complete(draft)));
}

/** Fills in the destination and the options: an option wins over the envelope, headers are merged one by one. */
function completing(config: PublishingConfig, target: Target, left: { envelopes: number }): (draft: Draft) => Message | Failure {
  const flags = propertiesOf(config);
  if (!config.envelopes) {
    const { exchange = '', routingKey = '' } = target;
    const isFilled = config.template || config.data !== undefined;
    // One id per message, made once: it tells a message that is sent again from a new one.
    const run = uniqueId();
    let number = 0;
    if (isFilled) {
      return (draft) => ({
        exchange,
        routingKey: draft.routingKey ?? routingKey,
        properties: { deliveryMode: 2, messageId: `${run}-${++number}`, ...draft.properties },
        body: draft.body,
        from: draft,
      });
    }
    // Lines come by the hundred thousand: one object of one shape each.
    if (Object.keys(flags).length === 0)
      return (draft) => ({ exchange, routingKey, properties: { deliveryMode: 2, messageId: `${run}-${++number}` }, body: draft.body, from: draft });
    return (draft) => ({ exchange, routingKey, properties: { deliveryMode: 2, messageId: `${run}-${++number}`, ...flags }, body: draft.body, from: draft });
  }
  return (draft) => {
    const { body } = draft;
    const properties = withoutSignature(config.keepBrokerHeaders ? draft.properties : withoutBrokerHeaders(draft.properties));
    if (properties !== draft.properties) left.envelopes++;
    const { exchange = draft.exchange, routingKey = draft.routingKey } = target;
    if (exchange === undefined && routingKey === undefined) {
      return new Failure('data', `${placeOf(draft)}: the envelope has neither exchange nor routingKey`, {
        hint: `${option('queue', 'QUEUE')} sends all of them to one queue`,
      });
    }
    if (config.delay !== undefined && properties.expiration !== undefined && flags.expiration === undefined) {
      return new Failure('data', `${placeOf(draft)}: the envelope has an expiration, which the broker drops from a message that it hands on later`);
    }
    const headers = flags.headers === undefined ? properties.headers : { ...properties.headers, ...flags.headers };
    return {
      exchange: exchange ?? '',
      routingKey: routingKey ?? '',
      properties: { deliveryMode: 2, ...properties, ...flags, ...(headers !== undefined && { headers }) },
      body,
      from: draft,
    };
  };
}

/** Undefined when each message has its own. */
function describeTarget({ exchange, routingKey }: Target): string | undefined {
  if (exchange === undefined) return undefined;
  if (exchange === '') return `queue "${routingKey ?? ''}"`;
  return routingKey === undefined || routingKey === '' ? `exchange "${exchange}"` : `exchange "${exchange}" with key "${routingKey}"`;
}
