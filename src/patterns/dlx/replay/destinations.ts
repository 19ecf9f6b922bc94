import type { PublishAddress } from '../../../model/dead-letter/replay.ts';
import { formatCount, formatNumber } from '../../../model/quantity.ts';
import { describeAddress } from '../../../text/dead-letter-story.ts';

/** A destination, and how many messages went there or would go. */
export interface Destination extends PublishAddress {
  readonly messages: number;
  /** True for a destination that does not exist: its messages would stay. Only the most frequent ones are checked. */
  readonly missing?: true;
  /** True where only the messages themselves say that they came from there. */
  readonly claimed?: true;
}

/** Each message may have its own key: limits of destinations counted apart, and of those listed. */
const MOST_COUNTED = 10_000;
const MOST_TOLD = 5;

export class Destinations {
  readonly #places = new Map<string, { readonly exchange: string; readonly routingKey: string; messages: number; readonly claimed?: true }>();
  #others = 0;

  add({ exchange, routingKey }: PublishAddress, claimed = false): void {
    const key = JSON.stringify([exchange, routingKey, claimed]);
    const place = this.#places.get(key);
    if (place !== undefined) place.messages++;
    else if (this.#places.size < MOST_COUNTED) this.#places.set(key, { exchange, routingKey, messages: 1, ...(claimed && { claimed }) });
    else this.#others++;
  }

  clear(): void {
    this.#places.clear();
    this.#others = 0;
  }

  /** The most frequent first. */
  get sorted(): readonly Destination[] {
    return [...this.#places.values()].sort((one, other) => other.messages - one.messages);
  }

  /** The first few, the largest first; undefined without any. */
  describe(): string | undefined {
    const places = this.sorted;
    if (places.length === 0) return undefined;
    const told = places
      .slice(0, MOST_TOLD)
      .map(({ exchange, routingKey, messages }) => `${formatNumber(messages)} to ${describeAddress(exchange, routingKey)}`);
    const rest = places.slice(MOST_TOLD).reduce((sum, { messages }) => sum + messages, this.#others);
    return ['to their own destinations:', ...told, ...(rest === 0 ? [] : [`${formatCount(rest, 'message')} elsewhere`])].join('\n');
  }
}
