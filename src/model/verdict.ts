import { Failure } from './failure.ts';
import { isPlainObject, quote } from './text.ts';

/**
 * What is told to the broker about a delivery; each gets exactly one.
 *
 * - `ack`: done, the queue may forget it
 * - `requeue`: back to the queue
 * - `dead`: rejected; dead-lettered where the queue has a dead-letter exchange, dropped where it has none
 * - `hold`: kept without an answer until the consumer closes, then back to the queue
 */
export type Settlement = 'ack' | 'requeue' | 'dead' | 'hold';

/** What a settled delivery is counted as, once the broker is known to have the settlement. */
export type Label = 'acknowledged' | 'rejected' | 'requeued' | 'retried' | 'dead' | 'dropped' | 'copiedBack';

/** A settlement and how it counts. */
export interface Labelled {
  readonly settlement: Settlement;
  readonly label: Label;
  /** True when the label holds even if the settlement is lost: what it says has happened elsewhere, such as a confirmed copy. */
  readonly certain?: boolean;
}

const LABELLED: Readonly<Record<Settlement, Labelled>> = {
  ack: { settlement: 'ack', label: 'acknowledged' },
  dead: { settlement: 'dead', label: 'rejected' },
  requeue: { settlement: 'requeue', label: 'requeued' },
  hold: { settlement: 'hold', label: 'requeued' },
};

/** A settlement with the label that it has where nobody gives it another one. */
export function labelled(settlement: Settlement): Labelled {
  return LABELLED[settlement];
}

const LABELS: ReadonlySet<unknown> = new Set<Label>(['acknowledged', 'rejected', 'requeued', 'retried', 'dead', 'dropped', 'copiedBack']);

const isSettlement = (given: unknown): given is Settlement => typeof given === 'string' && Object.hasOwn(LABELLED, given);

/** What a handler has returned as a settlement: nothing is an acknowledgement. A failure for what is none: types are gone when a program runs. */
export function settlementOf(given: unknown): Settlement | Labelled | Failure {
  if (given === undefined || given === 'ack') return 'ack';
  if (isSettlement(given)) return given;
  if (isPlainObject(given) && 'settlement' in given && 'label' in given && isSettlement(given.settlement) && LABELS.has(given.label)) return given as Labelled;
  return new Failure('data', `the handler returned ${quote(given)}; it returns "ack", "requeue", "dead" or "hold", or nothing for "ack"`);
}

/**
 * What a handler decides about its message.
 *
 * - `ack`: done
 * - `retry`: again later, while there are retries left; then `dead`
 * - `requeue`: back to the queue after a pause, without counting as an attempt
 * - `dead`: dead-lettered at once
 */
export type Verdict = 'ack' | 'retry' | 'requeue' | 'dead';

/** A verdict and why; what is known travels in the headers of a dead letter. */
export interface Judgement {
  readonly verdict: Verdict;
  /** One line for people, such as `exit code 3`. */
  readonly reason?: string;
  /** The exit code of the handler's program; 128 + n when signal n ended it. */
  readonly exitCode?: number;
  /** The last lines that the program wrote to its standard error. */
  readonly stderr?: string;
}

const VERDICTS: ReadonlySet<unknown> = new Set<Verdict>(['ack', 'retry', 'requeue', 'dead']);

/**
 * What a handler has returned as a judgement: nothing is `ack`.
 *
 * @throws Failure `data` for what is none
 */
export function judgementOf(given: unknown): Judgement {
  if (given === undefined) return { verdict: 'ack' };
  if (typeof given === 'string' && VERDICTS.has(given)) return { verdict: given as Verdict };
  const { verdict, reason, exitCode, stderr } = (isPlainObject(given) ? given : {}) as Partial<Record<keyof Judgement, unknown>>;
  if (!VERDICTS.has(verdict))
    throw new Failure('data', `the handler returned ${quote(given)}; it returns "ack", "retry", "requeue" or "dead", or nothing for "ack"`);
  if (![reason, stderr].every((text) => text === undefined || typeof text === 'string') || !(exitCode === undefined || Number.isSafeInteger(exitCode))) {
    throw new Failure('data', 'the handler returned a verdict whose reason or stderr is no text, or whose exitCode is no whole number');
  }
  return given as Judgement;
}
