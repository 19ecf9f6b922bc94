import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { Failure } from '../model/failure.ts';
import { takePipes } from './pipe.ts';

/** What a descriptor of a child is: ours, nothing, a pipe that the child reads or writes, or one that is open and is the child's from now on. */
export type Descriptor = 'inherit' | 'ignore' | 'reads' | 'writes' | number;

export interface Started {
  readonly child: ChildProcess;
  /** Our ends, by the descriptor of the child. */
  readonly pipes: readonly (Socket | undefined)[];
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
    // A program need not listen, nor be there any more.
    stream?.on('error', () => undefined);
    return stream ?? undefined;
  });
  return { child, pipes: streams };
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
