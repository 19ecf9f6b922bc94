import type { Emit } from '../model/event.ts';
import { type ExitTable, isExitTable, verdictOn } from '../model/exit-table.ts';
import { Failure } from '../model/failure.ts';
import type { Handler } from '../model/handler.ts';
import { quote } from '../model/text.ts';
import type { Judgement, Verdict } from '../model/verdict.ts';
import type { Patience } from './group.ts';
import type { ProgramRun } from './program.ts';
import { Runner } from './runner.ts';

/** A handler that may hold on to something. */
export interface Handlers {
  readonly handle: (...message: Parameters<Handler>) => Promise<Verdict | Judgement>;
  /** Ends what is still running. */
  readonly close: () => Promise<void>;
}

export interface ProgramHandlerConfig {
  /** The program and its arguments. */
  readonly command: readonly string[];
  /** True: the whole envelope is on file descriptor 3. */
  readonly fd3: boolean;
  readonly onExit: ExitTable;
  /** Milliseconds between TERM and KILL. */
  readonly patience?: Patience;
}

/**
 * A program for each message, which its exit code settles.
 *
 * @throws Failure `usage` for wrong options
 */
export function programHandler({ command, fd3, onExit, patience }: ProgramHandlerConfig, emit: Emit): Handlers {
  checkProgram({ command, onExit, emit });
  const runner = new Runner({ command, fd3, patience, emit });
  let closed = false;
  const handle: Handlers['handle'] = async (delivery, { signal, attempt }) => {
    if (signal.aborted || closed) return { verdict: 'retry', reason: abortReason(signal) ?? 'stopped' };
    try {
      const ended = await runner.run({ delivery, attempt, signal });
      const { code, stderr, aborted } = ended;
      const verdict = aborted ? 'retry' : verdictOn(code, onExit);
      if (verdict === undefined) throw cannotRun(ended, command);
      return { verdict, reason: (aborted ? abortReason(signal) : undefined) ?? describeExit(ended), exitCode: code, stderr };
    } catch (error) {
      // The machine is short of processes: no fault of the message.
      if (error instanceof Failure && error.kind === 'later') return { verdict: 'requeue', reason: error.message };
      throw error;
    }
  };
  const close = (): Promise<void> => {
    closed = true;
    return runner.close();
  };
  return { handle, close };
}

/** @throws Failure `usage` */
export function checkProgram({ command, onExit, emit }: Pick<ProgramHandlerConfig, 'command' | 'onExit'> & { readonly emit: Emit }): void {
  if (!Array.isArray(command) || command.length === 0 || !command.every((word) => typeof word === 'string')) {
    throw new Failure('usage', `command must be the program and its arguments, each as text; got ${quote(command)}`);
  }
  if (!isExitTable(onExit)) throw new Failure('usage', 'onExit must be a table of exit codes: DEFAULT_EXIT_TABLE, or what parseExitTable makes of text');
  if (typeof emit !== 'function') throw new Failure('usage', `emit must be a function, got ${quote(emit)}`);
}

/** Why a handler has to give up, when that is said. */
export function abortReason({ reason }: AbortSignal): string | undefined {
  return reason instanceof Failure ? reason.message : undefined;
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
