import { defineCommand } from '../command.ts';
import { argument, integer, texts, toggle } from '../flags/flag.ts';
import { managementApi, managementBeside, managementExtras } from '../flags/globals.ts';
import { commas, filterInputs } from './filter-flags.ts';

export const inspectCommand = defineCommand({
  path: ['dlx', 'inspect'],
  summary: 'look at dead letters, and leave them in the queue',
  examples: [
    ['rmq dlx inspect dead.letters', 'a table: why each died, where, and what it was'],
    ['rmq dlx inspect dead.letters --group-by reason,queue', 'counts by reason and queue'],
    ['rmq dlx inspect dead.letters --show 3', 'the third message, and how it died'],
    ['rmq dlx inspect dead.letters --reason expired --show 1', 'the first one that expired'],
    ['rmq dlx inspect dead.letters --reason rejected --newer-than 1h -o json', 'envelopes with a decoded death, for jq'],
    [`rmq dlx inspect dead.letters --where 'headers.tenant == "acme" && age > duration("24h")'`, 'an expression in CEL, https://cel.dev'],
  ],
  inputs: {
    queue: argument('the queue with the dead letters'),
    ...filterInputs,
    count: integer('look at N messages (100; all with -o json)', { short: 'n' }),
    groupBy: commas(texts('count messages by reason, queue, exchange, routingKey, type, why (what the worker said) or header:NAME', { value: 'KEY,…' })),
    show: integer('one whole message, and how it died, by its number in the table of matching messages'),
    force: toggle('look even where that may cost messages their last delivery'),
  },
  extras: managementExtras,
  load: async () => {
    const [{ InspectConfig, inspect, inspectGroups, inspectOne }, { expressionOf }, { strandedFailure }, views] = await Promise.all([
      import('../../patterns/dlx/inspect.ts'),
      import('../../patterns/dlx/filter/filter.ts'),
      import('../../patterns/look/options.ts'),
      import('./inspect-view.ts'),
    ]);
    return {
      config: InspectConfig,
      check: expressionOf,
      run: async (config, context, { managementUrl }) => {
        const { emit, results, json } = context;
        const asked = { ask: await managementBeside(managementUrl, context), api: await managementApi(managementUrl, context) };
        const now = Date.now();
        const { groupBy: by, show, queue } = config;
        const inspected = await context.withSession(async (session) => {
          if (show !== undefined) return inspectOne(session, { ...config, show }, now, views.oneView(results, json, show, now), asked);
          if (by !== undefined) {
            const grouped = await inspectGroups(session, { ...config, groupBy: by }, now, asked);
            await views.groupsView(results, json, by, grouped, now);
            emit({ kind: 'note', text: views.countNote(queue, grouped) });
            return grouped;
          }
          const count = config.count ?? (json ? undefined : views.FEW);
          const view = json ? views.envelopesView(results) : views.tableView(results, now);
          const looked = await inspect(session, { ...config, count }, now, view.letter, asked);
          await view.end();
          emit({ kind: 'note', text: views.countNote(queue, looked) });
          return looked;
        });
        const gone = strandedFailure(queue, inspected);
        if (gone !== undefined) throw gone;
      },
    };
  },
});
