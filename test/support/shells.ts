import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FILES, type Shell } from '../../src/commands/completion/shell.ts';

const BIN = fileURLToPath(new URL('../../bin/rmq.js', import.meta.url));

const ARGV = { bash: ['bash', '--norc', '--noprofile'], zsh: ['zsh', '-f'], fish: ['fish', '--no-config'] } satisfies Record<Shell, string[]>;

/** Words with their descriptions; bash shows none. */
export type Offer = ReadonlyMap<string, string>;

export function isOnPath(shell: Shell): boolean {
  return spawnSync(shell, ['-c', 'exit 0']).status === 0;
}

/**
 * What a real shell offers for each line, with this completion script, in a directory that holds the file `notes` and
 * the directory `inbox`. A value behind `--flag=` comes without the flag. With an environment, the shell finds the built rmq on its PATH.
 */
export function complete(shell: Shell, script: string, lines: readonly string[], env?: Readonly<Record<string, string | undefined>>): Map<string, Offer> {
  const directory = mkdtempSync(join(tmpdir(), 'rmq-completion-'));
  try {
    const work = join(directory, 'work');
    mkdirSync(join(work, 'inbox'), { recursive: true });
    writeFileSync(join(work, 'notes'), '');
    // A program that no other name begins like, to be completed as a command.
    writeFileSync(join(directory, 'rmq-completion-test-handler'), '#!/bin/sh\n', { mode: 0o755 });
    if (env !== undefined) writeFileSync(join(directory, 'rmq'), `#!/bin/sh\nexec ${process.execPath} ${BIN} "$@"\n`, { mode: 0o755 });
    const file = join(directory, FILES[shell]);
    writeFileSync(file, script);
    const [program = shell, ...flags] = ARGV[shell];
    const driver = fileURLToPath(new URL(`complete.${shell}`, import.meta.url));
    const { status, stdout, stderr } = spawnSync(program, [...flags, driver, shell === 'zsh' ? directory : file, ...lines], {
      cwd: work,
      env: {
        PATH: `${directory}:${process.env['PATH']}`,
        HOME: directory,
        TMPDIR: directory,
        TERM: 'xterm',
        LC_ALL: 'C.UTF-8',
        LD_LIBRARY_PATH: process.env['LD_LIBRARY_PATH'],
        ...env,
      },
      encoding: 'utf8',
      timeout: 60_000,
    });
    if (status !== 0 || stderr !== '') throw new Error(`${shell} ended with ${status}: ${stderr}`);
    return offersIn(shell, stdout);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function offersIn(shell: Shell, output: string): Map<string, Offer> {
  const offers = new Map<string, Map<string, string>>();
  let current = new Map<string, string>();
  for (const line of output.split('\n').filter((one) => one !== '')) {
    if (line.startsWith('== ')) {
      current = new Map();
      offers.set(line.slice(3), current);
      continue;
    }
    const [typed = '', shown = ''] = line.split('\t');
    const word = typed
      .replace(/^--[\w-]+=/, '')
      .replace(/\\(.)/g, '$1')
      .replace(/\/$/, '');
    // Zsh shows the word itself in front, in a column.
    current.set(word, shell === 'zsh' ? shown.slice(typed.length).trim() : shown);
  }
  return offers;
}
