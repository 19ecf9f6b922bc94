import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { formatEnvelope } from '../model/envelope.ts';
import type { Emit } from '../model/event.ts';
import { Failure } from '../model/failure.ts';
import type { Delivery } from '../model/message.ts';
import { outerEnvironment, variablesOf } from './environment.ts';
import { type Group, groupOf } from './group.ts';
import { Tail } from './tail.ts';

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
  /** Its standard output is wanted, so many bytes at most; otherwise it goes where ours does. */
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
  /** True when it was ended because it had more to say than was wanted. */
  readonly overflowed: boolean;
}

/** How long a pipe may stay open, in milliseconds, that something in the background has inherited from a program which has ended. */
const INHERITED = 100;
const INHERITED_AT_MOST = 2_000;

/**
 * Runs a program with the body of a message on its standard input, in a session and process group of its own.
 *
 * @throws Failure `unfound` or `unexecutable` when there is no such program, `later` when the machine cannot start one now
 */
export async function runProgram(input: ProgramInput): Promise<ProgramRun> {
  const { command, delivery, attempt, fd3, signal, collect, emit } = input;
  const [program = '', ...args] = command;
  const child = await spawned(program, () =>
    spawn(program, args, {
      detached: true,
      env: { ...outerEnvironment(), ...variablesOf(delivery, attempt) },
      stdio: ['pipe', collect === undefined ? 'inherit' : 'pipe', 'pipe', ...(fd3 ? (['pipe'] as const) : [])],
    }),
  );
  const group = groupOf(child);
  const tail = new Tail();
  const stdout: Buffer[] = [];
  let collected = 0;
  let overflowed = false;
  child.stderr?.on('data', (chunk: Buffer) => {
    tail.add(chunk);
    emit({ kind: 'handler-output', bytes: chunk });
  });
  child.stdout?.on('data', (chunk: Buffer) => {
    collected += chunk.length;
    if (collected <= (collect?.maxBytes ?? 0)) stdout.push(chunk);
    else if (!overflowed) {
      overflowed = true;
      group.end();
    }
  });
  for (const stream of child.stdio) stream?.on('error', () => undefined);
  // It need not read any of it.
  child.stdin?.end(delivery.body);
  if (fd3) (child.stdio[3] as Writable).end(`${formatEnvelope(delivery, { jsonBody: false })}\n`);
  const { code, signal: endedBy, aborted } = await ended(child, group, signal);
  return {
    code: code ?? 128 + (endedBy === null ? 0 : constants.signals[endedBy]),
    signal: endedBy ?? undefined,
    stdout: Buffer.concat(stdout),
    stderr: tail.text,
    aborted,
    overflowed,
  };
}

/** A child that has started. */
export async function spawned(program: string, start: () => ChildProcess): Promise<ChildProcess> {
  try {
    const child = start();
    await new Promise<void>((resolve, reject) => {
      if (child.pid !== undefined) resolve();
      child.once('error', reject);
    });
    return child;
  } catch (error) {
    throw startFailure(program, error);
  }
}

function startFailure(program: string, error: unknown): Failure {
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new Failure('unfound', `there is no program "${program}"`, { cause: error, hint: 'no shell is involved: sh -c "…" runs a line of shell' });
  if (code === 'EAGAIN' || code === 'EMFILE' || code === 'ENFILE' || code === 'ENOMEM')
    return new Failure('later', `no program can be started now: ${message}`, { cause: error });
  return new Failure('unexecutable', `"${program}" cannot be executed: ${message}`, { cause: error });
}

interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly aborted: boolean;
}

async function ended(child: ChildProcess, group: Group, signal: AbortSignal): Promise<End> {
  let aborted = false;
  const abort = (): void => {
    aborted = true;
    group.end();
  };
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  const [code, endedBy] = await new Promise<readonly [number | null, NodeJS.Signals | null]>((resolve) => {
    child.once('exit', (exitCode, exitSignal) => resolve([exitCode, exitSignal]));
  });
  signal.removeEventListener('abort', abort);
  group.over();
  await drained(child);
  return { code, signal: endedBy, aborted };
}

/** Waits for what is still in the pipes; what somebody in the background holds open is closed once nothing comes any more. */
export async function drained(child: ChildProcess): Promise<void> {
  const pipes = [child.stdout, child.stderr].filter((pipe): pipe is Readable => pipe !== null && !pipe.closed);
  child.stdin?.destroy();
  if (pipes.length === 0) return;
  const deadline = performance.now() + INHERITED_AT_MOST;
  let open = pipes.length;
  await new Promise<void>((resolve) => {
    let heard = false;
    let timer: NodeJS.Timeout;
    // A busy process sees its timers before what has come in meanwhile; the round after it has seen both.
    const check = (): void => void setImmediate(() => setImmediate(decide));
    const decide = (): void => {
      if (!heard || performance.now() > deadline) resolve();
      else timer = setTimeout(check, INHERITED);
      heard = false;
    };
    for (const pipe of pipes) {
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
  for (const pipe of pipes) pipe.destroy();
}
