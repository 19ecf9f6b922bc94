import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Milliseconds that a program has to end by itself; a function is asked when that time begins. */
export type Patience = number | (() => number);

const PATIENCE = 5_000;

export function patienceOf(patience: Patience = PATIENCE): number {
  return typeof patience === 'number' ? patience : patience();
}

/** Shorter once the run is stopped with `grace` milliseconds for its handlers: a program that ignores TERM must not take that long again. */
export function patienceWithin(grace: number, stopped: AbortSignal): Patience {
  return () => (stopped.aborted ? Math.min(grace, PATIENCE) : PATIENCE);
}

/** A program with everything that it started and that stayed in its process group. */
export interface ProcessGroup {
  /** Sends TERM now, and KILL a little later to what is left. */
  readonly end: () => void;
  readonly kill: () => void;
  /** The program itself has ended: the rest may stay, unless it was to be ended. */
  readonly over: () => void;
}

export interface GroupOptions {
  /** Between TERM and KILL. */
  readonly patience?: Patience | undefined;
  /** The child starts programs that may lead groups of their own, as `timeout` does. They are ended too. */
  readonly launches?: boolean;
}

export function groupOf({ pid }: ChildProcess, { patience, launches = false }: GroupOptions = {}): ProcessGroup {
  if (pid === undefined) return { end: () => undefined, kill: () => undefined, over: () => undefined };
  const groups = new Set([pid]);
  let ending: NodeJS.Timeout | undefined;
  let isOver = false;
  const send = (signal: NodeJS.Signals, launched: readonly number[]): void => {
    // Most launched programs stay in the group, and lead none.
    for (const group of new Set([...groups, ...launched])) if (signalGroup(group, signal)) groups.add(group);
  };
  const kill = (): void => send('SIGKILL', launches ? childrenOf(pid) : []);
  const calledOff = whenLeaving(kill);
  return {
    end: () => {
      if (ending !== undefined || isOver) return;
      const launched = launches ? childrenOf(pid) : [];
      // A program that has not begun must not begin any more.
      send(launches && launched.length === 0 ? 'SIGKILL' : 'SIGTERM', launched);
      ending = setTimeout(kill, patienceOf(patience));
    },
    kill,
    over: () => {
      if (isOver) return;
      isOver = true;
      calledOff();
      if (ending === undefined) return;
      // What the program started and did not end itself.
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

/** The living children of a process; none where the system does not tell. */
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
      // The other lines are still to come.
    }
  }
}

/** Registers what to do at once when the process exits early; returns a function that calls it off. */
export function whenLeaving(duty: () => void): () => void {
  if (duties.size === 0) process.on('exit', leave);
  duties.add(duty);
  return () => {
    duties.delete(duty);
    if (duties.size === 0) process.off('exit', leave);
  };
}
