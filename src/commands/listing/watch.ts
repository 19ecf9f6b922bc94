import { formatCount, formatDuration } from '../../model/quantity.ts';
import type { Column } from '../../patterns/listing/columns.ts';
import type { ListRow } from '../../patterns/listing/list.ts';
import { visibleLine } from '../../text/escape.ts';
import { type Command, defineCommand } from '../command.ts';
import { duration, integer, text } from '../flags/flag.ts';
import { managementExtras } from '../flags/globals.ts';
import { columnNames, listInputs, queuesInput, sourceOf } from './index.ts';

/** The depth of a queue over its last looks, in as many characters. */
const MOST_DEPTHS = 16;
/** Lines above the queues: what is watched, a note, the heads of the columns. */
const HEAD = 3;
const BARS = '▁▂▃▄▅▆▇█';

/** Draws numbers as bars, the highest one as the highest bar; what is unknown is a gap. */
export function sparkline(values: readonly (number | undefined)[]): string {
  const most = Math.max(1, ...values.filter((value) => value !== undefined));
  return values.map((value) => (value === undefined ? ' ' : (BARS[Math.round((value / most) * (BARS.length - 1))] ?? ' '))).join('');
}

export const queueWatchCommand: Command = defineCommand({
  path: ['queue', 'watch'],
  summary: 'watch queues: their depth over time, rates and consumers; q leaves',
  examples: [
    ['rmq queue watch', 'every queue of the vhost, every two seconds'],
    [`rmq queue watch orders --until 'ready == 0 && unacked == 0' --count 30`, 'exit 0 once it is so, 1 when it is not after 30 looks'],
    ['rmq queue watch orders --interval 10s | tee depths.ndjson', 'in a pipe: an object a line, with the time'],
  ],
  inputs: {
    queue: queuesInput,
    ...listInputs,
    interval: duration('the pause from one look to the next'),
    count: integer('leave after N looks', { short: 'n' }),
    until: text('leave once this CEL expression is true for every queue, such as ready == 0; unacked of a quorum queue is up to 5s old', {
      value: 'EXPR',
      twice: 'join the expressions with &&',
    }),
  },
  extras: managementExtras,
  load: async () => {
    const [{ openList }, { QUEUES }, { endOf, QueueWatchConfig, watchQueues }, { jsonOf, tableOf }] = await Promise.all([
      import('../../patterns/listing/list.ts'),
      import('../../patterns/listing/columns.ts'),
      import('../../patterns/listing/watch.ts'),
      import('./view.ts'),
    ]);
    return {
      config: QueueWatchConfig,
      suggests: columnNames(QUEUES),
      check: (config) => Promise.all([openList(QUEUES, config), endOf(config)]),
      run: async (config, context, { managementUrl }) => {
        const { emit, signal, results } = context;
        // What the depth and the end are read from is asked for, shown or not.
        const lister = await openList(QUEUES, {
          ...config,
          needed: ['ready', ...(config.until === undefined ? [] : QUEUES.columns.map(({ key }) => key).filter((key) => config.until?.includes(key)))],
        });
        const { source, vhost } = await sourceOf(QUEUES, config, context, managementUrl);
        const left = new AbortController();
        const screen = await results.screen(context.stdinIsTerminal ? context.stdin() : undefined, () => left.abort());
        const firm = config.columns.length > 0 ? undefined : QUEUES.firm + 1;
        let depths = new Map<unknown, readonly (number | undefined)[]>();
        let before = new Map<unknown, ListRow>();
        let last: readonly ListRow[] = [];
        let noted: string | undefined;
        const show = async (seen: readonly ListRow[] | undefined, note: string | undefined): Promise<void> => {
          const rows = seen ?? last;
          last = rows;
          if (screen === undefined) {
            if (note !== undefined && note !== noted) emit({ kind: 'note', text: note });
            noted = note;
            if (seen === undefined) return;
            const at = new Date().toISOString();
            const lines = rows.map((row) => ({ at, ...jsonOf(row, lister.columns) }));
            await Promise.all(lines.map((line) => results.report(line, JSON.stringify(line))));
            return;
          }
          const past = depths;
          const now = (ready: unknown): number | undefined => (typeof ready === 'number' ? ready : undefined);
          depths = new Map(rows.map(({ name, ready }) => [name, [...(past.get(name) ?? []), now(ready)].slice(-MOST_DEPTHS)]));
          const [name, ...further] = lister.columns;
          const columns = [...(name === undefined ? [] : [name]), DEPTH, ...further];
          const earlier = before;
          before = new Map(rows.map((row) => [row['name'], row]));
          const isNew = (row: ListRow, key: string): boolean => earlier.has(row['name']) && earlier.get(row['name'])?.[key] !== row[key];
          await screen.draw((bold, width, height) => {
            const room = height - HEAD;
            const few = rows.length > room ? ', of which the first are shown,' : '';
            const bars = width < 120 ? MOST_DEPTHS / 2 : MOST_DEPTHS;
            const drawn = rows.slice(0, room).map((row) => ({ ...row, depth: sparkline((depths.get(row['name']) ?? []).slice(-bars)).padStart(bars) }));
            return [
              `q leaves; ${formatCount(rows.length, 'queue')}${few} every ${formatDuration(config.interval)}, at ${context.target.text}`,
              note === undefined ? '' : visibleLine(note),
              ...tableOf(columns, drawn, { width, firm, paint: (row, key) => (isNew(row, key) ? bold : undefined) }).lines,
            ];
          });
        };
        try {
          await watchQueues(config, lister, source, show, { emit: screen === undefined ? emit : () => undefined, signal, left: left.signal, vhost });
        } finally {
          await screen?.close();
        }
      },
    };
  },
});

const DEPTH: Column = { key: 'depth', head: 'DEPTH', fields: [], value: () => undefined };
