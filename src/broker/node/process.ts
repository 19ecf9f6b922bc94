import { readdirSync, readFileSync } from 'node:fs';

/** A process as it can be recognised later: a number alone may meanwhile belong to another one. */
export interface ProcessMark {
  readonly pid: number;
  /** When it started, in whatever unit the system counts; absent where the system has no `/proc`. */
  readonly started?: string | undefined;
}

/** The mark of a process that runs now. */
export function markProcess(pid: number): ProcessMark {
  return { pid, started: startedAt(pid)?.started };
}

/** True while the very process that was marked runs; a zombie, and another process under its number, do not count. */
export function isAlive({ pid, started }: ProcessMark): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 1) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const now = startedAt(pid);
  if (now === undefined) return true;
  return !now.zombie && (started === undefined || now.started === started);
}

/** Sends a signal to a process, or to a group when the number is negative; it may have ended meanwhile. */
export function send(target: number, name: NodeJS.Signals): void {
  try {
    process.kill(target, name);
  } catch {
    // It has.
  }
}

/** The processes of a group (that of this process unless it is named) that run, and are no zombies; undefined where the system has no `/proc`. */
export function membersOf(group = startedAt(process.pid)?.group): number[] | undefined {
  if (startedAt(process.pid) === undefined) return undefined;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const found = startedAt(pid);
      return found !== undefined && found.group === group && !found.zombie;
    });
}

/** See proc(5): after the name in parentheses, which may itself hold spaces and parentheses, come the state, two fields later the group, and 18 later the start. */
function startedAt(pid: number): { started: string; group: number; zombie: boolean } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { started: fields[19] ?? '', group: Number(fields[2]), zombie: fields[0] === 'Z' || fields[0] === 'X' };
  } catch {
    return undefined;
  }
}
