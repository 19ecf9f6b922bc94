import { type Cells, LETTER_HEADS } from './death-table.ts';
import { textWidth } from './text-width.ts';

/** What may be left out where every row has the same, the least telling first, and how it is said instead. */
const SAID: readonly (readonly [string, string])[] = [
  ['IN QUEUE', 'in queue'],
  ['EXCHANGE', 'exchange'],
  ['KEY', 'key'],
  ['WHY', 'why'],
];
const GAP = 2;

/** Empties a column, so that it takes no room in a table. */
export function withoutColumn(rows: readonly Cells[], column: number): Cells[] {
  return rows.map((row) => row.map((cell, at) => (at === column ? '' : cell)));
}

/** Empties a column that has nothing but its head. */
export function withoutBlank(rows: readonly Cells[], head: string): readonly Cells[] {
  const column = rows[0]?.indexOf(head) ?? -1;
  return rows.slice(1).some((row) => row[column] !== '') ? rows : withoutColumn(rows, column);
}

/**
 * Empties columns that are the same in every row below the head, one after the other until the rows fit into a terminal: they would
 * take the room of what differs. `same` says what they held.
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

/** A body that is cut keeps so much, for it is what tells messages apart. */
const BODY = 20;

/** What the column of bodies keeps in a table that has these heads. */
export function roomForBody(heads: Cells = LETTER_HEADS): ReadonlyMap<number, number> {
  return new Map([[heads.indexOf('BODY'), BODY]]);
}
