import { type Command, type CommandGroup, check, defineCommand } from './command.ts';
import { limitInputs, lookingOptions, printExtras, printing } from './flags/consume-flags.ts';
import { argument, integer, text } from './flags/flag.ts';
import { handlingOf, queueInputs, subscriptionExtras, withProgram, workingOptions } from './flags/handler-flags.ts';
import { messageInputs, readsStdin, sendingInputs, sourceInputs } from './flags/publish-flags.ts';

export const fanoutGroup: CommandGroup = { path: ['fanout'], summary: 'broadcast messages to every service that subscribed' };

const exchange = argument('the fanout exchange, declared when it is missing');

const fanoutPublish = defineCommand({
  path: ['fanout', 'publish'],
  summary: 'publish messages to every service',
  examples: [
    [`rmq fanout publish order.events '{"event":"order.placed"}'`, 'one event; exit 67 when no service is there for it'],
    ['rmq fanout publish order.events --lines --allow-unroutable < events.ndjson', 'an event per line, whether anybody listens or not'],
  ],
  readsStdin,
  inputs: {
    exchange,
    body: argument('the body; without it, --file or standard input', { optional: true }),
    routingKey: text('routing key, which routes nothing here', { short: 'r', value: 'KEY' }),
    ...messageInputs,
    ...sourceInputs,
    ...sendingInputs,
  },
  load: async () => {
    const [{ FanoutPublishConfig, publishFanout }, { openDrafts }, { withSession }] = await Promise.all([
      import('../patterns/subscribe/fanout.ts'),
      import('../patterns/publish/input.ts'),
      import('../patterns/connection.ts'),
    ]);
    return {
      config: FanoutPublishConfig,
      run: async (config, context) => {
        const { connection, emit, signal } = context;
        const drafts = await openDrafts(config, context, signal);
        await withSession(connection, (session) => publishFanout(session, config, drafts), emit, signal);
        return undefined;
      },
    };
  },
});

const fanoutSubscribe: Command = defineCommand({
  path: ['fanout', 'subscribe'],
  summary: 'print every message, as one of the services that get it',
  examples: [
    ['rmq fanout subscribe order.events email', 'as the service email, whose queue keeps what comes while it is away'],
    ['rmq fanout subscribe order.events', 'just watch from now on; the queue goes when it ends, the exchange stays'],
  ],
  inputs: {
    exchange,
    service: argument('the service: its durable queue is EXCHANGE.SERVICE; without it, a temporary queue', { optional: true }),
    queueType: queueInputs.queueType,
    prefetch: integer('unacknowledged messages at a time'),
    ...limitInputs,
  },
  extras: { ...printExtras, ...subscriptionExtras },
  load: async () => {
    const [{ FanoutSubscribeConfig, FanoutWorkConfig, subscribeFanout, workFanout }, { withSession }] = await Promise.all([
      import('../patterns/subscribe/fanout.ts'),
      import('../patterns/connection.ts'),
    ]);
    return {
      config: FanoutSubscribeConfig,
      extrasConfig: FanoutWorkConfig,
      run: async (config, context, extras) => {
        const { connection, emit, signal, results } = context;
        const handling = handlingOf(config, extras, fanoutSubscribe.inputs);
        if (handling !== undefined) {
          const work = check(FanoutWorkConfig, handling.worker, fanoutSubscribe.inputs);
          await withProgram(work, handling.program, { emit, signal }, (given, handler) =>
            withSession(connection, (session) => workFanout(session, given, handler, workingOptions(context)), emit, signal),
          );
          return undefined;
        }
        const handler = await printing(results, extras);
        const options = config.service === undefined ? {} : await lookingOptions(config, context);
        await withSession(connection, (session) => subscribeFanout(session, config, handler, options), emit, signal);
        return undefined;
      },
    };
  },
});

export const fanoutCommands: readonly Command[] = [fanoutPublish, fanoutSubscribe];
