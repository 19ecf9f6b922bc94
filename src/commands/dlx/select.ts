import type { Checklist } from '../../model/checklist.ts';
import type { Selection } from '../../model/dead-letter/selection.ts';
import { Failure } from '../../model/failure.ts';
import { formatCount } from '../../model/quantity.ts';
import type { FilterConfig } from '../../patterns/dlx/filter/filter.ts';
import type { Listed } from '../../patterns/dlx/select.ts';
import type { Cells } from '../../text/dead-letter-table.ts';
import type { Context } from '../command.ts';
import { toggle } from '../flags/flag.ts';
import { managementApi, managementBeside } from '../flags/globals.ts';

/** For commands that can be told message by message what they are about. */
export const selectExtras = { select: toggle('select the messages in a list, on a terminal; of what the filters let through') };

/** What a command has to know to list dead letters. */
export type Selectable = FilterConfig & { readonly queue: string; readonly count?: number | undefined; readonly force: boolean };

/**
 * Lists the matching dead letters, and lets the user select some; `what` is what will become of them, as in "replayed".
 *
 * @throws Failure `usage` where there is no terminal, `negative` when there is nothing to list, `interrupted` when the list was left
 */
export async function selecting(context: Context, config: Selectable, what: string, managementUrl?: string): Promise<Selection> {
  const { select } = context;
  if (select === undefined) {
    throw new Failure('usage', '--select needs a terminal on standard input and standard error', {
      hint: 'the filters choose without one: --reason, --from-queue, -H, --older-than, --newer-than, --id, --where',
    });
  }
  if (config.count !== undefined) throw new Failure('usage', '--select and --count exclude each other');
  const [{ listLetters }, { strandedFailure }, { selectionOf }] = await Promise.all([
    import('../../patterns/dlx/select.ts'),
    import('../../patterns/look/options.ts'),
    import('../../model/dead-letter/selection.ts'),
  ]);
  const asked = { ask: await managementBeside(managementUrl, context), api: await managementApi(managementUrl, context) };
  const listed = await context.withSession((session) => listLetters(session, config, Date.now(), asked));
  const gone = strandedFailure(config.queue, listed);
  if (gone !== undefined) throw gone;
  if (listed.rows.length === 0) throw new Failure('negative', `no message in "${config.queue}" matches the filters`);
  const selected = await select(await checklistOf(listed, config.queue, what));
  return selectionOf(
    listed.rows.map(({ fingerprint }) => fingerprint),
    selected,
  );
}

/** What is not in the list: it tells nothing of which message is which. */
const UNLISTED: ReadonlySet<string> = new Set(['SIZE', 'REPLAYED']);

async function checklistOf({ rows: letters, more }: Listed, queue: string, what: string): Promise<Checklist> {
  const { formatTable, LETTER_HEADS, roomForBody, withoutBlank, withoutSame } = await import('../../text/dead-letter-table.ts');
  const shown = (cells: Cells): Cells => cells.filter((_, column) => !UNLISTED.has(LETTER_HEADS[column] ?? ''));
  const all = withoutBlank([LETTER_HEADS, ...letters.map(({ cells }) => cells)].map(shown), 'WHY');
  const count = formatCount(letters.length, 'message');
  return {
    title: `Which messages of "${queue}" are to be ${what}? (${more ? `the first ${count}; narrow them with filters to see the others` : count})`,
    size: letters.length,
    layOut: (columns) => {
      const { rows, same } = withoutSame(all, columns);
      const table = formatTable(rows, { right: new Set([0]), firm: new Set([1]), least: roomForBody(shown(LETTER_HEADS)), widths: [], columns });
      const [head = '', ...lines] = table.trimEnd().split('\n');
      return { head, lines, same };
    },
  };
}

/** What a command says when some that were selected were not there any more; undefined when all were. */
export function vanished(selection: Selection | undefined, found: number): Failure | undefined {
  if (selection === undefined || found >= selection.size) return undefined;
  return new Failure('partial', `${formatCount(selection.size - found, 'message')} of the ${selection.size} that were selected did not come again`, {
    hint: 'another consumer may have taken what is missing; rmq dlx inspect shows what is there',
  });
}
