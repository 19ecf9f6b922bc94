import type { Readable } from 'node:stream';
import type { Checklist } from '../model/checklist.ts';
import { describeProgress } from '../model/dead-letter/transfer.ts';
import type { Emit, Event, PublishCounts, WorkCounts } from '../model/event.ts';
import { type Failure, orElse } from '../model/failure.ts';
import { formatCount, formatNumber } from '../model/quantity.ts';
import { masked, maskedBytes } from '../model/secrets.ts';
import type { Block } from '../text/document.ts';
import { visibleText } from '../text/escape.ts';
import type { Screen } from '../text/page.ts';
import { COLORLESS, loadPalette, type Palette, wantsColor } from './color.ts';
import { closedDescriptor, wasClosed } from './descriptor.ts';
import { openDiagnostics } from './diagnostics.ts';
import { type Remark, remarkOn } from './event.ts';
import { describeFailure } from './failure.ts';
import { openPrinter, type Print, type PrintOptions } from './printer.ts';
import { NO_PROGRESS, openProgress, type Progress } from './progress.ts';
import { openWriter, outputFailure, type Writer } from './writer.ts';

/** How to print, and where to. */
export interface OutputOptions {
  readonly format: 'text' | 'json' | 'raw';
  /** Only failures on standard error. */
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** False after `--no-color`. */
  readonly color: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdoutFd: number;
  readonly stderrFd: number;
  readonly stdoutIsTerminal: boolean;
  readonly stderrIsTerminal: boolean;
  readonly stderrColumns: number;
  /** Read when needed; undefined where standard output is not a terminal, or does not know its width. */
  readonly stdoutColumns?: () => number | undefined;
  /** Called once, as soon as standard output accepts no more. */
  readonly onBroken: (failure: Failure) => void;
}

/** Everything that a run prints. */
export interface Output {
  readonly results: {
    /**
     * A function that prints a delivery and resolves once the operating system has taken all of its bytes.
     *
     * @throws Failure `io` when standard output was closed before the process began
     */
    printer(style: Pick<PrintOptions, 'nul' | 'jsonBody' | 'asLine' | 'whole'> & { readonly watched?: boolean }): Print;
    /** Prints one result: a line of JSON with `-o json`, the text otherwise. A reader that went away is no failure: what the run found out stays true. */
    report(result: object, text: string): Promise<void>;
    /** Prints a page: as wide as the terminal, or as the `text` of the result with `-o json`. */
    page(result: object, blocks: readonly Block[]): Promise<void>;
    /** Takes over the terminal that shows them; undefined when they go elsewhere. */
    screen(keyboard: Readable | undefined, onLeave: () => void): Promise<Screen | undefined>;
    /** The width of the terminal that shows them; undefined when they go elsewhere. */
    readonly columns: number | undefined;
  };
  readonly emit: Emit;
  /** Lets the user select lines on standard error; see `selectLines`. */
  select(list: Checklist, input: Readable, signal: AbortSignal): Promise<readonly number[]>;
  /** Prints why a run failed; `isBug` adds the stack and where to report it. */
  failure(error: unknown, isBug: boolean): void;
  /** Resolves when everything has been written; with the failure of standard output, if any. */
  close(patience?: number): Promise<Failure | undefined>;
}

/** Opens the output of a run; standard output is opened only when a result is printed. */
export function createOutput(options: OutputOptions): Output {
  const { format, quiet, verbose, color, env, stdoutIsTerminal, stderrIsTerminal } = options;
  const stderrColored = wantsColor(env, color, stderrIsTerminal);
  const diagnostics = openDiagnostics(options.stderrFd, stderrColored);
  const progress = wantsProgress(options) ? openProgress(stderrColored) : NO_PROGRESS;
  const remark = openRemarks(verbose, (text) => {
    progress.clear();
    diagnostics.print(text);
  });
  const describe = rates();
  let broken: Failure | undefined;
  let writer: Writer | undefined;

  /** @throws Failure `io` when standard output was closed before the process began */
  function open(watched = true): Writer {
    if (writer === undefined && wasClosed(options.stdoutFd)) {
      broken = outputFailure(closedDescriptor());
      throw broken;
    }
    const onBroken = (failure: Failure): void => {
      broken = failure;
      options.onBroken(failure);
    };
    writer ??= openWriter(options.stdoutFd, onBroken, watched);
    return writer;
  }

  async function report(result: object, text: string): Promise<void> {
    const line = format === 'json' ? JSON.stringify(result) : stdoutIsTerminal ? visibleText(text) : text;
    if (line === '') return;
    const written = open().write(line.endsWith('\n') ? line : `${line}\n`);
    if (stdoutIsTerminal) progress.giveWay(written);
    await written.catch(orElse('closed', undefined));
  }

  async function page(result: object, blocks: readonly Block[]): Promise<void> {
    const { formatPage } = await import('../text/page.ts');
    if (format === 'json') return report({ ...result, text: formatPage(blocks, {}) }, '');
    const ink = wantsColor(env, color, stdoutIsTerminal) ? await loadPalette() : undefined;
    return open()
      .write(formatPage(blocks, { columns: options.stdoutColumns?.(), ink }))
      .catch(orElse('closed', undefined));
  }

  /** Bytes of a handler's program pass as they are, without a prefix. */
  function pass(bytes: Buffer): void {
    progress.clear();
    const safe = maskedBytes(bytes);
    diagnostics.print(() => safe);
  }

  return {
    results: {
      printer({ watched, ...style }) {
        const print = openPrinter(open(watched), { format, ...style, toTerminal: stdoutIsTerminal, colored: wantsColor(env, color, stdoutIsTerminal) });
        return stdoutIsTerminal ? givingWay(print, progress) : print;
      },
      report,
      page,
      async screen(keyboard, onLeave) {
        if (!stdoutIsTerminal || format !== 'text' || env['TERM'] === 'dumb') return undefined;
        const { openScreen } = await import('./terminal/screen.ts');
        progress.stop();
        const ink = wantsColor(env, color, stdoutIsTerminal) ? await loadPalette() : undefined;
        return openScreen((text) => open().write(text), ink, keyboard, onLeave);
      },
      get columns() {
        return options.stdoutColumns?.();
      },
    },
    emit(event) {
      if (event.kind === 'publishing' || event.kind === 'consuming' || event.kind === 'transferring') progress.show(describe(event));
      else if ((event.kind === 'published' || event.kind === 'worked') && format === 'json') void report(summary(event), '').catch(() => undefined);
      else if (event.kind === 'waiting' && !verbose) progress.show(`waiting: ${event.for.join('; ')}`);
      else if (event.kind === 'handler-output') pass(event.bytes);
      else if (!quiet) remark(event);
    },
    async select(list, input, signal) {
      const [{ selectLines }, palette] = await Promise.all([import('./terminal/checklist.ts'), stderrColored ? loadPalette() : COLORLESS]);
      // Earlier lines stand above the list.
      await diagnostics.close();
      progress.clear();
      const selected = selectLines(list, input, palette, signal);
      progress.giveWay(selected);
      return selected;
    },
    failure(error, isBug) {
      progress.stop();
      diagnostics.print(describeFailure(error, isBug, verbose));
    },
    async close(patience) {
      progress.stop();
      await writer?.close(patience);
      await diagnostics.close();
      return broken;
    },
  };
}

/** A terminal with fewer columns has no room for a progress line. */
const NARROWEST = 40;

function wantsProgress({ quiet, env, stderrIsTerminal, stderrFd, stderrColumns }: OutputOptions): boolean {
  return stderrIsTerminal && stderrFd === 2 && stderrColumns >= NARROWEST && !quiet && (env['CI'] ?? '') === '' && env['TERM'] !== 'dumb';
}

function givingWay(print: Print, progress: Progress): Print {
  return (...given) => {
    const written = print(...given);
    progress.giveWay(written);
    return written;
  };
}

function summary({ counts, seconds }: { readonly counts: PublishCounts | WorkCounts; readonly seconds: number }): object {
  return { ...counts, seconds: Math.round(seconds * 1_000) / 1_000 };
}

function rates(): (event: Extract<Event, { readonly kind: 'publishing' | 'consuming' | 'transferring' }>) => string {
  let started: number | undefined;
  return (event) => {
    started ??= performance.now();
    if (event.kind === 'transferring') return describeProgress(event, (performance.now() - started) / 1_000);
    const count = event.kind === 'publishing' ? event.counts.published : event.counts.received;
    const seconds = (performance.now() - started) / 1_000;
    const rate = seconds < 0.1 ? '' : `, ${formatNumber(Math.round(count / seconds))}/s`;
    return `${event.kind} ${formatCount(count, 'message')}${rate}`;
  };
}

/** How many messages of a kind are reported one by one. */
const ONE_BY_ONE = 10;
const OF_ONE_MESSAGE: ReadonlySet<Event['kind']> = new Set<Event['kind']>(['returned', 'nacked', 'refused', 'retried', 'requeued', 'dead']);

/** Prints events for people; of many events of one kind, only the first few. */
function openRemarks(verbose: boolean, print: (paint: (palette: Palette) => string) => void): (event: Event) => void {
  const seen = new Map<Event['kind'], number>();
  return (event) => {
    if (OF_ONE_MESSAGE.has(event.kind)) {
      const count = (seen.get(event.kind) ?? 0) + 1;
      seen.set(event.kind, count);
      if (count > ONE_BY_ONE + 1) return;
      if (count > ONE_BY_ONE) return print(paint({ weight: 'warning', text: `further messages that are ${event.kind} are only counted` }));
    }
    const remark = remarkOn(event);
    if (remark !== undefined && (verbose || remark.weight !== 'detail')) print(paint(remark));
  };
}

/** Any part of a remark may be untrusted text: it is made safe here, once, before colours are added. */
function paint({ weight, text }: Remark): (palette: Palette) => string {
  const safe = visibleText(masked(text).trimEnd()).replaceAll('\n', '\n  ');
  if (weight === 'difference') {
    return ({ expected, came }) => `${safe.replace(/^ {2}([-+]) .*/gm, (line, sign) => (sign === '-' ? expected(line) : came(line)))}\n`;
  }
  return ({ warning, faint }) => `${weight === 'warning' ? `${warning('warning:')} ${safe}` : weight === 'detail' ? faint(safe) : safe}\n`;
}
