import { option } from '../../model/option.ts';
import { formatNumber, formatSize } from '../../model/quantity.ts';
import type { Cell, Column } from '../../patterns/listing/columns.ts';
import type { ListRow } from '../../patterns/listing/list.ts';
import { type Cells, formatTable, GAP } from '../../text/dead-letter-table.ts';
import { visibleLine } from '../../text/escape.ts';
import { textWidth } from '../../text/width.ts';
import type { Context } from '../command.ts';

/** Prints rows: as a table, or as an object a line. `firm` columns stay, however narrow the terminal is. */
export async function showRows({ json, results, emit }: Context, columns: readonly Column[], rows: readonly ListRow[], firm?: number): Promise<void> {
  if (json) {
    // Lines that do not wait for each other share a write.
    await Promise.all(rows.map((row) => results.report(jsonOf(row, columns), '')));
  } else if (rows.length > 0) {
    const { lines, left } = tableOf(columns, rows, { width: results.columns, firm });
    await results.report({}, lines.join('\n'));
    if (left.length > 0)
      emit({ kind: 'note', text: `no room for ${left.map(({ head }) => head).join(', ')}: a wider terminal or ${option('columns')} shows them` });
  }
}

/** A row for programs: what is unknown is null. */
export function jsonOf(row: ListRow, columns: readonly Column[]): object {
  return Object.fromEntries(columns.map(({ key }) => [key, row[key] ?? null]));
}

interface Layout {
  /** The columns of the terminal; undefined: the table is as wide as it is. */
  readonly width: number | undefined;
  /** Columns that stay where there is no room for all, which is all unless told. */
  readonly firm?: number | undefined;
  readonly paint?: (row: ListRow, key: string) => ((text: string) => string) | undefined;
}

/**
 * The lines of a table, and the columns `left` out. Whoever reads a name types it next: none is cut. On a terminal without room for all columns, the last ones go;
 * then a first cell that is too long has a line of its own.
 */
export function tableOf(
  columns: readonly Column[],
  rows: readonly ListRow[],
  { width, firm = columns.length, paint = () => undefined }: Layout,
): { readonly lines: readonly string[]; readonly left: readonly Column[] } {
  const chosen =
    width === undefined || firm >= columns.length ? columns : columns.filter(({ key }, index) => index < firm || rows.some((row) => tells(row[key])));
  const cell = (row: ListRow, column: Column): string => {
    const text = cellText(row[column.key], column);
    return paint(row, column.key)?.(text) ?? text;
  };
  const cells: Cells[] = [chosen.map(({ head }) => head), ...rows.map((row) => chosen.map((column) => cell(row, column)))];
  const widest = (index: number, among: readonly Cells[]): number => among.reduce((most, line) => Math.max(most, textWidth(line[index] ?? '')), 0);
  const rest = chosen.slice(1).map((_, index) => widest(index + 1, cells) + GAP);
  const wide = (count: number): number => rest.slice(0, count - 1).reduce((sum, one) => sum + one, 0);
  const limit = width ?? Number.POSITIVE_INFINITY;
  const room = Math.max(widest(0, cells.slice(0, 1)), limit - wide(firm));
  const isLong = (line: Cells): boolean => chosen.length > 1 && textWidth(line[0] ?? '') > room;
  const first = widest(
    0,
    cells.filter((line) => !isLong(line)),
  );
  let shown = chosen.length;
  while (shown > firm && first + wide(shown) > limit) shown--;
  const right = new Set(chosen.flatMap(({ kind }, index) => (kind === undefined ? [] : [index])));
  const short = cells.map((line) => (isLong(line) ? ['', ...line.slice(1, shown)] : line.slice(0, shown)));
  const lines = formatTable(short, { right, widths: [] }).trimEnd().split('\n');
  return { lines: lines.flatMap((line, index) => (isLong(cells[index] ?? []) ? [cells[index]?.[0] ?? '', line] : [line])), left: chosen.slice(shown) };
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
