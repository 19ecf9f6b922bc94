import type { Ora } from 'ora';

/** The progress line, the last line of a terminal. */
export interface Progress {
  /** Sets the text; it is shown once the run has lasted half a second. */
  show(text: string): void;
  /** Clears the line for other output; it comes back by itself. */
  clear(): void;
  /** Keeps the line away until this output has been written to the same terminal. */
  giveWay(until: Promise<unknown>): void;
  stop(): void;
}

const DELAY = 500;
const INTERVAL = 80;

export const NO_PROGRESS: Progress = { show: () => undefined, clear: () => undefined, giveWay: () => undefined, stop: () => undefined };

/**
 * Opens the progress line on the process' own standard error. It never keeps the process alive, hides no cursor and
 * leaves standard input alone, where messages come from.
 */
export function openProgress(color: boolean): Progress {
  let text = '';
  let spinner: Ora | undefined;
  let timer: NodeJS.Timeout | undefined;
  let shown = false;
  let writing = 0;
  let stopped = false;

  async function start(): Promise<void> {
    const { default: ora } = await import('ora');
    if (stopped) return;
    // Only rendered, never started: starting keeps the process alive, takes standard input and patches process.stdout.
    spinner = ora({ stream: process.stderr, color: color ? 'cyan' : false, isEnabled: true });
    timer = setInterval(render, INTERVAL).unref();
    process.once('exit', clear);
    render();
  }

  function render(): void {
    // A terminal of unknown width has 0 columns, for which ora would count endless lines.
    if (spinner === undefined || writing > 0 || !process.stderr.columns) return;
    spinner.text = text;
    spinner.render();
    shown = true;
  }

  function clear(): void {
    if (shown) spinner?.clear();
    shown = false;
  }

  return {
    show(now) {
      text = now;
      timer ??= setTimeout(() => void start(), DELAY).unref();
    },
    clear,
    giveWay(until) {
      const back = (): void => {
        writing--;
      };
      clear();
      writing++;
      until.then(back, back);
    },
    stop() {
      stopped = true;
      clearInterval(timer);
      process.off('exit', clear);
      clear();
      spinner = undefined;
    },
  };
}
