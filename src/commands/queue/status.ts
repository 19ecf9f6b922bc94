import { defineCommand } from '../command.ts';
import { argument } from '../flags/flag.ts';
import { managementApi, managementExtras } from '../flags/globals.ts';

export const queueStatusCommand = defineCommand({
  path: ['queue', 'status'],
  summary: 'show the messages, consumers and type of a queue; unacknowledged messages need the management API (else ?)',
  examples: [
    ['rmq queue status orders', 'exit 66 when it does not exist'],
    ['rmq queue status orders --json | jq .messages', 'the ready messages, for a script'],
  ],
  inputs: { queue: argument('the queue') },
  extras: managementExtras,
  load: async () => {
    const [{ QueueStatusConfig, queueStatus, statusText }, { heldBy }] = await Promise.all([
      import('../../patterns/queue/status.ts'),
      import('../../patterns/queue/unacknowledged.ts'),
    ]);
    return {
      config: QueueStatusConfig,
      run: async (config, context, { managementUrl }) => {
        const { results } = context;
        const askHeld = heldBy(await managementApi(managementUrl, context));
        const status = await context.withSession((session) => queueStatus(session, config, askHeld));
        await results.report(status, statusText(status));
      },
    };
  },
});
