import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { within } from '../../model/async.ts';
import type { Guardian } from './guardian.ts';
import { send } from './process.ts';
import { type NodePorts, outputPath } from './settings.ts';

/** What a node runs on, before it is ready. */
export interface Machine {
  readonly name: string;
  readonly port: number;
  readonly managementPort: number;
  /** The process that is the node; absent while it is down, and for a container. */
  readonly pid: number | undefined;
  /** Resolves when what was started last has ended. */
  readonly ended: Promise<void>;
  start(): Promise<void>;
  /** Everything that it has printed and logged so far. */
  output(): Promise<string>;
  /** Ends it without a chance to say goodbye, as a power cut would; its data stays. */
  kill(): Promise<void>;
  /** Has it close its connections and end; killed when it takes longer than the grace, in milliseconds. Its data stays. */
  shutdown(grace?: number): Promise<void>;
}

/**
 * A node run by a start script, in a session of its own: a Ctrl-C for a command in the foreground must not reach it.
 *
 * @param env as `prepareNode` returns it
 */
export function localMachine(
  script: string,
  directory: string,
  name: string,
  ports: NodePorts,
  env: Readonly<Record<string, string>>,
  guardian: Guardian,
): Machine {
  const pidFile = join(directory, name, 'pid');
  const log = outputPath(directory, name);
  let child: ChildProcess | undefined;
  let ended: Promise<void> = Promise.resolve();

  const signal = async (code: NodeJS.Signals, grace: number): Promise<void> => {
    const running = child;
    if (running?.pid === undefined) return;
    running.ref();
    send(pidFromFile(pidFile) ?? running.pid, code);
    if (code === 'SIGKILL') send(-running.pid, code);
    const hasEnded = ended.then(() => true);
    if (!(await within(grace, hasEnded))) await signal('SIGKILL', grace);
  };

  return {
    name,
    port: ports.amqp,
    managementPort: ports.management,
    get pid() {
      return child?.pid;
    },
    get ended() {
      return ended;
    },
    async start() {
      // Left from the last run, it would name a process that is no longer ours.
      rmSync(pidFile, { force: true });
      const out = openSync(log, 'a', 0o600);
      const started = spawn(script, [], { cwd: directory, env, detached: true, stdio: ['ignore', out, out] });
      closeSync(out);
      started.unref();
      child = started;
      if (started.pid !== undefined) guardian.target(-started.pid);
      ended = new Promise((resolve) => {
        const end = (): void => {
          if (started.pid !== undefined) guardian.ended(-started.pid);
          if (child === started) child = undefined;
          resolve();
        };
        started.once('exit', end);
        started.once('error', end);
      });
    },
    output: async () => readOrNothing(log),
    kill: () => signal('SIGKILL', 5_000),
    shutdown: (grace = 20_000) => signal('SIGTERM', grace),
  };
}

/** The Erlang VM writes its own number early in its boot; it differs from the child's when a script did not replace itself. */
function pidFromFile(path: string): number | undefined {
  const pid = Number(readOrNothing(path).trim());
  return Number.isSafeInteger(pid) && pid > 1 ? pid : undefined;
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
