import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { isatty } from 'node:tty';
import { abortFailure, Failure } from '../model/failure.ts';
import { formatSize } from '../model/quantity.ts';
import { keepPassword } from '../model/secrets.ts';
import { groupOf } from './process-group.ts';

/** Bytes: no password and no token is as long as that. */
const MOST = 65_536;
/** Of its standard error, so many characters are told. */
const TOLD = 500;
/** Milliseconds for what is still in the pipe when the program has ended: something that it has started may keep that open. */
const REST = 500;

/**
 * Runs a command line with `sh -c` and resolves with what it prints, without the newline at the end. Its standard input is empty. On a terminal it may ask
 * there; elsewhere it leads a process group, and all of that ends when the signal aborts.
 *
 * @param name what the user calls the command line
 * @throws Failure `config` when it fails or prints too much, or what the signal was aborted with
 */
export async function outputOfCommand(line: string, name: string, signal: AbortSignal): Promise<string> {
  if (signal.aborted) throw abortFailure(signal);
  // A group of its own could not read from the terminal.
  const asks = isatty(2);
  const child = spawn('/bin/sh', ['-c', line], { stdio: ['ignore', 'pipe', asks ? 'inherit' : 'pipe'], detached: !asks });
  const group = asks ? { end: () => child.kill(), over: () => undefined } : groupOf(child, { patience: 1_000 });
  const end = (): void => {
    group.end();
    child.stdout?.destroy();
    child.stderr?.destroy();
  };
  signal.addEventListener('abort', end, { once: true });
  const chunks: Buffer[] = [];
  let size = 0;
  let told = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MOST) end();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    told = `${told}${chunk.toString()}`.slice(-TOLD);
  });
  try {
    const closed = once(child, 'close');
    const [code, killedBy] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    await Promise.race([closed, pause(REST, undefined, { ref: false })]);
    if (signal.aborted) throw abortFailure(signal);
    const printed = Buffer.concat(chunks).toString();
    if (size > MOST) throw new Failure('config', `${name} printed more than ${formatSize(MOST)}`);
    if (code === 0) return printed.replace(/\r?\n$/, '');
    keepPassword('', printed.trim());
    const why = told.trim() === '' ? '' : `: ${told.trim().split('\n').at(-1)}`;
    throw new Failure('config', `${name} ended with ${code ?? killedBy}${why}`, { hint: 'sh -c runs it; try it in a shell' });
  } catch (error) {
    throw error instanceof Failure ? error : new Failure('config', `${name} cannot be run`, { cause: error });
  } finally {
    signal.removeEventListener('abort', end);
    group.over();
    child.stdout?.destroy();
    child.stderr?.destroy();
  }
}
