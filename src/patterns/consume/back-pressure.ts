import type { TakeContext } from './limits.ts';

/** Bytes of bodies held at which reading stops, and at which it goes on. */
const MOST = 16 * 1_048_576;
const FEW = MOST / 2;

/**
 * Stops reading from the broker while too much is held: a prefetch counts messages, whatever their size. Only for handlers that finish by themselves, such as
 * writing: a handler that waits for further messages would wait for ever.
 */
export class BackPressure {
  #held = 0;
  #full = false;

  /** These bytes arrived, and are held until they are released. */
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
