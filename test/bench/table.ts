import { textTable } from '../support/text-table.ts';
import type { Spread } from './compare.ts';

/** A line of the table; what has no target is for information. */
export interface Row {
  readonly what: string;
  readonly ours: string;
  readonly peer: string;
  readonly ratio: string;
  readonly target: string;
  readonly ok: boolean | undefined;
}

const HEAD = ['what', 'ours', 'peer', 'ratio (min–max)', 'must reach', 'ok?'] as const;

export function formatTable(rows: readonly Row[]): string {
  return textTable(
    HEAD,
    rows.map(({ what, ours, peer, ratio, target, ok }) => [what, ours, peer, ratio, target, ok === undefined ? '' : ok ? 'yes' : 'NO']),
  );
}

export function formatRatio({ median, min, max }: Spread): string {
  return `${median.toFixed(2)}x (${min.toFixed(2)}–${max.toFixed(2)})`;
}

export function formatSeconds(seconds: number): string {
  return seconds < 1 ? `${(seconds * 1_000).toFixed(0)} ms` : `${seconds.toFixed(2)} s`;
}

export function formatMegabytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(0)} MB`;
}
