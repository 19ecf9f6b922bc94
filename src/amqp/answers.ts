import type { Channel, ConsumeMessage } from 'amqplib';
import type { Settlement } from '../model/verdict.ts';
import { Ledger } from './ledger.ts';

/** Answers that were sent to the broker. */
export interface AnswerCounts {
  readonly acknowledged: number;
  readonly rejected: number;
  /** Given back after a verdict. */
  readonly requeued: number;
  /** Given back without one: delivered, but not asked for or not finished. */
  readonly returned: number;
}

/** Sends what was decided about the deliveries of a channel, and counts it over all channels. */
export class Answers {
  readonly #counts = { acknowledged: 0, rejected: 0, requeued: 0, returned: 0 };
  #ledger = new Ledger();

  get counts(): AnswerCounts {
    return { ...this.#counts };
  }

  /** Messages that will not come again, over all channels. */
  get final(): number {
    return this.#counts.acknowledged + this.#counts.rejected + this.#counts.requeued;
  }

  /** Answers on this channel that were decided and not sent. */
  get waiting(): number {
    return this.#ledger.decided;
  }

  /** Answers that were sent on this channel. */
  get sent(): number {
    return this.#ledger.told;
  }

  /** Begins with a new channel, on which tags count from 1 again. */
  restart(): void {
    this.#ledger = new Ledger();
  }

  opened(tag: number): void {
    this.#ledger.opened(tag);
  }

  decide(tag: number, verdict: Settlement): void {
    this.#ledger.settle(tag, verdict);
  }

  /** Sends at most so many of the answers that wait. */
  send(channel: Channel, most: number): void {
    const { refused, upTo, single, acknowledged } = this.#ledger.take(Math.max(0, most));
    for (const { tag, requeue } of refused) {
      channel.nack(tagged(tag), false, requeue);
      this.#counts[requeue ? 'requeued' : 'rejected']++;
    }
    if (upTo !== undefined) channel.ack(tagged(upTo), true);
    for (const tag of single) channel.ack(tagged(tag), false);
    this.#counts.acknowledged += acknowledged;
  }

  /**
   * Counts what has no final answer as given back, and answers it where closing the channel, which gives it back too, would
   * do harm: from 4.3 on closing counts as a failed attempt on quorum queues and a nack does not. Before, a nack would
   * send the messages to the tail of a quorum queue, and closing keeps their place.
   */
  giveBack(channel: Channel, version: string): void {
    const [open, held] = [this.#ledger.count('open'), this.#ledger.count('hold')];
    this.#counts.returned += open;
    this.#counts.requeued += held;
    if (open + held > 0 && atLeast(version, 4, 3)) channel.nackAll(true);
  }
}

/** What amqplib looks at when it answers a message. */
export function tagged(deliveryTag: number): ConsumeMessage {
  return { fields: { deliveryTag } } as ConsumeMessage;
}

function atLeast(version: string, major: number, minor: number): boolean {
  const [a = 0, b = 0] = version.split('.').map(Number);
  return a > major || (a === major && b >= minor);
}
