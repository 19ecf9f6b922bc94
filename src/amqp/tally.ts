import type { Message as AmqplibMessage } from 'amqplib';
import type { Emit, PublishCounts } from '../model/event.ts';
import type { Refusal } from './refusal.ts';
import type { Entry, Outcome, Unconfirmed } from './unconfirmed.ts';

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
