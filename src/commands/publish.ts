import { defineCommand } from './command.ts';
import { text } from './flags/flag.ts';
import { publishing, publishingInputs, readsStdin } from './flags/publish-flags.ts';

export const publishCommand = defineCommand({
  path: ['publish'],
  summary: 'publish messages to a queue or an exchange',
  examples: [
    ['rmq publish -q orders "hello"', 'one message, straight to a queue'],
    ['rmq publish -e events -r order.created -H tenant=acme -f order.json', 'a file through an exchange, with a header'],
    ['seq 1000 | rmq publish -q orders --lines', 'a message per line'],
    ['rmq publish -q orders --data orders.csv \'{"order":"{{id}}"}\'', 'a message per row; --template -n 100 fills {{n}} and {{uuid}}'],
    ['rmq publish -q reminders --delay 15m "still open"', 'it waits in a durable queue, and nothing has to run for it'],
    ['rmq publish --envelopes -q b < a.ndjson', 'what `rmq consume a --drain -o json > a.ndjson` kept; `rmq dlx move a b` needs no file'],
  ],
  readsStdin,
  inputs: {
    queue: text('queue to publish to', { short: 'q', value: 'QUEUE' }),
    exchange: text('exchange to publish to', { short: 'e', value: 'EXCHANGE' }),
    routingKey: text('routing key', { short: 'r', value: 'KEY' }),
    ...publishingInputs,
  },
  load: publishing(async () => {
    const { checkDestination, PublishConfig, publish } = await import('../patterns/publish/publish.ts');
    return { config: PublishConfig, check: async (config) => checkDestination(config), publish };
  }),
});
