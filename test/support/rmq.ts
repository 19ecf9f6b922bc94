import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { childrenOf } from '../../src/handlers/process-group.ts';

const BIN = fileURLToPath(new URL('../../bin/rmq.js', import.meta.url));

export interface Result {
  /** The exit code; 128 + n for a signal, as a shell says it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly output: Buffer;
}

export interface Options {
  readonly input?: string | Buffer;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Kills the run when it takes longer: a hang must fail its test, not stall the suite. */
  readonly timeout?: number;
  /** Gives it a terminal, with everything that appears there on its standard output; standard input is the keyboard. */
  readonly terminal?: boolean;
  /** How wide that is; 140 unless told. */
  readonly columns?: number;
  /** A file for its standard output, instead of the pipe. */
  readonly to?: string;
}

/** A run that is still going on. */
export interface Running {
  readonly child: ChildProcessWithoutNullStreams;
  readonly result: Promise<Result>;
  /** Resolves when the text has been seen on a stream; rejects when the run ends without it. */
  readonly until: (stream: 'stdout' | 'stderr', text: string) => Promise<void>;
}

/** Starts the built command, as a shell would. */
export function start(args: readonly string[], { input, env = {}, timeout = 60_000, terminal = false, columns = 140, to }: Options = {}): Running {
  const plain = [process.execPath, BIN, ...args];
  const [program = '', ...own] = terminal ? onTerminal(args, columns) : to === undefined ? plain : ['sh', '-c', 'exec > "$0"; exec "$@"', to, ...plain];
  const child = spawn(program, own, { env: { ...process.env, ...(terminal && { TERM: 'xterm', CI: undefined }), ...env } });
  const chunks: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
  const text = (stream: 'stdout' | 'stderr'): string => Buffer.concat(chunks[stream]).toString();
  for (const stream of ['stdout', 'stderr'] as const) child[stream].on('data', (chunk: Buffer) => chunks[stream].push(chunk));
  child.stdin.on('error', () => undefined);
  if (input !== undefined) child.stdin.end(input);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    for (const pid of child.pid === undefined ? [] : treeOf(child.pid)) kill(pid);
    // What has left the tree may hold them open.
    for (const pipe of [child.stdout, child.stderr]) pipe.destroy();
  }, timeout);
  const result = once(child, 'close').then(([code, signal]: unknown[]) => {
    clearTimeout(timer);
    if (late) throw new Error(`rmq ${args.join(' ')} did not end within ${timeout} ms\n${text('stderr')}`);
    return {
      code: typeof code === 'number' ? code : 128 + constants.signals[signal as NodeJS.Signals],
      stdout: text('stdout'),
      stderr: text('stderr'),
      output: Buffer.concat(chunks.stdout),
    };
  });
  result.catch(() => undefined);
  const until = async (stream: 'stdout' | 'stderr', wanted: string): Promise<void> => {
    const seen = new Promise<void>((resolve) => {
      const look = (): void => {
        if (!text(stream).includes(wanted)) return;
        child[stream].off('data', look);
        resolve();
      };
      child[stream].on('data', look);
      look();
    });
    const ended = result.then(({ stderr }) => Promise.reject<never>(new Error(`rmq ended without saying ${JSON.stringify(wanted)}:\n${stderr}`)));
    ended.catch(() => undefined);
    await Promise.race([seen, ended]);
  };
  return { child, result, until };
}

/** A process with everything below it: what a handler has started lives on when only the run is killed. */
function treeOf(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap(treeOf)];
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

function onTerminal(args: readonly string[], columns: number): string[] {
  const words = [process.execPath, BIN, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  return ['script', '-qefc', `stty cols ${columns} rows 20; exec ${words.join(' ')}`, '/dev/null'];
}

/** Runs the built command to its end. Standard input is empty unless given. */
export async function rmq(args: readonly string[], options: Options = {}): Promise<Result> {
  return start(args, { input: '', ...options }).result;
}

/** The one JSON object that a run printed. */
export function json<T>(result: Result): T {
  return JSON.parse(result.stdout) as T;
}

/** The JSON lines that a run printed. */
export function jsonLines<T>(result: Result): T[] {
  return result.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}
