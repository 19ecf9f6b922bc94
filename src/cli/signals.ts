import { Failure } from '../model/failure.ts';
import { BUG } from './exit.ts';

/** Turns the process' signals into an abort: the first one drains, the second one leaves at once. */
export interface Stop {
  readonly signal: AbortSignal;
  /** Stops the run for another reason, such as a reader of standard output that went away. */
  readonly because: (failure: Failure) => void;
  /** Gives the signals back to the process. */
  readonly release: () => void;
}

/**
 * Takes over the process' signals, and what no part of the program caught: that is a bug, and nothing can be relied on any more.
 */
export function untilSignalled(onBug: (error: unknown) => void): Stop {
  const controller = new AbortController();
  const stop = (failure: Failure, code: number): void => {
    if (controller.signal.aborted) process.exit(code);
    controller.abort(failure);
  };
  const onInterrupt = (): void => stop(new Failure('interrupted', 'interrupted'), 130);
  const onTerminate = (): void => stop(new Failure('terminated', 'terminated'), 143);
  const onUncaught = (error: unknown): void => {
    onBug(error);
    process.exit(BUG);
  };
  process.on('uncaughtException', onUncaught);
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onTerminate);
  return {
    signal: controller.signal,
    because: (failure) => controller.abort(failure),
    release: () => {
      process.off('uncaughtException', onUncaught);
      process.off('SIGINT', onInterrupt);
      process.off('SIGTERM', onTerminate);
    },
  };
}
