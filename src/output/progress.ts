import type { Ora } from 'ora';

/** What is going on, on the last line of a terminal. */
export interface Progress {
  /** Says what is going on; it is shown once the run has lasted half a second. */
  show(text: string): void;
  /** Takes the line away so that something else can be written there; it comes back by itself. */
  clear(): void;
  /** Keeps the line away until something has been written to the same terminal. */
  giveWay(until: Promise<unknown>): void;
  stop(): void;
}

const DELAY = 500;
const INTERVAL = 80;

export const NO_PROGRESS: Progress = { show: () => undefined, clear: () => undefined, giveWay: () => undefined, stop: () => undefined };

/**
 * Opens the progress line of the process' own standard error. It never keeps the process alive, hides no cursor and
 * leaves standard input alone: that is where messages come from.
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
    // Never started, only rendered: starting keeps the process alive, takes standard input and patches process.stdout.
    spinner = ora({ stream: process.stderr, color: color ? 'cyan' : false, isEnabled: true });
    timer = setInterval(render, INTERVAL).unref();
    process.once('exit', clear);
    render();
  }

  function render(): void {
    // A terminal that does not know its width has 0 columns, on which ora would count endless lines.
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
