/** What an RPC server did with the requests that were delivered to it. */
export interface ServeCounts {
  /** Requests handed to the handler. */
  readonly received: number;
  readonly replied: number;
  /** Error replies. */
  readonly failed: number;
  /** Requests that were handled and had no address for a reply. */
  readonly unaddressed: number;
  /** Replies and error replies that reached nobody: their caller had gone. */
  readonly unheard: number;
  /** Requests that went back to the queue. */
  readonly returned: number;
  /** Requests whose connection was lost before they were answered: they come again, and are received once more. */
  readonly unknown: number;
}

/** What became of calls. */
export interface CallCounts {
  readonly calls: number;
  readonly replied: number;
  /** Error replies. */
  readonly failed: number;
  /** Calls without any reply. */
  readonly unanswered: number;
}

/** How long replies took, in milliseconds. */
export interface RoundTrips {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Buckets grow by half a percent, which is how exact a percentile is. */
const GROWTH = Math.log(1.005);
/** The upper end of the first bucket, in milliseconds. */
const SHORTEST = 0.01;

/** Percentiles of any number of round trips in little memory. */
export class Stopwatch {
  readonly #buckets: number[] = [];
  #count = 0;
  #max = 0;

  add(milliseconds: number): void {
    const bucket = milliseconds <= SHORTEST ? 0 : Math.ceil(Math.log(milliseconds / SHORTEST) / GROWTH);
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
    this.#count++;
    this.#max = Math.max(this.#max, milliseconds);
  }

  /** Undefined when there was none. */
  get roundTrips(): RoundTrips | undefined {
    return this.#count === 0 ? undefined : { p50: this.#percentile(0.5), p99: this.#percentile(0.99), max: this.#max };
  }

  #percentile(part: number): number {
    let left = Math.ceil(this.#count * part);
    const bucket = this.#buckets.findIndex((count = 0) => {
      left -= count;
      return left <= 0;
    });
    return Math.min(this.#max, SHORTEST * Math.exp(bucket * GROWTH));
  }
}
