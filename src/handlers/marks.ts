import { randomBytes } from 'node:crypto';

/**
 * Tells apart what programs say, one after the other through one pipe, and what the shell that starts them says in between: a mark that
 * nobody else knows, a word, and a newline.
 */
export class Marks {
  /** What stands before a word; it begins with a NUL. */
  readonly mark = `\0rmq:${randomBytes(12).toString('hex')}:`;
  readonly #mark = Buffer.from(this.mark);
  #held = Buffer.alloc(0);

  read(chunk: Buffer, say: (bytes: Buffer) => void, hear: (word: string) => void): void {
    let bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    for (;;) {
      const at = bytes.indexOf(this.#mark);
      const end = at < 0 ? -1 : bytes.indexOf(10, at + this.#mark.length);
      // What may be the beginning of a mark waits for more.
      const said = at >= 0 ? at : beginOf(this.#mark, bytes);
      if (said > 0) say(bytes.subarray(0, said));
      if (end < 0) {
        this.#held = Buffer.from(bytes.subarray(said));
        return;
      }
      hear(bytes.toString('latin1', at + this.#mark.length, end));
      bytes = bytes.subarray(end + 1);
    }
  }
}

/** Where the bytes may begin a mark that is not all there yet; their length when they do not. */
function beginOf(mark: Buffer, bytes: Buffer): number {
  let at = bytes.indexOf(0, Math.max(0, bytes.length - mark.length + 1));
  while (at >= 0 && !bytes.subarray(at).equals(mark.subarray(0, bytes.length - at))) at = bytes.indexOf(0, at + 1);
  return at < 0 ? bytes.length : at;
}
