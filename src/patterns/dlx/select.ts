import type { Session } from '../../amqp/session.ts';
import { type Cells, letterCells } from '../../model/death-table.ts';
import { fingerprintOf } from '../../model/selection.ts';
import { type FilterConfig, filtering } from './filter.ts';
import { readThrough } from './read.ts';
import type { AskManagement, ReadSummary } from './read-options.ts';

/** More lines nobody looks through. */
export const MOST_LISTED = 1_000;

/** Dead letters to choose from, in the order of their queue. */
export interface Listed {
  readonly rows: readonly { readonly cells: Cells; readonly fingerprint: string }[];
  /** True when there are more than can be listed. */
  readonly more: boolean;
  /** See `ReadSummary`. */
  readonly stranded: ReadSummary['stranded'];
}

/**
 * Looks at the dead letters that are meant, and leaves the queue as it is.
 *
 * @throws Failure as `readThrough` does
 */
export async function listLetters(
  session: Session,
  config: FilterConfig & { readonly queue: string; readonly force: boolean },
  now: number,
  ask: AskManagement,
): Promise<Listed> {
  const { queue, force } = config;
  const rows: { cells: Cells; fingerprint: string }[] = [];
  let more = false;
  const restart = (): void => {
    rows.length = 0;
    more = false;
  };
  const { stranded } = await filtering(config, session.emit, (isMeant) =>
    readThrough(session, queue, { force, ask, enough: () => more, restart }, (delivery) => {
      if (more || !isMeant(delivery, now)) return undefined;
      more = rows.length === MOST_LISTED;
      if (!more) rows.push({ cells: letterCells(delivery, rows.length + 1, now), fingerprint: fingerprintOf(delivery) });
      return undefined;
    }),
  );
  return { rows, more, stranded };
}
