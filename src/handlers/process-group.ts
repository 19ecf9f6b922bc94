import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** How many milliseconds a program has to end by itself; asked when that begins, where it depends. */
export type Patience = number | (() => number);

const PATIENCE = 5_000;

export function patienceOf(patience: Patience = PATIENCE): number {
  return typeof patience === 'number' ? patience : patience();
}

/** Less of it once the run has been stopped and its handlers have `grace` milliseconds: what ignores TERM must not take longer than that again. */
export function patienceWithin(grace: number, stopped: AbortSignal): Patience {
  return () => (stopped.aborted ? Math.min(grace, PATIENCE) : PATIENCE);
}

/** A program with everything that it has started, as long as that has not left its process group. */
export interface ProcessGroup {
  /** TERM now, KILL for what is left of it a little later. */
  readonly end: () => void;
  readonly kill: () => void;
  /** The program itself has ended: nothing has to be taken along any more, unless it was to be ended. */
  readonly over: () => void;
}

export interface GroupOptions {
  /** Between TERM and KILL. */
  readonly patience?: Patience | undefined;
  /** The child starts one program after the other, which may lead groups of their own, as `timeout` does. They go with it. */
  readonly launches?: boolean;
}

/** The process group that a detached child leads. */
export function groupOf({ pid }: ChildProcess, { patience, launches = false }: GroupOptions = {}): ProcessGroup {
  if (pid === undefined) return { end: () => undefined, kill: () => undefined, over: () => undefined };
  const groups = new Set([pid]);
  let ending: NodeJS.Timeout | undefined;
  let isOver = false;
  const send = (signal: NodeJS.Signals, launched: readonly number[]): void => {
    // Most of what is launched stays in the group, and leads none.
    for (const group of new Set([...groups, ...launched])) if (signalGroup(group, signal)) groups.add(group);
  };
  const kill = (): void => send('SIGKILL', launches ? childrenOf(pid) : []);
  const calledOff = whenLeaving(kill);
  return {
    end: () => {
      if (ending !== undefined || isOver) return;
      const launched = launches ? childrenOf(pid) : [];
      // Where nothing runs yet, nothing has to come to an end: it must not begin any more.
      send(launches && launched.length === 0 ? 'SIGKILL' : 'SIGTERM', launched);
      ending = setTimeout(kill, patienceOf(patience));
    },
    kill,
    over: () => {
      if (isOver) return;
      isOver = true;
      calledOff();
      if (ending === undefined) return;
      // What the program had started and did not end itself.
      clearTimeout(ending);
      kill();
    },
  };
}

/** False when all of it has ended, or there is no such group. */
function signalGroup(group: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(-group, signal);
  } catch {
    return false;
  }
}

/** The processes that a process has started and that live; none where the system does not tell. */
export function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').map(Number).filter(Boolean);
  } catch {
    return [];
  }
}

const duties = new Set<() => void>();

function leave(): void {
  for (const duty of duties) {
    try {
      duty();
    } catch {
      // The others are still to come.
    }
  }
}

/** What has to be done at once should the process leave in a hurry; returns what calls it off. */
export function whenLeaving(duty: () => void): () => void {
  if (duties.size === 0) process.on('exit', leave);
  duties.add(duty);
  return () => {
    duties.delete(duty);
    if (duties.size === 0) process.off('exit', leave);
  };
}
