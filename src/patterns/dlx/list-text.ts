import { formatCount, formatDuration, formatNumber } from '../../model/quantity.ts';
import type { DeadLettering, DeadLetterTarget } from './list.ts';

const HEAD = ['QUEUE', 'BY', 'EXCHANGE', 'KEY', 'TO', 'DEPTH', 'KEPT'] as const;
type Row = readonly string[];

/** A table for people: a line for each target of each queue, and below it what dangles. */
export function listText(list: readonly DeadLettering[], vhost: string): string {
  if (list.length === 0) return `no queue in the vhost "${vhost}" dead-letters`;
  const blocks = list.map((one) => ({ rows: rowsOf(one), dangling: one.dangling.map(({ text }) => `  ! ${text}`) }));
  const widths = HEAD.map((title, column) => Math.max(title.length, ...blocks.flatMap(({ rows }) => rows.map((row) => row[column]?.length ?? 0))));
  const line = (row: Row): string =>
    row
      .map((cell, column) => (HEAD[column] === 'DEPTH' ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  const dangling = list.filter((one) => one.dangling.length > 0).length;
  const end =
    dangling === 0 ? `${formatCount(list.length, 'queue')}, nothing dangles` : `${formatCount(dangling, 'queue')} of ${formatNumber(list.length)} dangling`;
  return [line(HEAD), ...blocks.flatMap(({ rows, dangling: told }) => [...rows.map(line), ...told]), end].join('\n');
}

function rowsOf({ queue, exchange, routingKey, by, policy, targets }: DeadLettering): readonly Row[] {
  const own = [queue, policy === null ? (by ?? '-') : `policy ${policy}`, exchange === '' ? '(default)' : (exchange ?? '-'), routingKey ?? '(its own)'];
  const [first, ...others] = targets.map(cellsOf);
  return [[...own, ...(first ?? ['-', '-', '-'])], ...others.map((cells) => ['', '', '', '', ...cells])];
}

function cellsOf({ queue, depth, ttl }: DeadLetterTarget): Row {
  return [queue, depth === null ? '?' : formatNumber(depth), ttl === null ? 'for ever' : formatDuration(ttl)];
}
