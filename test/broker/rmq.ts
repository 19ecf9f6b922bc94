import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../bin/rmq.js', import.meta.url));
/** Puts a small program in the place of RabbitMQ, whose boot costs four seconds of a core: for tests of the processes around a node. */
export const STAND_IN = { RMQ_RABBITMQ_SERVER: fileURLToPath(new URL('stand-in.mjs', import.meta.url)) };

/** A directory for one test, removed after it. */
export function scratch(t: TestContext): string {
  const directory = mkdtempSync(join(realpathSync(tmpdir()), 'rmq-test-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A directory for the state of one test's background broker, which is stopped before the directory is removed. */
export function stateHome(t: TestContext): string {
  const directory = mkdtempSync(join(realpathSync(tmpdir()), 'rmq-test-'));
  t.after(async () => {
    await rmq(directory, ['broker', 'stop']).ended;
    rmSync(directory, { recursive: true, force: true });
  });
  return directory;
}

/** A running rmq. */
export interface Running {
  readonly pid: number;
  /** Resolves with all of stdout once it holds this text. */
  printed(text: string): Promise<string>;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string }>;
}

/**
 * Starts rmq with its temporary files and its state below `home`, and without a terminal. With a full disk, no file takes a byte: a limit does the same as
 * a disk without room, and needs no disk.
 */
export function rmq(home: string, args: readonly string[], env: NodeJS.ProcessEnv = {}, disk?: 'full disk'): Running {
  const [program, ...words] = [...(disk === undefined ? [] : ['sh', '-c', `trap '' XFSZ; ulimit -f 0; exec "$@"`, 'sh']), process.execPath, BIN, ...args];
  const child = spawn(program as string, words, { env: environment(home, env), detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const stdout = text(child.stdout);
  const stderr = text(child.stderr);
  return {
    pid: child.pid as number,
    async printed(expected) {
      while (!stdout().includes(expected)) {
        const more = await Promise.race([once(child.stdout, 'data').then(() => true), once(child, 'close').then(() => false)]);
        if (!more && !stdout().includes(expected)) throw new Error(`rmq ended before it printed ${expected}: ${stdout()}${stderr()}`);
      }
      return stdout();
    },
    kill: (signal) => child.kill(signal),
    ended: once(child, 'close').then(([code, signal]) => ({ code, signal, stdout: stdout(), stderr: stderr() })),
  };
}

/** Runs rmq on a terminal of its own; its standard output is everything that appears there. */
export async function onTerminal(home: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<{ stdout: string }> {
  const words = [process.execPath, BIN, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const child = spawn('script', ['-qefc', words, '/dev/null'], { env: environment(home, env), stdio: ['ignore', 'pipe', 'inherit'] });
  const stdout = text(child.stdout);
  await once(child, 'close');
  return { stdout: stdout() };
}

function environment(home: string, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { RMQ_URL: _, ...inherited } = process.env;
  return { ...inherited, TMPDIR: home, XDG_STATE_HOME: home, ...env };
}

function text(stream: Readable): () => string {
  let all = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    all += chunk;
  });
  return () => all;
}

/** What is left below a directory, and which processes were started for it: the Erlang VM, its helpers, epmd. */
export function remains(home: string): { files: string[]; processes: string[] } {
  return { files: existsSync(home) ? readdirSync(home) : [], processes: processesOf(home) };
}

export function processesOf(home: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => read(`/proc/${pid}/environ`).includes(`HOME=${home}/rmq`))
    .map((pid) => `${pid} ${read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').slice(0, 120)}`);
}

/** Resolves once a condition holds that nothing announces, such as the end of somebody else's process. */
export async function until(condition: () => boolean, what: string, within = 120_000): Promise<void> {
  for (const deadline = Date.now() + within; !condition(); await pause(20)) {
    if (Date.now() > deadline) throw new Error(`waited ${within} ms in vain until ${what}`);
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
