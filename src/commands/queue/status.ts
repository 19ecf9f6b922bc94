import { defineCommand } from '../command.ts';
import { rest } from '../flags/flag.ts';
import { managementApi, managementExtras } from '../flags/globals.ts';

export const queueStatusCommand = defineCommand({
  path: ['queue', 'status'],
  summary: 'show the messages, consumers and type of queues; the management API knows what is unacknowledged (else ?), up to 5s late for quorum queues',
  examples: [
    ['rmq queue status orders payments', 'exit 66 when one does not exist'],
    ['rmq queue status orders --json | jq .messages', 'the ready messages, for a script'],
  ],
  inputs: { queue: rest('the queues') },
  extras: managementExtras,
  load: async () => {
    const [{ QueuesStatusConfig, askEach, statusOn, statusText }, { heldBy }] = await Promise.all([
      import('../../patterns/queue/status.ts'),
      import('../../patterns/queue/unacknowledged.ts'),
    ]);
    return {
      config: QueuesStatusConfig,
      run: async (config, context, { managementUrl }) => {
        const { results, emit } = context;
        const askHeld = heldBy(await managementApi(managementUrl, context));
        const ask = (connection: Parameters<typeof statusOn>[0], queue: string) => statusOn(connection, queue, askHeld);
        const tell = (status: Awaited<ReturnType<typeof ask>>) => results.report(status, statusText(status));
        const [first, ...further] = await context.withSession((session) => askEach(session, config.queue, ask, tell));
        for (const { message } of further) emit({ kind: 'note', text: message });
        if (first !== undefined) throw first;
      },
    };
  },
});
