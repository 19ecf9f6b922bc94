import type { TakeContext } from './limits.ts';

/** Bytes of bodies that may be held before nothing more is read, and how few are held when reading goes on. */
const MOST = 16 * 1_048_576;
const FEW = MOST / 2;

/**
 * Stops reading from the broker while too much is held: a prefetch counts messages, and says nothing of their size. For what gets on by itself, such as
 * writing: a handler that waits for further messages would wait for ever.
 */
export class BackPressure {
  #held = 0;
  #full = false;

  /** So many bytes came, and are held until they are released. */
  hold(bytes: number, context: TakeContext): void {
    this.#held += bytes;
    if (this.#held > MOST) this.#steer(true, context);
  }

  release(bytes: number, context: TakeContext): void {
    this.#held -= bytes;
    if (this.#full && this.#held <= FEW) this.#steer(false, context);
  }

  #steer(full: boolean, { holdBack }: TakeContext): void {
    this.#full = full;
    holdBack(full);
  }
}
