import type { DeathGroups } from '../../model/dead-letter/groups.ts';
import type { JudgedOrigin } from '../../model/dead-letter/origin.ts';
import { formatEnvelope } from '../../model/message/envelope.ts';
import type { Delivery } from '../../model/message/message.ts';
import { formatCount, formatDuration, formatNumber } from '../../model/quantity.ts';
import type { Inspected } from '../../patterns/dlx/inspect.ts';
import { deathStory, decodeDeath, isoTime } from '../../text/dead-letter-story.ts';
import {
  type Cells,
  CLAIMED,
  formatTable,
  LETTER_HEADS,
  letterCells,
  roomForBody,
  withoutBlank,
  withoutColumn,
  withoutSame,
} from '../../text/dead-letter-table.ts';
import { shortLine } from '../../text/width.ts';
import type { Results } from '../command.ts';

/** The lines of a table by default. */
export const FEW = 100;
/** Lines that are laid out together. */
const PAGE = 500;
const VALUE = 60;
const [REPLAYED, WHY] = ['REPLAYED', 'WHY'].map((head) => LETTER_HEADS.indexOf(head)) as [number, number];

/** How dead letters are shown while they come. */
export interface View {
  readonly letter: (delivery: Delivery, number: number, origin: JudgedOrigin | undefined) => Promise<void> | undefined;
  readonly end: () => Promise<void>;
}

/** A line each; the columns are laid out by the first page. */
export function tableView(results: Results, now: number): View {
  const right: ReadonlySet<number> = new Set([0, 6, REPLAYED]);
  const firm: ReadonlySet<number> = new Set([1]);
  const least = roomForBody();
  const { columns } = results;
  const widths: number[] = [];
  let rows: Cells[] = [LETTER_HEADS];
  let any = false;
  // Further pages have the columns of the first.
  let silent: boolean | undefined;
  const tidy = (): void => {
    silent ??= rows.slice(1).every((row) => row[WHY] === '');
    if (silent) rows = withoutColumn(rows, WHY);
  };
  const print = (below = ''): Promise<void> => {
    tidy();
    const page = formatTable(rows, { right, firm, least, widths, columns });
    rows = [];
    return results.report({}, `${page}${below}`);
  };
  return {
    letter: (delivery, number, origin) => {
      any = true;
      rows.push(letterCells(delivery, number, now, origin));
      return rows.length >= PAGE ? print() : undefined;
    },
    end: async () => {
      if (!any || rows.length === 0) return;
      if (columns === undefined || widths.length > 0) return print();
      // A terminal has no room for an empty column.
      tidy();
      const { rows: telling, same } = withoutSame(withoutBlank(rows, 'REPLAYED'), columns);
      rows = [...telling];
      return print(same === undefined ? '' : `${same}\n`);
    },
  };
}

/** An envelope each, with what its headers tell of its death. */
export function envelopesView(results: Results): View {
  return { letter: (delivery, _, origin) => results.report(envelopeOf(delivery, origin), ''), end: () => Promise.resolve() };
}

/** One whole message: how it died, then all of it. */
export function oneView(results: Results, json: boolean, number: number, now: number): (delivery: Delivery, origin: JudgedOrigin | undefined) => Promise<void> {
  return async (delivery, origin) => {
    if (json) return results.report(envelopeOf(delivery, origin), '');
    await results.report({}, `message ${formatNumber(number)}\n${deathStory(delivery, now, origin)}\n`);
    return results.printer({ nul: false, jsonBody: false, whole: true })(delivery);
  };
}

function envelopeOf(delivery: Delivery, origin: JudgedOrigin | undefined): object {
  const envelope = JSON.parse(formatEnvelope(delivery, { jsonBody: false })) as object;
  return { ...envelope, death: decodeDeath(delivery, origin) };
}

/** The groups, the largest first. */
export async function groupsView(
  results: Results,
  json: boolean,
  keys: readonly string[],
  { groups }: { readonly groups: DeathGroups },
  now: number,
): Promise<void> {
  const { sorted, ungrouped } = groups;
  if (json) {
    for (const { values, claimed, count, oldest, newest } of sorted) {
      const named = Object.fromEntries(keys.map((key, index) => [key, values[index] ?? null]));
      await results.report({ count, ...named, ...(claimed && { claimed }), ...times({ oldest, newest }) }, '');
    }
    if (ungrouped > 0) await results.report({ count: ungrouped, others: true }, '');
    return;
  }
  if (sorted.length === 0) return;
  const ago = (time: number | undefined): string => (time === undefined ? '?' : formatDuration(Math.max(0, now - time * 1_000)));
  const rows: Cells[] = [
    ['COUNT', ...keys.map((key) => shortLine(key, VALUE).toUpperCase()), 'OLDEST', 'NEWEST'],
    ...sorted.map(({ values, claimed, count, oldest, newest }) => [
      formatNumber(count),
      ...values.map((value, index) => `${groupCell(value, keys[index])}${claimed && isOfOrigin(keys[index]) ? CLAIMED : ''}`),
      ago(oldest),
      ago(newest),
    ]),
    ...(ungrouped > 0 ? [[formatNumber(ungrouped), 'in further groups']] : []),
  ];
  await results.report({}, formatTable(rows, { right: new Set([0]), widths: [], columns: results.columns }));
}

function isOfOrigin(key: string | undefined): boolean {
  return key === 'exchange' || key === 'routingKey';
}

function groupCell(value: string | undefined, key: string | undefined): string {
  if (value === '') return key === 'exchange' ? '(default)' : '(empty)';
  return value === undefined ? '?' : shortLine(value, VALUE);
}

function times({ oldest, newest }: { readonly oldest: number | undefined; readonly newest: number | undefined }): object {
  return { ...(oldest !== undefined && { oldest: isoTime(oldest) }), ...(newest !== undefined && { newest: isoTime(newest) }) };
}

/** What was looked at, and what was not. */
export function countNote(queue: string, { matched, read, depth, stranded, type, claimed }: Inspected): string {
  const all = Math.max(depth, read);
  const looked = matched === read ? formatCount(read, 'message') : `${formatNumber(matched)} of ${formatCount(read, 'message')}`;
  const left = all - read;
  const more = left > 0 ? `; ${type === 'stream' ? 'about ' : ''}${formatNumber(left)} more ${left === 1 ? 'was' : 'were'} not looked at (-n N)` : '';
  const unseen = all === 0 ? ' (messages that another consumer holds are not counted)' : '';
  const claims =
    claimed > 0
      ? `; ${formatNumber(claimed)} of them only ${claimed === 1 ? 'claims' : 'claim'} where ${claimed === 1 ? 'it was' : 'they were'} published to`
      : '';
  return `${looked} in "${queue}"${unseen}${claims}${more}${stranded > 0 ? '' : '; nothing was removed'}`;
}
