import type { Message as AmqplibMessage } from 'amqplib';
import type { Emit, PublishCounts } from '../../model/event.ts';
import type { Failure } from '../../model/failure.ts';
import type { Message } from '../../model/message/message.ts';
import type { Refusal } from '../connection/broker-errors.ts';

/** What became of a message. */
export type Outcome =
  /** The broker is responsible for it, and it reached a queue. */
  | { readonly kind: 'confirmed' }
  /** No queue was bound for it. */
  | { readonly kind: 'returned'; readonly reply: string }
  /** A queue refused it, or the broker failed to keep it. */
  | { readonly kind: 'nacked' }
  /** The broker accepts no such message: too large, or another user's id; or it cannot be encoded (`data`). */
  | { readonly kind: 'refused'; readonly failure: Failure }
  /** Written to the socket without asking for a confirm. */
  | { readonly kind: 'sent' }
  /** Unknown: the connection ended before the confirm. */
  | { readonly kind: 'unknown'; readonly failure: Failure };

/** A message between its sending and its outcome. */
export interface Entry {
  readonly message: Message;
  /** Its number in the run, from 1. */
  readonly record: number;
  readonly settled: ((outcome: Outcome, message: Message) => void) | undefined;
  /** False once its caller no longer waits for its outcome: it is not sent again then. */
  readonly isWanted?: (() => boolean) | undefined;
  returned: string | undefined;
  done: boolean;
}

/**
 * The messages in flight, in the order they were sent. On a confirm channel the n-th message has the delivery tag n: a tag is a
 * position. A new channel starts again at 1 with the messages that are left.
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

  /** The entries of an ack or a nack: one, or all up to the tag. */
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
   * The message of a basic.return, which carries no tag. Returns come in the order of publishing: it is the first message
   * like it after the last returned one.
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

  /** Entries without an outcome, in order. */
  left(): Entry[] {
    return this.#entries.slice(this.#head).filter((entry) => !entry.done);
  }

  /** Hands out the entries without an outcome, in order, and forgets them. */
  withdraw(): Entry[] {
    const left = this.left();
    this.#entries = [];
    this.#head = 0;
    this.count = 0;
    this.bytes = 0;
    return left;
  }

  get lastTag(): number {
    return this.#firstTag + this.#entries.length - 1;
  }

  /**
   * Starts over on a new channel, and sends the remaining messages in order. Returns those that cannot be sent there, and why: a message that was
   * queued without a channel may not fit into the frames of this one.
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

/** Counts outcomes, each message once, and reports failures. */
export class Tally {
  readonly #emit: Emit;
  readonly #counts = { published: 0, confirmed: 0, returned: 0, nacked: 0, unknown: 0 };
  readonly #exchanges = new Set<string>();
  /** Messages written to the present connection without asking for a confirm. */
  #sent = 0;

  constructor(emit: Emit) {
    this.#emit = emit;
  }

  /** The outcome of a message whose channel was closed over a rule that it breaks. An exchange that existed a moment ago may have taken it. */
  refusedBy({ ofExchange, failure }: Refusal, { message }: Entry): Outcome {
    return { kind: ofExchange && this.#exchanges.has(message.exchange) ? 'unknown' : 'refused', failure: failure(message) };
  }

  get counts(): PublishCounts {
    return { ...this.#counts };
  }

  /** Counts a message that is sent for the first time; returns its number. */
  published(): number {
    return ++this.#counts.published;
  }

  /** A message was returned. Its count waits for the confirm that follows. False when no message that waits for its confirm is like it. */
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

  /** A message was returned that asked for no confirm, and is not remembered. */
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

  /** A connection ended: messages written to it without asking for a confirm may be lost. */
  disconnected(): void {
    this.#counts.unknown += this.#sent;
    this.#sent = 0;
  }
}

function returnOf({ fields }: AmqplibMessage): { readonly replyText: string; readonly exchange: string; readonly routingKey: string } {
  return fields as unknown as { replyText: string; exchange: string; routingKey: string };
}
