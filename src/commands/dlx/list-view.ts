import { formatCount, formatDuration, formatNumber } from '../../model/quantity.ts';
import type { DeadLettering, DeadLetterTarget } from '../../patterns/dlx/list.ts';
import { type Cells, formatTable } from '../../text/dead-letter-table.ts';
import { visibleLine } from '../../text/escape.ts';

const HEAD: Cells = ['QUEUE', 'BY', 'EXCHANGE', 'KEY', 'TO', 'DEPTH', 'KEPT'];
const NUMBERS: ReadonlySet<number> = new Set([HEAD.indexOf('DEPTH')]);

/** A table for people: a line for each target of each queue, and below it its problems (!) and what to know about it (i). `total` counts the queues that are not shown too. */
export function listText(list: readonly DeadLettering[], total: number, vhost: string): string {
  if (total === 0) return `no queue in the vhost "${visibleLine(vhost)}" dead-letters`;
  const widths: number[] = [];
  const lines = (rows: readonly Cells[]): string => formatTable(rows, { right: NUMBERS, widths });
  // The widths are those of all rows.
  lines([HEAD, ...list.flatMap(rowsOf)]);
  const told = (mark: string, texts: readonly { readonly text: string }[]): string => texts.map(({ text }) => `  ${mark} ${visibleLine(text)}\n`).join('');
  const blocks = list.map((one) => `${lines(rowsOf(one))}${told('!', one.problems)}${told('i', one.advice)}`);
  const broken = list.filter((one) => one.problems.length > 0).length;
  const end = broken === 0 ? `${formatCount(total, 'queue')}, no problems` : `${formatNumber(broken)} of ${formatCount(total, 'queue')} with problems`;
  if (list.length === 0) return end;
  return `${lines([HEAD])}${blocks.join('')}${end}`;
}

function rowsOf({ queue, exchange, routingKey, by, policy, targets }: DeadLettering): readonly Cells[] {
  const own = [queue, policy === null ? (by ?? '-') : `policy ${policy}`, exchange === '' ? '(default)' : (exchange ?? '-'), routingKey ?? '(its own)'];
  const [first, ...others] = targets.map(cellsOf);
  return [[...own.map(visibleLine), ...(first ?? ['-', '-', '-'])], ...others.map((cells) => ['', '', '', '', ...cells])];
}

function cellsOf({ queue, depth, ttl }: DeadLetterTarget): Cells {
  return [visibleLine(queue), depth === null ? '?' : formatNumber(depth), ttl === null ? 'for ever' : formatDuration(ttl)];
}
