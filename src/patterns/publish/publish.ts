import * as z from 'zod/mini';
import type { Session } from '../../amqp/connection/session.ts';
import { withoutSignature } from '../../model/dead-letter/attempt.ts';
import type { PublishCounts } from '../../model/event.ts';
import { Failure } from '../../model/failure.ts';
import { withoutBrokerHeaders } from '../../model/message/broker-headers.ts';
import { type Message, placeOf } from '../../model/message/message.ts';
import { option } from '../../model/option.ts';
import { formatCount } from '../../model/quantity.ts';
import { queueName, shortString, uniqueId } from '../names.ts';
import { type Draft, type Drafts, type MessageConfig, messageShape, propertiesOf, type SourceConfig, sourceShape } from './input.ts';
import { type SendingConfig, sendingRules, sendingShape, sendMessages } from './send.ts';

/** What `publish` takes. Without queue, exchange and routing key, each envelope goes where it says itself. */
export const PublishConfig = z
  .strictObject({
    queue: z.optional(queueName),
    exchange: z.optional(shortString),
    routingKey: z.optional(shortString),
    ...messageShape,
    ...sourceShape,
    ...sendingShape,
  })
  .check(...sendingRules);
export type PublishConfig = z.output<typeof PublishConfig>;

/**
 * Publishes drafts; see `sendMessages` for what that means and for its failures.
 *
 * @throws Failure `data` for an envelope that does not say where to when the config does not either
 */
export async function publish(session: Session, config: PublishConfig, drafts: Drafts): Promise<PublishCounts> {
  return publishDrafts(session, config, drafts, targetOf(config));
}

/**
 * Checks that it is clear where to, before anything is read or connected.
 *
 * @throws Failure `usage`
 */
export function checkDestination({ queue, exchange, routingKey, body, envelopes }: PublishConfig): void {
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
}

/** A flag that names only half of it means the other half to be empty. */
function targetOf({ queue, exchange, routingKey }: PublishConfig): Target {
  if (queue !== undefined) return { exchange: '', routingKey: queue };
  if (exchange === undefined && routingKey === undefined) return {};
  return { exchange: exchange ?? '', routingKey: routingKey ?? '' };
}

/** Where drafts go. What it leaves open, each envelope says itself; where that does not either, it is empty. */
export interface Target {
  readonly exchange?: string | undefined;
  readonly routingKey?: string | undefined;
}

/** What every publishing command knows about its messages and how to send them. */
export type DraftsConfig = MessageConfig & SendingConfig & Pick<SourceConfig, 'envelopes' | 'keepBrokerHeaders'>;

/**
 * Completes drafts and publishes them; see `sendMessages` for what that means and for its failures. An envelope that does not
 * say where to, when the target does not either, is as broken as one that is none.
 */
export async function publishDrafts(session: Session, config: DraftsConfig, drafts: Drafts, target: Target): Promise<PublishCounts> {
  const left = { envelopes: 0 };
  try {
    return await sendMessages(session, config, completed(drafts, completing(config, target, left)), describeTarget(target));
  } finally {
    if (left.envelopes > 0) {
      const which = formatCount(left.envelopes, 'envelope');
      session.emit({
        kind: 'note',
        text: `${which} had headers that a broker wrote, such as x-death: left out, for ${option('keepBrokerHeaders')} was not given`,
      });
    }
  }
}

async function* completed(drafts: Drafts, complete: (draft: Draft) => Message | Failure): AsyncGenerator<readonly (Message | Failure)[]> {
  for await (const batch of drafts) yield batch.map((draft) => (draft instanceof Failure ? draft : complete(draft)));
}

/** Fills in where a draft goes and what the flags say: a flag wins over the envelope, headers are merged one by one. */
function completing(config: DraftsConfig, target: Target, left: { envelopes: number }): (draft: Draft) => Message | Failure {
  const flags = propertiesOf(config);
  if (!config.envelopes) {
    const { exchange = '', routingKey = '' } = target;
    // One id per message, made once: a message that is sent again after a lost connection can be told from a new one.
    const run = uniqueId();
    let number = 0;
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

/** Undefined when it is for each message to say. */
function describeTarget({ exchange, routingKey }: Target): string | undefined {
  if (exchange === undefined) return undefined;
  if (exchange === '') return `queue "${routingKey ?? ''}"`;
  return routingKey === undefined || routingKey === '' ? `exchange "${exchange}"` : `exchange "${exchange}" with key "${routingKey}"`;
}
