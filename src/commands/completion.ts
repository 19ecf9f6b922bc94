import { defineCommand } from './command.ts';
import { SHELLS } from './completion/shell.ts';
import { argument, choice, text } from './flags/flag.ts';

const help = 'the shell: bash, zsh or fish';

export const completionCommand = defineCommand({
  path: ['completion'],
  connects: false,
  summary: 'print the completion script for a shell',
  examples: [
    ['source <(rmq completion bash)', 'completes rmq in this bash; in ~/.bashrc, in every one'],
    ['rmq completion zsh > "$fpath[1]/_rmq"', 'for every zsh that starts from now on'],
    ['rmq completion fish > ~/.config/fish/completions/rmq.fish', 'for every fish'],
  ],
  inputs: {
    shell: { ...argument(help, { optional: true }), choices: SHELLS, decode: choice(SHELLS, help).decode },
    write: text('write the scripts for all shells into a directory', { value: 'DIR', completes: 'directory' }),
  },
  load: async () => {
    // The table holds this command: it is there only when this one runs.
    const [{ CompletionConfig }, { completionScript, writeScripts }, { commands, groups }, { describedGlobals }] = await Promise.all([
      import('./completion/index.ts'),
      import('./completion/index.ts'),
      import('./index.ts'),
      import('./flags/globals.ts'),
    ]);
    return {
      config: CompletionConfig,
      run: async ({ shell, write }, { results }) => {
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
