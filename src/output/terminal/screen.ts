import type { Readable } from 'node:stream';
import type { ReadStream } from 'node:tty';
import type { Ink, Screen } from '../../text/page.ts';
import { cutToWidth, textWidth } from '../../text/width.ts';
import { restoring } from './checklist.ts';

const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?1049l';
const SHOW_CURSOR = '\x1b[?25h';

/** Takes over the terminal of standard output, and tells of `q`, Escape and the end of the input; Ctrl-C is the signal that it always is. */
export function openScreen(
  write: (text: string) => Promise<void>,
  ink: Ink | undefined,
  keyboard: (Readable & Partial<Pick<ReadStream, 'setRawMode' | 'isTTY'>>) | undefined,
  onLeave: () => void,
): Screen {
  const restored = restoring(keyboard ?? {}, LEAVE);
  const read = (bytes: Buffer): void => {
    const keys = bytes.toString('latin1');
    if (keys.includes('\x03')) process.kill(process.pid, 'SIGINT');
    else if (/[qQ\x04]|^\x1b$/.test(keys)) onLeave();
  };
  if (keyboard?.isTTY === true) {
    keyboard.setRawMode?.(true);
    keyboard.on('data', read);
  }
  let opened = '';
  return {
    async draw(lines) {
      const [columns, rows] = [process.stdout.columns || 80, process.stdout.rows || 24];
      const shown = lines(ink?.title ?? ((text) => text), columns, rows).slice(0, rows);
      const first = opened === '' ? ENTER : '';
      opened = LEAVE;
      await write(`${first}\x1b[H${shown.map((line) => `${fit(line, columns)}\x1b[K`).join('\r\n')}\x1b[J`);
    },
    async close() {
      keyboard?.off('data', read);
      if (keyboard?.isTTY === true) {
        keyboard.setRawMode?.(false);
        keyboard.pause();
      }
      restored();
      if (opened !== '') await write(`${LEAVE}${SHOW_CURSOR}`);
    },
  };
}

const PAINT = /\x1b\[\d+m/g;

/** A line that is too long loses its paint: a cut would break it. */
const fit = (line: string, columns: number): string => (textWidth(line) <= columns ? line : cutToWidth(line.replace(PAINT, ''), columns));
