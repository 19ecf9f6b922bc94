import { type Command, defineCommand } from '../command.ts';
import { filterInputs } from '../dlx/filter-flags.ts';
import { limitInputs, lookingOptions, printExtras, printing } from '../flags/consume-flags.ts';
import { argument, integer } from '../flags/flag.ts';
import { managementExtras } from '../flags/globals.ts';

const where = { ...filterInputs.where, help: 'only messages for which this CEL expression is true, such as json.total > 99.5' };

const peekCommand = defineCommand({
  path: ['peek'],
  summary: 'look at the messages that are in a queue now; all of them stay there',
  examples: [
    ['rmq peek orders -n 5', 'the first five'],
    [`rmq peek orders --where 'json.total > 99.5' -o json`, 'those that match, as envelopes'],
    ['rmq peek events --last 10', 'the last ten of a stream'],
  ],
  inputs: {
    queue: argument('the queue'),
    count: integer('stop after N messages; with --where, after N that match', { short: 'n' }),
    where,
    last: integer('of a stream: begin N messages before its end'),
    timeout: limitInputs.timeout,
  },
  extras: { ...printExtras, ...managementExtras },
  load: async () => {
    const [{ PeekConfig, peek }, { withSession }] = await Promise.all([import('../../patterns/view/peek.ts'), import('../../patterns/connection.ts')]);
    return {
      config: PeekConfig,
      run: async (config, context, { managementUrl, ...extras }) => {
        const { connection, emit, signal, results } = context;
        const handler = await printing(results, extras);
        const options = await lookingOptions({ requeue: true }, context, managementUrl);
        await withSession(connection, (session) => peek(session, config, handler, options), emit, signal);
      },
    };
  },
});

/** Commands that look at messages and take none. */
export const viewCommands: readonly Command[] = [peekCommand];
