import type { Usage } from './meter.ts';

/** One side of a comparison: prepares, measures, and checks that the work was really done. */
export type Contender = () => Promise<Usage>;

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/**
 * Runs the contenders in turn, A B C A B C, so that whatever else the machine does hits all of them alike. The first
 * round warms up and does not count.
 */
export async function alternate<K extends string>(
  contenders: Readonly<Record<K, Contender>>,
  rounds: number,
  onRound: (round: number) => void,
): Promise<Record<K, readonly Usage[]>> {
  const names = Object.keys(contenders) as K[];
  const usages = Object.fromEntries(names.map((name) => [name, [] as Usage[]])) as Record<K, Usage[]>;
  for (let round = 0; round <= rounds; round += 1) {
    onRound(round);
    for (const name of names) {
      const usage = await contenders[name]();
      if (round > 0) usages[name].push(usage);
    }
  }
  return usages;
}

/** The ratios of what was measured in the same round. */
export function ratios(above: readonly Usage[], below: readonly Usage[], of: keyof Usage): Spread {
  return spread(above.map((usage, round) => usage[of] / (below[round] as Usage)[of]));
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  const middle = (sorted.length - 1) / 2;
  return { median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2, min: at(0), max: at(sorted.length - 1) };
}
