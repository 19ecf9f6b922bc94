import { Failure } from '../../model/failure.ts';
import type { Entry, Outcome } from './outcomes.ts';

const INTERNAL_ERROR = 541;

/**
 * Finds the message at which the broker fails. It ends the whole connection then and does not say which message it was, so those that were in flight are
 * sent again one at a time: the one that is in flight alone when it happens again is the culprit.
 */
export class Suspects {
  #entries: Entry[] = [];

  get count(): number {
    return this.#entries.length;
  }

  /** Takes over what was in flight at a loss that may be the fault of one message; the answer is the culprit, where only one was. */
  accuse(inFlight: readonly Entry[]): Entry | undefined {
    if (inFlight.length === 1) return inFlight[0];
    this.#entries.push(...inFlight);
    return undefined;
  }

  /** The next one to be tried. */
  next(): Entry | undefined {
    return this.#entries.shift();
  }

  /** Hands out those that were not tried. */
  take(): Entry[] {
    return this.#entries.splice(0);
  }
}

/** True for a loss that may be the fault of one message. */
export function isInternalError({ code }: Failure): boolean {
  return code === INTERNAL_ERROR;
}

/** What becomes of the message at which the broker failed. */
export function undeliverable({ message: { routingKey } }: Entry, cause: Failure): Outcome {
  const failure = new Failure('unroutable', `the broker fails to deliver what is sent to "${routingKey}", and ended the connection (541)`, { cause });
  return { kind: 'refused', failure };
}
