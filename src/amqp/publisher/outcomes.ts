import type { Message as AmqplibMessage } from 'amqplib';
import type { Emit, PublishCounts } from '../../model/event.ts';
import type { Failure } from '../../model/failure.ts';
import type { Message } from '../../model/message/message.ts';
import type { Refusal } from '../connection/broker-errors.ts';

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

/** Counts outcomes, each message once, and tells of those that went wrong. */
export class Tally {
  readonly #emit: Emit;
  readonly #counts = { published: 0, confirmed: 0, returned: 0, nacked: 0, unknown: 0 };
  readonly #exchanges = new Set<string>();
  /** Messages that went onto the present connection without asking for a confirm. */
  #sent = 0;

  constructor(emit: Emit) {
    this.#emit = emit;
  }

  /** What became of a message whose channel was closed over a rule that it breaks. An exchange that was there a moment ago may have taken it. */
  refusedBy({ ofExchange, failure }: Refusal, { message }: Entry): Outcome {
    return { kind: ofExchange && this.#exchanges.has(message.exchange) ? 'unknown' : 'refused', failure: failure(message) };
  }

  get counts(): PublishCounts {
    return { ...this.#counts };
  }

  /** Counts a message that is sent for the first time; the answer is its number. */
  published(): number {
    return ++this.#counts.published;
  }

  /**
   * A message came back. It says not which it was; its count waits for the confirm that follows. False when none of those that wait for their confirm is like it.
   */
  returned(message: AmqplibMessage, unconfirmed: Unconfirmed): boolean {
    const { replyText, exchange, routingKey } = returnOf(message);
    const { messageId } = message.properties as { messageId?: string };
    const entry = unconfirmed.returned(
      ({ exchange: to, routingKey: key, properties, body }) =>
        to === exchange && key === routingKey && properties.messageId === messageId && body.equals(message.content),
    );
    if (entry === undefined) return false;
    entry.returned = replyText;
    return true;
  }

  /** A message came back that asked for no confirm, and is not remembered. */
  cameBack(message: AmqplibMessage): void {
    const { replyText, exchange, routingKey } = returnOf(message);
    const { messageId } = message.properties as { messageId?: string };
    this.#counts.returned++;
    this.#emit({ kind: 'returned', exchange, routingKey, messageId, reply: replyText });
  }

  settle(entry: Entry, outcome: Outcome): void {
    const final: Outcome = entry.returned !== undefined && outcome.kind === 'confirmed' ? { kind: 'returned', reply: entry.returned } : outcome;
    const { exchange, routingKey, properties, from } = entry.message;
    switch (final.kind) {
      case 'confirmed':
        this.#exchanges.add(exchange);
        this.#counts.confirmed++;
        break;
      case 'returned':
        this.#exchanges.add(exchange);
        this.#counts.returned++;
        this.#emit({ kind: 'returned', exchange, routingKey, messageId: properties.messageId, reply: final.reply, from });
        break;
      case 'unknown':
        this.#counts.unknown++;
        break;
      case 'sent':
        this.#sent++;
        if (entry.returned === undefined) break;
        this.#counts.returned++;
        this.#emit({ kind: 'returned', exchange, routingKey, messageId: properties.messageId, reply: entry.returned, from });
        break;
      case 'nacked':
        this.#counts.nacked++;
        this.#emit({ kind: 'nacked', exchange, routingKey, messageId: properties.messageId, from });
        break;
      case 'refused':
        this.#counts.nacked++;
        this.#emit({ kind: 'refused', messageId: properties.messageId, record: entry.record, failure: final.failure, from });
        break;
    }
    entry.settled?.(final, entry.message);
  }

  /** A connection ended: what went onto it without asking for a confirm may be lost with it. */
  disconnected(): void {
    this.#counts.unknown += this.#sent;
    this.#sent = 0;
  }
}

function returnOf({ fields }: AmqplibMessage): { readonly replyText: string; readonly exchange: string; readonly routingKey: string } {
  return fields as unknown as { replyText: string; exchange: string; routingKey: string };
}
