import type { Session } from '../amqp/session.ts';
import type { PublishCounts } from '../model/event.ts';
import { Failure } from '../model/failure.ts';
import type { Message } from '../model/message.ts';
import { publishMessages, type SendingConfig } from './sending.ts';
import { type Draft, type MessageConfig, placeOf, propertiesOf, type SourceConfig } from './source.ts';
import { uniqueId } from './unique.ts';

/** Where drafts go. What it leaves open, each envelope says itself; where that does not either, it is empty. */
export interface Target {
  readonly exchange?: string | undefined;
  readonly routingKey?: string | undefined;
}

/** What every publishing command knows about its messages and how to send them. */
export type DraftsConfig = MessageConfig & SendingConfig & Pick<SourceConfig, 'envelopes'>;

/**
 * Completes drafts and publishes them; see `publishMessages` for what that means and for its failures.
 *
 * @throws Failure `data` for an envelope that does not say where to when the target does not either
 */
export async function publishDrafts(session: Session, config: DraftsConfig, drafts: AsyncIterable<readonly Draft[]>, target: Target): Promise<PublishCounts> {
  return publishMessages(session, config, completed(drafts, completing(config, target)), describeTarget(target));
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

/** Fills in where a draft goes and what the flags say: a flag wins over the envelope, headers are merged one by one. */
function completing(config: MessageConfig & Pick<SourceConfig, 'envelopes'>, target: Target): (draft: Draft) => Message {
  const flags = propertiesOf(config);
  if (!config.envelopes) {
    const { exchange = '', routingKey = '' } = target;
    // One id per message, made once: a message that is sent again after a lost connection can be told from a new one.
    const run = uniqueId();
    let number = 0;
    // Lines come by the hundred thousand: one object of one shape each.
    if (Object.keys(flags).length === 0)
      return ({ body }) => ({ exchange, routingKey, properties: { deliveryMode: 2, messageId: `${run}-${++number}` }, body });
    return ({ body }) => ({ exchange, routingKey, properties: { deliveryMode: 2, messageId: `${run}-${++number}`, ...flags }, body });
  }
  return (draft) => {
    const { properties, body } = draft;
    const { exchange = draft.exchange, routingKey = draft.routingKey } = target;
    if (exchange === undefined && routingKey === undefined) {
      throw new Failure('data', `${placeOf(draft)}: the envelope has neither exchange nor routingKey`, {
        hint: '--queue QUEUE sends all of them to one queue',
      });
    }
    const headers = flags.headers === undefined ? properties.headers : { ...properties.headers, ...flags.headers };
    return {
      exchange: exchange ?? '',
      routingKey: routingKey ?? '',
      properties: { deliveryMode: 2, ...properties, ...flags, ...(headers !== undefined && { headers }) },
      body,
    };
  };
}

/** Undefined when it is for each message to say. */
function describeTarget({ exchange, routingKey }: Target): string | undefined {
  if (exchange === undefined) return undefined;
  if (exchange === '') return `queue "${routingKey ?? ''}"`;
  return routingKey === undefined || routingKey === '' ? `exchange "${exchange}"` : `exchange "${exchange}" with key "${routingKey}"`;
}
