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

const exchange = z._default(exchangeName, 'order.events');

/** A durable fanout exchange. It ignores the routing key, which arrives with the message. */
export const FanoutPublishConfig = z
  .strictObject({
    exchange,
    routingKey: z.optional(shortString),
    ...publishingShape,
  })
  .check(...publishingRules);
export type FanoutPublishConfig = z.output<typeof FanoutPublishConfig>;

interface Service {
  readonly exchange: string;
  readonly service?: string | undefined;
  readonly queueType?: string | undefined;
}

const serviceRules = [
  z.refine<Service>(({ exchange, service }) => service === undefined || Buffer.byteLength(serviceQueue(exchange, service)) <= 255, {
    error: 'EXCHANGE.SERVICE, the name of the queue, must have at most 255 bytes',
  }),
  z.refine<Service>(({ exchange, service }) => service === undefined || !exchange.startsWith('amq.'), {
    error: 'EXCHANGE.SERVICE is the name of the queue, and the broker reserves names that begin with amq.',
  }),
  z.refine<Service>(({ service, queueType }) => service !== undefined || queueType === undefined, {
    error: () => `${option('queueType')} needs a ${option('service')}: a temporary queue has no choice`,
  }),
] as const;

/** A service has a durable queue of its own, `EXCHANGE.SERVICE`; without a name, a temporary one of this connection. */
export const FanoutSubscribeConfig = z
  .strictObject({
    exchange,
    service: z.optional(queueName),
    queueType: queueShape.queueType,
    prefetch: prefetch(10),
    ...limitsShape,
  })
  .check(
    ...limitsRules,
    ...serviceRules,
    z.refine(({ service, drain, requeue }) => service !== undefined || !(drain || requeue), {
      error: () => `${option('drain')} and ${option('requeue')} need a ${option('service')}: a temporary queue begins empty and ends with the run`,
    }),
  );
export type FanoutSubscribeConfig = z.output<typeof FanoutSubscribeConfig>;

/** A service that hands each event to a handler; default prefetch 10. */
export const FanoutWorkConfig = z
  .strictObject({ exchange, service: z.optional(queueName), ...queueShape, ...workerShape, prefetch: prefetch(10) })
  .check(...queueRules, ...serviceRules);
export type FanoutWorkConfig = z.output<typeof FanoutWorkConfig>;

function serviceQueue(exchange: string, service: string): string {
  return `${exchange}.${service}`;
}

/** The exchange, and the queue of a service, which is bound to it. */
export function fanoutSubscription(config: Pick<FanoutSubscribeConfig, 'exchange' | 'service'> & QueueConfig): Subscription {
  const { exchange, service } = config;
  const queue = service === undefined ? temporaryQueue(exchange, config) : queueSpec(serviceQueue(exchange, service), config);
  return subscriptionTo(exchange, 'fanout', queue, ['']);
}

/**
 * Publishes drafts to a fanout exchange, which is declared when it is missing. Envelopes keep their routing key unless the
 * config has one. See `sendMessages` for its failures: `unroutable` when no service is bound.
 *
 * @throws Failure `refused` for an exchange of another type
 */
export async function publishFanout(session: Session, config: FanoutPublishConfig, drafts: Drafts): Promise<PublishCounts> {
  const { exchange, routingKey } = config;
  await declareMissing(session, exchangeTopology(exchange, 'fanout'));
  return publishDrafts(session, config, drafts, { exchange, routingKey });
}
