import { randomUUID } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openShell } from './shell.ts';

const ORDERS = fileURLToPath(new URL('orders.ndjson', import.meta.url));
/** How much of what a command printed is shown. */
const SHOWN = { lines: 3, columns: 140 };

/** What is not as it must be; the tour ends there. */
export class Mismatch extends Error {}

/** A walk through the command, in a shell and a directory of its own. */
export interface Tour {
  readonly say: (text: string) => void;
  /** A queue name that nobody else uses; the queue is deleted in the end, should the scene not come to it. */
  readonly queue: (base: string) => string;
  /** An exchange name that nobody else uses; the exchange is deleted in the end. */
  readonly exchange: (base: string) => string;
  /** Runs a command line, as typed, and shows what came out of it; ends the tour when its exit code is another one than this. */
  readonly run: (line: string, code?: number) => Promise<string>;
  /** Says that something holds, or ends the tour. */
  readonly check: (claim: string, holds: boolean) => void;
  /** The bytes of a file in the directory, where `orders.ndjson` is. */
  readonly bytes: (file: string) => Buffer;
  readonly close: () => Promise<void>;
}

export function startTour(): Tour {
  const directory = mkdtempSync(join(tmpdir(), 'rmq-demo-'));
  copyFileSync(ORDERS, join(directory, 'orders.ndjson'));
  const shell = openShell(directory);
  const prefix = `demo-${randomUUID().slice(0, 4)}`;
  const left: string[] = [];
  const say = (text: string): void => void process.stdout.write(`${text}\n`);
  const check = (claim: string, holds: boolean): void => {
    if (!holds) throw new Mismatch(`it does not hold that ${claim}`);
    say(`  ✓ ${claim}`);
  };
  return {
    say,
    check,
    queue: (base) => {
      const name = `${prefix}.${base}`;
      left.push(`queue delete -y ${name}`);
      return name;
    },
    exchange: (base) => {
      const name = `${prefix}.${base}`;
      left.push(`exchange delete -y ${name}`);
      return name;
    },
    run: async (line, expected = 0) => {
      say(`$ ${line}`);
      const { code, stdout, stderr } = await shell.run(line);
      for (const shown of [...excerpt(stdout), ...stderr.trimEnd().split('\n').filter(Boolean)]) say(`  ${shown}`);
      if (code !== 0) say(`  (exit ${code})`);
      if (shell.interrupted) throw new Mismatch('it was interrupted');
      if (code !== expected) throw new Mismatch(`the command ended with ${code}, not with ${expected}`);
      return stdout;
    },
    bytes: (file) => readFileSync(join(directory, file)),
    close: async () => {
      for (const what of left) await shell.run(`rmq ${what} --quiet`);
      shell.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function excerpt(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  const shown = lines.slice(0, SHOWN.lines).map((line) => (line.length > SHOWN.columns ? `${line.slice(0, SHOWN.columns)}…` : line));
  return lines.length > SHOWN.lines ? [...shown, `… and ${lines.length - SHOWN.lines} more lines`] : shown;
}
