import { setMaxListeners } from 'node:events';
import { rmSync } from 'node:fs';
import { access, constants, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import { onAbort } from '../model/async.ts';
import type { Emit } from '../model/event.ts';
import { Failure } from '../model/failure.ts';
import { type ExitTable, type Handler, type Judgement, type Verdict, verdictOn } from '../model/verdict.ts';
import { isPlainEnvironment, variablesOf } from './environment.ts';
import { CannotLaunch, Launcher, type Parcel, withParcel } from './launcher.ts';
import { type Patience, whenLeaving } from './process-group.ts';
import { describeExit, type ProgramInput, type ProgramRun, runProgram } from './program.ts';

/** A handler with resources to release. */
export interface Handlers {
  readonly handle: (...message: Parameters<Handler>) => Promise<Verdict | Judgement>;
  /** Ends running programs. */
  readonly close: () => Promise<void>;
}

export interface ProgramHandlerConfig {
  readonly command: readonly string[];
  /** True: the whole envelope is on file descriptor 3. */
  readonly fd3: boolean;
  readonly onExit: ExitTable;
  /** Milliseconds between TERM and KILL. */
  readonly patience?: Patience | undefined;
}

/** Runs a program for each message; its exit code settles the message. */
export function programHandler({ command, fd3, onExit, patience }: ProgramHandlerConfig, emit: Emit): Handlers {
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
      // The machine is short of processes: not the fault of the message.
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

/** The reason of the signal, where it has one. */
export function abortReason({ reason }: AbortSignal): string | undefined {
  return reason instanceof Failure ? reason.message : undefined;
}

/** A shell or `env` reported that it could not run the program. */
export function cannotRun({ code, stderr }: Pick<ProgramRun, 'code' | 'stderr'>, command: readonly string[]): Failure {
  const said = stderr === '' ? '' : `: ${stderr}`;
  return new Failure(code === 127 ? 'unfound' : 'unexecutable', `the handler "${command.join(' ')}" ended with ${code}${said}`, {
    hint: `${code} means that a program ${code === 127 ? 'was not found' : 'could not be executed'}; --on-exit ${code}=retry makes it a failure like any other`,
  });
}

type RunnerConfig = Omit<ProgramHandlerConfig, 'onExit'> & { readonly emit: Emit };
type RunnerInput = Pick<ProgramInput, 'delivery' | 'attempt' | 'signal'>;

interface Place {
  readonly path: string;
  /** A directory for messages, which programs read as files. */
  readonly directory: string;
  /** Removes it. */
  readonly clear: () => Promise<void>;
}

/** Runs one program for many messages, several at a time: by launchers, or from this process where they cannot work. */
class Runner {
  readonly #config: RunnerConfig;
  readonly #launchers = new Set<Launcher>();
  readonly #idle: Launcher[] = [];
  readonly #running = new Map<AbortController, Promise<ProgramRun>>();
  #place: Promise<Place | undefined> | undefined;

  constructor(config: RunnerConfig) {
    this.#config = config;
  }

  /** @throws Failure as `runProgram` */
  async run(input: RunnerInput): Promise<ProgramRun> {
    const { signal } = input;
    const stop = new AbortController();
    setMaxListeners(0, signal);
    const ignore = onAbort(signal, () => stop.abort());
    const run = this.#run({ ...input, signal: stop.signal });
    this.#running.set(stop, run);
    try {
      return await run;
    } finally {
      this.#running.delete(stop);
      ignore();
    }
  }

  async close(): Promise<void> {
    const running = [...this.#running];
    for (const [stop] of running) stop.abort();
    await Promise.allSettled(running.map(([, run]) => run));
    await Promise.all([...this.#launchers].map((launcher) => launcher.close()));
    await (await this.#place)?.clear();
  }

  async #run(input: RunnerInput): Promise<ProgramRun> {
    const { delivery } = input;
    this.#place ??= findPlace(this.#config.command);
    const place = await this.#place;
    if (place !== undefined) {
      try {
        return await withParcel(place.directory, delivery, this.#config.fd3, (parcel) => this.#launch(input, place, parcel));
      } catch (error) {
        if (!(error instanceof CannotLaunch)) throw error;
      }
    }
    return runProgram({ ...this.#config, ...input });
  }

  async #launch({ delivery, attempt, signal }: RunnerInput, { path }: Place, { body, envelope }: Parcel): Promise<ProgramRun> {
    const launcher = this.#takeIdle() ?? (await this.#start());
    try {
      const [, ...args] = this.#config.command;
      return await launcher.run({ command: [path, ...args], variables: variablesOf(delivery, attempt), stdin: body, fd3: envelope, signal });
    } finally {
      if (launcher.usable) this.#idle.push(launcher);
      else void launcher.close().then(() => this.#launchers.delete(launcher));
    }
  }

  #takeIdle(): Launcher | undefined {
    for (;;) {
      const launcher = this.#idle.pop();
      if (launcher === undefined || launcher.usable) return launcher;
      this.#launchers.delete(launcher);
    }
  }

  async #start(): Promise<Launcher> {
    try {
      const launcher = await Launcher.start(this.#config);
      this.#launchers.add(launcher);
      return launcher;
    } catch (error) {
      if (error instanceof Failure && error.kind === 'later') throw error;
      throw new CannotLaunch('there is no shell', { cause: error });
    }
  }
}

/** Undefined where launchers cannot work as well as this process, which also gets the kernel's error about a program. */
async function findPlace([program = '']: readonly string[]): Promise<Place | undefined> {
  const path = await findExecutable(program);
  if (path === undefined || !isPlainEnvironment()) return undefined;
  try {
    // /proc finds the programs that have to end, and opens their standard error.
    await access(`/proc/self/task/${process.pid}/children`);
    const directory = await mkdtemp(join(tmpdir(), 'rmq-'));
    const options = { recursive: true, force: true };
    const calledOff = whenLeaving(() => rmSync(directory, options));
    return { path, directory, clear: () => rm(directory, options).finally(calledOff) };
  } catch {
    return undefined;
  }
}

/** The path of a program, as the kernel would find it; undefined when none can be executed. */
async function findExecutable(program: string): Promise<string | undefined> {
  if (program.includes('/')) return (await isExecutable(program)) ? resolve(program) : undefined;
  for (const directory of process.env['PATH']?.split(delimiter) ?? []) {
    const path = resolve(directory, program);
    if (isAbsolute(path) && (await isExecutable(path))) return path;
  }
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
