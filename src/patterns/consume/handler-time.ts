import { deferred, onAbort } from '../../model/async.ts';
import { Failure } from '../../model/failure.ts';
import { formatDuration } from '../../model/quantity.ts';

/** Milliseconds that a handler has to end once it was told to. */
export const GIVE_UP = 10_000;

/**
 * Runs a handler, and aborts its signal when its time is over or when `given` is aborted. A handler that does not listen must not hold its place for ever:
 * `unless` stands for its result then. `late` says why when its time was over.
 */
export async function withinItsTime<T>(
  time: number | undefined,
  given: AbortSignal,
  handle: (signal: AbortSignal) => Promise<T>,
  unless: T,
): Promise<{ readonly result: T; readonly late: string | undefined }> {
  const over = new AbortController();
  const gaveUp = deferred<T>();
  let late: string | undefined;
  const end = (reason: unknown): void => {
    over.abort(reason);
    setTimeout(() => gaveUp.resolve(unless), GIVE_UP).unref();
  };
  const expire = (milliseconds: number): void => {
    late = `took longer than ${formatDuration(milliseconds)}`;
    end(new Failure('deadline', late));
  };
  const timer = time === undefined ? undefined : setTimeout(() => over.signal.aborted || expire(time), time);
  const ignore = onAbort(given, () => over.signal.aborted || end(given.reason));
  try {
    return { result: await Promise.race([handle(over.signal), gaveUp.promise]), late };
  } finally {
    clearTimeout(timer);
    ignore();
  }
}
