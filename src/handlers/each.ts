import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Emit } from '../model/event.ts';
import { type ExitTable, verdictOn } from '../model/exit-table.ts';
import { Failure } from '../model/failure.ts';
import type { Handler } from '../model/handler.ts';
import { findProgram } from './find.ts';
import { Launcher, type LaunchInput } from './launcher.ts';
import { type ProgramRun, runProgram } from './program.ts';

/** A handler that may hold on to something. */
export interface Handlers {
  readonly handle: Handler;
  /** Ends what is still running. */
  readonly close: () => Promise<void>;
}

export interface ProgramHandlerConfig {
  /** The program and its arguments. */
  readonly command: readonly string[];
  /** True: the whole envelope is on file descriptor 3. */
  readonly fd3: boolean;
  readonly onExit: ExitTable;
}

/** A program for each message, which its exit code settles. */
export function programHandler({ command, fd3, onExit }: ProgramHandlerConfig, emit: Emit): Handlers {
  const idle: Launcher[] = [];
  let prepared: Promise<Launching> | undefined;

  const run = async (input: LaunchInput): Promise<ProgramRun> => {
    prepared ??= prepare(command);
    const { path, directory } = await prepared;
    // The kernel says best what is wrong with a program that is not there.
    if (path === undefined || directory === undefined) return runProgram({ ...input, command, fd3, emit });
    const launcher = idle.pop() ?? new Launcher({ command: [path, ...command.slice(1)], fd3, directory, emit });
    try {
      return await launcher.run(input);
    } catch (error) {
      if (error instanceof Failure) throw error;
      // No room for the body in a file: it goes through a pipe.
      return await runProgram({ ...input, command, fd3, emit });
    } finally {
      idle.push(launcher);
    }
  };

  const handle: Handler = async (delivery, { signal, attempt }) => {
    try {
      const ended = await run({ delivery, attempt, signal });
      const { code, stderr, aborted } = ended;
      const reason = aborted && signal.reason instanceof Failure ? signal.reason.message : describeExit(ended);
      const verdict = aborted ? 'retry' : verdictOn(code, onExit);
      if (verdict === undefined) throw cannotRun(ended, command);
      return { verdict, reason, exitCode: code, stderr };
    } catch (error) {
      // The machine is short of processes: no fault of the message.
      if (error instanceof Failure && error.kind === 'later') return { verdict: 'requeue', reason: error.message };
      throw error;
    }
  };

  return {
    handle,
    close: async () => {
      for (const launcher of idle) launcher.close();
      const directory = (await prepared)?.directory;
      if (directory !== undefined) await rm(directory, { recursive: true, force: true });
    },
  };
}

interface Launching {
  readonly path: string | undefined;
  readonly directory: string | undefined;
}

async function prepare([program = '']: readonly string[]): Promise<Launching> {
  const path = await findProgram(program);
  const directory = path === undefined ? undefined : await mkdtemp(join(tmpdir(), 'rmq-')).catch(() => undefined);
  return { path, directory };
}

/** How a program ended, such as `exit code 3` or `killed by SIGSEGV`. */
export function describeExit({ code, signal }: Pick<ProgramRun, 'code' | 'signal'>): string {
  return signal === undefined ? `exit code ${code}` : `killed by ${signal}`;
}

/** A shell or `env` has told that there is nothing to run. */
export function cannotRun({ code, stderr }: Pick<ProgramRun, 'code' | 'stderr'>, command: readonly string[]): Failure {
  const said = stderr === '' ? '' : `: ${stderr}`;
  return new Failure(code === 127 ? 'unfound' : 'unexecutable', `the handler "${command.join(' ')}" ended with ${code}${said}`, {
    hint: `${code} means that a program ${code === 127 ? 'was not found' : 'could not be executed'}; --on-exit ${code}=retry makes it a failure like any other`,
  });
}
