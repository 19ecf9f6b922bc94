import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import type { Delivery } from '../../src/model/message/message.ts';
import { play, type Script, type Step } from './play.ts';

let built: string | undefined;
after(() => {
  if (built !== undefined) rmSync(built, { recursive: true });
});

/** Builds the stage as it would be installed: a loader that looks at process.stdout would make its pipe non-blocking. */
function build(): string {
  const outdir = mkdtempSync(join(tmpdir(), 'rmq-stage-'));
  const entryPoints = [fileURLToPath(new URL('./stage.ts', import.meta.url))];
  buildSync({ entryPoints, outdir, outExtension: { '.js': '.mjs' }, bundle: true, splitting: true, platform: 'node', format: 'esm' });
  return outdir;
}

/** What a performance left behind. */
export interface Performance {
  readonly stdout: Buffer;
  readonly stderr: string;
  /** What the stage said of its promises. */
  readonly told: readonly string[];
  readonly code: number | null;
  readonly milliseconds: number;
}

/** Environment variables that decide about colours and progress, unset unless a test sets them. */
const NEUTRAL = { NO_COLOR: undefined, FORCE_COLOR: undefined, CI: undefined, TERM: 'xterm' };

export const delivery = (body: string | Buffer, more: Partial<Delivery> = {}): Step => ({
  print: {
    queue: 'orders',
    exchange: '',
    routingKey: 'orders',
    redelivered: false,
    properties: {},
    ...more,
    body: Buffer.from(body as string).toString('base64'),
  },
});

/**
 * Plays a script. With `shell` it has a process of its own: `shell` is what stands around it, with `STAGE` in the place of the process:
 * real pipes, redirections and terminals. Otherwise it goes to files, in this process.
 */
export async function perform(script: Script, shell?: string, env: Readonly<Record<string, string>> = {}): Promise<Performance> {
  const folder = mkdtempSync(join(tmpdir(), 'rmq-output-'));
  const file = (name: string): string => join(folder, name);
  const [out, err, told] = [openSync(file('out'), 'w'), openSync(file('err'), 'w'), openSync(file('told'), 'w')];
  const started = performance.now();
  try {
    const around = { ...process.env, ...NEUTRAL, ...env };
    const code = shell === undefined ? await playHere(script, around, [out, err, told]) : await playApart(script, shell, around, folder, [out, err]);
    return {
      stdout: readFileSync(file('out')),
      stderr: readFileSync(file('err'), 'utf8'),
      told: readFileSync(file('told'), 'utf8').split('\n').slice(0, -1),
      code,
      milliseconds: performance.now() - started,
    };
  } finally {
    for (const fd of [out, err, told]) closeSync(fd);
    rmSync(folder, { recursive: true });
  }
}

type Env = Readonly<Record<string, string | undefined>>;

async function playHere(script: Script, env: Env, [stdoutFd, stderrFd, told]: readonly [number, number, number]): Promise<number> {
  assert.ok(script.end === undefined && !script.steps.some((step) => 'exit' in step), 'what ends the process needs one of its own: give a shell');
  await play(script, { env, stdoutFd, stderrFd }, (text) => writeSync(told, `${text}\n`));
  return 0;
}

function playApart(script: Script, shell: string, env: Env, folder: string, [out, err]: readonly [number, number]): Promise<number | null> {
  built ??= build();
  // A stage that never ends would outlive the run.
  const stage = `timeout --foreground 60 "$NODE" ${join(built, 'stage.mjs')} "$SCRIPT" 3>>"$TOLD"`;
  const [file, told, extra] = ['script', 'told', 'extra'].map((name) => join(folder, name)) as [string, string, string];
  writeFileSync(file, JSON.stringify(script));
  const child = spawn('bash', ['-o', 'pipefail', '-c', shell.replaceAll('STAGE', stage)], {
    stdio: ['ignore', out, err],
    env: { ...env, NODE: process.execPath, SCRIPT: file, TOLD: told, OUT: extra },
  });
  return ended(child);
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
}

/** Runs the stage with standard output (and standard error) on a terminal of its own, and gives what appeared there. */
export async function onTerminal(script: Script, env: Readonly<Record<string, string>> = {}): Promise<string> {
  assert.ok(execFileSync('sh', ['-c', 'command -v script']).length > 0);
  const { stdout } = await perform(script, `script -qefc 'stty cols 100 rows 30; STAGE' /dev/null </dev/null`, env);
  return stdout.toString('utf8');
}
