import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { formatEnvelope } from '../model/envelope.ts';
import type { Emit } from '../model/event.ts';
import type { Delivery } from '../model/message.ts';
import { outerEnvironment, variablesOf } from './environment.ts';
import { type Group, groupOf } from './group.ts';
import { type ProgramRun, spawned } from './program.ts';
import { Tail } from './tail.ts';

/** Bodies up to this size are written while everything else waits: a round through the thread pool would take longer. */
const SMALL = 65_536;

/** A message for the program of a launcher. */
export interface LaunchInput {
  readonly delivery: Delivery;
  readonly attempt: number;
  readonly signal: AbortSignal;
}

interface LauncherConfig {
  /** The program, by its path, and its arguments. */
  readonly command: readonly string[];
  readonly fd3: boolean;
  /** A private directory for bodies, which programs read as their standard input. */
  readonly directory: string;
  readonly emit: Emit;
}

let launchers = 0;

/**
 * A small shell that starts a program for one message after the other. To start one out of this process takes the kernel
 * several times as long, for its size. The program gets all that is said here and nothing else: no word of a message is ever read by the shell as anything but data.
 */
export class Launcher {
  readonly #config: LauncherConfig;
  readonly #file: string;
  /** Ends what a program has said, in between of two messages: nobody else knows it. */
  readonly #mark = Buffer.from(`\0rmq:${Math.random().toString(36).slice(2)}${Math.random().toString(36).slice(2)}:`);
  #child: ChildProcess | undefined;
  #group: Group | undefined;
  #held = Buffer.alloc(0);
  #tail = new Tail();
  #number = 0;
  #finish: (code: number) => void = () => undefined;

  constructor(config: LauncherConfig) {
    this.#config = config;
    this.#file = join(config.directory, String(++launchers));
  }

  /**
   * Runs the program for a message; one at a time.
   *
   * @throws Failure `later` when the machine cannot start one now, and an error of the file system when the body cannot be written
   */
  async run({ delivery, attempt, signal }: LaunchInput): Promise<ProgramRun> {
    const { command, fd3 } = this.#config;
    const child = this.#child ?? (await this.#start());
    this.#tail = new Tail();
    const file = `${this.#file}.${++this.#number}`;
    const envelope = `${file}.envelope`;
    if (delivery.body.length > SMALL) await writeFile(file, delivery.body, { mode: 0o600 });
    else writeFileSync(file, delivery.body, { mode: 0o600 });
    if (fd3) await writeFile(envelope, `${formatEnvelope(delivery, { jsonBody: false })}\n`, { mode: 0o600 });
    const variables = Object.entries(variablesOf(delivery, attempt)).map(([name, value]) => `${name}=${quoted(value)}`);
    // In a subshell, which the program replaces: what the shell itself has to say, such as "Killed", stays out of it.
    const line = `(export ${variables.join(' ')}; exec ${command.map(quoted).join(' ')} <${quoted(file)} 2>&3 ${fd3 ? `3<${quoted(envelope)}` : '3>&-'})`;
    let aborted = false;
    const abort = (): void => {
      aborted = true;
      this.#group?.end();
    };
    const code = await new Promise<number>((resolve) => {
      this.#finish = resolve;
      signal.addEventListener('abort', abort, { once: true });
      child.stdin?.write(`${line}\nprintf '\\000%s%s\\n' ${quoted(this.#mark.subarray(1).toString())} $? >&3\n`);
      if (signal.aborted) abort();
    });
    signal.removeEventListener('abort', abort);
    // Also what the program had started has to go, and the shell with it.
    if (aborted) this.#drop();
    void rm(file, { force: true });
    if (fd3) void rm(envelope, { force: true });
    return { code, signal: signalOf(code), stdout: Buffer.alloc(0), stderr: this.#tail.text, aborted, overflowed: false };
  }

  /** Ends the shell; a program that still runs is not waited for. */
  close(): void {
    this.#child?.stdin?.end();
    this.#child = undefined;
  }

  async #start(): Promise<ChildProcess> {
    const child = await spawned('sh', () => spawn('sh', [], { detached: true, env: outerEnvironment(), stdio: ['pipe', 'inherit', 'ignore', 'pipe'] }));
    const group = groupOf(child);
    child.stdin?.on('error', () => undefined);
    const output = child.stdio[3] as Readable;
    output.on('error', () => undefined);
    output.on('data', (chunk: Buffer) => this.#hear(chunk));
    child.once('exit', (code, signal) => {
      group.over();
      if (this.#child === child) this.#child = undefined;
      this.#finish(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
    // A signal to all of them must leave the shell to tell how the program took it.
    child.stdin?.write('trap : TERM INT HUP\n');
    this.#child = child;
    this.#group = group;
    this.#held = Buffer.alloc(0);
    return child;
  }

  #drop(): void {
    this.#group?.over();
    this.#child = undefined;
  }

  /** Passes on what the program says, up to the mark, behind which stands its exit code. */
  #hear(chunk: Buffer): void {
    let bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    for (;;) {
      const at = bytes.indexOf(this.#mark);
      const end = at < 0 ? -1 : bytes.indexOf(10, at + this.#mark.length);
      // What may be the beginning of a mark waits for more.
      const said = at >= 0 ? at : beginOf(this.#mark, bytes);
      this.#say(bytes.subarray(0, said));
      if (end < 0) {
        this.#held = Buffer.from(bytes.subarray(said));
        return;
      }
      const code = Number(bytes.toString('latin1', at + this.#mark.length, end));
      bytes = bytes.subarray(end + 1);
      this.#finish(code);
    }
  }

  #say(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#tail.add(bytes);
    this.#config.emit({ kind: 'handler-output', bytes });
  }
}

/** Where the bytes may begin a mark that is not all there yet; their length when they do not. */
function beginOf(mark: Buffer, bytes: Buffer): number {
  const from = Math.max(0, bytes.length - mark.length + 1);
  const at = bytes.indexOf(0, from);
  return at >= 0 && bytes.subarray(at).equals(mark.subarray(0, bytes.length - at)) ? at : bytes.length;
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
