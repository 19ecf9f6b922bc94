import { within } from '../model/async.ts';
import { type Context, defineCommand } from './command.ts';
import type { Named } from './completion/names.ts';
import { SHELLS } from './completion/shell.ts';
import { argument, choice, text } from './flags/flag.ts';
import { managementExtras, managementPlace } from './flags/globals.ts';

const help = 'the shell: bash, zsh or fish';

export const completionCommand = defineCommand({
  path: ['completion'],
  connects: ({ names }) => (names === 'context' ? 'later' : names !== undefined),
  summary: 'print the completion script for a shell',
  examples: [
    ['source <(rmq completion bash)', 'completes rmq in this bash; in ~/.bashrc, in every one'],
    ['rmq completion zsh > "$fpath[1]/_rmq"', 'for every zsh that starts from now on'],
    ['rmq completion fish > ~/.config/fish/completions/rmq.fish', 'for every fish'],
  ],
  inputs: {
    shell: { ...argument(help, { optional: true }), choices: SHELLS, decode: choice(SHELLS, help).decode },
    write: text('write the scripts for all shells into a directory', { value: 'DIR', completes: 'directory' }),
    names: choice(
      ['queue', 'exchange', 'context'],
      'what the scripts ask for: contexts, or names of the broker, as the management API tells within half a second',
    ),
  },
  extras: managementExtras,
  load: async () => {
    // The table holds this command: it is there only when this one runs.
    const [{ CompletionConfig, completionScript, writeScripts }, { commands, groups }, { describedGlobals }] = await Promise.all([
      import('./completion/index.ts'),
      import('./index.ts'),
      import('./flags/globals.ts'),
    ]);
    return {
      config: CompletionConfig,
      run: async ({ shell, write, names }, context, { managementUrl }) => {
        const { results } = context;
        if (names !== undefined) {
          const found = names === 'context' ? await contextNames(context) : await findNames(names, managementUrl, context);
          if (found.length > 0) await results.report({ names: found }, found.join('\n'));
          return undefined;
        }
        const described = await Promise.all(commands.map(async (command) => ({ ...command, inputs: await command.described() })));
        const globals = await describedGlobals();
        const scriptFor = (one: (typeof SHELLS)[number]): string => completionScript(one, described, groups, globals);
        if (shell !== undefined) await results.report({ shell, script: scriptFor(shell) }, scriptFor(shell));
        if (write !== undefined) {
          const files = await writeScripts(write, scriptFor);
          await results.report({ files }, files.join('\n'));
        }
      },
    };
  },
});

async function contextNames({ env }: Context): Promise<readonly string[]> {
  const [{ contextsPath }, { readContexts }] = await Promise.all([import('./context/index.ts'), import('./context/file.ts')]);
  return Object.keys(readContexts(contextsPath(env)).contexts);
}

/** Nothing where no answer comes in time: Tab must not wait. */
async function findNames(named: Named, managementUrl: string | undefined, context: Context): Promise<readonly string[]> {
  const [{ NAMES_TIMEOUT, namesOf }, { managementBesideBroker }] = await Promise.all([import('./completion/names.ts'), import('../patterns/management.ts')]);
  const { connection, env, signal } = context;
  const late = new AbortController();
  const ask = async (): Promise<readonly string[]> => {
    const api = managementBesideBroker(connection, managementPlace(managementUrl, context), AbortSignal.any([signal, late.signal]));
    return namesOf(api, connection.url[0] === undefined ? '' : new URL(connection.url[0]).username, named, env);
  };
  const found = await within(
    NAMES_TIMEOUT,
    ask().catch(() => []),
  );
  late.abort();
  return found ?? [];
}
