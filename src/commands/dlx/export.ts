import { Failure } from '../../model/failure.ts';
import { formatCount } from '../../model/quantity.ts';
import { defineCommand } from '../command.ts';
import { argument, integer, path, size, toggle } from '../flag.ts';
import { deskExtras } from './desk.ts';
import { filterInputs } from './filtering.ts';
import { limitsBeside } from './limits.ts';

export const exportCommand = defineCommand({
  path: ['dlx', 'export'],
  summary: 'write dead letters to files, and leave them where they are',
  examples: [
    ['rmq dlx export dead.letters -d incident-42', 'a bundle with checksums, for dlx import'],
    ['rmq dlx export dead.letters --reason expired -o json > expired.ndjson', 'envelopes, for publish --envelopes'],
  ],
  inputs: {
    queue: argument('the queue with the dead letters'),
    ...filterInputs,
    count: integer('export at most N messages', { short: 'n' }),
    directory: path('the bundle: a new or empty directory', { short: 'd', value: 'DIR', completes: 'directory' }),
    fileSize: size('begin another file of the bundle after this much (64mb)'),
    force: toggle('read even where that may cost messages their last delivery'),
  },
  extras: deskExtras,
  load: async () => {
    const [{ ExportConfig, exportBundle, exportTo }, { withSession }] = await Promise.all([
      import('../../patterns/dlx/export.ts'),
      import('../../patterns/connection.ts'),
    ]);
    return {
      config: ExportConfig,
      run: async (config, context, { managementUrl }) => {
        const { connection, emit, signal, results, json } = context;
        const limit = await limitsBeside(managementUrl, context);
        const { directory } = config;
        const now = Date.now();
        if (directory === undefined) {
          if (!json) throw new Failure('usage', 'where to? --directory DIR, or -o json for standard output');
          const print = results.printer({ nul: false, jsonBody: false });
          const { exported } = await withSession(connection, (session) => exportTo(session, config, now, print, limit), emit, signal);
          emit({ kind: 'note', text: `exported ${formatCount(exported, 'message')}; nothing was changed` });
          return undefined;
        }
        const { exported, manifest } = await withSession(connection, (session) => exportBundle(session, { ...config, directory }, now, limit), emit, signal);
        await results.report({ exported, directory, files: manifest.files }, '');
        emit({
          kind: 'note',
          text: `exported ${formatCount(exported, 'message')} to ${directory} (${formatCount(manifest.files.length, 'file')}); the queue is as it was`,
        });
        return undefined;
      },
    };
  },
});
