import { COLORLESS, loadPalette, type Palette } from './color.ts';
import { writeText } from './descriptor.ts';

/** Milliseconds after which a reader of standard error that has stalled is given up. */
const PATIENCE = 2_000;

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
    for (const paint of waiting.splice(0)) writeText(fd, paint(colors), PATIENCE);
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
      if (palette !== undefined) writeText(fd, paint(palette), PATIENCE);
      else {
        waiting.push(paint);
        loading ??= load();
      }
    },
    close: async () => loading,
  };
}
