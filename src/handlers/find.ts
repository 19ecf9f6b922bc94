import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, resolve } from 'node:path';

/** The path of a program, as the kernel would find it; undefined when none can be executed. */
export async function resolveProgram(program: string): Promise<string | undefined> {
  if (program.includes('/')) return (await isProgram(program)) ? resolve(program) : undefined;
  for (const directory of process.env['PATH']?.split(delimiter) ?? []) {
    const path = resolve(directory, program);
    if (isAbsolute(path) && (await isProgram(path))) return path;
  }
  return undefined;
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
