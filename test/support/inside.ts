import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { systemIo } from '../../src/cli/io.ts';
import { main } from '../../src/cli/main.ts';
import { within } from '../../src/model/async.ts';
import type { Options, Result } from './rmq.ts';

/**
 * Runs the command in this process, with files in place of its standard streams: a process of its own costs a tenth of a second of a core.
 * Each file types some lines at `rmq` too: what a process does at its start and its end, signals, terminals and what handlers print are not here.
 */
export async function inside(
  args: readonly string[],
  { input = '', env = {}, timeout = 60_000 }: Pick<Options, 'input' | 'env' | 'timeout'> = {},
): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), 'rmq-inside-'));
  const [stdout, stderr] = [join(directory, 'stdout'), join(directory, 'stderr')];
  const [stdoutFd, stderrFd] = [openSync(stdout, 'a'), openSync(stderr, 'a')];
  const all = Object.entries({ ...process.env, ...env }).filter(([, value]) => value !== undefined);
  const { open, release } = systemIo();
  try {
    const running = main(args, {
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
    const code = await within(timeout, running);
    if (code === undefined) throw new Error(`rmq ${args.join(' ')} did not end within ${timeout} ms\n${readFileSync(stderr, 'utf8')}`);
    const output = readFileSync(stdout);
    return { code, output, stdout: String(output), stderr: readFileSync(stderr, 'utf8') };
  } finally {
    for (const fd of [stdoutFd, stderrFd]) closeSync(fd);
    rmSync(directory, { recursive: true });
  }
}
