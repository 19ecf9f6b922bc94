import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { Failure } from '../../model/failure.ts';
import type { Command, CommandGroup } from '../command.ts';
import type { Flag } from '../flags/flag.ts';
import { bashScript } from './bash.ts';
import { fishScript } from './fish.ts';
import { grammarOf } from './grammar.ts';
import { NAMED } from './names.ts';
import { FILES, SHELLS, type Shell } from './shell.ts';
import { zshScript } from './zsh.ts';

const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript } satisfies Record<Shell, unknown>;

/** The completion script for a shell. It holds the whole table: only the names of queues, exchanges and contexts are asked of rmq. */
export function completionScript(
  shell: Shell,
  commands: readonly Command[],
  groups: readonly CommandGroup[],
  globals: Readonly<Record<string, Flag<unknown>>>,
): string {
  return scripts[shell](grammarOf(commands, groups, globals));
}

/**
 * Writes a script for each shell into a directory that exists. Resolves with the paths.
 *
 * @throws Failure `missing` or `io`
 */
export async function writeScripts(directory: string, scriptFor: (shell: Shell) => string): Promise<string[]> {
  try {
    return await Promise.all(
      SHELLS.map(async (shell) => {
        const path = join(directory, FILES[shell]);
        await writeFile(path, scriptFor(shell));
        return path;
      }),
    );
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw new Failure(missing ? 'missing' : 'io', missing ? `--write: there is no directory ${directory}` : `--write: cannot write into ${directory}`, {
      cause: error,
    });
  }
}

/** A script to print, or a directory to write all of them into. */
export const CompletionConfig = z
  .strictObject({
    shell: z.optional(z.enum(SHELLS)),
    write: z.optional(z.string().check(z.minLength(1))),
    names: z.optional(z.enum([...NAMED, 'context'])),
  })
  .check(z.refine((given) => Object.values(given).filter((one) => one !== undefined).length === 1, { error: 'either SHELL or --write DIR is needed' }));
