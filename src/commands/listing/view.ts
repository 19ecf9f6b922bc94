import { formatNumber, formatSize } from '../../model/quantity.ts';
import type { Cell, Column } from '../../patterns/listing/columns.ts';
import type { ListRow } from '../../patterns/listing/list.ts';
import { type Cells, formatTable } from '../../text/dead-letter-table.ts';
import { visibleLine } from '../../text/escape.ts';
import type { Context } from '../command.ts';

/** Prints rows: as a table, or as an object a line. */
export async function showRows({ json, results }: Context, columns: readonly Column[], rows: readonly ListRow[], all: boolean): Promise<void> {
  if (json) {
    // Lines that do not wait for each other share a write.
    await Promise.all(rows.map((row) => results.report(jsonOf(row, columns), '')));
  } else if (rows.length > 0) {
    const shown = all || results.columns === undefined ? columns : columns.filter((column) => rows.some((row) => tells(row[column.key])));
    await results.report({}, rowsText(shown, rows, results.columns));
  }
}

/** A row for programs: what is unknown is null. */
export function jsonOf(row: ListRow, columns: readonly Column[]): object {
  return Object.fromEntries(columns.map(({ key }) => [key, row[key] ?? null]));
}

function rowsText(columns: readonly Column[], rows: readonly ListRow[], width: number | undefined, paint: Paint = () => undefined): string {
  const cell = (row: ListRow, column: Column): string => {
    const text = cellText(row[column.key], column);
    // Numbers are never cut: a cut would break the paint.
    return column.kind === undefined ? text : (paint(row, column.key)?.(text) ?? text);
  };
  const lines: Cells[] = [columns.map(({ head }) => head), ...rows.map((row) => columns.map((column) => cell(row, column)))];
  const right = new Set(columns.flatMap(({ kind }, index) => (kind === undefined ? [] : [index])));
  return formatTable(lines, { right, firm: new Set([columns.findIndex(({ key }) => key === 'depth')]), widths: [], columns: width, least: new Map([[0, 20]]) });
}

/** How a cell is painted, if at all. */
type Paint = (row: ListRow, key: string) => ((text: string) => string) | undefined;

/** The lines of a table that fits a screen. */
export function rowLines(columns: readonly Column[], rows: readonly ListRow[], width: number, paint: Paint): readonly string[] {
  const shown = columns.filter((column) => rows.some((row) => tells(row[column.key])));
  return rowsText(shown, rows, width, paint).split('\n');
}

/** False for a cell that takes room and says nothing. */
const tells = (cell: Cell): boolean => cell !== null && !(typeof cell === 'object' && Object.keys(cell).length === 0);

/** A value for people: `?` for what is unknown, `-` for nothing. */
export function cellText(cell: Cell, { key, kind }: Pick<Column, 'key' | 'kind'>): string {
  if (cell === undefined) return '?';
  if (cell === null) return '-';
  if (typeof cell === 'boolean') return cell ? 'yes' : 'no';
  if (typeof cell === 'object') return Object.keys(cell).length === 0 ? '-' : visibleLine(JSON.stringify(cell));
  if (typeof cell === 'string') return cell !== '' ? visibleLine(cell) : key === 'routingKey' ? '""' : '(default)';
  if (kind === 'bytes') return formatSize(cell);
  if (kind !== 'rate') return formatNumber(cell);
  return cell > 0 && cell < 10 ? cell.toFixed(1) : formatNumber(Math.round(cell));
}
