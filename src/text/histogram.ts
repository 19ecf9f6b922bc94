import { formatNumber } from '../model/quantity.ts';
import type { Bar, Percentiles } from '../model/stopwatch.ts';

/** Room for the numbers beside the bars. */
const BESIDE = 26;
const WIDEST = 60;
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** A line a bar; each is as long as its share of the longest. */
export function drawBars(bars: readonly Bar[], columns: number): string {
  const room = Math.max(10, Math.min(columns - BESIDE, WIDEST));
  const most = Math.max(...bars.map(({ count }) => count), 1);
  return bars
    .map(({ to, count }) => {
      const eighths = count === 0 ? 0 : Math.max(1, Math.round((count / most) * room * 8));
      return `${`≤ ${to} ms`.padStart(11)}  ${'█'.repeat(eighths >> 3)}${EIGHTHS[eighths & 7]} ${count === 0 ? '' : formatNumber(count)}`.trimEnd();
    })
    .join('\n');
}

/** `p50 0.42 ms · p90 …`, the numbers to three digits. */
export function percentilesText({ min, p50, p90, p99, p999, max }: Percentiles): string {
  const named = { min, p50, p90, p99, 'p99.9': p999, max };
  return Object.entries(named)
    .map(([name, value]) => `${name} ${value >= 100 ? value.toFixed(0) : value.toPrecision(3)}`)
    .join(' · ');
}
