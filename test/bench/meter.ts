import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const METER = fileURLToPath(new URL('meter.pl', import.meta.url));

/** What a whole process took, from its start to its end. */
export interface Usage {
  /** Seconds. */
  readonly wall: number;
  /** Seconds, of user and system. */
  readonly cpu: number;
  /** Bytes of memory it held at its peak. */
  readonly peak: number;
}

/** A command line, with files for its standard input and output. */
export interface Program {
  readonly argv: readonly string[];
  readonly stdin?: string;
  readonly stdout?: string;
  /** Called with what it says on standard error. */
  readonly onSaid?: (text: string) => void;
}

/** Runs a program to its end and says what it used; one that fails ends the bench. */
export async function measure({ argv, stdin = '/dev/null', stdout = '/dev/null', onSaid }: Program): Promise<Usage> {
  const files = [openSync(stdin, 'r'), openSync(stdout, 'w')] as const;
  const { NODE_OPTIONS: _, ...env } = process.env;
  const child = spawn('perl', [METER, ...argv], { stdio: [...files, 'pipe', 'pipe'], env });
  const stop = (): void => void child.kill('SIGTERM');
  process.once('exit', stop);
  if (onSaid !== undefined) child.stderr?.on('data', (bytes) => onSaid(String(bytes)));
  const [said, report] = await Promise.all([text(child.stderr as Readable), text(child.stdio[3] as Readable), once(child, 'close')]);
  process.off('exit', stop);
  for (const file of files) closeSync(file);
  const [wall, cpu, peak, status] = report.trim().split(' ').map(Number);
  if (status !== 0 || wall === undefined || cpu === undefined || peak === undefined) throw new Error(`${argv.join(' ')} ended with ${status}: ${said}`);
  return { wall: wall / 1e9, cpu: cpu / 1e9, peak };
}
