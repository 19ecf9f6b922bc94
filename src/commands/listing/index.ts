import type { Table } from '../../patterns/listing/columns.ts';
import type { ListConfig, ListSource } from '../../patterns/listing/list.ts';
import { type Command, type CommandGroup, type Context, defineCommand, type InputsFor, type Runnable } from '../command.ts';
import { commas } from '../dlx/filter-flags.ts';
import { type Flag, rest, text, texts, toggle } from '../flags/flag.ts';
import { managementAlone, managementExtras, managementPlace } from '../flags/globals.ts';

type Lists = typeof import('../../patterns/listing/list.ts');
type Tables = typeof import('../../patterns/listing/columns.ts');

const where = (example: string) =>
  text(`only those for which this CEL expression over the columns is true, such as ${example}`, { value: 'EXPR', twice: 'join the expressions with && or ||' });

export const listInputs = {
  where: where('ready > 100'),
  sort: text('the column to sort by: the largest number first, text in its order; FIELD:asc and FIELD:desc say which way', { value: 'FIELD' }),
  columns: commas(texts('the columns to show', { value: 'A,B,…' })),
  vhostAll: toggle('of every vhost'),
};

/** The columns of a list, for each flag that takes one or an expression over them. */
export function columnNames({ columns }: Table): NonNullable<Runnable<never, never, never>['suggests']> {
  const names = columns.map(({ key }) => key);
  return { where: names, until: names, sort: names, columns: names };
}

/** The names of queues that a list is about. */
const namesIn = ({ queue = [] }: ListConfig): readonly string[] => (typeof queue === 'string' ? [queue] : queue);

/** The management API, or AMQP for named queues where the API is not to be had. */
export async function sourceOf(
  table: Table,
  given: ListConfig,
  context: Context,
  managementUrl: string | undefined,
): Promise<{ readonly source: ListSource; readonly vhost: string }> {
  const { emit, withSession } = context;
  const [{ managedSource }, { countOverAmqp, orOverAmqp }] = await Promise.all([
    import('../../patterns/listing/list.ts'),
    import('../../patterns/listing/amqp-source.ts'),
  ]);
  const place = managementPlace(managementUrl, context);
  const names = table.kind === 'queues' ? namesIn(given) : [];
  const api = await managementAlone(managementUrl, context);
  emit({ kind: 'detail', text: `asking the management API at ${api.root}` });
  const source = managedSource(api, countOverAmqp(withSession));
  const replaceable = table.kind === 'queues' && !place.asked;
  return { source: replaceable ? orOverAmqp(source, names, withSession, emit) : source, vhost: api.vhost };
}

/** A `list` command; all have the same engine. */
function listCommand<I extends object, C extends ListConfig>(
  word: string,
  summary: string,
  examples: Command['examples'],
  inputs: InputsFor<I>,
  of: (lists: Lists, tables: Tables) => readonly [Runnable<I, C, never>['config'], Table],
): Command {
  return defineCommand<I, C, typeof managementExtras>({
    path: [word, 'list'],
    summary,
    examples,
    inputs,
    extras: managementExtras,
    load: async () => {
      const [lists, tables, { showRows }] = await Promise.all([
        import('../../patterns/listing/list.ts'),
        import('../../patterns/listing/columns.ts'),
        import('./view.ts'),
      ]);
      const [config, table] = of(lists, tables);
      return {
        config,
        suggests: columnNames(table),
        check: (given) => lists.openList(table, given),
        run: async (given, context, { managementUrl }) => {
          const lister = await lists.openList(table, given);
          const { source, vhost } = await sourceOf(table, given, context, managementUrl);
          const { rows, absent } = await lister.rows(source, context.emit);
          await showRows(context, lister.columns, rows, given.columns.length > 0 ? undefined : table.firm);
          if (!context.json) context.emit({ kind: 'note', text: lists.listedNote(table, rows.length, given.vhostAll ? undefined : vhost) });
          if (absent.length > 0) throw lists.absentFailure(absent, vhost);
        },
      };
    },
  });
}

export const queuesInput = rest('only these queues', { optional: true });

export const queueListCommand = listCommand(
  'queue',
  'list queues: messages, consumers, rates, where dead letters go',
  [
    ['rmq queue list', 'every queue of the vhost'],
    [`rmq queue list --where 'ready > 1000 && consumers == 0' --sort ready`, 'those that pile up, the longest first'],
    ['rmq queue list --columns name,ready,bytes,node -o json', 'an object a line; an unknown number is null'],
    ['rmq queue list orders payments', 'these; over AMQP, with less, where there is no management API'],
  ],
  { queue: queuesInput, ...listInputs },
  ({ QueueListConfig }, { QUEUES }) => [QueueListConfig, QUEUES],
);

export const exchangeListCommand = listCommand(
  'exchange',
  'list exchanges: types, alternate exchanges, rates',
  [[`rmq exchange list --where 'type == "topic"'`, 'the topic exchanges']],
  { ...listInputs, where: where('internal') },
  ({ ExchangeListConfig }, { EXCHANGES }) => [ExchangeListConfig, EXCHANGES],
);

const named = (value: 'QUEUE' | 'EXCHANGE', help: string): Flag<string> => text(help, { value });

export const listingCommands: readonly Command[] = [
  listCommand(
    'binding',
    'list bindings: which exchange routes what to which queue',
    [
      ['rmq binding list --queue orders', 'where its messages come from'],
      ['rmq binding list --exchange order.events', 'what it is bound to, either way'],
    ],
    {
      queue: named('QUEUE', 'only those of this queue'),
      exchange: named('EXCHANGE', 'only those from or to this exchange'),
      ...listInputs,
      where: where('routingKey == "#"'),
    },
    ({ BindingListConfig }, { BINDINGS }) => [BindingListConfig, BINDINGS],
  ),
  listCommand(
    'connection',
    'list connections: who is there, since when, how busy',
    [['rmq connection list --sort channels', 'the one with the most channels first']],
    { ...listInputs, where: where('user == "guest"') },
    ({ ConnectionListConfig }, { CONNECTIONS }) => [ConnectionListConfig, CONNECTIONS],
  ),
  listCommand(
    'consumer',
    'list consumers: who takes messages from which queue',
    [['rmq consumer list orders', 'of this queue']],
    { queue: queuesInput, ...listInputs, where: where('prefetch == 0') },
    ({ ConsumerListConfig }, { CONSUMERS }) => [ConsumerListConfig, CONSUMERS],
  ),
];

export const listingGroups: readonly CommandGroup[] = [
  { path: ['binding'], summary: 'list bindings' },
  { path: ['connection'], summary: 'list connections' },
  { path: ['consumer'], summary: 'list consumers' },
];
