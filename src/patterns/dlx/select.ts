import type { Session } from '../../amqp/connection/session.ts';
import { fingerprintOf } from '../../model/dead-letter/selection.ts';
import { type Cells, letterCells } from '../../text/dead-letter-table.ts';
import type { ReadSummary } from '../look/options.ts';
import { type FilterConfig, readMatching } from './filter/filter.ts';
import type { InspectOptions } from './inspect.ts';
import { judging } from './replay/origins.ts';

/** Nobody looks through a longer list. */
const MOST_LISTED = 1_000;

/** Dead letters to select from, in the order of their queue. */
export interface Listed {
  readonly rows: readonly { readonly cells: Cells; readonly fingerprint: string }[];
  /** True when there are more than the list holds. */
  readonly more: boolean;
  readonly stranded: ReadSummary['stranded'];
}

/**
 * Lists the matching dead letters, and leaves the queue as it is.
 *
 * @throws Failure as `readThrough` does
 */
export async function listLetters(
  session: Session,
  config: FilterConfig & { readonly queue: string; readonly force: boolean },
  now: number,
  { ask, api }: InspectOptions,
): Promise<Listed> {
  const rows: { cells: Cells; fingerprint: string }[] = [];
  const judged = judging(session, api);
  let listed = 0;
  let more = false;
  const restart = (): void => {
    rows.length = 0;
    listed = 0;
    more = false;
  };
  const { stranded } = await readMatching(session, config, { force: config.force, ask, enough: () => more, restart }, now, (delivery) => {
    more ||= listed === MOST_LISTED;
    if (more) return undefined;
    const number = ++listed;
    return judged(delivery, (origin) => {
      rows.push({ cells: letterCells(delivery, number, now, origin), fingerprint: fingerprintOf(delivery) });
      return undefined;
    })?.then(() => undefined);
  });
  return { rows, more, stranded };
}
