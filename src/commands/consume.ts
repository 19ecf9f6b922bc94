import { type Command, defineCommand } from './command.ts';
import { limitInputs, lookingOptions, printExtras, printing } from './flags/consume-flags.ts';
import { expectationExtras, expecting } from './flags/expect-flags.ts';
import { argument, integer } from './flags/flag.ts';
import { managementExtras } from './flags/globals.ts';

export const consumeCommand = defineCommand({
  path: ['consume'],
  summary: 'print messages, acknowledging each only after it has been written',
  examples: [
    ['rmq consume orders', 'print messages as they come'],
    ['rmq consume orders --drain -o json > orders.ndjson', 'everything in the queue now, as envelopes'],
    ['rmq consume orders -n 5 --requeue', 'look at five, then return them to the queue'],
    ['rmq consume results --expect 3 --timeout 10s', 'a smoke test: exit 0 if three come, 124 if fewer by then, 1 if more'],
    [
      'rmq consume results --expect-file want.ndjson --timeout 10s --junit report.xml',
      'exit 0 if exactly these come, 124 if one is missing by then, 1 if others come',
    ],
  ],
  inputs: { queue: argument('the queue'), prefetch: integer('unacknowledged messages at a time'), ...limitInputs },
  extras: { ...printExtras, ...expectationExtras, ...managementExtras },
  load: async (inputs: Command['inputs']) => {
    const [{ ConsumeConfig }, { consume }] = await Promise.all([import('../patterns/consume/config.ts'), import('../patterns/consume/consume.ts')]);
    return {
      config: ConsumeConfig,
      run: async (config, context, { managementUrl, ...extras }) => {
        const handler = printing(context.results, extras);
        const options = await lookingOptions(config, context, managementUrl);
        await expecting(extras, inputs, `rmq consume ${config.queue}`, context, config, handler, (limited, judged) =>
          context.withSession((session) => consume(session, limited, judged, options)),
        );
      },
    };
  },
});
