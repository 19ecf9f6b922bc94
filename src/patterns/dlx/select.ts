import type { Session } from '../../amqp/connection/session.ts';
import { fingerprintOf } from '../../model/dead-letter/selection.ts';
import { type Cells, letterCells } from '../../text/dead-letter-table.ts';
import type { ReadSummary } from '../look/options.ts';
import type { FilterConfig } from './filter/filter.ts';
import { type InspectOptions, inspect } from './inspect.ts';

/** Nobody looks through a longer list. */
const MOST_LISTED = 1_000;

/** Dead letters to select from, in the order of their queue. */
export interface Listed {
  readonly rows: readonly { readonly cells: Cells; readonly fingerprint: string }[];
  /** True when there are more than the list holds. */
  readonly more: boolean;
  readonly stranded: ReadSummary['stranded'];
}

/** Lists the matching dead letters, and leaves the queue as it is. */
export async function listLetters(
  session: Session,
  config: FilterConfig & { readonly queue: string; readonly force: boolean },
  now: number,
  options: InspectOptions,
): Promise<Listed> {
  const rows: Listed['rows'][number][] = [];
  const { matched, stranded } = await inspect(
    session,
    { ...config, count: MOST_LISTED + 1 },
    now,
    (delivery, number, origin) => {
      if (number <= MOST_LISTED) rows.push({ cells: letterCells(delivery, number, now, origin), fingerprint: fingerprintOf(delivery) });
      return undefined;
    },
    options,
  );
  return { rows, more: matched > MOST_LISTED, stranded };
}
