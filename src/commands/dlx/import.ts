import { defineCommand } from '../command.ts';
import { argument, text, toggle } from '../flags/flag.ts';
import { sendingInputs } from '../flags/publish-flags.ts';

export const importCommand = defineCommand({
  path: ['dlx', 'import'],
  summary: 'publish the messages of a bundle that dlx export has written',
  examples: [
    ['rmq dlx import incident-42 -q dead.letters', 'back to where they were'],
    ['rmq dlx import incident-42 -u amqp://staging/ -q orders', 'to a queue of another broker'],
  ],
  inputs: {
    directory: argument('the bundle', { completes: 'directory' }),
    queue: text('send all of them to this queue; without it, each to the exchange and with the key it had', { short: 'q', value: 'QUEUE' }),
    again: toggle('publish also what an earlier import of this bundle has brought there'),
    keepBrokerHeaders: toggle('publish x-delivery-count and its kind too, which a broker has written'),
    ...sendingInputs,
  },
  load: async () => {
    const [{ ImportConfig, importBundle }, { withSession }] = await Promise.all([
      import('../../patterns/dlx/bundle/import.ts'),
      import('../../patterns/connection.ts'),
    ]);
    return {
      config: ImportConfig,
      run: async (config, { connection, emit, signal }) => {
        await withSession(connection, (session) => importBundle(session, config), emit, signal);
        return undefined;
      },
    };
  },
});
