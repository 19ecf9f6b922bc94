import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { inTime } from './stage.ts';

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What `inProcess` has at hand, bundled: a loader would take longer than most of what is run there. */
const directory = mkdtempSync(join(tmpdir(), 'rmq-stage-'));
const built = join(directory, 'stage.mjs');
const modules = ['../../src/handlers/per-message.ts', '../../src/handlers/stream-program.ts', './stage.ts'];
buildSync({
  stdin: { contents: modules.map((module) => `export * from '${module}';`).join(''), resolveDir: fileURLToPath(new URL('.', import.meta.url)) },
  outfile: built,
  bundle: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
});
after(() => rmSync(directory, { recursive: true }));

/**
 * Runs a module in a process of its own, which ends when nothing keeps it any more: what the handlers export is at hand there, and
 * what the stage does.
 */
export async function inProcess(lines: string, env: Readonly<Record<string, string | undefined>> = {}): Promise<Outcome> {
  const module = `
    const { programHandler, streamHandler, delivery, run, ear, NEVER } = await import(${JSON.stringify(built)});
    const onExit = { codes: new Map([[0, 'ack']]), other: 'retry' };
    ${lines}`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', module], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    said.stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    said.stderr += chunk.toString();
  });
  const ended = inTime(once(child, 'exit'), () => said.stderr).finally(() => child.kill('SIGKILL'));
  const [code, signal] = (await ended) as [number | null, NodeJS.Signals | null];
  await Promise.all([child.stdout, child.stderr].map((pipe) => pipe.closed || once(pipe, 'close')));
  return { code, signal, ...said };
}
