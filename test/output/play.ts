import { setTimeout as sleep } from 'node:timers/promises';
import { isatty } from 'node:tty';
import type { Event } from '../../src/model/event.ts';
import { Failure, type FailureKind } from '../../src/model/failure.ts';
import type { Delivery } from '../../src/model/message/message.ts';
import { createOutput, type OutputOptions } from '../../src/output/index.ts';

/** One thing to do. Bodies are base64; `settled` waits for what was printed and says so on descriptor 3. */
export type Step =
  | { readonly print: Omit<Delivery, 'body'> & { readonly body: string }; readonly times?: number }
  | { readonly emit: Event | { readonly kind: 'disconnected'; readonly role: 'consumer'; readonly failed: string } }
  | { readonly report: readonly [result: object, text: string] }
  | { readonly fail: { readonly kind?: FailureKind; readonly message: string; readonly hint?: string; readonly causes?: readonly string[] } }
  | { readonly sleep: number }
  | { readonly settled: true }
  | { readonly untilBroken: number }
  | { readonly exit: number };

export interface Script {
  readonly options?: Partial<OutputOptions>;
  readonly style?: { readonly nul?: boolean; readonly jsonBody?: boolean };
  readonly steps: readonly Step[];
  /** What follows the last step, instead of closing the output: closing and then leaving at once, or nothing at all. */
  readonly end?: 'leave' | 'abandon';
}

/** The descriptors and the environment of a performance. */
export type Place = Pick<OutputOptions, 'stdoutFd' | 'stderrFd' | 'env'>;

/** Plays a script on an output of its own, and tells what became of its promises. */
export async function play(script: Script, place: Place, tell: (text: string) => void): Promise<void> {
  let onGone = (): void => undefined;
  const gone = new Promise<void>((resolve) => {
    onGone = resolve;
  });
  const output = createOutput({
    format: 'text',
    quiet: false,
    verbose: false,
    color: true,
    ...place,
    stdoutIsTerminal: isatty(place.stdoutFd),
    stderrIsTerminal: isatty(place.stderrFd),
    stderrColumns: 80,
    ...script.options,
    onBroken: (failure) => {
      tell(`broken ${failure.kind}: ${failure.message}`);
      onGone();
    },
  });
  let print: ReturnType<typeof output.results.printer> | undefined;
  let last: Promise<void> = Promise.resolve();

  const take = async (step: Step): Promise<void> => {
    if ('print' in step) {
      print ??= output.results.printer({ nul: false, jsonBody: false, ...script.style });
      const delivery = { ...step.print, body: Buffer.from(step.print.body, 'base64') };
      for (let left = step.times ?? 1; left > 0; left--) last = print(delivery);
    } else if ('emit' in step) {
      output.emit('failed' in step.emit ? { kind: 'disconnected', role: 'consumer', failure: new Failure('unavailable', step.emit.failed) } : step.emit);
    } else if ('report' in step) await output.results.report(...step.report);
    else if ('fail' in step) {
      const { kind, message, hint, causes = [] } = step.fail;
      const cause = causes.reduceRight<Error | undefined>((inner, text) => new Error(text, { cause: inner }), undefined);
      const detail = { ...(hint === undefined ? {} : { hint }), cause };
      output.failure(kind === undefined ? new Error(message) : new Failure(kind, message, detail), kind === undefined);
    } else if ('sleep' in step) await sleep(step.sleep);
    else if ('settled' in step) {
      await last.then(
        () => tell('written'),
        (error) => tell(`rejected ${(error as Failure).kind}`),
      );
    } else if ('untilBroken' in step) {
      const over = new AbortController();
      await Promise.race([gone, sleep(step.untilBroken, undefined, { signal: over.signal }).catch(() => undefined)]);
      over.abort();
    } else process.exit(step.exit);
  };
  for (const step of script.steps) await take(step);
  if (script.end !== 'abandon') tell(`closed ${(await output.close())?.kind ?? 'well'}`);
}
