import { randomBytes } from 'node:crypto';
import { unlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { Emit } from '../model/event.ts';
import { Failure } from '../model/failure.ts';
import { formatEnvelope } from '../model/message/envelope.ts';
import type { Delivery } from '../model/message/message.ts';
import { shellQuoted } from '../model/text.ts';
import { writePrivately } from './descriptors.ts';
import { outerEnvironment } from './environment.ts';
import { groupOf, type ProcessGroup } from './process-group.ts';
import { drained, exitCodeOf, type ProgramInput, type ProgramRun, type Started, start, Tail } from './program.ts';

/** A program to launch, with everything that it gets. */
export interface Launch {
  readonly command: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
  /** The files on its standard input and on descriptor 3. */
  readonly stdin: string;
  readonly fd3: string | undefined;
  readonly signal: AbortSignal;
}

type LauncherConfig = Pick<ProgramInput, 'patience' | 'emit'>;

interface Running {
  readonly tail: Tail;
  readonly resolve: (code: number) => void;
  readonly reject: (error: Error) => void;
  /** False until the shell has begun with it. */
  begun: boolean;
}

/** A launcher could not work; nothing was started. */
export class CannotLaunch extends Error {}

/**
 * A small shell that starts one program after the other. Starting one from this process takes the kernel several times as long, because of
 * its size. The shell reads every part of a message as data.
 */
export class Launcher {
  readonly #emit: Emit;
  readonly #marks = new Marks();
  readonly #group: ProcessGroup;
  readonly #stdin: Started['pipes'][number];
  /** Each program opens it anew: what it does to its standard error ends with it. A socket cannot be opened by name. */
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
        // Without its shell, the end of a program cannot be learned.
        if (this.#running !== undefined) this.#group.kill();
        this.#group.over();
        stdin?.destroy();
        void drained([output]).then(() => {
          this.#lost(code, signal);
          resolve();
        });
      });
    });
    // A signal to the whole group must leave the shell to report how the program ended.
    stdin?.write('set +eu\ntrap : TERM INT HUP\n');
  }

  /** False when the shell has ended, or has to. */
  get usable(): boolean {
    return this.#usable;
  }

  /**
   * Runs a program; one at a time.
   *
   * @throws CannotLaunch when the shell ended before it began, and Failure `later` when the machine cannot start a program now
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
      // What the program had started has to go too, and the shell with it.
      if (aborted) this.#group.over();
    }
  }

  /** Ends the shell, and waits for its end. */
  async close(): Promise<void> {
    this.#usable = false;
    this.#stdin?.end();
    await this.#gone;
  }

  /** In a subshell, which the program replaces: messages of the shell itself, such as "Killed", stay out of its output. */
  #linesOf({ command, variables, stdin, fd3 }: Launch): string {
    const exported = Object.entries(variables).map(([name, value]) => `${name}=${shellQuoted(value)}`);
    const redirected = `<${shellQuoted(stdin)} ${this.#stderr} ${fd3 === undefined ? '3>&-' : `3<${shellQuoted(fd3)}`}`;
    const program = `(export ${exported.join(' ')}; exec ${command.map(shellQuoted).join(' ')} ${redirected})`;
    const tell = `printf '\\000%s%s\\n' ${shellQuoted(this.#marks.mark.slice(1))}`;
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

  /** The shell ended without a report: it was killed with its program, or could not start one. */
  #lost(code: number | null, signal: NodeJS.Signals | null): void {
    const running = this.#take();
    if (running?.begun === false) running.reject(new CannotLaunch('the shell that starts programs has ended'));
    else if (signal !== null) running?.resolve(exitCodeOf(code, signal));
    else running?.reject(new Failure('later', `no program can be started now: the shell that starts it ended with ${code}`));
  }

  /** The launch that the next report is for; forgets it. */
  #take(): Running | undefined {
    const running = this.#running;
    this.#running = undefined;
    return running;
  }
}

/** The exit code of a shell for signal n is 128 + n. */
function signalOf(code: number): NodeJS.Signals | undefined {
  const [name] = Object.entries(constants.signals).find(([, number]) => number === code - 128) ?? [];
  return name as NodeJS.Signals | undefined;
}

/**
 * Separates the output of programs, one after the other through one pipe, from the reports of the shell in between: a random
 * mark, a word, and a newline.
 */
export class Marks {
  /** The mark before a report; it begins with a NUL. */
  readonly mark = `\0rmq:${randomBytes(12).toString('hex')}:`;
  readonly #mark = Buffer.from(this.mark);
  #held = Buffer.alloc(0);

  read(chunk: Buffer, say: (bytes: Buffer) => void, hear: (word: string) => void): void {
    let bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    for (;;) {
      const at = bytes.indexOf(this.#mark);
      const end = at < 0 ? -1 : bytes.indexOf(10, at + this.#mark.length);
      // A possible beginning of a mark waits for more.
      const said = at >= 0 ? at : beginOf(this.#mark, bytes);
      if (said > 0) say(bytes.subarray(0, said));
      if (end < 0) {
        this.#held = Buffer.from(bytes.subarray(said));
        return;
      }
      hear(bytes.toString('latin1', at + this.#mark.length, end));
      bytes = bytes.subarray(end + 1);
    }
  }
}

/** Where the bytes may begin an incomplete mark; their length when they do not. */
function beginOf(mark: Buffer, bytes: Buffer): number {
  let at = bytes.indexOf(0, Math.max(0, bytes.length - mark.length + 1));
  while (at >= 0 && !bytes.subarray(at).equals(mark.subarray(0, bytes.length - at))) at = bytes.indexOf(0, at + 1);
  return at < 0 ? bytes.length : at;
}

/** A message in files that only this user may read. */
export interface Parcel {
  readonly body: string;
  /** Undefined when it was not asked for. */
  readonly envelope: string | undefined;
}

let parcels = 0;

/**
 * Puts a message into files of a private directory while it is used.
 *
 * @throws CannotLaunch when there is no space for it, and whatever `use` throws
 */
export async function withParcel<T>(directory: string, delivery: Delivery, fd3: boolean, use: (parcel: Parcel) => Promise<T>): Promise<T> {
  const body = join(directory, String(++parcels));
  const envelope = fd3 ? `${body}.envelope` : undefined;
  const described = fd3 ? `${formatEnvelope(delivery, { jsonBody: false })}\n` : '';
  try {
    await write(body, delivery.body);
    if (envelope !== undefined) await write(envelope, described);
    return await use({ body, envelope });
  } finally {
    remove(body);
    if (envelope !== undefined) remove(envelope);
  }
}

async function write(path: string, content: Buffer | string): Promise<void> {
  try {
    await writePrivately(path, content);
  } catch (error) {
    throw new CannotLaunch('a message cannot be written to a file', { cause: error });
  }
}

/** At once: a round through the thread pool takes ten times as long. Errors are ignored: the directory is removed in the end. */
function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It may never have been written.
  }
}
