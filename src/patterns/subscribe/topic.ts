import * as z from 'zod/mini';
import type { Session } from '../../amqp/connection/session.ts';
import type { PublishCounts } from '../../model/event.ts';
import { option } from '../../model/option.ts';
import { limitsRules, limitsShape, prefetch } from '../consume/config.ts';
import { exchangeName, queueName, shortString } from '../names.ts';
import type { Drafts } from '../publish/input.ts';
import { publishDrafts, publishingRules, publishingShape } from '../publish/publish.ts';
import { type QueueConfig, queueRules, queueShape, queueSpec } from '../queue/shape.ts';
import { workerShape } from '../work/config.ts';
import { declareMissing, exchangeTopology, type Subscription, subscriptionTo, temporaryQueue } from './subscription.ts';

const exchange = z._default(exchangeName, 'events.topic');

/** A durable topic exchange, and the routing key of everything published. */
export const TopicPublishConfig = z.strictObject({ exchange, key: shortString, ...publishingShape }).check(...publishingRules);
export type TopicPublishConfig = z.output<typeof TopicPublishConfig>;

const patternShape = {
  exchange,
  /** `*` is one word, `#` any number of words. */
  pattern: z.array(shortString).check(z.minLength(1)),
  queue: z.optional(queueName),
};

const queueTypeRules = [
  z.refine<{ readonly queue?: string | undefined; readonly queueType?: string | undefined }>(
    ({ queue, queueType }) => queue !== undefined || queueType === undefined,
    { error: () => `${option('queueType')} needs ${option('queue')}: a temporary queue has no choice` },
  ),
] as const;

/** Patterns, and the queue of everything that matches one of them: a durable one with a name, or a temporary one of this connection. */
export const TopicSubscribeConfig = z.strictObject({ ...patternShape, queueType: queueShape.queueType, prefetch: prefetch(10), ...limitsShape }).check(
  ...limitsRules,
  ...queueTypeRules,
  z.refine(({ queue, drain, requeue }) => queue !== undefined || !(drain || requeue), {
    error: () => `${option('drain')} and ${option('requeue')} need ${option('queue')}: a temporary queue begins empty and ends with the run`,
  }),
);
export type TopicSubscribeConfig = z.output<typeof TopicSubscribeConfig>;

/** The same with a handler for each message; default prefetch 10. */
export const TopicWorkConfig = z
  .strictObject({ ...patternShape, ...queueShape, ...workerShape, prefetch: prefetch(10) })
  .check(...queueRules, ...queueTypeRules);
export type TopicWorkConfig = z.output<typeof TopicWorkConfig>;

/** Matched without a broker. */
export const TopicMatchConfig = z.strictObject({ pattern: shortString, key: z.array(shortString).check(z.minLength(1)) });
export type TopicMatchConfig = z.output<typeof TopicMatchConfig>;

/** The exchange, and a queue that is bound to it once for each pattern: a message that matches several comes once. */
export function topicSubscription(config: Pick<TopicSubscribeConfig, 'exchange' | 'pattern' | 'queue'> & QueueConfig): Subscription {
  const { exchange, pattern, queue } = config;
  return subscriptionTo(exchange, 'topic', queue === undefined ? temporaryQueue(exchange, config) : queueSpec(queue, config), pattern);
}

/**
 * Publishes drafts to a topic exchange, all with one key, even envelopes with another. The exchange is declared
 * when it is missing. See `sendMessages` for its failures.
 *
 * @throws Failure `refused` for an exchange of another type
 */
export async function publishTopic(session: Session, config: TopicPublishConfig, drafts: Drafts): Promise<PublishCounts> {
  const { exchange, key: routingKey } = config;
  if (/(^|\.)[*#](\.|$)/.test(routingKey)) {
    session.emit({ kind: 'note', text: `the key "${routingKey}" is taken as it stands: * and # stand for other words only in the patterns of subscribers` });
  }
  await declareMissing(session, exchangeTopology(exchange, 'topic'));
  return publishDrafts(session, config, drafts, { exchange, routingKey });
}
