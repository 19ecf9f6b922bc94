import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { onAbort } from '../../model/async.ts';
import { Failure } from '../../model/failure.ts';
import type { Delivery } from '../../model/message/message.ts';

interface Handling {
  readonly attempt: number;
  readonly since: number;
}

/** The part of the oldest message's handling time from which on a message counts as taken back by the broker. */
const NEARLY = 0.9;

/** The reason of such a failure. */
export const HELD_TOO_LONG = 'its handler took longer than the broker lets a message stay unacknowledged (consumer timeout)';

/**
 * Remembers the messages that the broker took back because their handlers took too long. The broker does not name them, and some versions count
 * nothing: a worker that only took them again would run the same task for ever.
 */
export class HeldTooLong {
  readonly #handling = new Map<Delivery, Handling>();
  /** How often each was taken back and has not come again. */
  readonly #takenBack = new Map<string, number>();
  #giveUp: AbortController | undefined;

  /** Aborted with the run, and when the broker has taken messages back. One signal for many messages: one for each would cost a fast handler a third of its speed. */
  signal(kill: AbortSignal): AbortSignal {
    if (this.#giveUp === undefined) {
      const giveUp = new AbortController();
      setMaxListeners(0, giveUp.signal);
      onAbort(kill, () => giveUp.abort(kill.reason));
      this.#giveUp = giveUp;
    }
    return this.#giveUp.signal;
  }

  begin(delivery: Delivery, attempt: number): void {
    this.#handling.set(delivery, { attempt, since: performance.now() });
  }

  end(delivery: Delivery): void {
    this.#handling.delete(delivery);
  }

  /** The broker took back every message of the channel: no answer is possible any more, and all handlers are ended. */
  takenBack(): void {
    const now = performance.now();
    const longest = Math.max(...[...this.#handling.values()].map(({ since }) => now - since));
    for (const [delivery, { attempt, since }] of this.#handling) {
      if (now - since < longest * NEARLY) continue;
      const message = fingerprint(delivery, attempt);
      this.#takenBack.set(message, (this.#takenBack.get(message) ?? 0) + 1);
    }
    // A handler that ignores the signal is not blamed again.
    this.#handling.clear();
    this.#giveUp?.abort(new Failure('deadline', HELD_TOO_LONG));
    this.#giveUp = undefined;
  }

  /** True for a message that comes again because it was held for too long: that attempt has failed. */
  comesAgain(delivery: Delivery, attempt: number): boolean {
    if (!delivery.redelivered || this.#takenBack.size === 0) return false;
    const message = fingerprint(delivery, attempt);
    const times = this.#takenBack.get(message);
    if (times === undefined) return false;
    if (times > 1) this.#takenBack.set(message, times - 1);
    else this.#takenBack.delete(message);
    return true;
  }
}

function fingerprint({ exchange, routingKey, properties: { messageId, timestamp, correlationId }, body }: Delivery, attempt: number): string {
  const head = JSON.stringify([exchange, routingKey, messageId, timestamp, correlationId, attempt]);
  return createHash('sha1').update(head).update(body).digest('base64');
}
