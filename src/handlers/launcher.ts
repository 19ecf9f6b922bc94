import { constants } from 'node:os';
import type { Emit } from '../model/event.ts';
import { Failure } from '../model/failure.ts';
import { drained } from './drain.ts';
import { outerEnvironment } from './environment.ts';
import { type Group, groupOf, type Patience } from './group.ts';
import { Marks } from './marks.ts';
import { exitCodeOf, type ProgramRun } from './program.ts';
import { type Started, start } from './start.ts';
import { Tail } from './tail.ts';

/** A program to launch: all that it gets, and nothing else. */
export interface Launch {
  /** By its path, and its arguments. */
  readonly command: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
  /** The file that it reads as its standard input, and the one that it finds on descriptor 3. */
  readonly stdin: string;
  readonly fd3: string | undefined;
  readonly signal: AbortSignal;
}

interface LauncherConfig {
  /** Milliseconds between TERM and KILL. */
  readonly patience?: Patience | undefined;
  readonly emit: Emit;
}

interface Running {
  readonly tail: Tail;
  readonly resolve: (code: number) => void;
  readonly reject: (error: Error) => void;
  /** False as long as the shell has not come to it. */
  begun: boolean;
}

/** A launcher could not do its work; nothing has been started. */
export class CannotLaunch extends Error {}

/**
 * A small shell that starts one program after the other. To start one out of this process takes the kernel several times as long, for
 * its size. No word of a message is ever read by the shell as anything but data.
 */
export class Launcher {
  readonly #emit: Emit;
  readonly #marks = new Marks();
  readonly #group: Group;
  readonly #stdin: Started['pipes'][number];
  /** Opened anew, its standard error is a program's own: what it does to it ends with it. A socket cannot be opened. */
  readonly #stderr: string;
  readonly #gone: Promise<void>;
  #usable = true;
  #running: Running | undefined;

  /** @throws Failure `unfound` or `unexecutable` when there is no shell, `later` when the machine cannot start one now */
  static async start(config: LauncherConfig): Promise<Launcher> {
    return new Launcher(await start(['sh'], ['reads', 'inherit', 'ignore', 'writes'], outerEnvironment()), config);
  }

  private constructor({ child, pipes: [stdin, , , output] }: Started, { patience, emit }: LauncherConfig) {
    this.#emit = emit;
    this.#group = groupOf(child, { patience, launches: true });
    this.#stdin = stdin;
    this.#stderr = child.stdio[3] === null ? '2>/proc/self/fd/3' : '2>&3';
    output?.on('data', (chunk: Buffer) => {
      this.#marks.read(
        chunk,
        (bytes) => this.#say(bytes),
        (word) => this.#hear(word),
      );
    });
    this.#gone = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#usable = false;
        // Nobody can tell any more how a program ends that has lost its shell.
        if (this.#running !== undefined) this.#group.kill();
        this.#group.over();
        stdin?.destroy();
        void drained([output]).then(() => {
          this.#lost(code, signal);
          resolve();
        });
      });
    });
    // A signal to all of them must leave the shell to tell how the program took it.
    stdin?.write('set +eu\ntrap : TERM INT HUP\n');
  }

  /** False when the shell has ended, or has to. */
  get usable(): boolean {
    return this.#usable;
  }

  /**
   * Runs a program; one at a time.
   *
   * @throws CannotLaunch when the shell has ended before it came to it, and Failure `later` when the machine cannot start one now
   */
  async run(launch: Launch): Promise<ProgramRun> {
    const { signal } = launch;
    const tail = new Tail();
    let aborted = false;
    const abort = (): void => {
      aborted = true;
      this.#usable = false;
      if (this.#running !== undefined) this.#running.begun = true;
      this.#group.end();
    };
    try {
      const code = await new Promise<number>((resolve, reject) => {
        this.#running = { tail, resolve, reject, begun: false };
        signal.addEventListener('abort', abort, { once: true });
        if (signal.aborted) abort();
        else this.#stdin?.write(this.#linesOf(launch));
      });
      return { code, signal: signalOf(code), stdout: Buffer.alloc(0), stderr: tail.text, aborted, overflowed: false };
    } finally {
      signal.removeEventListener('abort', abort);
      // Also what the program had started has to go, and the shell with it.
      if (aborted) this.#group.over();
    }
  }

  /** Ends the shell, and waits for that. */
  async close(): Promise<void> {
    this.#usable = false;
    this.#stdin?.end();
    await this.#gone;
  }

  /** In a subshell, which the program replaces: what the shell itself has to say, such as "Killed", stays out of it. */
  #linesOf({ command, variables, stdin, fd3 }: Launch): string {
    const exported = Object.entries(variables).map(([name, value]) => `${name}=${quoted(value)}`);
    const redirected = `<${quoted(stdin)} ${this.#stderr} ${fd3 === undefined ? '3>&-' : `3<${quoted(fd3)}`}`;
    const program = `(export ${exported.join(' ')}; exec ${command.map(quoted).join(' ')} ${redirected})`;
    const tell = `printf '\\000%s%s\\n' ${quoted(this.#marks.mark.slice(1))}`;
    return `${tell} begun >&3\n${program}\n${tell} "$?" >&3\n`;
  }

  #say(bytes: Buffer): void {
    this.#running?.tail.add(bytes);
    this.#emit({ kind: 'handler-output', bytes });
  }

  #hear(word: string): void {
    if (this.#running === undefined) return;
    if (word === 'begun') this.#running.begun = true;
    else this.#take()?.resolve(Number(word));
  }

  /** The shell has ended without a word: with the program, when something has killed them all; otherwise it could not start one. */
  #lost(code: number | null, signal: NodeJS.Signals | null): void {
    const running = this.#take();
    if (running?.begun === false) running.reject(new CannotLaunch('the shell that starts programs has ended'));
    else if (signal !== null) running?.resolve(exitCodeOf(code, signal));
    else running?.reject(new Failure('later', `no program can be started now: the shell that starts it ended with ${code}`));
  }

  /** Whom the next word is no longer for. */
  #take(): Running | undefined {
    const running = this.#running;
    this.#running = undefined;
    return running;
  }
}

/** Text for a shell's single quotes, in which nothing but the closing quote means anything. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** A shell says 128 + n for signal n. */
function signalOf(code: number): NodeJS.Signals | undefined {
  const [name] = Object.entries(constants.signals).find(([, number]) => number === code - 128) ?? [];
  return name as NodeJS.Signals | undefined;
}
