import { Failure } from './failure.ts';
import type { Delivery } from './message/message.ts';
import { isPlainObject, quote } from './text.ts';

/**
 * The answer to the broker about a delivery; each delivery gets exactly one.
 *
 * - `ack`: done, the queue may forget it
 * - `requeue`: back to the queue
 * - `dead`: rejected; dead-lettered where the queue has a dead-letter exchange, dropped where it has none
 * - `hold`: kept without an answer until the consumer closes, then back to the queue
 */
export type Settlement = 'ack' | 'requeue' | 'dead' | 'hold';

/** What a settled delivery is counted as, once the broker is known to have the settlement. */
export type Label = 'acknowledged' | 'rejected' | 'requeued' | 'retried' | 'dead' | 'dropped' | 'copiedBack';

export interface Labelled {
  readonly settlement: Settlement;
  readonly label: Label;
  /** True when the label holds even if the settlement is lost: it has happened elsewhere, such as a confirmed copy. */
  readonly certain?: boolean;
}

const LABELLED: Readonly<Record<Settlement, Labelled>> = {
  ack: { settlement: 'ack', label: 'acknowledged' },
  dead: { settlement: 'dead', label: 'rejected' },
  requeue: { settlement: 'requeue', label: 'requeued' },
  hold: { settlement: 'hold', label: 'requeued' },
};

/** A settlement with its default label. */
export function labelled(settlement: Settlement): Labelled {
  return LABELLED[settlement];
}

const LABELS: ReadonlySet<unknown> = new Set<Label>(['acknowledged', 'rejected', 'requeued', 'retried', 'dead', 'dropped', 'copiedBack']);

const isSettlement = (given: unknown): given is Settlement => typeof given === 'string' && Object.hasOwn(LABELLED, given);

/** The settlement that a handler returned; undefined is `ack`. Returns a Failure for any other value, since types do not hold at run time. */
export function settlementOf(given: unknown): Settlement | Labelled | Failure {
  if (given === undefined || given === 'ack') return 'ack';
  if (isSettlement(given)) return given;
  if (isPlainObject(given) && 'settlement' in given && 'label' in given && isSettlement(given.settlement) && LABELS.has(given.label)) return given as Labelled;
  return new Failure('data', `the handler returned ${quote(given)}; it must return "ack", "requeue", "dead" or "hold", or nothing for "ack"`);
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

/** A verdict with its reason; the headers of a dead letter carry both. */
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

export const isVerdict = (given: unknown): given is Verdict => VERDICTS.has(given);

/**
 * The judgement that a handler returned; undefined is `ack`.
 *
 * @throws Failure `data` for any other value
 */
export function judgementOf(given: unknown): Judgement {
  if (given === undefined) return { verdict: 'ack' };
  if (isVerdict(given)) return { verdict: given };
  const { verdict, reason, exitCode, stderr } = (isPlainObject(given) ? given : {}) as Partial<Record<keyof Judgement, unknown>>;
  if (!isVerdict(verdict))
    throw new Failure('data', `the handler returned ${quote(given)}; it must return "ack", "retry", "requeue" or "dead", or nothing for "ack"`);
  if (![reason, stderr].every((text) => text === undefined || typeof text === 'string') || !(exitCode === undefined || Number.isSafeInteger(exitCode))) {
    throw new Failure('data', 'the handler returned a verdict whose reason or stderr is not text, or whose exitCode is not a whole number');
  }
  return given as Judgement;
}

/** What the exit code of a handler's program means for its message. */
export interface ExitTable {
  readonly codes: ReadonlyMap<number, Verdict>;
  readonly other: Verdict;
}

/** 65 is EX_DATAERR and 75 is EX_TEMPFAIL of sysexits.h. */
export const DEFAULT_EXIT_TABLE: ExitTable = {
  codes: new Map<number, Verdict>([
    [0, 'ack'],
    [65, 'dead'],
    [75, 'requeue'],
  ]),
  other: 'retry',
};

/**
 * Reads `0=ack,3=dead,*=retry` on top of the default table; `*` stands for every code that is not named.
 *
 * @throws Failure `usage`
 */
export function parseExitTable(text: string): ExitTable {
  const codes = new Map(DEFAULT_EXIT_TABLE.codes);
  let { other } = DEFAULT_EXIT_TABLE;
  for (const rule of text.split(',')) {
    const [, code, verdict] = /^\s*(\d+|\*)\s*=\s*(\w+)\s*$/.exec(rule) ?? [];
    if (code === undefined || verdict === undefined || Number(code) > 255 || !isVerdict(verdict)) {
      throw new Failure('usage', `expected CODE=VERDICT rules such as 0=ack,3=dead,*=retry, got "${rule}"`, {
        hint: `codes are 0 to 255 or *; verdicts are ${[...VERDICTS].join(', ')}`,
      });
    }
    if (code === '*') other = verdict;
    else codes.set(Number(code), verdict);
  }
  return { codes, other };
}

/** The verdict on an exit code; undefined for 126 and 127 without a rule of their own: the program cannot be run. */
export function verdictOn(code: number, { codes, other }: ExitTable): Verdict | undefined {
  return codes.get(code) ?? (code === 126 || code === 127 ? undefined : other);
}

/** What a handler gets beside the message. */
export interface HandlerContext {
  /** Aborted when the handler has to stop: at its time limit, or at the end of the run. Its result no longer counts then. */
  readonly signal: AbortSignal;
  /** 1 for the first attempt at this message. */
  readonly attempt: number;
}

/**
 * Handles one message and returns its verdict; undefined is `ack`. A rejection, or any other value, counts as `retry`, except for a Failure of the kinds `unfound` and `unexecutable`:
 * the handler cannot run at all, and the worker stops.
 */
export type Handler = (delivery: Delivery, context: HandlerContext) => Promise<Verdict | Judgement | undefined> | Promise<void>;
