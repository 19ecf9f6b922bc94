import type { Failure } from '../../model/failure.ts';

/** Waits for conditions. Code that changes a condition calls `wake`. */
export class Waiting {
  readonly #failure: () => Failure | undefined;
  #resolves: (() => void)[] = [];

  /** A failure ends every wait. */
  constructor(failure: () => Failure | undefined) {
    this.#failure = failure;
  }

  /** @throws Failure once there is one */
  async until(satisfied: () => boolean): Promise<void> {
    while (this.#failure() === undefined && !satisfied()) await new Promise<void>((resolve) => this.#resolves.push(resolve));
    const failure = this.#failure();
    if (failure !== undefined) throw failure;
  }

  wake(): void {
    if (this.#resolves.length === 0) return;
    const resolves = this.#resolves;
    this.#resolves = [];
    for (const resolve of resolves) resolve();
  }
}
