import { Failure } from '../../model/failure.ts';
import { formatCount } from '../../model/quantity.ts';
import { defineCommand } from '../command.ts';
import { argument, integer, path, size, toggle } from '../flags/flag.ts';
import { managementBeside, managementExtras } from '../flags/globals.ts';
import { filterInputs } from './filter-flags.ts';
import { selectExtras, selecting, vanished } from './select.ts';

export const exportCommand = defineCommand({
  path: ['dlx', 'export'],
  summary: 'write dead letters to files, and leave them in the queue',
  examples: [
    ['rmq dlx export dead.letters -d incident-42', 'a bundle with checksums, for dlx import'],
    ['rmq dlx export dead.letters --reason expired -o json > expired.ndjson', 'envelopes, for publish --envelopes'],
  ],
  inputs: {
    queue: argument('the queue with the dead letters'),
    ...filterInputs,
    count: integer('export at most N messages', { short: 'n' }),
    directory: path('the bundle: a new or empty directory', { short: 'd', value: 'DIR', completes: 'directory' }),
    fileSize: size('begin another file of the bundle after this much'),
    force: toggle('read even where that may cost messages their last delivery'),
  },
  extras: { ...selectExtras, ...managementExtras },
  load: async () => {
    const [{ ExportConfig, exportBundle, exportTo }, { expressionOf }, { strandedFailure }] = await Promise.all([
      import('../../patterns/dlx/bundle/export.ts'),
      import('../../patterns/dlx/filter/filter.ts'),
      import('../../patterns/look/options.ts'),
    ]);
    return {
      config: ExportConfig,
      check: expressionOf,
      run: async (config, context, { select = false, managementUrl }) => {
        const { emit, results, json } = context;
        const ask = await managementBeside(managementUrl, context);
        const { directory } = config;
        if (directory === undefined && !json) throw new Failure('usage', 'no destination: use --directory DIR, or -o json for standard output');
        const only = select ? await selecting(context, config, 'exported', managementUrl) : undefined;
        const now = Date.now();
        const note = (exported: number, where: string): void => emit({ kind: 'note', text: `exported ${formatCount(exported, 'message')}${where}` });
        const run = async (session: Parameters<typeof exportTo>[0]): Promise<Awaited<ReturnType<typeof exportTo>>> => {
          if (directory === undefined) {
            const print = results.printer({ nul: false, jsonBody: false });
            const printed = await exportTo(session, config, now, print, ask, only);
            note(printed.exported, printed.stranded > 0 ? '' : '; nothing was removed');
            return printed;
          }
          const { manifest, ...written } = await exportBundle(session, { ...config, directory }, now, ask, only);
          const { exported, copiedBack, stranded } = written;
          await results.report({ exported, ...(copiedBack > 0 && { copiedBack }), ...(stranded > 0 && { stranded }), directory, files: manifest.files }, '');
          note(exported, ` to ${directory} (${formatCount(manifest.files.length, 'file')})${stranded > 0 ? '' : '; nothing was removed'}`);
          return written;
        };
        const done = await context.withSession(run);
        const gone = strandedFailure(config.queue, done) ?? vanished(only, done.exported);
        if (gone !== undefined) throw gone;
      },
    };
  },
});
