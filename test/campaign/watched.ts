import { readFileSync } from 'node:fs';
import { type Options, type Running, start } from '../support/rmq.ts';

/** A run that has ended. */
export interface Ended {
  readonly argv: readonly string[];
  /** As a shell would say it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly output: Buffer;
  /** Bytes that it held at its peak. */
  readonly peak: number;
  /** True when it did not end by itself in its time. */
  readonly hung: boolean;
}

/** A run whose memory and end are watched. */
export interface Watched extends Running {
  readonly argv: readonly string[];
  readonly ended: Promise<Ended>;
  /** Resolves with true once the text was seen; with false when the run ended without it. */
  readonly says: (stream: 'stdout' | 'stderr', text: string) => Promise<boolean>;
  /** Resolves once the condition holds, or the run has ended. */
  readonly while: (condition: () => Promise<boolean>) => Promise<void>;
}

const LOOK = 40;

/** Starts the built command under watch; it is killed when it takes longer than `bound` milliseconds. */
export function watched(argv: readonly string[], bound: number, options: Options = {}): Watched {
  const running = start(argv, { input: '', ...options, timeout: bound });
  const { child } = running;
  let peak = 0;
  const look = (): void => {
    peak = Math.max(peak, highWater(child.pid));
  };
  const timer = setInterval(look, LOOK);
  const texts: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
  for (const stream of ['stdout', 'stderr'] as const) child[stream].on('data', (chunk: Buffer) => texts[stream].push(chunk));
  const ended = running.result.then(
    (result): Ended => ({ argv, ...result, peak, hung: false }),
    (): Ended => ({
      argv,
      code: 137,
      stdout: Buffer.concat(texts.stdout).toString(),
      stderr: Buffer.concat(texts.stderr).toString(),
      output: Buffer.concat(texts.stdout),
      peak,
      hung: true,
    }),
  );
  void ended.then(() => clearInterval(timer));
  return {
    ...running,
    argv,
    ended,
    says: (stream, text) =>
      running.until(stream, text).then(
        () => true,
        () => false,
      ),
    while: async (condition) => {
      while (child.exitCode === null && child.signalCode === null && !(await condition()));
    },
  };
}

/** What the kernel has noted as the most memory of a process; 0 where it notes nothing, or the process is gone. */
function highWater(pid: number | undefined): number {
  try {
    const [, kilobytes] = /^VmHWM:\s*(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kilobytes ?? 0) * 1_024;
  } catch {
    return 0;
  }
}
