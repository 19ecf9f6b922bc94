import packageJson from '../../package.json' with { type: 'json' };
import type { Command, Context } from '../commands/command.ts';
import { Failure } from '../model/failure.ts';
import { closedDescriptor, wasClosed, writeText } from '../output/descriptor.ts';
import type { Output } from '../output/index.ts';
import { checkArgumentBytes } from './argument-bytes.ts';
import { BUG, EXIT_CODES } from './exit.ts';
import { type Io, systemIo } from './io.ts';
import type { Decoded } from './program.ts';

/** Milliseconds for pending standard output once a run has failed. */
const OUTPUT_PATIENCE = 1_000;

/** Runs a command line and resolves with its exit code; it never rejects and never ends the process itself. */
export async function main(argv: readonly string[], io: Io = systemIo()): Promise<number> {
  let code = 0;
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) return printPage(io, `${packageJson.version}\n`);
  let page = '';
  const print = (text: string): void => {
    page += text;
  };
  const [{ runLine }, { commandsUnder }, { globalFlags }] = await Promise.all([
    import('./program.ts'),
    import('../commands/words.ts'),
    import('../commands/flags/globals.ts'),
  ]);
  const { commands, groups } = await commandsUnder(argv[0]);
  const run = async (command: Command, own: Decoded, globals: Decoded): Promise<void> => {
    code = await runCommand(command, own, globals, io);
  };
  const help = async (path: readonly string[], globals: Decoded): Promise<void> => {
    code = await printHelp(path, globals, io);
  };
  try {
    checkArgumentBytes(argv);
    await runLine(argv, { commands, groups, globals: globalFlags, version: packageJson.version, print, help, run });
    if (page !== '') code = await printPage(io, page);
  } catch (error) {
    const output = await openOutput({}, io, () => undefined);
    code = report(output, error);
    await output.close();
  }
  return code;
}

/** Prints what `rmq help` prints about a command, and loads nothing but the configs with its defaults; returns the exit code. */
async function printHelp(path: readonly string[], globals: Decoded, io: Io): Promise<number> {
  const [{ pageAbout }, { formatPage }, { loadPalette, wantsColor }] = await Promise.all([
    import('../commands/help/page.ts'),
    import('../text/page.ts'),
    import('../output/color.ts'),
  ]);
  const ink = wantsColor(io.env, globals['color'] !== false, io.stdoutIsTerminal) ? await loadPalette() : undefined;
  return printPage(io, formatPage(await pageAbout(path), { columns: io.stdoutColumns, ink }));
}

/** Prints the help or the version; returns the exit code. */
async function printPage(io: Io, page: string): Promise<number> {
  const error = wasClosed(io.stdoutFd) ? closedDescriptor() : writeText(io.stdoutFd, page);
  if (error === undefined) return 0;
  const [{ outputFailure }, output] = await Promise.all([import('../output/writer.ts'), openOutput({}, io, () => undefined)]);
  const code = report(output, outputFailure(error));
  await output.close();
  return code;
}

async function runCommand(command: Command, own: Decoded, globals: Decoded, io: Io): Promise<number> {
  const { untilSignalled } = await import('./signals.ts');
  const stop = untilSignalled((error) => output.failure(error, true));
  const output = await openOutput(globals, io, stop.because);
  let code: number;
  try {
    if (command.isTimed === true) (await import('./compiler.ts')).optimizeLate();
    const execute = await command.prepare(own);
    const when = typeof command.connects === 'function' ? command.connects(own) : (command.connects ?? true);
    if (when === false) refuseUrl(command, globals);
    const connects = when === true;
    const { connectionOf } = await import('./connection.ts');
    const { connection, target } = await connectionOf(connects ? globals : withoutBroker(globals), io, {
      emit: output.emit,
      signal: stop.signal,
      timeout: own['timeout'],
      stdinIsTaken: command.readsStdin?.(own) === true,
      connects,
    });
    const context: Context = {
      connection,
      withSession: async (use) => (await import('../patterns/connection.ts')).withSession(connection, use, output.emit, stop.signal),
      target,
      globals,
      confirmed: globals['confirm'] !== undefined,
      env: io.env,
      stdin: io.stdin,
      open: io.open,
      stdinIsTerminal: io.stdinIsTerminal,
      select: canSelect(io) ? (list) => output.select(list, io.stdin(), stop.signal) : undefined,
      results: output.results,
      json: formatOf(globals) === 'json',
      yes: globals['yes'] === true,
      emit: output.emit,
      signal: stop.signal,
    };
    code = (await execute(context)) ?? 0;
  } catch (error) {
    code = report(output, error);
  }
  // Unacknowledged messages need not be written: a stalled reader must not hold up a run that has failed.
  const broken = await output.close(code === 0 ? undefined : OUTPUT_PATIENCE);
  io.release();
  stop.release();
  if (code !== 0 || broken === undefined) return code;
  if (broken.kind !== 'closed') writeText(io.stderrFd, `error: ${broken.message}\n`);
  return EXIT_CODES[broken.kind];
}

/** Flags that name a broker, or a login to it. */
const BROKER_FLAGS = {
  url: '--url',
  urlFile: '--url-file',
  context: '--context',
  password: '--password-command',
  token: '--token-command',
  confirm: '--confirm',
};

function withoutBroker(globals: Decoded): Decoded {
  return Object.fromEntries(Object.entries(globals).filter(([key]) => !Object.hasOwn(BROKER_FLAGS, key)));
}

/** A URL without effect would be a mistake without a message. */
function refuseUrl({ path }: Command, globals: Decoded): void {
  const [, flag] = Object.entries(BROKER_FLAGS).find(([key]) => globals[key] !== undefined) ?? [];
  if (flag === undefined) return;
  throw new Failure('usage', `${flag} has no effect on rmq ${path.join(' ')}, which connects to no given broker`, { hint: `leave out ${flag}` });
}

/** The user selects lines of a list, on standard error, with keys. */
function canSelect({ stdinIsTerminal, stderrIsTerminal, env }: Io): boolean {
  return stdinIsTerminal && stderrIsTerminal && env['TERM'] !== 'dumb';
}

function report(output: Output, error: unknown): number {
  if (!(error instanceof Failure)) {
    output.failure(error, true);
    return BUG;
  }
  if (error.kind !== 'closed') output.failure(error, false);
  return error.exitCode ?? EXIT_CODES[error.kind];
}

function formatOf(globals: Decoded): 'text' | 'json' | 'raw' {
  return globals['json'] === true ? 'json' : ((globals['output'] as 'text' | 'json' | 'raw' | undefined) ?? 'text');
}

async function openOutput(globals: Decoded, io: Io, onBroken: (failure: Failure) => void): Promise<Output> {
  const { createOutput } = await import('../output/index.ts');
  return createOutput({
    format: formatOf(globals),
    quiet: globals['quiet'] === true,
    verbose: globals['verbose'] === true,
    color: globals['color'] !== false,
    env: io.env,
    stdoutFd: io.stdoutFd,
    stderrFd: io.stderrFd,
    stdoutIsTerminal: io.stdoutIsTerminal,
    stderrIsTerminal: io.stderrIsTerminal,
    stderrColumns: io.stderrColumns,
    stdoutColumns: () => io.stdoutColumns,
    onBroken,
  });
}
