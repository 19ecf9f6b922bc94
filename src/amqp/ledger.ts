import type { Labelled, Settlement } from '../model/verdict.ts';

/** What to tell the broker: refusals one by one first, then everything up to a tag, then some beyond it one by one. */
export interface Answers {
  readonly refused: readonly { readonly tag: number; readonly requeue: boolean }[];
  readonly upTo: number | undefined;
  readonly single: readonly number[];
  /** How many deliveries all of these settle, by how they were settled. */
  readonly settled: ReadonlyMap<Labelled, number>;
}

/**
 * A delivery is `open` until it is handed to somebody, then `begun` until it is settled. One that was settled is `told` once the broker is told of it.
 */
type State = Labelled | 'open' | 'begun' | 'told';

/**
 * The deliveries of one channel and what was decided about each. Delivery tags count from 1, so that the longest prefix in
 * which everything is settled can be acknowledged with one frame; what is not decided is never inside it.
 */
export class Ledger {
  /** One state per tag, from `#low` on. */
  #states: State[] = [];
  /** The lowest tag that has not been answered. */
  #low = 1;
  #decided = 0;
  #held = 0;
  #told = 0;

  /** Answers that were decided and not yet taken. */
  get decided(): number {
    return this.#decided;
  }

  /** Deliveries that are kept without an answer. */
  get held(): number {
    return this.#held;
  }

  /** Answers that were taken. */
  get told(): number {
    return this.#told;
  }

  /** Deliveries that were handed to nobody. */
  get open(): number {
    return this.#states.reduce((sum, state) => sum + (state === 'open' ? 1 : 0), 0);
  }

  /** Deliveries that were handed to somebody, and of which the broker has not been told. */
  get pending(): Map<Labelled | 'begun', number> {
    const pending = new Map<Labelled | 'begun', number>();
    for (const state of this.#states) if (state !== 'told' && state !== 'open') pending.set(state, (pending.get(state) ?? 0) + 1);
    return pending;
  }

  opened(tag: number): void {
    this.#states[tag - this.#low] = 'open';
  }

  /** Records that a delivery was handed to somebody. */
  begin(tag: number): void {
    const index = tag - this.#low;
    if (this.#states[index] === 'open') this.#states[index] = 'begun';
  }

  /** Records what was decided; ignored when the delivery has a final settlement already. */
  settle(tag: number, labelled: Labelled): void {
    const index = tag - this.#low;
    const state = this.#states[index];
    if (state === undefined || state === 'told' || isFinal(state)) return;
    if (typeof state === 'object') this.#held--;
    this.#states[index] = labelled;
    if (labelled.settlement === 'hold') this.#held++;
    else this.#decided++;
  }

  /** Takes at most `most` decided answers, in order, the longest prefix of acks as one. */
  take(most: number): Answers {
    const refused: { tag: number; requeue: boolean }[] = [];
    const single: number[] = [];
    const settled = new Map<Labelled, number>();
    let upTo: number | undefined;
    let contiguous = true;
    let left = Math.min(most, this.#decided);
    this.#decided -= left;
    this.#told += left;
    for (let index = 0; left > 0; index++) {
      const state = this.#states[index] as State;
      if (!isFinal(state)) {
        if (state !== 'told') contiguous = false;
        continue;
      }
      const tag = this.#low + index;
      left--;
      this.#states[index] = 'told';
      settled.set(state, (settled.get(state) ?? 0) + 1);
      if (state.settlement !== 'ack') refused.push({ tag, requeue: state.settlement === 'requeue' });
      else if (contiguous) upTo = tag;
      else single.push(tag);
    }
    let answered = 0;
    while (this.#states[answered] === 'told') answered++;
    if (answered > 0) this.#states.splice(0, answered);
    this.#low += answered;
    return { refused, upTo, single, settled };
  }
}

function isFinal(state: State): state is Labelled & { readonly settlement: Exclude<Settlement, 'hold'> } {
  return typeof state === 'object' && state.settlement !== 'hold';
}
