import type { Settlement } from '../model/verdict.ts';

/** What to tell the broker: refusals one by one first, then everything up to a tag, then some beyond it one by one. */
export interface Answers {
  readonly refused: readonly { readonly tag: number; readonly requeue: boolean }[];
  readonly upTo: number | undefined;
  readonly single: readonly number[];
  /** Messages acknowledged by `upTo` and `single`. */
  readonly acknowledged: number;
}

/**
 * The deliveries of one channel and what was decided about each. Delivery tags count from 1, so that the longest prefix in
 * which everything is settled can be acknowledged with one frame; what is not decided is never inside it.
 */
export class Ledger {
  /** One state per tag, from `#low` on. */
  #states: (Settlement | 'open' | 'told')[] = [];
  /** The lowest tag that has not been answered. */
  #low = 1;
  #decided = 0;
  #told = 0;

  /** Answers that were decided and not yet taken. */
  get decided(): number {
    return this.#decided;
  }

  /** Answers that were taken. */
  get told(): number {
    return this.#told;
  }

  count(state: 'open' | 'hold'): number {
    return this.#states.reduce((sum, one) => sum + (one === state ? 1 : 0), 0);
  }

  opened(tag: number): void {
    this.#states[tag - this.#low] = 'open';
  }

  /** Records a verdict; ignored when the delivery has a final one already. */
  settle(tag: number, verdict: Settlement): void {
    const index = tag - this.#low;
    const state = this.#states[index];
    if (state !== 'open' && state !== 'hold') return;
    this.#states[index] = verdict;
    if (verdict !== 'hold') this.#decided++;
  }

  /** Takes at most `most` decided answers, in order, the longest prefix of acks as one. */
  take(most: number): Answers {
    const refused: { tag: number; requeue: boolean }[] = [];
    const single: number[] = [];
    let upTo: number | undefined;
    let acknowledged = 0;
    let contiguous = true;
    let left = Math.min(most, this.#decided);
    this.#decided -= left;
    this.#told += left;
    for (let index = 0; left > 0; index++) {
      const state = this.#states[index];
      const tag = this.#low + index;
      if (state === 'open' || state === 'hold') contiguous = false;
      if (state !== 'ack' && state !== 'dead' && state !== 'requeue') continue;
      left--;
      this.#states[index] = 'told';
      if (state !== 'ack') refused.push({ tag, requeue: state === 'requeue' });
      else {
        acknowledged++;
        if (contiguous) upTo = tag;
        else single.push(tag);
      }
    }
    let answered = 0;
    while (this.#states[answered] === 'told') answered++;
    if (answered > 0) this.#states.splice(0, answered);
    this.#low += answered;
    return { refused, upTo, single, acknowledged };
  }
}
