import { isatty } from 'node:tty';
import { Failure } from '../model/failure.ts';
import { BUG } from './exit.ts';

/** Turns the process' signals into an abort: the first one drains, the second one leaves at once. */
export interface Stop {
  readonly signal: AbortSignal;
  /** Stops the run for another reason, such as a closed standard output. */
  readonly because: (failure: Failure) => void;
  /** Restores the process' signal handling. */
  readonly release: () => void;
}

/** Milliseconds in which the same signal counts once: `timeout` signals its child, and then the process group in which that child is too. */
const AT_ONCE = 20;

const HANGUP = 129;

const isOnTerminal = (): boolean => [0, 1, 2].some((fd) => isatty(fd));

/** Node crashes (134, 139) when it exits without the terminal that it began on. This ends it as the lost terminal would: a shell sees 129. */
function leaveWithoutTerminal(): void {
  if (isOnTerminal()) return;
  process.removeAllListeners('SIGHUP');
  process.kill(process.pid, 'SIGHUP');
}

/** Handles the process' signals, and uncaught errors, which are bugs: nothing can be relied on after one. */
export function untilSignalled(onBug: (error: unknown) => void): Stop {
  const controller = new AbortController();
  let first: { readonly code: number; readonly timer: NodeJS.Timeout } | undefined;
  const hadTerminal = isOnTerminal();
  // It ends the process: whoever else has something to do at the exit comes before.
  const leaveLast = (): void => void (hadTerminal && process.once('exit', leaveWithoutTerminal));
  const exit = (code: number): never => {
    leaveLast();
    return process.exit(code);
  };
  const stop = (failure: Failure, code: number): void => {
    // A second signal leaves at once. The same one, within those milliseconds, is still the first.
    const isAnother = first !== undefined && first.code !== code;
    if (isAnother || controller.signal.aborted) exit(code);
    first ??= { code, timer: setTimeout(() => controller.abort(failure), AT_ONCE) };
  };
  const onInterrupt = (): void => stop(new Failure('interrupted', 'interrupted'), 130);
  const onTerminate = (): void => stop(new Failure('terminated', 'terminated'), 143);
  // A shell that loses its terminal too passes the signal on: it says nothing new.
  const onHangup = (): void => {
    if (first === undefined && !controller.signal.aborted) stop(new Failure('terminated', 'the terminal was closed', { exitCode: HANGUP }), HANGUP);
  };
  const onUncaught = (error: unknown): void => {
    onBug(error);
    exit(BUG);
  };
  process.on('uncaughtException', onUncaught);
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onTerminate);
  process.on('SIGHUP', onHangup);
  return {
    signal: controller.signal,
    because: (failure) => controller.abort(failure),
    release: () => {
      clearTimeout(first?.timer);
      leaveLast();
      process.off('uncaughtException', onUncaught);
      process.off('SIGINT', onInterrupt);
      process.off('SIGTERM', onTerminate);
      process.off('SIGHUP', onHangup);
    },
  };
}
