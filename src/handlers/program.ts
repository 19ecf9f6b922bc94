import { type ChildProcess, spawn } from 'node:child_process';
import { setMaxListeners } from 'node:events';
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { onAbort } from '../model/async.ts';
import type { Emit } from '../model/event.ts';
import { Failure } from '../model/failure.ts';
import { formatEnvelope } from '../model/message/envelope.ts';
import type { Delivery } from '../model/message/message.ts';
import { spool, takePipes } from './descriptors.ts';
import { outerEnvironment, variablesOf } from './environment.ts';
import { groupOf, type Patience } from './process-group.ts';

/** A program to run for a message. */
export interface ProgramInput {
  /** The program and its arguments, as they are: no shell is involved. */
  readonly command: readonly string[];
  readonly delivery: Delivery;
  /** 1 for the first attempt at this message. */
  readonly attempt: number;
  /** True: the whole envelope is on file descriptor 3. */
  readonly fd3: boolean;
  /** Ends the program, and everything in its process group. */
  readonly signal: AbortSignal;
  /** Milliseconds between TERM and KILL. */
  readonly patience?: Patience | undefined;
  /** Collects its standard output, at most this many bytes; otherwise that goes to ours. */
  readonly collect?: { readonly maxBytes: number };
  readonly emit: Emit;
}

/** How a program ended. */
export interface ProgramRun {
  /** The exit code; 128 + n when signal n ended it. */
  readonly code: number;
  readonly signal: NodeJS.Signals | undefined;
  /** What was collected. */
  readonly stdout: Buffer;
  /** The last lines of its standard error. */
  readonly stderr: string;
  /** True when it was ended because of the signal. */
  readonly aborted: boolean;
  /** True when it was ended because it printed more than that. */
  readonly overflowed: boolean;
}

/** How a program ended, such as `exit code 3` or `killed by SIGSEGV`. */
export function describeExit({ code, signal }: Pick<ProgramRun, 'code' | 'signal'>): string {
  return signal === undefined ? `exit code ${code}` : `killed by ${signal}`;
}

/**
 * Runs a program with the body of a message on its standard input, in a session and process group of its own.
 *
 * @throws Failure `unfound` or `unexecutable` when there is no such program, `later` when the machine cannot start one now
 */
export async function runProgram(input: ProgramInput): Promise<ProgramRun> {
  const { command, delivery, attempt, fd3, signal, patience, collect, emit } = input;
  const envelope = fd3 ? `${formatEnvelope(delivery, { jsonBody: false })}\n` : '';
  // Unlike a pipe, a file can be opened by name any number of times.
  const descriptors: Descriptor[] = [(await spool(delivery.body)) ?? 'reads', collect === undefined ? 'inherit' : 'writes', 'writes'];
  if (fd3) descriptors.push((await spool(envelope)) ?? 'reads');
  const { child, pipes } = await start(command, descriptors, { ...outerEnvironment(), ...variablesOf(delivery, attempt) });
  const [stdin, stdout, stderr, described] = pipes;
  const group = groupOf(child, { patience });
  const tail = tailOf(stderr, emit);
  const collected: Buffer[] = [];
  let size = 0;
  let overflowed = false;
  let aborted = false;
  const abort = (): void => {
    aborted = true;
    group.end();
  };
  stdout?.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= (collect?.maxBytes ?? 0)) collected.push(chunk);
    else if (!overflowed) {
      overflowed = true;
      group.end();
    }
  });
  // One signal may serve as many programs as there are messages.
  setMaxListeners(0, signal);
  const ignore = onAbort(signal, abort);
  // A program need not read its input.
  stdin?.end(delivery.body);
  described?.end(envelope);
  const [code, endedBy] = await new Promise<readonly [number | null, NodeJS.Signals | null]>((resolve) => {
    child.once('exit', (exitCode, exitSignal) => resolve([exitCode, exitSignal]));
  });
  ignore();
  group.over();
  stdin?.destroy();
  described?.destroy();
  await drained([stdout, stderr]);
  return {
    code: exitCodeOf(code, endedBy),
    signal: endedBy ?? undefined,
    stdout: Buffer.concat(collected),
    stderr: tail.text,
    aborted,
    overflowed,
  };
}

/** The exit code, as in a shell: 128 + n for signal n. */
export function exitCodeOf(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
}

const MOST_BYTES = 4_096;
const MOST_LINES = 20;

/** Keeps the end of a program's output. */
export class Tail {
  #bytes = Buffer.alloc(0);

  add(chunk: Buffer): void {
    // A copy: a small part must not keep a large chunk in memory.
    this.#bytes = Buffer.concat([this.#bytes, chunk.subarray(-MOST_BYTES)]).subarray(-MOST_BYTES);
  }

  /** The last lines, as valid text. */
  get text(): string {
    const text = this.#bytes.toString('utf8').trimEnd();
    // The first character may have been cut in two.
    const whole = this.#bytes.length < MOST_BYTES ? text : text.replace(/^\uFFFD+/, '');
    return whole.split('\n').slice(-MOST_LINES).join('\n');
  }
}

/** Passes a program's standard error on, and keeps the end of it. */
export function tailOf(stderr: Readable | undefined, emit: Emit): Tail {
  const tail = new Tail();
  stderr?.on('data', (bytes: Buffer) => {
    tail.add(bytes);
    emit({ kind: 'handler-output', bytes });
  });
  return tail;
}

/** Milliseconds for which a pipe may stay open that a background process inherited from a program that has ended. */
const INHERITED = 100;
const INHERITED_AT_MOST = 2_000;

/** Waits for the remaining output of an ended program; closes pipes that a background process holds open once nothing more comes. */
export async function drained(pipes: readonly (Readable | undefined)[]): Promise<void> {
  const rest = pipes.filter((pipe): pipe is Readable => pipe !== undefined && !pipe.closed);
  if (rest.length === 0) return;
  const deadline = performance.now() + INHERITED_AT_MOST;
  let open = rest.length;
  await new Promise<void>((resolve) => {
    let heard = false;
    let timer: NodeJS.Timeout;
    // A busy process runs its timers before it reads; after the next round it has done both.
    const check = (): void => void setImmediate(() => setImmediate(decide));
    const decide = (): void => {
      if (!heard || performance.now() > deadline) resolve();
      else timer = setTimeout(check, INHERITED);
      heard = false;
    };
    for (const pipe of rest) {
      pipe.on('data', () => {
        heard = true;
      });
      pipe.once('close', () => {
        open--;
        if (open > 0) return;
        clearTimeout(timer);
        resolve();
      });
    }
    timer = setTimeout(check, INHERITED);
  });
  for (const pipe of rest) pipe.destroy();
}

/** A descriptor of a child: ours, nothing, a pipe that the child reads or writes, or an open one that becomes the child's. */
export type Descriptor = 'inherit' | 'ignore' | 'reads' | 'writes' | number;

export interface Started {
  readonly child: ChildProcess;
  /** Our ends, by the descriptor of the child. */
  readonly pipes: readonly (Socket | undefined)[];
  /** The numbers of those that are kernel pipes. */
  readonly fds: readonly (number | undefined)[];
}

/**
 * Starts a program with a session and a process group of its own.
 *
 * @throws Failure `unfound` or `unexecutable` when there is no such program, `later` when the machine cannot start one now
 */
export async function start(
  [program = '', ...args]: readonly string[],
  descriptors: readonly Descriptor[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<Started> {
  const piped = descriptors.map((descriptor) => descriptor === 'reads' || descriptor === 'writes');
  const taken = await takePipes(piped.filter(Boolean).length);
  const pipes = piped.map((isPiped) => (isPiped ? taken?.pop() : undefined));
  const stdio = descriptors.map((descriptor, index) => {
    if (descriptor !== 'reads' && descriptor !== 'writes') return descriptor;
    return pipes[index]?.[descriptor === 'reads' ? 'reading' : 'writing'] ?? 'pipe';
  });
  const ours = pipes.map((pipe, index) => pipe?.[descriptors[index] === 'reads' ? 'writing' : 'reading']);
  let child: ChildProcess;
  try {
    child = spawn(program, args, { detached: true, env, stdio });
    await hasStarted(child);
  } catch (error) {
    for (const end of ours) if (end !== undefined) closeSync(end);
    throw startFailure(program, error);
  } finally {
    for (const end of stdio) if (typeof end === 'number') closeSync(end);
  }
  const streams = ours.map((fd, index) => {
    const reads = descriptors[index] === 'reads';
    const stream = fd === undefined ? (child.stdio[index] as Socket | null) : new Socket({ fd, readable: !reads, writable: reads });
    // A program need not read, and may have ended.
    stream?.on('error', () => undefined);
    return stream ?? undefined;
  });
  return { child, pipes: streams, fds: ours };
}

async function hasStarted(child: ChildProcess): Promise<void> {
  if (child.pid !== undefined) return;
  await new Promise((_, reject) => {
    child.once('error', reject);
  });
}

function startFailure(program: string, error: unknown): Failure {
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new Failure('unfound', `there is no program "${program}"`, { cause: error, hint: 'no shell is involved: sh -c "…" runs a line of shell' });
  if (code === 'EAGAIN' || code === 'EMFILE' || code === 'ENFILE' || code === 'ENOMEM')
    return new Failure('later', `no program can be started now: ${message}`, { cause: error });
  return new Failure('unexecutable', `"${program}" cannot be executed: ${message}`, { cause: error });
}
