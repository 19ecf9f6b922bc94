import { writeSync } from 'node:fs';
import { COLORLESS, loadPalette, type Palette } from './color.ts';

/** Lines for people on standard error. */
export interface Diagnostics {
  /** Writes text, or bytes as they are, now or once the colours are loaded, always in order. */
  print(paint: (palette: Palette) => string | Uint8Array): void;
  /** Resolves when everything has been written. */
  close(): Promise<void>;
}

/** Opens standard error for people; nothing here throws, even if it is closed. */
export function openDiagnostics(fd: number, colored: boolean): Diagnostics {
  let palette = colored ? undefined : COLORLESS;
  let loading: Promise<void> | undefined;
  const waiting: ((palette: Palette) => string | Uint8Array)[] = [];

  function release(colors: Palette): void {
    palette = colors;
    process.off('exit', leave);
    for (const paint of waiting.splice(0)) writeFully(fd, paint(colors));
  }

  /** On exit: colours would come too late. */
  function leave(): void {
    release(COLORLESS);
  }

  async function load(): Promise<void> {
    process.once('exit', leave);
    release(await loadPalette());
  }

  return {
    print(paint) {
      if (palette !== undefined) writeFully(fd, paint(palette));
      else {
        waiting.push(paint);
        loading ??= load();
      }
    },
    close: async () => loading,
  };
}

const PAUSE = 5;
/** Milliseconds after which a reader of standard error that has stalled is given up. */
const PATIENCE = 2_000;

/** Writes all of it; ignores a standard error that is closed, full or gone. */
function writeFully(fd: number, text: string | Uint8Array): void {
  let bytes = typeof text === 'string' ? Buffer.from(text) : text;
  for (let paused = 0; bytes.length > 0 && paused < PATIENCE; ) {
    try {
      bytes = bytes.subarray(writeSync(fd, bytes));
      paused = 0;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE);
      paused += PAUSE;
    }
  }
}
