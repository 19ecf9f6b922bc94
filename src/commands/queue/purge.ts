import { formatCount } from '../../model/quantity.ts';
import { destructive } from '../asking.ts';
import { defineCommand } from '../command.ts';
import { argument } from '../flags/flag.ts';

export const purgeQueueCommand = defineCommand({
  path: ['queue', 'purge'],
  summary: 'remove every message that is ready in a queue; rmq dlx purge removes some',
  examples: [
    ['rmq queue purge orders', 'after you have typed the name of the queue'],
    ['rmq queue purge orders --yes', 'in a script'],
  ],
  inputs: { queue: argument('the queue') },
  load: async () => {
    const { PurgeQueueConfig, depthOf, purgeQueue } = await import('../../patterns/queue/purge.ts');
    return {
      config: PurgeQueueConfig,
      run: async ({ queue }, context) => {
        const { results } = context;
        const agree = destructive(context, { doing: `purging "${queue}"`, deletes: true, hint: 'rmq dlx export keeps a copy' });
        const purged = await context.withSession(async (session) => {
          const depth = formatCount(await depthOf(session, queue), 'message');
          await agree({ what: 'queue', name: queue, loss: `This removes the ${depth} in "${queue}"`, kept: `nothing was removed from "${queue}"` });
          return purgeQueue(session, queue);
        });
        await results.report({ queue, purged }, `removed ${formatCount(purged, 'message')} from "${queue}"; those that a consumer holds stay`);
      },
    };
  },
});
