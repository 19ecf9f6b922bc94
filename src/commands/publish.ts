import { defineCommand } from './command.ts';
import { argument, text } from './flags/flag.ts';
import { messageInputs, readsStdin, sendingInputs, sourceInputs } from './flags/publish-flags.ts';

export const publishCommand = defineCommand({
  path: ['publish'],
  summary: 'publish messages to a queue or an exchange',
  examples: [
    ['rmq publish -q orders "hello"', 'one message, straight to a queue'],
    ['rmq publish -e events -r order.created -H tenant=acme -f order.json', 'a file through an exchange, with a header'],
    ['seq 1000 | rmq publish -q orders --lines', 'a message per line'],
    ['rmq publish --envelopes -q b < a.ndjson', 'what rmq consume a -o json --drain > a.ndjson has kept; rmq dlx move a b needs no file'],
  ],
  readsStdin,
  inputs: {
    body: argument('the body; without it, --file or standard input', { optional: true }),
    queue: text('queue to publish to', { short: 'q', value: 'QUEUE' }),
    exchange: text('exchange to publish to', { short: 'e', value: 'EXCHANGE' }),
    routingKey: text('routing key', { short: 'r', value: 'KEY' }),
    ...messageInputs,
    ...sourceInputs,
    ...sendingInputs,
  },
  load: async () => {
    const [{ checkDestination, PublishConfig, publish }, { openDrafts }, { withSession }] = await Promise.all([
      import('../patterns/publish/publish.ts'),
      import('../patterns/publish/input.ts'),
      import('../patterns/connection.ts'),
    ]);
    return {
      config: PublishConfig,
      run: async (config, context) => {
        const { connection, emit, signal } = context;
        checkDestination(config);
        const drafts = await openDrafts(config, context, signal);
        await withSession(connection, (session) => publish(session, config, drafts), emit, signal);
        return undefined;
      },
    };
  },
});
