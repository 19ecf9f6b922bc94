import type { ChildProcess } from 'node:child_process';

/** How long a process group has to end by itself after TERM, in milliseconds. */
const PATIENCE = 5_000;

/** Groups that live: a run that leaves in a hurry takes them along. */
const living = new Set<number>();

function killAll(): void {
  for (const group of living) signalGroup(group, 'SIGKILL');
}

/** A program with everything that it has started, as long as that has not left its process group. */
export interface Group {
  /** TERM now, KILL for what is left of it a little later. */
  readonly end: () => void;
  readonly kill: () => void;
  /** The program itself has ended: nothing has to be taken along any more, unless it was to be ended. */
  readonly over: () => void;
}

/** The process group that a detached child leads. */
export function groupOf(child: ChildProcess): Group {
  const { pid } = child;
  if (pid === undefined) return { end: () => undefined, kill: () => undefined, over: () => undefined };
  if (living.size === 0) process.on('exit', killAll);
  living.add(pid);
  let ending: NodeJS.Timeout | undefined;
  const kill = (): void => signalGroup(pid, 'SIGKILL');
  return {
    end: () => {
      if (ending !== undefined) return;
      signalGroup(pid, 'SIGTERM');
      ending = setTimeout(kill, PATIENCE);
    },
    kill,
    over: () => {
      // What the program had started and did not end itself.
      if (ending !== undefined) {
        clearTimeout(ending);
        kill();
      }
      living.delete(pid);
      if (living.size === 0) process.off('exit', killAll);
    },
  };
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch {
    // All of it has ended.
  }
}
