import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { systemIo } from '../../src/cli/io.ts';
import { main } from '../../src/cli/main.ts';
import type { Options, Result } from './rmq.ts';

/**
 * Runs the command in this process, with files in place of its standard streams: a process of its own costs a tenth of a second of a core.
 * It is for the many lines of a loop, where `rmq` has typed some: what a process does at its start and its end, signals and terminals are not there.
 */
export async function inside(args: readonly string[], { input = '', env = {} }: Pick<Options, 'input' | 'env'> = {}): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), 'rmq-inside-'));
  const [stdout, stderr] = [join(directory, 'stdout'), join(directory, 'stderr')];
  const [stdoutFd, stderrFd] = [openSync(stdout, 'a'), openSync(stderr, 'a')];
  const all = Object.entries({ ...process.env, ...env }).filter(([, value]) => value !== undefined);
  const { open, release } = systemIo();
  try {
    const code = await main(args, {
      env: Object.fromEntries(all),
      stdinIsTerminal: false,
      stdoutIsTerminal: false,
      stderrIsTerminal: false,
      stderrColumns: 80,
      stdoutColumns: undefined,
      stdoutFd,
      stderrFd,
      stdin: () => Readable.from(input === '' ? [] : [Buffer.from(input as string)]),
      open,
      release,
    });
    const output = readFileSync(stdout);
    return { code, output, stdout: String(output), stderr: readFileSync(stderr, 'utf8') };
  } finally {
    for (const fd of [stdoutFd, stderrFd]) closeSync(fd);
    rmSync(directory, { recursive: true });
  }
}
