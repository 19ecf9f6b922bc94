const MOST_BYTES = 4_096;
const MOST_LINES = 20;

/** Keeps the end of what a program says. */
export class Tail {
  #bytes = Buffer.alloc(0);

  add(chunk: Buffer): void {
    // Copies: what is kept must not hold on to a large chunk.
    this.#bytes = Buffer.concat([this.#bytes, chunk.subarray(-MOST_BYTES)]).subarray(-MOST_BYTES);
  }

  /** The last lines, as valid text. */
  get text(): string {
    const text = this.#bytes.toString('utf8').trimEnd();
    // The first character may have been cut in two.
    const whole = this.#bytes.length < MOST_BYTES ? text : text.replace(/^\uFFFD+/, '');
    return whole.split('\n').slice(-MOST_LINES).join('\n');
  }
}
