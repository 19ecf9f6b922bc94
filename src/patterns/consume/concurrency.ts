import { deferred, within } from '../../model/async.ts';

/** Handles a limited number of items at a time; further items wait for their turn. */
export class InFlight<T> {
  readonly #most: number;
  /** Begins the work on an item; undefined when the item is obsolete. */
  readonly #begin: (item: T) => Promise<void> | undefined;
  readonly #waiting: T[] = [];
  #running = 0;
  #stopped = false;
  #idle = deferred<true>();

  /** The promise of `begin` must never reject. */
  constructor(most: number, begin: (item: T) => Promise<void> | undefined) {
    this.#most = most;
    this.#begin = begin;
  }

  get running(): number {
    return this.#running;
  }

  /** Items that were never begun. */
  get waiting(): readonly T[] {
    return this.#waiting;
  }

  add(item: T): void {
    if (!this.#stopped && this.#running < this.#most) this.#start(item);
    else this.#waiting.push(item);
  }

  /** Begins nothing more. */
  stop(): void {
    this.#stopped = true;
  }

  /** Begins nothing more; resolves with true when all running work has ended within this many milliseconds. */
  async endWithin(milliseconds: number): Promise<boolean> {
    this.stop();
    if (this.#running === 0) return true;
    this.#idle = deferred();
    return (await within(milliseconds, this.#idle.promise)) === true;
  }

  #start(item: T): void {
    const work = this.#begin(item);
    if (work === undefined) return;
    this.#running++;
    void work.then(() => this.#ended());
  }

  #ended(): void {
    this.#running--;
    while (!this.#stopped && this.#waiting.length > 0 && this.#running < this.#most) this.#start(this.#waiting.shift() as T);
    if (this.#running === 0) this.#idle.resolve(true);
  }
}
