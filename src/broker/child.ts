import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { onAbort, within } from '../model/async.ts';
import { Failure } from '../model/failure.ts';
import { type Environment, findProgram, isExecutable } from './node/find.ts';
import { membersOf, send } from './node/process.ts';

/** Milliseconds that a command may take to end once it was told to, before it is killed. */
const GRACE = 10_000;
const STEP = 50;

/**
 * The path of a command, as a shell would find it.
 *
 * @throws Failure `unfound` (127) or `unexecutable` (126), before anything has been started for it
 */
export function resolveCommand(name: string, env: Environment): string {
  if (!name.includes('/')) {
    const found = findProgram(name, env);
    if (found !== undefined) return found;
    throw new Failure('unfound', `${name}: command not found`, {
      hint: 'It is neither in the PATH nor given as a path. No shell is involved: for built-ins and pipes, run sh -c "…".',
    });
  }
  if (isExecutable(name)) return name;
  const what = statSync(name, { throwIfNoEntry: false });
  if (what === undefined) throw new Failure('unfound', `${name}: no such file`);
  throw new Failure(
    'unexecutable',
    what.isDirectory() ? `${name} is a directory` : `${name} is not executable`,
    what.isDirectory() ? {} : { hint: `Run: chmod +x ${name}` },
  );
}

export interface Ending {
  /** 128 and the number of the signal when one ended it, as in a shell. */
  readonly code: number;
  /** True when it ended because this run was stopped. */
  readonly stopped: boolean;
}

/**
 * Runs a command with this process's stdin, stdout and stderr until it ends. When the signal aborts, it is told to end in
 * the same way, and killed when it has not within ten seconds.
 *
 * With a terminal, the command stays in the foreground process group, or it could neither read nor be interrupted; Ctrl-C
 * then reaches it without us. Otherwise it gets a group of its own, through which its children are reached too. What it leaves running in its group is ended
 * in the same time: nothing is to stay that relies on a broker which is gone.
 *
 * @param mark a variable of the environment, as `NAME=value`, that nothing else has
 * @param own gets what to kill should this process be killed: a process, or a group when negative
 */
export async function runCommand(
  path: string,
  args: readonly string[],
  { env, mark }: { readonly env: Environment; readonly mark: string },
  signal: AbortSignal,
  own: (target: number) => void,
): Promise<Ending> {
  const leads = !hasTerminal();
  const child = spawn(path, args, { env: env as NodeJS.ProcessEnv, stdio: 'inherit', detached: leads });
  const ended = ending(child, path);
  if (child.pid === undefined) return { code: await ended, stopped: false };
  const target = leads ? -child.pid : child.pid;
  own(target);
  const aborted = new Promise<'aborted'>((resolve) => onAbort(signal, () => resolve('aborted')));
  const first = await Promise.race([ended, aborted]);
  const stopped = first === 'aborted';
  const interrupted = stopped && !(signal.reason instanceof Failure && signal.reason.kind === 'terminated');
  const deadline = Date.now() + GRACE;
  if (stopped) {
    if (leads || !interrupted) send(target, interrupted ? 'SIGINT' : 'SIGTERM');
    if ((await within(GRACE, ended)) === undefined) send(target, 'SIGKILL');
  }
  const left = (): readonly number[] => leftBehind(leads ? child.pid : undefined, mark);
  if (!stopped || interrupted || !leads) for (const one of left()) send(one, 'SIGTERM');
  while (left().length > 0 && Date.now() < deadline) await pause(STEP);
  for (const one of left()) send(one, 'SIGKILL');
  return { code: stopped ? await ended : first, stopped };
}

/** What still runs of a process group; of this process' own group, only what has the mark in its environment. */
function leftBehind(group: number | undefined, mark: string): readonly number[] {
  if (group !== undefined) return membersOf(group) ?? (exists(-group) ? [-group] : []);
  return (membersOf(undefined) ?? []).filter((pid) => pid !== process.pid && environmentOf(pid).includes(mark));
}

function environmentOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

function ending(child: ChildProcess, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      // The file exists: the interpreter in its first line does not.
      reject(
        new Failure(
          'unexecutable',
          `${path} cannot be started: ${error.code === 'ENOENT' ? 'the interpreter in its first line does not exist' : error.message}`,
          { cause: error },
        ),
      );
    });
    child.once('exit', (code, name) => resolve(code ?? 128 + (name === null ? 0 : constants.signals[name])));
  });
}

function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}

function exists(target: number): boolean {
  try {
    process.kill(target, 0);
    return true;
  } catch {
    return false;
  }
}
