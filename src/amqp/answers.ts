import type { Channel, ConsumeMessage } from 'amqplib';
import type { Label, Labelled } from '../model/verdict.ts';
import { Ledger } from './ledger.ts';
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
