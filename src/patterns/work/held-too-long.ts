import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { onAbort } from '../../model/async.ts';
import { Failure } from '../../model/failure.ts';
import type { Delivery } from '../../model/message/message.ts';

interface Handling {
  readonly attempt: number;
  readonly since: number;
}

/** A message is taken to be one of those that the broker took back when it has been handled nearly as long as the oldest of them. */
const NEARLY = 0.9;

/** Why such a message has failed. */
export const HELD_TOO_LONG = 'its handler took longer than the broker lets a message stay unacknowledged (consumer timeout)';

/**
 * Remembers the messages that the broker took back because their handlers took too long. It does not say which they are, and on some versions counts
 * nothing: whoever would only take them again would run the same task for ever.
 */
export class HeldTooLong {
  readonly #handling = new Map<Delivery, Handling>();
  /** How often each was taken back, and has not come again. */
  readonly #takenBack = new Map<string, number>();
  #giveUp: AbortController | undefined;

  /** Aborted with the run, and when the broker has taken back what handlers have. One signal for many messages: one for each would cost a fast handler a third of its speed. */
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

  /** The broker took back what was held for too long, and with it everything else on that channel: no handler can be answered any more, and all are ended. */
  takenBack(): void {
    const now = performance.now();
    const longest = Math.max(...[...this.#handling.values()].map(({ since }) => now - since));
    for (const [delivery, { attempt, since }] of this.#handling) {
      if (now - since < longest * NEARLY) continue;
      const message = fingerprint(delivery, attempt);
      this.#takenBack.set(message, (this.#takenBack.get(message) ?? 0) + 1);
    }
    // One that does not listen is not held responsible again.
    this.#handling.clear();
    this.#giveUp?.abort(new Failure('deadline', HELD_TOO_LONG));
    this.#giveUp = undefined;
  }

  /** True for a message that comes again because it was held for too long: this attempt at it has failed. */
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
