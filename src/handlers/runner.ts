import { setMaxListeners } from 'node:events';
import { rmSync } from 'node:fs';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Emit } from '../model/event.ts';
import { Failure } from '../model/failure.ts';
import type { Delivery } from '../model/message.ts';
import { isPlainEnvironment, variablesOf } from './environment.ts';
import { findProgram } from './find.ts';
import type { Patience } from './group.ts';
import { CannotLaunch, Launcher } from './launcher.ts';
import { whenLeaving } from './leaving.ts';
import { type Parcel, withParcel } from './parcel.ts';
import { type ProgramRun, runProgram } from './program.ts';

interface RunnerConfig {
  /** The program and its arguments. */
  readonly command: readonly string[];
  readonly fd3: boolean;
  readonly patience: Patience | undefined;
  readonly emit: Emit;
}

interface RunnerInput {
  readonly delivery: Delivery;
  readonly attempt: number;
  readonly signal: AbortSignal;
}

/** What launchers need. */
interface Place {
  readonly path: string;
  /** For messages, which programs read as files. */
  readonly directory: string;
  /** Removes it. */
  readonly clear: () => Promise<void>;
}

/** Runs one program for many messages, several at a time: by launchers, or out of this process where they cannot work. */
export class Runner {
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
    const abort = (): void => stop.abort();
    setMaxListeners(0, signal);
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    const run = this.#run({ ...input, signal: stop.signal });
    this.#running.set(stop, run);
    try {
      return await run;
    } finally {
      this.#running.delete(stop);
      signal.removeEventListener('abort', abort);
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

/** Undefined where the kernel says best what is wrong with a program, or where launchers cannot do as well as this process. */
async function findPlace([program = '']: readonly string[]): Promise<Place | undefined> {
  const path = await findProgram(program);
  if (path === undefined || !isPlainEnvironment()) return undefined;
  try {
    // By these, programs are found that have to end; and their standard error is opened.
    await access(`/proc/self/task/${process.pid}/children`);
    const directory = await mkdtemp(join(tmpdir(), 'rmq-'));
    const options = { recursive: true, force: true };
    const calledOff = whenLeaving(() => rmSync(directory, options));
    return { path, directory, clear: () => rm(directory, options).finally(calledOff) };
  } catch {
    return undefined;
  }
}
