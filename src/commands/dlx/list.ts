import { type Command, defineCommand } from '../command.ts';
import { rest, toggle } from '../flags/flag.ts';
import { managementAlone, managementExtras } from '../flags/globals.ts';

export const dlxListCommand: Command = defineCommand({
  path: ['dlx', 'list'],
  summary: 'list the queues that dead-letter, their targets, and problems',
  examples: [
    ['rmq dlx list', 'every queue of the vhost; exit 1 when dead letters of one are lost'],
    ['rmq dlx list orders payments', 'only these; one that does not dead-letter at all is a problem too'],
    ['rmq dlx list --problems', 'only what is wrong'],
    ['rmq dlx list -o json --management-url https://rabbit.example:15671', 'for scripts, from another management API'],
  ],
  inputs: { queue: rest('queues to look at (all that dead-letter)', { optional: true }) },
  extras: { ...managementExtras, problems: toggle('only those with problems') },
  load: async () => {
    const [{ DlxListConfig, listDeadLetters }, { listText }] = await Promise.all([import('../../patterns/dlx/list.ts'), import('./list-view.ts')]);
    return {
      config: DlxListConfig,
      run: async (config, context, { managementUrl, problems: onlyProblems = false }) => {
        const api = await managementAlone(managementUrl, context);
        context.emit({ kind: 'detail', text: `asking the management API at ${api.root}` });
        const all = await listDeadLetters(api, config);
        const broken = all.filter((one) => one.problems.length > 0);
        const queues = onlyProblems ? broken : all;
        await context.results.report({ vhost: api.vhost, queues, problems: broken.length }, listText(queues, all.length, api.vhost));
        return broken.length > 0 ? 1 : 0;
      },
    };
  },
});
