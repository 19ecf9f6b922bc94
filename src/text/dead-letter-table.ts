import { whyOf } from '../model/dead-letter/attempt.ts';
import { deathHistory } from '../model/dead-letter/death.ts';
import type { JudgedOrigin } from '../model/dead-letter/origin.ts';
import { replaysOf } from '../model/dead-letter/replay.ts';
import type { Delivery } from '../model/message/message.ts';
import { formatDuration, formatNumber, formatSize } from '../model/quantity.ts';
import { cutToWidth, previewOf, shortLine, textWidth } from './width.ts';

/** A line of a table; the cells are safe to show. */
export type Cells = readonly string[];

export const LETTER_HEADS: Cells = ['#', 'AGE', 'DIED', 'IN QUEUE', 'EXCHANGE', 'KEY', 'SIZE', 'REPLAYED', 'WHY', 'BODY'];
const NAME = 32;
const WHY = 40;
const PREVIEW = 60;
/** Kinds of death shown for one message. */
const KINDS = 3;

/** Marks an origin that only the message itself claims. */
export const CLAIMED = ' (claimed)';

/** A dead letter as a line of a table; `now` is in milliseconds since 1970. Without `origin`, its headers give it. */
export function letterCells(delivery: Delivery, number: number, now: number, origin?: JudgedOrigin): Cells {
  const { exchange, routingKey, properties, body } = delivery;
  const { deaths, first } = deathHistory(properties.headers);
  const [newest] = deaths;
  const kinds = deaths.slice(0, KINDS).map(({ reason, count }) => `${shortLine(reason, NAME)}${count === 1 ? '' : ` ×${formatNumber(count)}`}`);
  if (deaths.length > KINDS) kinds.push('…');
  const told = { exchange: first?.exchange ?? exchange, routingKey: first?.routingKeys[0] ?? routingKey };
  const { address, claimed } = origin ?? { address: told, claimed: false };
  const replays = replaysOf(properties);
  return [
    formatNumber(number),
    newest?.time === undefined ? '?' : formatDuration(Math.max(0, now - newest.time * 1_000)),
    kinds.length === 0 ? '?' : kinds.join(', '),
    newest === undefined ? '?' : shortLine(newest.queue, NAME),
    `${address.exchange === '' ? '(default)' : shortLine(address.exchange, NAME)}${claimed ? CLAIMED : ''}`,
    shortLine(address.routingKey, NAME),
    formatSize(body.length),
    replays === 0 ? '' : formatNumber(replays),
    shortLine(whyOf(properties) ?? '', WHY),
    previewOf(body, PREVIEW),
  ];
}

export interface TableLayout {
  /** Columns of numbers, aligned right. */
  readonly right: ReadonlySet<number>;
  /** Columns that are never cut, beside those of numbers. */
  readonly firm?: ReadonlySet<number>;
  /** The least width of columns that may be cut, where it is not 6; less on a terminal too narrow even for that. */
  readonly least?: ReadonlyMap<number, number>;
  /** Least widths; updated for the next page of the same table. */
  readonly widths: number[];
  /** The width of the terminal, into which every line is fitted; undefined: lines have their full length. */
  readonly columns?: number | undefined;
}

/** Blanks between columns. */
export const GAP = 2;
/** The least width of a column that is cut. */
const LEAST = 6;

/** Lines with aligned columns. */
export function formatTable(rows: readonly Cells[], { right, firm, least, widths, columns }: TableLayout): string {
  const measured = rows.map((row) => row.map(textWidth));
  for (const cells of measured) for (const [column, width] of cells.entries()) widths[column] = Math.max(widths[column] ?? 0, width);
  if (columns !== undefined) {
    const keeps = (column: number): number => (right.has(column) || firm?.has(column) ? Number.POSITIVE_INFINITY : LEAST);
    fit(widths, (column) => Math.max(keeps(column), least?.get(column) ?? 0), columns);
    fit(widths, keeps, columns);
  }
  const gap = ' '.repeat(GAP);
  const line = (row: Cells, index: number): string => {
    let text = '';
    row.forEach((cell, column) => {
      const width = widths[column] ?? 0;
      if (width === 0) return;
      const own = measured[index]?.[column] ?? 0;
      const shown = own > width ? cutToWidth(cell, width) : cell;
      const room = ' '.repeat(Math.max(0, width - (own > width ? textWidth(shown) : own)));
      text += right.has(column) ? `${room}${shown}${gap}` : `${shown}${room}${gap}`;
    });
    return `${text.trimEnd()}\n`;
  };
  return rows.map(line).join('');
}

/** Shortens the widest columns until the lines fit; on a terminal narrower still, lines wrap. */
function fit(widths: number[], keeps: (column: number) => number, columns: number): void {
  let over = widths.reduce((sum, width) => sum + (width === 0 ? 0 : width + GAP), -GAP) - columns;
  while (over > 0) {
    const widest = widths.reduce((best, width, column) => (width > keeps(column) && width > (widths[best] ?? 0) ? column : best), -1);
    if (widest < 0) return;
    widths[widest] = (widths[widest] ?? 0) - 1;
    over--;
  }
}

/** Columns to leave out where all rows have the same value, the least telling first, and how their value is told instead. */
const SAID: readonly (readonly [string, string])[] = [
  ['IN QUEUE', 'in queue'],
  ['EXCHANGE', 'exchange'],
  ['KEY', 'key'],
  ['WHY', 'why'],
];

/** Empties a column, which then takes no room in a table. */
export function withoutColumn(rows: readonly Cells[], column: number): Cells[] {
  return rows.map((row) => row.map((cell, at) => (at === column ? '' : cell)));
}

/** Empties a column without values. */
export function withoutBlank(rows: readonly Cells[], head: string): readonly Cells[] {
  const column = rows[0]?.indexOf(head) ?? -1;
  return rows.slice(1).some((row) => row[column] !== '') ? rows : withoutColumn(rows, column);
}

/**
 * Empties columns that are the same in every row, one after the other until the rows fit into a terminal: they would
 * take the room of columns that differ. `same` tells their values.
 */
export function withoutSame(rows: readonly Cells[], columns: number): { readonly rows: readonly Cells[]; readonly same: string | undefined } {
  const [heads = [], ...letters] = rows;
  const widths = heads.map((_, column) => rows.reduce((most, row) => Math.max(most, textWidth(row[column] ?? '')), 0));
  let over = widths.reduce((sum, width) => sum + (width === 0 ? 0 : width + GAP), -GAP) - columns;
  let left: readonly Cells[] = rows;
  const said: string[] = [];
  for (const [head, words] of SAID) {
    const column = heads.indexOf(head);
    const value = letters[0]?.[column];
    if (over <= 0 || value === undefined || (widths[column] ?? 0) === 0 || letters.some((row) => row[column] !== value)) continue;
    left = withoutColumn(left, column);
    over -= (widths[column] ?? 0) + GAP;
    said.push(`${words} ${value === '?' ? 'unknown' : value || '(empty)'}`);
  }
  return { rows: left, same: said.length === 0 ? undefined : `all: ${said.join(', ')}` };
}

/** The least width of a body, which tells messages apart. */
const BODY = 20;

/** The least width of bodies in a table with these heads. */
export function roomForBody(heads: Cells = LETTER_HEADS): ReadonlyMap<number, number> {
  return new Map([[heads.indexOf('BODY'), BODY]]);
}
