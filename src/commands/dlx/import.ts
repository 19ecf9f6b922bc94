import { destructive } from '../asking.ts';
import { defineCommand } from '../command.ts';
import { argument, text, toggle } from '../flags/flag.ts';
import { managementApi, managementBeside } from '../flags/globals.ts';
import { sendingInputs } from '../flags/publish-flags.ts';

export const importCommand = defineCommand({
  path: ['dlx', 'import'],
  summary: 'publish the messages of a bundle that dlx export wrote',
  examples: [
    ['rmq dlx import incident-42 -q dead.letters', 'back into their queue'],
    ['rmq dlx import incident-42 -u amqp://staging/ -q orders', 'to a queue of another broker'],
  ],
  inputs: {
    directory: argument('the bundle', { completes: 'directory' }),
    queue: text('send all of them to this queue; without it, each to the exchange and with the key it had', { short: 'q', value: 'QUEUE' }),
    again: toggle('also publish what an earlier import of this bundle published there'),
    keepBrokerHeaders: toggle('also publish headers that a broker wrote, such as x-delivery-count'),
    force: toggle('also publish messages for which a full queue drops others'),
    ...sendingInputs,
  },
  load: async () => {
    const { ImportConfig, importBundle } = await import('../../patterns/dlx/bundle/import.ts');
    return {
      config: ImportConfig,
      run: async (config, context) => {
        await destructive(context, { doing: `importing ${config.directory}`, deletes: false })();
        const beside = { ask: await managementBeside(undefined, context), api: await managementApi(undefined, context) };
        await context.withSession((session) => importBundle(session, config, beside));
      },
    };
  },
});
