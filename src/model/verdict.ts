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
