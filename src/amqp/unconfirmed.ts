import type { Failure } from '../model/failure.ts';
import type { Message } from '../model/message.ts';

/** How a message that was handed to a publisher ended. */
export type Outcome =
  /** The broker took responsibility, and it reached a queue. */
  | { readonly kind: 'confirmed' }
  /** No queue was bound for it. */
  | { readonly kind: 'returned'; readonly reply: string }
  /** A queue refused it, or the broker failed to keep it. */
  | { readonly kind: 'nacked' }
  /** The broker does not take such a message: too large, or for another user; or it cannot be encoded at all (`data`). */
  | { readonly kind: 'refused'; readonly failure: Failure }
  /** Handed to the socket without asking for a confirm. */
  | { readonly kind: 'sent' }
  /** Nobody knows: the connection ended first. */
  | { readonly kind: 'unknown'; readonly failure: Failure };

/** A message between its sending and its outcome. */
export interface Entry {
  readonly message: Message;
  /** Its number in the run, from 1. */
  readonly record: number;
  readonly settled: ((outcome: Outcome, message: Message) => void) | undefined;
  /** False once nobody waits for its outcome any more: it is not sent again then. */
  readonly isWanted?: (() => boolean) | undefined;
  returned: string | undefined;
  done: boolean;
}

/**
 * The messages in flight, in the order they were sent. On a confirm channel the n-th message has the delivery tag n,
 * so that a tag is a position; a new channel starts again at 1 with what is left.
 */
export class Unconfirmed {
  #entries: Entry[] = [];
  #head = 0;
  #firstTag = 1;
  #returns = 1;
  count = 0;
  bytes = 0;

  push(entry: Entry): void {
    this.#entries.push(entry);
    this.count++;
    this.bytes += entry.message.body.length;
  }

  /** The entries that an ack or a nack is about: one, or all up to the tag. */
  take(tag: number, multiple: boolean, settle: (entry: Entry) => void): void {
    const position = tag - this.#firstTag;
    for (let index = multiple ? this.#head : position; index <= position && index < this.#entries.length; index++) this.#finish(this.#entries[index], settle);
    this.#advance();
  }

  /** Finishes one entry out of turn. */
  finish(entry: Entry, settle: (entry: Entry) => void): void {
    this.#finish(entry, settle);
    this.#advance();
  }

  /**
   * The message that a basic.return is about. It carries no tag, but returns come in the order of publishing: the first
   * one like it behind the last one that was returned.
   */
  returned(like: (message: Message) => boolean): Entry | undefined {
    for (let index = Math.max(this.#head, this.#returns - this.#firstTag); index < this.#entries.length; index++) {
      const entry = this.#entries[index];
      if (entry === undefined || entry.done || !like(entry.message)) continue;
      this.#returns = this.#firstTag + index + 1;
      return entry;
    }
    return undefined;
  }

  /** What has no outcome yet, in order. */
  left(): Entry[] {
    return this.#entries.slice(this.#head).filter((entry) => !entry.done);
  }

  /** Hands out what has no outcome yet, in order, and keeps nothing of it. */
  withdraw(): Entry[] {
    const left = this.left();
    this.#entries = [];
    this.#head = 0;
    this.count = 0;
    this.bytes = 0;
    return left;
  }

  /** The tag of the message that was pushed last. */
  get lastTag(): number {
    return this.#firstTag + this.#entries.length - 1;
  }

  /**
   * Starts over on a new channel, and sends what is left in its order. The answer is what cannot be sent there, and why: it was
   * queued while there was no channel, and does not fit into the frames of this one.
   */
  restart(send: (message: Message) => Failure | undefined): readonly (readonly [Entry, Failure])[] {
    const refused: (readonly [Entry, Failure])[] = [];
    for (const entry of this.left()) {
      const failure = send(entry.message);
      if (failure !== undefined) this.#finish(entry, () => refused.push([entry, failure]));
      entry.returned = undefined;
    }
    this.#entries = this.left();
    this.#head = 0;
    this.#firstTag = 1;
    this.#returns = 1;
    return refused;
  }

  #finish(entry: Entry | undefined, settle: (entry: Entry) => void): void {
    if (entry === undefined || entry.done) return;
    entry.done = true;
    this.count--;
    this.bytes -= entry.message.body.length;
    settle(entry);
  }

  #advance(): void {
    while (this.#entries[this.#head]?.done === true) this.#head++;
    if (this.#head < 1_024 && this.#head < this.#entries.length) return;
    this.#entries.splice(0, this.#head);
    this.#firstTag += this.#head;
    this.#head = 0;
  }
}
