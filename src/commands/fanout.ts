import { type Command, type CommandGroup, defineCommand } from './command.ts';
import { argument, text } from './flags/flag.ts';
import { publishing, publishingInputs, readsStdin } from './flags/publish-flags.ts';
import { subscribing, subscriptionExtras, subscriptionInputs } from './flags/subscription-flags.ts';

export const fanoutGroup: CommandGroup = { path: ['fanout'], summary: 'broadcast messages to every service that subscribed' };

const exchange = argument('the fanout exchange, declared when it is missing');

const fanoutPublish = defineCommand({
  path: ['fanout', 'publish'],
  summary: 'publish messages to every service',
  examples: [
    [`rmq fanout publish order.events '{"event":"order.placed"}'`, 'one event; exit 67 when no service is bound'],
    ['rmq fanout publish order.events --lines --allow-unroutable < events.ndjson', 'an event per line, whether a service is bound or not'],
  ],
  readsStdin,
  inputs: {
    exchange,
    routingKey: text('routing key: a fanout exchange ignores it, receivers see it', { short: 'r', value: 'KEY' }),
    ...publishingInputs,
  },
  load: publishing(async () => {
    const { FanoutPublishConfig, publishFanout } = await import('../patterns/subscribe/fanout.ts');
    return { config: FanoutPublishConfig, publish: publishFanout };
  }),
});

const fanoutSubscribe = defineCommand({
  path: ['fanout', 'subscribe'],
  summary: 'print every message, as one of the services that get it',
  examples: [
    ['rmq fanout subscribe order.events email', 'as the service email, whose queue keeps messages while it is away'],
    ['rmq fanout subscribe order.events', 'watch from now on; the queue is deleted at the end, the exchange stays'],
  ],
  inputs: {
    exchange,
    service: argument('the service: its durable queue is EXCHANGE.SERVICE; without it, a temporary queue', { optional: true }),
    ...subscriptionInputs,
  },
  extras: subscriptionExtras,
  load: subscribing(async () => {
    const { FanoutSubscribeConfig, FanoutWorkConfig, fanoutSubscription } = await import('../patterns/subscribe/fanout.ts');
    return { config: FanoutSubscribeConfig, extrasConfig: FanoutWorkConfig, subscription: fanoutSubscription };
  }),
});

export const fanoutCommands: readonly Command[] = [fanoutPublish, fanoutSubscribe];
