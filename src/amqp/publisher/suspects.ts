import { Failure } from '../../model/failure.ts';
import type { Entry, Outcome } from './outcomes.ts';

const INTERNAL_ERROR = 541;

/**
 * Finds the message at which the broker fails. The broker then ends the whole connection and does not say which message it was, so the messages in flight are
 * sent again one at a time: the one that is alone in flight when it happens again is the culprit.
 */
export class Suspects {
  #entries: Entry[] = [];

  get count(): number {
    return this.#entries.length;
  }

  /** Takes over the messages in flight at such a loss; returns the culprit when there was only one. */
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

/** True for a loss that one message may have caused. */
export function isInternalError({ code }: Failure): boolean {
  return code === INTERNAL_ERROR;
}

/** The outcome of the message at which the broker failed. */
export function undeliverable({ message: { routingKey } }: Entry, cause: Failure): Outcome {
  const failure = new Failure('unroutable', `the broker fails to deliver a message to "${routingKey}", and ended the connection (541)`, { cause });
  return { kind: 'refused', failure };
}
