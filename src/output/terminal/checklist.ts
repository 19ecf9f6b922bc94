import { writeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import type { ReadStream } from 'node:tty';
import { isCancel, MultiSelectPrompt, updateSettings } from '@clack/core';
import type { Checklist, ChecklistLayout } from '../../model/checklist.ts';
import { abortFailure, Failure } from '../../model/failure.ts';
import { formatNumber } from '../../model/quantity.ts';
import { cutToWidth } from '../../text/width.ts';
import type { Palette } from '../color.ts';

/** The title, the keys, the head, what holds for all, and what is said below. */
const AROUND = 6;
const FEWEST = 3;
const MARK = 6;

/**
 * Shows a list on standard error, which is a terminal, and resolves with the indexes of the selected lines.
 *
 * @throws Failure `interrupted` when the user leaves the list, or what the signal was aborted with
 */
export async function selectLines(
  { title, size, layOut }: Checklist,
  input: Readable,
  { name, faint, warning }: Palette,
  signal: AbortSignal,
): Promise<number[]> {
  const left = new AbortController();
  const leave = (): void => left.abort();
  const page = (): number => Math.max(FEWEST, (process.stderr.rows || 24) - AROUND);
  const width = (): number => Math.max(1, (process.stderr.columns || 80) - 1);
  const fit = (text: string): string => cutToWidth(text, width());
  // The terminal's size may change.
  let laidOut: (ChecklistLayout & { readonly width: number }) | undefined;
  const layout = (): ChecklistLayout => {
    if (laidOut?.width !== width()) laidOut = { ...layOut(Math.max(1, width() - MARK)), width: width() };
    return laidOut;
  };
  let top = 0;
  // End of file counts as Ctrl-D; Ctrl-C and Escape work already.
  updateSettings({ aliases: { '\x04': 'cancel' } });
  const prompt = new MultiSelectPrompt<{ readonly value: number }>({
    options: Array.from({ length: size }, (_, value) => ({ value })),
    input,
    output: process.stderr,
    signal: left.signal,
    validate: (selected) => (selected === undefined || selected.length === 0 ? 'nothing is selected: space selects the line, Esc leaves' : undefined),
    render() {
      const selected = new Set(this.value);
      const count = `${formatNumber(selected.size)} of ${formatNumber(size)} selected`;
      if (this.state === 'submit') return fit(count);
      if (this.state === 'cancel') return fit('left');
      const { head, lines, same } = layout();
      const most = page();
      top = Math.min(Math.max(top, this.cursor - most + 1), this.cursor, Math.max(0, size - most));
      const shown = lines.slice(top, top + most).map((line, index) => {
        const at = top + index;
        const text = fit(`${at === this.cursor ? '>' : ' '} ${selected.has(at) ? '[x]' : '[ ]'} ${line}`);
        return at === this.cursor ? name(text) : text;
      });
      const keys = 'space selects, a all or none, i inverts, enter continues, Esc cancels';
      const below = this.state === 'error' ? warning(fit(this.error)) : fit(`${count}; ${formatNumber(top + 1)} to ${formatNumber(top + shown.length)} shown`);
      const all = same === undefined ? [] : [faint(fit(same))];
      return [fit(title), faint(fit(keys)), ...all, faint(fit(`${' '.repeat(MARK)}${head}`)), ...shown, below].join('\n');
    },
  });
  prompt.on('key', (_, { name: key }) => {
    const steps: Readonly<Record<string, number>> = { pageup: -page(), pagedown: page(), home: -size, end: size };
    prompt.cursor = Math.min(Math.max(0, prompt.cursor + (steps[key ?? ''] ?? 0)), size - 1);
  });
  signal.addEventListener('abort', leave, { once: true });
  input.once('end', leave);
  const restored = restoring(input as Readable & Partial<Pick<ReadStream, 'setRawMode'>>);
  if (signal.aborted) leave();
  try {
    const selected = await prompt.prompt();
    if (signal.aborted) throw abortFailure(signal);
    if (isCancel(selected) || selected === undefined) throw new Failure('interrupted', 'cancelled: nothing was changed');
    return [...selected].sort((a, b) => a - b);
  } finally {
    signal.removeEventListener('abort', leave);
    input.off('end', leave);
    restored();
  }
}

const SHOW_CURSOR = '\x1b[?25h';

/** Restores the cursor and the keyboard should the process exit while the list is shown; returns a function that calls this off. */
export function restoring(keyboard: Partial<Pick<ReadStream, 'setRawMode'>>, more = ''): () => void {
  const restore = (): void => {
    try {
      keyboard.setRawMode?.(false);
      writeSync(2, `${more}${SHOW_CURSOR}`);
    } catch {
      // The terminal is gone.
    }
  };
  // It ends the process by default, and nothing else here listens to it.
  const leave = (): void => {
    restore();
    process.kill(process.pid, 'SIGQUIT');
  };
  process.once('SIGQUIT', leave);
  process.once('exit', restore);
  return () => {
    process.off('SIGQUIT', leave);
    process.off('exit', restore);
  };
}
