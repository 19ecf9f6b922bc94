import { formatCount, formatNumber } from '../../model/quantity.ts';
import { destructive } from '../asking.ts';
import { defineCommand } from '../command.ts';
import { argument, integer, path, toggle } from '../flags/flag.ts';
import { managementBeside, managementExtras } from '../flags/globals.ts';
import { filterInputs } from './filter-flags.ts';
import { selectExtras, selecting, vanished } from './select.ts';

export const purgeCommand = defineCommand({
  path: ['dlx', 'purge'],
  summary: 'remove dead letters for good',
  examples: [
    ['rmq dlx purge dead.letters', 'all of them, after you have typed the name of the queue'],
    ['rmq dlx purge dead.letters --reason expired --older-than 7d --yes', 'some of them, in a script'],
    ['rmq dlx purge dead.letters --export-to incident-42', 'after a bundle has them'],
  ],
  inputs: {
    queue: argument('the queue with the dead letters'),
    ...filterInputs,
    count: integer('remove at most N messages', { short: 'n' }),
    exportTo: path('a new bundle that gets the messages before they are removed', { value: 'DIR', completes: 'directory' }),
    force: toggle('read even where that may cost messages their last delivery'),
  },
  extras: { ...selectExtras, ...managementExtras },
  load: async () => {
    const [{ isSelective, PurgeConfig, purge }, { depthOf }, { expressionOf, filterShape }, { strandedFailure }] = await Promise.all([
      import('../../patterns/dlx/bundle/purge.ts'),
      import('../../patterns/queue/purge.ts'),
      import('../../patterns/dlx/filter/filter.ts'),
      import('../../patterns/look/options.ts'),
    ]);
    return {
      config: PurgeConfig,
      check: expressionOf,
      run: async (config, context, { select = false, managementUrl }) => {
        const ask = await managementBeside(managementUrl, context);
        const { emit, results } = context;
        const { queue, exportTo } = config;
        const agree = destructive(context, { doing: `purging "${queue}"`, deletes: true, hint: '--export-to DIR keeps a copy' });
        const only = select ? await selecting(context, config, 'removed for good', managementUrl) : undefined;
        const { purged, copiedBack, stranded, manifest } = await context.withSession(async (session) => {
          const depth = formatCount(await depthOf(session, queue), 'message');
          const filters = Object.keys(filterShape).filter((name) => config[name as keyof typeof filterShape] !== undefined);
          const chosen = isSelective(config) ? describeChosen(filters, config.count, `${depth} in "${queue}"`) : `the ${depth} in "${queue}"`;
          const selected = only && `the ${formatCount(only.size, 'message')} that ${only.size === 1 ? 'was' : 'were'} selected`;
          await agree({ what: 'queue', name: queue, loss: `This removes ${selected ?? chosen}`, kept: `nothing was removed from "${queue}"` });
          return purge(session, config, Date.now(), ask, only);
        });
        await results.report(
          {
            purged,
            ...(copiedBack > 0 && { copiedBack }),
            ...(stranded > 0 && { stranded }),
            ...(manifest !== undefined && { directory: exportTo, files: manifest.files }),
          },
          '',
        );
        const kept = manifest === undefined ? '' : `; ${exportTo} has them`;
        emit({ kind: 'note', text: `removed ${formatCount(purged, 'message')} from "${queue}"${kept}` });
        const gone = strandedFailure(queue, { stranded }) ?? vanished(only, purged);
        if (gone !== undefined) throw gone;
      },
    };
  },
});

/** What a purge of some messages removes; how many match is known only when each is looked at. */
function describeChosen(filters: readonly string[], count: number | undefined, all: string): string {
  const most = count === undefined ? '' : `at most ${formatNumber(count)} of `;
  if (filters.length === 0) return `${most}the ${all}`;
  const flags = filters.map((name) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
  return `${most}those of the ${all} that match the filters (${flags.join(', ')}; their number is not known yet)`;
}
