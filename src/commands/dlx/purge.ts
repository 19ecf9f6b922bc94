import { Failure } from '../../model/failure.ts';
import { formatCount } from '../../model/quantity.ts';
import { askForName } from '../asking.ts';
import { defineCommand } from '../command.ts';
import { argument, integer, path, toggle } from '../flag.ts';
import { deskExtras } from './desk.ts';
import { filterInputs } from './filtering.ts';
import { limitsBeside } from './limits.ts';

export const purgeCommand = defineCommand({
  path: ['dlx', 'purge'],
  summary: 'remove dead letters for good',
  examples: [
    ['rmq dlx purge dead.letters', 'all of them, once the name of the queue was typed'],
    ['rmq dlx purge dead.letters --reason expired --older-than 7d --yes', 'some of them, in a script'],
    ['rmq dlx purge dead.letters --export-to incident-42', 'only after a bundle has them'],
  ],
  inputs: {
    queue: argument('the queue with the dead letters'),
    ...filterInputs,
    count: integer('remove at most N messages', { short: 'n' }),
    exportTo: path('a new bundle that has them before they are removed', { value: 'DIR', completes: 'directory' }),
    force: toggle('read even where that may cost messages their last delivery'),
  },
  extras: deskExtras,
  load: async () => {
    const [{ depthOf, isSelective, PurgeConfig, purge }, { withSession }] = await Promise.all([
      import('../../patterns/dlx/purge.ts'),
      import('../../patterns/connection.ts'),
    ]);
    return {
      config: PurgeConfig,
      run: async (config, context, { managementUrl }) => {
        const limit = await limitsBeside(managementUrl, context);
        const { connection, emit, signal, results, yes, stdinIsTerminal } = context;
        const { queue, exportTo } = config;
        if (!yes && !stdinIsTerminal) {
          throw new Failure('usage', `purging "${queue}" cannot be undone, and nobody can be asked: standard input is no terminal`, {
            hint: '--yes does it without asking; --export-to DIR keeps a copy',
          });
        }
        const { purged, manifest } = await withSession(
          connection,
          async (session) => {
            if (!yes) {
              const depth = formatCount(await depthOf(session, queue), 'message');
              const which = isSelective(config) ? `those of the ${depth} in "${queue}" that are meant` : `the ${depth} in "${queue}"`;
              await askForName(context, { queue, loss: `This removes ${which}`, kept: `nothing was removed from "${queue}"` });
            }
            return purge(session, config, Date.now(), limit);
          },
          emit,
          signal,
        );
        await results.report({ purged, ...(manifest !== undefined && { directory: exportTo, files: manifest.files }) }, '');
        const kept = manifest === undefined ? '' : `; ${exportTo} has them`;
        emit({ kind: 'note', text: `removed ${formatCount(purged, 'message')} from "${queue}"${kept}` });
        return undefined;
      },
    };
  },
});
