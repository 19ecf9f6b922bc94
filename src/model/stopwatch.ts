/** How long replies took, in milliseconds. */
export interface RoundTrips {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** The same in more detail. */
export interface Percentiles extends RoundTrips {
  readonly min: number;
  readonly mean: number;
  readonly p90: number;
  readonly p999: number;
}

/** How many took more than `from` and at most `to` milliseconds. */
export interface Bar {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** Buckets grow by half a percent, which is how exact a percentile is. */
const GROWTH = Math.log(1.005);
/** The upper end of the first bucket, in milliseconds. */
const SHORTEST = 0.01;

/** Percentiles of any number of times in little memory. */
export class Stopwatch {
  readonly #buckets: number[] = [];
  #count = 0;
  #sum = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;

  add(milliseconds: number): void {
    const bucket = milliseconds <= SHORTEST ? 0 : Math.ceil(Math.log(milliseconds / SHORTEST) / GROWTH);
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
    this.#count++;
    this.#sum += milliseconds;
    this.#min = Math.min(this.#min, milliseconds);
    this.#max = Math.max(this.#max, milliseconds);
  }

  /** Undefined when there was none. */
  get roundTrips(): RoundTrips | undefined {
    return this.#count === 0 ? undefined : { p50: this.#percentile(0.5), p99: this.#percentile(0.99), max: this.#max };
  }

  /** To a microsecond; null when nothing was added. */
  get percentiles(): Percentiles | null {
    if (this.#count === 0) return null;
    return {
      min: rounded(this.#min),
      mean: rounded(this.#sum / this.#count),
      p50: rounded(this.#percentile(0.5)),
      p90: rounded(this.#percentile(0.9)),
      p99: rounded(this.#percentile(0.99)),
      p999: rounded(this.#percentile(0.999)),
      max: rounded(this.#max),
    };
  }

  /** Bars between 1, 2, 5, 10, 20, 50 … of a unit, without a gap. */
  get bars(): readonly Bar[] {
    const counts = new Map<number, number>();
    this.#buckets.forEach((count, bucket) => {
      const edge = edgeAbove(SHORTEST * Math.exp(bucket * GROWTH));
      counts.set(edge, (counts.get(edge) ?? 0) + count);
    });
    const edges = [...counts.keys()];
    if (edges.length === 0) return [];
    const bars: Bar[] = [];
    for (let edge = Math.min(...edges); edge <= Math.max(...edges); edge++)
      bars.push({ from: edge === EDGE_OF_SHORTEST ? 0 : valueAt(edge - 1), to: valueAt(edge), count: counts.get(edge) ?? 0 });
    return bars;
  }

  #percentile(part: number): number {
    let left = Math.ceil(this.#count * part);
    const bucket = this.#buckets.findIndex((count = 0) => {
      left -= count;
      return left <= 0;
    });
    return Math.max(this.#min, Math.min(this.#max, SHORTEST * Math.exp(bucket * GROWTH)));
  }
}

/** Edges are numbered: 0 is 1 ms, 1 is 2 ms, 2 is 5 ms, 3 is 10 ms, -1 is 0.5 ms. */
const STEPS = [1, 2, 5];
const EDGE_OF_SHORTEST = -6;

function valueAt(edge: number): number {
  const decade = Math.floor(edge / STEPS.length);
  return Number(`${STEPS[edge - decade * STEPS.length]}e${decade}`);
}

function edgeAbove(milliseconds: number): number {
  let edge = Math.floor(Math.log10(milliseconds)) * STEPS.length;
  // The upper end of a bucket may lie a rounding error above the edge that it ends at.
  while (valueAt(edge) < milliseconds * (1 - 1e-9)) edge++;
  return Math.max(edge, EDGE_OF_SHORTEST);
}

function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 1_000) / 1_000;
}
