import type { Channel, ConsumeMessage } from 'amqplib';
import type { Label, Labelled, Settlement } from '../../model/verdict.ts';
import type { WireDelivery } from './delivery.ts';
import { Repeats } from './repeats.ts';
import { atLeast } from './return-rules.ts';

/** What became of deliveries: each delivery that a handler got counts once; `returned` counts the others. */
export interface AnswerCounts extends Readonly<Record<Label, number>> {
  /** Deliveries whose channel was lost before the broker proved that it had their answer; it delivers them again unless it had. */
  readonly unknown: number;
  /** Returned to the queue without having reached a handler. */
  readonly returned: number;
}

interface Batch {
  readonly settled: ReadonlyMap<Labelled, number>;
  readonly tags: readonly number[];
  /** Answers sent on the channel up to and with this batch. */
  readonly upTo: number;
  readonly frames: number;
}

/**
 * Sends the answers to the deliveries of a channel, and counts over all channels what became of each delivery. The broker does not confirm
 * answers: one counts once a later word of the broker proves that the broker read it, and is unknown when its channel is lost before that.
 */
export class Answers {
  readonly #counts = { acknowledged: 0, rejected: 0, requeued: 0, retried: 0, dead: 0, dropped: 0, copiedBack: 0, unknown: 0, returned: 0 };
  readonly #repeats: Repeats | undefined;
  #ledger = new Ledger();
  #unproven: Batch[] = [];
  #proven = 0;

  /** With `knowsRepeats`, it knows what comes again after a lost channel. */
  constructor(knowsRepeats: boolean) {
    this.#repeats = knowsRepeats ? new Repeats() : undefined;
  }

  get counts(): AnswerCounts {
    return { ...this.#counts };
  }

  /** Proven answers, over all channels: these messages do not come again. */
  get proven(): number {
    return this.#proven;
  }

  /** Answers over all channels: those that are proven, and those of this channel. */
  get given(): number {
    const unproven = this.#unproven.reduce((sum, { tags }) => sum + tags.length, 0);
    return this.#proven + unproven + this.#ledger.decided;
  }

  /** Messages that a handler got on a lost channel, and that have not come again: of those that never do, the broker had the answer. */
  get away(): number {
    return this.#repeats?.away ?? 0;
  }

  /** Answers of this channel that are decided and not sent. */
  get waiting(): number {
    return this.#ledger.decided;
  }

  /** Answers that were sent on this channel. */
  get sent(): number {
    return this.#ledger.told;
  }

  /** Deliveries of this channel whose answer is decided. */
  get settled(): number {
    return this.#ledger.told + this.#ledger.decided + this.#ledger.held;
  }

  /** Frames sent on this channel whose answers are not proven. */
  get unprovenFrames(): number {
    return this.#unproven.reduce((sum, { frames }) => sum + frames, 0);
  }

  /** True when a delivery is unanswered. */
  get open(): boolean {
    return this.#ledger.open > 0 || this.#ledger.pending.size > 0;
  }

  opened(delivery: WireDelivery): void {
    this.#ledger.opened(delivery.tag);
    this.#repeats?.opened(delivery);
  }

  /** A handler gets the delivery: from now on it counts. Returns whether one got its message on a lost channel already. */
  begin(tag: number): boolean {
    this.#ledger.begin(tag);
    return this.#repeats?.begin(tag) === true;
  }

  decide(tag: number, labelled: Labelled): void {
    this.#ledger.settle(tag, labelled);
  }

  /** Sends at most this many of the waiting answers. */
  send(channel: Channel, most: number): void {
    const { refused, upTo, single, settled, tags } = this.#ledger.take(Math.max(0, most));
    const frames = refused.length + single.length + (upTo === undefined ? 0 : 1);
    if (frames > 0) this.#unproven.push({ settled, tags, upTo: this.#ledger.told, frames });
    unlessClosing(() => {
      for (const { tag, requeue } of refused) channel.nack(tagged(tag), false, requeue);
      if (upTo !== undefined) channel.ack(tagged(upTo), true);
      for (const tag of single) channel.ack(tagged(tag), false);
    });
  }

  /** The broker has read this many answers of this channel. */
  prove(answers: number): void {
    for (let [batch] = this.#unproven; batch !== undefined && batch.upTo <= answers; [batch] = this.#unproven) {
      this.#unproven.shift();
      this.#repeats?.prove(batch.tags);
      for (const [{ label }, count] of batch.settled) {
        this.#counts[label] += count;
        this.#proven += count;
      }
    }
  }

  /**
   * The channel is lost: nothing can be proven any more, and tags count from 1 again. Returns how many answers were unproven. `withQueue` is true for a queue that was deleted with its
   * connection: nothing is delivered again, so that every decision holds, and what a handler still works on is not waited for again.
   */
  lose(withQueue = false): number {
    let lost = 0;
    for (const [one, count] of [...this.#unproven.flatMap(({ settled }) => [...settled]), ...this.#ledger.pending]) {
      const decided = one !== 'begun' && one.settlement !== 'hold';
      if (withQueue) this.#proven += count;
      else if (decided) lost += count;
      this.#counts[decided && (withQueue || one.certain === true) ? one.label : 'unknown'] += count;
    }
    this.#repeats?.lose(withQueue, (tag) => this.#ledger.isOpen(tag));
    this.#unproven = [];
    this.#ledger = new Ledger();
    return lost;
  }

  /**
   * Counts every unanswered delivery as returned, and returns it now where closing the channel, which returns it too, would
   * do harm. From 4.3 on closing counts as a failed attempt on quorum queues and a nack does not. Before 4.3 a nack would
   * send the messages to the end of a quorum queue, and closing keeps their place.
   */
  giveBack(channel: Channel, version: string): void {
    const { open, pending } = this.#ledger;
    const handed = [...pending.values()].reduce((sum, count) => sum + count, 0);
    this.#counts.returned += open;
    this.#counts.requeued += handed;
    this.#repeats?.lose(false, (tag) => this.#ledger.isOpen(tag));
    this.#ledger = new Ledger();
    if (open + handed > 0 && atLeast(version, 4, 3)) unlessClosing(() => channel.nackAll(true));
  }
}

/** Ignores that the channel is closing already, after a frame that amqplib could not read: its answers are lost with it, and counted then. */
function unlessClosing(tell: () => void): void {
  try {
    tell();
  } catch (error) {
    if (!(error instanceof Error && error.name === 'IllegalOperationError')) throw error;
  }
}

/** The part of a message that amqplib reads to answer it. */
function tagged(deliveryTag: number): ConsumeMessage {
  return { fields: { deliveryTag } } as ConsumeMessage;
}

/** A delivery is `open` until a handler gets it, then `begun` until it is settled. A settled one is `told` once the answer is sent. */
type State = Labelled | 'open' | 'begun' | 'told';

/**
 * The deliveries of one channel and their settlements. Delivery tags count from 1, so that one frame can acknowledge the longest prefix in
 * which everything is settled. An undecided delivery is never part of it.
 */
export class Ledger {
  /** One state per tag, from `#low` on. */
  #states: State[] = [];
  /** The lowest unanswered tag. */
  #low = 1;
  #decided = 0;
  #held = 0;
  #told = 0;

  /** Answers decided and not taken. */
  get decided(): number {
    return this.#decided;
  }

  /** Deliveries that are kept without an answer. */
  get held(): number {
    return this.#held;
  }

  /** Answers taken. */
  get told(): number {
    return this.#told;
  }

  /** Whether no handler got the delivery. */
  isOpen(tag: number): boolean {
    return this.#states[tag - this.#low] === 'open';
  }

  /** Deliveries that no handler got. */
  get open(): number {
    return this.#states.reduce((sum, state) => sum + (state === 'open' ? 1 : 0), 0);
  }

  /** Deliveries that a handler got, and whose answer was not sent. */
  get pending(): Map<Labelled | 'begun', number> {
    const pending = new Map<Labelled | 'begun', number>();
    for (const state of this.#states) if (state !== 'told' && state !== 'open') pending.set(state, (pending.get(state) ?? 0) + 1);
    return pending;
  }

  opened(tag: number): void {
    this.#states[tag - this.#low] = 'open';
  }

  /** Records that a handler got a delivery. */
  begin(tag: number): void {
    const index = tag - this.#low;
    if (this.#states[index] === 'open') this.#states[index] = 'begun';
  }

  /** Records a settlement; ignored when the delivery has a final one already. */
  settle(tag: number, labelled: Labelled): void {
    const index = tag - this.#low;
    const state = this.#states[index];
    if (state === undefined || state === 'told' || isFinal(state)) return;
    if (typeof state === 'object') this.#held--;
    this.#states[index] = labelled;
    if (labelled.settlement === 'hold') this.#held++;
    else this.#decided++;
  }

  /**
   * Takes at most `most` answers in order: rejections one by one, then everything `upTo` a tag, then some deliveries beyond it one by one. `settled` counts
   * them by label; `tags` are all of them.
   */
  take(most: number) {
    const refused: { tag: number; requeue: boolean }[] = [];
    const single: number[] = [];
    const tags: number[] = [];
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
      tags.push(tag);
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
    return { refused, upTo, single, settled, tags };
  }
}

function isFinal(state: State): state is Labelled & { readonly settlement: Exclude<Settlement, 'hold'> } {
  return typeof state === 'object' && state.settlement !== 'hold';
}
