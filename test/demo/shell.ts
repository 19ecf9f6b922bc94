import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../bin/rmq.js', import.meta.url));
/** A command that takes longer hangs. */
const PATIENCE = 60_000;
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

export interface Ran {
  /** The exit code; 128 when a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A shell that knows the built command as `rmq`. */
export interface Shell {
  /** Runs a command line to its end; whatever else it started ends with it. */
  readonly run: (line: string) => Promise<Ran>;
  /** Whether a signal has ended a command line; later ones run again, to clean up. */
  readonly interrupted: boolean;
  readonly close: () => void;
}

export function openShell(directory: string): Shell {
  const env = { ...process.env, PATH: [installShim(directory), process.env['PATH']].join(delimiter) };
  let end = (_signal: NodeJS.Signals): void => undefined;
  let interrupted = false;
  const interrupt = (): void => {
    interrupted = true;
    end('SIGTERM');
  };
  for (const signal of SIGNALS) process.on(signal, interrupt);
  return {
    run: async (line) => {
      const child = spawn('sh', ['-c', line], { cwd: directory, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
      end = (signal) => {
        if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, signal);
      };
      const timer = setTimeout(() => end('SIGKILL'), PATIENCE);
      const chunks: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
      for (const stream of ['stdout', 'stderr'] as const) child[stream].on('data', (chunk: Buffer) => chunks[stream].push(chunk));
      const [code] = (await once(child, 'close')) as [number | null];
      clearTimeout(timer);
      return { code: code ?? 128, stdout: Buffer.concat(chunks.stdout).toString(), stderr: Buffer.concat(chunks.stderr).toString() };
    },
    get interrupted() {
      return interrupted;
    },
    close: () => {
      for (const signal of SIGNALS) process.off(signal, interrupt);
    },
  };
}

/** A directory in which `rmq` is the built command, run by the Node that runs this. */
function installShim(directory: string): string {
  const bin = join(directory, 'bin');
  const shim = join(bin, 'rmq');
  mkdirSync(bin);
  writeFileSync(shim, `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`);
  chmodSync(shim, 0o755);
  return bin;
}
