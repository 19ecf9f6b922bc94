import type { Channel, ConsumeMessage } from 'amqplib';
import type { Label, Labelled, Settlement } from '../../model/verdict.ts';
import { atLeast } from './return-rules.ts';

/** What became of the deliveries that were handed to somebody, each counted once, and of those that were not. */
export interface AnswerCounts extends Readonly<Record<Label, number>> {
  /** Deliveries whose channel was lost before the broker was known to have their answer: it hands them out again, unless it had it. */
  readonly unknown: number;
  /** Given back without having been handed to anybody. */
  readonly returned: number;
}

interface Batch {
  readonly settled: ReadonlyMap<Labelled, number>;
  /** Answers that were sent on the channel when this batch had been. */
  readonly upTo: number;
  readonly frames: number;
}

/**
 * Sends what was decided about the deliveries of a channel, and counts over all channels what became of each delivery. The broker confirms no
 * answer: one counts once something that the broker says later on proves that it has it, and is unknown when its channel is lost before.
 */
export class Answers {
  readonly #counts = { acknowledged: 0, rejected: 0, requeued: 0, retried: 0, dead: 0, dropped: 0, copiedBack: 0, unknown: 0, returned: 0 };
  #ledger = new Ledger();
  #unproven: Batch[] = [];
  #proven = 0;

  get counts(): AnswerCounts {
    return { ...this.#counts };
  }

  /** Answers that the broker is known to have, over all channels: these messages do not come again. */
  get proven(): number {
    return this.#proven;
  }

  /** Answers on this channel that were decided and not sent. */
  get waiting(): number {
    return this.#ledger.decided;
  }

  /** Answers that were sent on this channel. */
  get sent(): number {
    return this.#ledger.told;
  }

  /** Deliveries of this channel of which somebody has decided what becomes of them. */
  get settled(): number {
    return this.#ledger.told + this.#ledger.decided + this.#ledger.held;
  }

  /** Frames that were sent on this channel, and of whose answers nothing proves that the broker has them. */
  get unprovenFrames(): number {
    return this.#unproven.reduce((sum, { frames }) => sum + frames, 0);
  }

  /** Begins with a new channel, on which tags count from 1 again; what was not proven on the last one is lost. `withQueue` as for `lose`. */
  restart(withQueue: boolean): void {
    this.lose(withQueue);
  }

  /** True when a delivery has no answer yet that was sent. */
  get open(): boolean {
    return this.#ledger.open > 0 || this.#ledger.pending.size > 0;
  }

  opened(tag: number): void {
    this.#ledger.opened(tag);
  }

  /** The delivery is handed to somebody: from now on it is counted as what becomes of it. */
  begin(tag: number): void {
    this.#ledger.begin(tag);
  }

  decide(tag: number, labelled: Labelled): void {
    this.#ledger.settle(tag, labelled);
  }

  /** Sends at most so many of the answers that wait. */
  send(channel: Channel, most: number): void {
    const { refused, upTo, single, settled } = this.#ledger.take(Math.max(0, most));
    const frames = refused.length + single.length + (upTo === undefined ? 0 : 1);
    if (frames > 0) this.#unproven.push({ settled, upTo: this.#ledger.told, frames });
    unlessClosing(() => {
      for (const { tag, requeue } of refused) channel.nack(tagged(tag), false, requeue);
      if (upTo !== undefined) channel.ack(tagged(upTo), true);
      for (const tag of single) channel.ack(tagged(tag), false);
    });
  }

  /** The broker is known to have the first so many answers that were sent on this channel. */
  prove(answers: number): void {
    for (let [batch] = this.#unproven; batch !== undefined && batch.upTo <= answers; [batch] = this.#unproven) {
      this.#unproven.shift();
      for (const [{ label }, count] of batch.settled) {
        this.#counts[label] += count;
        this.#proven += count;
      }
    }
  }

  /**
   * The channel is lost: nothing can prove any more what has not been proven. Returns how many answers that were. `withQueue` is true for a queue that went with its
   * connection: whatever was decided holds then, for nothing comes again.
   */
  lose(withQueue = false): number {
    let lost = 0;
    for (const [one, count] of [...this.#unproven.flatMap(({ settled }) => [...settled]), ...this.#ledger.pending]) {
      const decided = one !== 'begun' && one.settlement !== 'hold';
      if (decided && withQueue) this.#proven += count;
      else if (decided) lost += count;
      this.#counts[decided && (withQueue || one.certain === true) ? one.label : 'unknown'] += count;
    }
    this.#unproven = [];
    this.#ledger = new Ledger();
    return lost;
  }

  /**
   * Counts everything that the broker has not been told of as given back, and answers it where closing the channel, which gives it back too, would
   * do harm: from 4.3 on closing counts as a failed attempt on quorum queues and a nack does not. Before, a nack would
   * send the messages to the tail of a quorum queue, and closing keeps their place.
   */
  giveBack(channel: Channel, version: string): void {
    const { open, pending } = this.#ledger;
    const handed = [...pending.values()].reduce((sum, count) => sum + count, 0);
    this.#counts.returned += open;
    this.#counts.requeued += handed;
    this.#ledger = new Ledger();
    if (open + handed > 0 && atLeast(version, 4, 3)) unlessClosing(() => channel.nackAll(true));
  }
}

/** A channel that could not understand its broker is closing before anybody hears of it: its answers are lost with it, and are counted then. */
function unlessClosing(tell: () => void): void {
  try {
    tell();
  } catch (error) {
    if (!(error instanceof Error && error.name === 'IllegalOperationError')) throw error;
  }
}

/** What amqplib looks at when it answers a message. */
export function tagged(deliveryTag: number): ConsumeMessage {
  return { fields: { deliveryTag } } as ConsumeMessage;
}

/** What to tell the broker: refusals one by one first, then everything up to a tag, then some beyond it one by one. */
export interface SettlementFrames {
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

  /** SettlementFrames that were decided and not yet taken. */
  get decided(): number {
    return this.#decided;
  }

  /** Deliveries that are kept without an answer. */
  get held(): number {
    return this.#held;
  }

  /** SettlementFrames that were taken. */
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
  take(most: number): SettlementFrames {
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
