/**
 * Why a run failed. The thrower says what happened; `cli/exit.ts` alone maps kinds to exit codes.
 *
 * - `negative`: a check, a match or an expectation is false
 * - `partial`: some of the work was done
 * - `usage`: an unknown option, a value out of range
 * - `data`: an envelope or a body that cannot be read
 * - `missing`: a file, queue or exchange that does not exist
 * - `unroutable`: no queue is bound for that key
 * - `unavailable`: no broker answers, or it was lost for good
 * - `io`: reading input or writing output failed
 * - `later`: nacked, or blocked by an alarm; the same may succeed later
 * - `refused`: the broker does not support or allow it (AMQP 405, 406, 540 …)
 * - `denied`: wrong password, no permission, vhost not allowed
 * - `config`: a configuration file is invalid
 * - `deadline`: a deadline passed
 * - `unexecutable`, `unfound`: a handler that cannot be started
 * - `interrupted`, `terminated`: SIGINT, SIGTERM
 * - `closed`: the reader of standard output went away; nothing is wrong
 */
export type FailureKind =
  | 'negative'
  | 'partial'
  | 'usage'
  | 'data'
  | 'missing'
  | 'unroutable'
  | 'unavailable'
  | 'io'
  | 'later'
  | 'refused'
  | 'denied'
  | 'config'
  | 'deadline'
  | 'unexecutable'
  | 'unfound'
  | 'interrupted'
  | 'terminated'
  | 'closed';

export interface FailureDetail {
  /** What to do next. */
  readonly hint?: string | undefined;
  /** The AMQP reply code, when the broker gave one. */
  readonly code?: number | undefined;
  /** True when the same attempt may succeed later: a reconnect loop goes on. */
  readonly transient?: boolean;
  /** The exit code of the program that failed; the run exits with it. */
  readonly exitCode?: number | undefined;
  readonly cause?: unknown;
}

/**
 * An expected failure: it carries a kind, a message for people and, where there is one, a hint.
 * Anything else that is thrown is a bug of this program.
 */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly kind: FailureKind;
  readonly hint: string | undefined;
  readonly code: number | undefined;
  readonly transient: boolean;
  readonly exitCode: number | undefined;

  constructor(kind: FailureKind, message: string, detail: FailureDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.kind = kind;
    this.hint = detail.hint;
    this.code = detail.code;
    this.transient = detail.transient ?? false;
    this.exitCode = detail.exitCode;
  }

  /** The same failure in other words: its hint and its exit code stay, and it is the cause. */
  saying(message: string, kind: FailureKind = this.kind): Failure {
    return new Failure(kind, message, { hint: this.hint, exitCode: this.exitCode, cause: this });
  }
}

/** For `catch`: adds the advice to a failure of kind `missing`; rethrows any other error. */
export function hintWhereMissing(hint: string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof Failure && error.kind === 'missing')) throw error;
    const { kind, message, code, cause } = error;
    throw new Failure(kind, message, { hint, cause, code });
  };
}

/** For `catch`: this value in place of a failure of this kind; rethrows any other error. */
export function orElse<T>(kind: FailureKind, value: T): (error: unknown) => T {
  return (error) => {
    if (error instanceof Failure && error.kind === kind) return value;
    throw error;
  };
}

/** The failure that the signal was aborted with; an interruption when it carries something else. */
export function abortFailure(signal: AbortSignal): Failure {
  return signal.reason instanceof Failure ? signal.reason : new Failure('interrupted', 'stopped');
}

/** The failure for an aborted signal: a `TimeoutError`, as `AbortSignal.timeout` has, is a deadline. */
export function stopFailure(signal: AbortSignal | undefined): Failure {
  const reason: unknown = signal?.reason;
  if (reason instanceof Failure) return reason;
  const late = reason instanceof Error && reason.name === 'TimeoutError';
  return new Failure(late ? 'deadline' : 'interrupted', late ? 'the deadline passed' : 'it was aborted', { cause: reason });
}

/** The peer sent something that AMQP does not allow, or that cannot be decoded. */
export function brokenRule(what: string): Failure {
  return new Failure('unavailable', `the broker broke the rules of AMQP 0-9-1: ${what}`, {
    transient: true,
    hint: 'is a proxy in between, or is it another kind of server?',
  });
}
