import { deathHistory } from './death.ts';
import { previewOf, shortLine } from './death-text.ts';
import type { Delivery } from './message.ts';
import { formatDuration, formatNumber, formatSize } from './quantity.ts';
import { replaysOf } from './replay.ts';

/** A line of a table; the cells are safe to show. */
export type Cells = readonly string[];

export const LETTER_HEADS: Cells = ['#', 'AGE', 'DIED', 'IN QUEUE', 'EXCHANGE', 'KEY', 'SIZE', 'REPLAYED', 'BODY'];
const NAME = 32;
const PREVIEW = 60;
/** Kinds of death that a table shows of one message. */
const KINDS = 3;

/** A dead letter as a line of a table; `now` is in milliseconds since 1970. */
export function letterCells(delivery: Delivery, number: number, now: number): Cells {
  const { exchange, routingKey, properties, body } = delivery;
  const { deaths, first } = deathHistory(properties.headers);
  const [newest] = deaths;
  const kinds = deaths.slice(0, KINDS).map(({ reason, count }) => `${shortLine(reason, NAME)}${count === 1 ? '' : ` ×${formatNumber(count)}`}`);
  if (deaths.length > KINDS) kinds.push('…');
  const original = { exchange: first?.exchange ?? exchange, key: first?.routingKeys[0] ?? routingKey };
  const replays = replaysOf(properties);
  return [
    formatNumber(number),
    newest?.time === undefined ? '?' : formatDuration(Math.max(0, now - newest.time * 1_000)),
    kinds.length === 0 ? '?' : kinds.join(', '),
    newest === undefined ? '?' : shortLine(newest.queue, NAME),
    original.exchange === '' ? '(default)' : shortLine(original.exchange, NAME),
    shortLine(original.key, NAME),
    formatSize(body.length),
    replays === 0 ? '' : formatNumber(replays),
    previewOf(body, PREVIEW),
  ];
}

/** Lines with their columns below each other, as wide as `widths` or wider where a cell is; numbers stand to the right. */
export function formatTable(rows: readonly Cells[], right: ReadonlySet<number>, widths: number[]): string {
  for (const row of rows) for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  const line = (row: Cells): string =>
    row
      .map((cell, column) => (right.has(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  return rows.map((row) => `${line(row)}\n`).join('');
}
