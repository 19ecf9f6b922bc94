import { setMaxListeners } from 'node:events';
import { constants } from 'node:os';
import { formatEnvelope } from '../model/envelope.ts';
import type { Emit } from '../model/event.ts';
import type { Delivery } from '../model/message.ts';
import { drained } from './drain.ts';
import { outerEnvironment, variablesOf } from './environment.ts';
import { groupOf, type Patience } from './group.ts';
import { spool } from './spool.ts';
import { type Descriptor, start } from './start.ts';
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
  /** Milliseconds between TERM and KILL. */
  readonly patience?: Patience | undefined;
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

/**
 * Runs a program with the body of a message on its standard input, in a session and process group of its own.
 *
 * @throws Failure `unfound` or `unexecutable` when there is no such program, `later` when the machine cannot start one now
 */
export async function runProgram(input: ProgramInput): Promise<ProgramRun> {
  const { command, delivery, attempt, fd3, signal, patience, collect, emit } = input;
  const envelope = fd3 ? `${formatEnvelope(delivery, { jsonBody: false })}\n` : '';
  // Unlike a pipe, a file can be opened by its name as often as a program likes.
  const descriptors: Descriptor[] = [(await spool(delivery.body)) ?? 'reads', collect === undefined ? 'inherit' : 'writes', 'writes'];
  if (fd3) descriptors.push((await spool(envelope)) ?? 'reads');
  const { child, pipes } = await start(command, descriptors, { ...outerEnvironment(), ...variablesOf(delivery, attempt) });
  const [stdin, stdout, stderr, described] = pipes;
  const group = groupOf(child, { patience });
  const tail = new Tail();
  const collected: Buffer[] = [];
  let size = 0;
  let overflowed = false;
  let aborted = false;
  const abort = (): void => {
    aborted = true;
    group.end();
  };
  stderr?.on('data', (chunk: Buffer) => {
    tail.add(chunk);
    emit({ kind: 'handler-output', bytes: chunk });
  });
  stdout?.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= (collect?.maxBytes ?? 0)) collected.push(chunk);
    else if (!overflowed) {
      overflowed = true;
      group.end();
    }
  });
  // As many programs as there are messages may have to do with it.
  setMaxListeners(0, signal);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  // It need not read any of it.
  stdin?.end(delivery.body);
  described?.end(envelope);
  const [code, endedBy] = await new Promise<readonly [number | null, NodeJS.Signals | null]>((resolve) => {
    child.once('exit', (exitCode, exitSignal) => resolve([exitCode, exitSignal]));
  });
  signal.removeEventListener('abort', abort);
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

/** As a shell says it: 128 + n for signal n. */
export function exitCodeOf(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
}
