import * as z from 'zod/mini';
import type { ManagedObject, ManagementApi } from '../../management/api.ts';
import type { Emit } from '../../model/event.ts';
import { Failure } from '../../model/failure.ts';
import { option } from '../../model/option.ts';
import { formatCount } from '../../model/quantity.ts';
import { nearest, quote } from '../../model/text.ts';
import { exchangeName, queueName } from '../names.ts';
import { unlessStopped } from '../queue/unacknowledged.ts';
import { BINDINGS, type Cell, CONNECTIONS, CONSUMERS, type Column, EXCHANGES, type Known, QUEUES, type Table } from './columns.ts';

/** The rules of a list, with options of its own. */
function configOf<const S extends z.core.$ZodShape>({ columns }: Table, own: S) {
  const keys = columns.map(({ key }) => key);
  const known = z.string().check(
    z.refine((text) => keys.includes(text.replace(/:(asc|desc)$/, '')), {
      error: ({ input }) => {
        const meant = nearest(String(input), keys);
        return `must be one of ${keys.join(', ')}, not ${quote(input)}${meant === undefined ? '' : `: did you mean "${meant}"?`}`;
      },
    }),
  );
  return z.strictObject({
    ...own,
    /** A CEL expression over the columns; parsed where the config is used. */
    where: z.optional(z.string().check(z.minLength(1))),
    /** A column: the largest number first, text in its order; `:asc` or `:desc` turns that round. */
    sort: z.optional(known),
    /** The columns to show, in this order. */
    columns: z._default(z.array(known), []),
    /** True: those of every vhost that the user may see. */
    vhostAll: z._default(z.boolean(), false),
  });
}

const names = z._default(z.array(queueName), []);
export const QueueListConfig = configOf(QUEUES, { queue: names });
export const ExchangeListConfig = configOf(EXCHANGES, {});
export const BindingListConfig = configOf(BINDINGS, { queue: z.optional(queueName), exchange: z.optional(exchangeName) });
export const ConnectionListConfig = configOf(CONNECTIONS, {});
export const ConsumerListConfig = configOf(CONSUMERS, { queue: names });

export interface ListConfig extends z.output<typeof ConnectionListConfig> {
  readonly queue?: string | readonly string[] | undefined;
  readonly exchange?: string | undefined;
  /** Columns that are needed beside those that are shown. */
  readonly needed?: readonly string[];
}

/** A line of a list: a value for each of its columns. */
export type ListRow = Readonly<Record<string, Cell>>;

/** Whatever has the objects of a list: the management API, or AMQP for a few queues. */
export interface ListSource extends Known {
  readonly objects: (table: Table, fields: readonly string[], config: ListConfig) => Promise<readonly ManagedObject[]>;
}

/** Ready messages and consumers of queues, as they are now. */
export type CountQueues = (names: readonly string[]) => Promise<ReadonlyMap<string, ManagedObject>>;

/** More queues than these are not counted one by one. */
const MOST_COUNTED = 50;

/**
 * The management API as a source; it is asked whether the broker measures rates only where that matters. The broker counts the messages of a quorum queue, and the
 * consumers of each queue, every five seconds: queues that are named, and those that it has not counted yet, are counted by `count`.
 */
export function managedSource(api: ManagementApi, count: CountQueues): ListSource {
  let rates = true;
  return {
    managed: true,
    get rates() {
      return rates;
    },
    objects: async (table, fields, config) => {
      const measured = fields.some((field) => field.endsWith('_details.rate')) ? api.overview().then(({ rates: are }) => are) : true;
      const [objects, are] = await Promise.all([api.objects(table.kind, fields, { everywhere: config.vhostAll, queues: named(config) }), measured]);
      rates = are;
      const missing = ['messages_ready', 'consumers'].filter((field) => fields.includes(field));
      const isDue = (object: ManagedObject): boolean =>
        (named(config).includes(String(object['name'])) && (object['type'] !== 'classic' || fields.includes('consumers'))) ||
        missing.some((field) => typeof object[field] !== 'number');
      const due = missing.length === 0 ? [] : objects.filter(isDue);
      if (table.kind !== 'queues' || config.vhostAll || due.length === 0 || due.length > MOST_COUNTED) return objects;
      const counting = count(due.map(({ name }) => String(name)));
      // A classic queue has told its messages: where AMQP cannot be used, only its consumers are unknown.
      const isTold = due.every((object) => object['type'] === 'classic' && typeof object['messages_ready'] === 'number');
      const counted = await (isTold ? counting.catch(unlessStopped) : counting);
      if (counted === undefined) return objects.map((object) => (due.includes(object) ? { ...object, consumers: undefined } : object));
      return objects.map((object) => recounted(object, counted.get(String(object['name']))));
    },
  };
}

/** An object with fresh counts. A 0 of unacknowledged messages that was counted when another number was ready says nothing about now. */
function recounted(object: ManagedObject, fresh: ManagedObject | undefined): ManagedObject {
  const isOld = fresh !== undefined && object['messages_unacknowledged'] === 0 && object['messages_ready'] !== fresh['messages_ready'];
  return { ...object, ...fresh, ...(isOld && { messages_unacknowledged: undefined }) };
}

export interface ListedRows {
  readonly rows: readonly ListRow[];
  /** What is named and does not exist. */
  readonly absent: readonly string[];
}

/** A list that can be asked again and again. */
export interface Lister {
  readonly columns: readonly Column[];
  /** Asks for the rows. */
  readonly rows: (source: ListSource, emit: Emit) => Promise<ListedRows>;
}

/**
 * Prepares a list: only the fields that its columns, its expression and its order need are asked for.
 *
 * @throws Failure `usage` for an expression that cannot be parsed
 */
export async function openList(table: Table, config: ListConfig): Promise<Lister> {
  const { where, sort, columns: asked, vhostAll } = config;
  const byKey = new Map(table.columns.map((column) => [column.key, column]));
  const usual = table.columns.slice(0, table.shown).map(({ key }) => key);
  const keys = asked.length > 0 ? asked : vhostAll ? ['vhost', ...usual] : usual;
  const columnsOf = (wanted: readonly string[]): Column[] => [...new Set(wanted)].flatMap((key) => byKey.get(key) ?? []);
  const columns = columnsOf(keys);
  const [by, direction] = sort?.split(':') ?? [];
  const inExpression = where === undefined ? [] : table.columns.map(({ key }) => key).filter((key) => new RegExp(`\\b${key}\\b`).test(where));
  const needed = columnsOf([...keys, ...(config.needed ?? []), ...inExpression, ...(by === undefined ? ['name', 'source', 'queue'] : [by]), ...table.always]);
  const fields = [...new Set(needed.flatMap((column) => column.fields))];
  const test = where === undefined ? undefined : await testOf(table, where);
  return {
    columns,
    rows: async (source, emit) => {
      const [objects, absent] = await Promise.all([source.objects(table, fields, config), table === QUEUES ? [] : absentIn(source, config)]);
      const all = objects.map((object) => {
        const row: Record<string, Cell> = {};
        for (const { key, value } of needed) row[key] = value(object, source);
        return row;
      });
      const meant = all.filter((row) => isMeant(row, config, table));
      const rows = test === undefined ? meant : chosen(meant, test, table, emit);
      const order = by === undefined ? undefined : byKey.get(by);
      return {
        rows: rows.sort(order === undefined ? byName(needed) : inOrder(order, direction)),
        absent: table === QUEUES ? missingFrom(named(config), all) : absent,
      };
    },
  };
}

const named = ({ queue = [] }: ListConfig): readonly string[] => (typeof queue === 'string' ? [queue] : queue);

const missingFrom = (names: readonly string[], rows: readonly ManagedObject[]): string[] => names.filter((name) => !rows.some((row) => row['name'] === name));

/** The named queues and exchanges that do not exist: the API tells of their bindings and consumers as if they did. */
async function absentIn(source: ListSource, config: ListConfig): Promise<readonly string[]> {
  const [queues, exchanges] = [named(config), config.exchange === undefined ? [] : [config.exchange]];
  const [knownQueues, knownExchanges] = await Promise.all([
    queues.length === 0 ? [] : source.objects(QUEUES, ['name'], config),
    exchanges.length === 0 ? [] : source.objects(EXCHANGES, ['name'], { ...config, queue: [] }),
  ]);
  return [...missingFrom(queues, knownQueues), ...missingFrom(exchanges, knownExchanges)];
}

function isMeant(row: ListRow, config: ListConfig, { kind }: Table): boolean {
  const queues = named(config);
  const { exchange } = config;
  if (kind === 'connections' || kind === 'exchanges') return true;
  if (kind !== 'bindings') return queues.length === 0 || queues.includes(row[kind === 'queues' ? 'name' : 'queue'] as string);
  const { source, destination, destinationType } = row;
  // Every queue is bound to the default exchange, by its name.
  if (source === '') return false;
  const toExchange = destinationType === 'exchange';
  if (queues.length > 0 && (toExchange || !queues.includes(destination as string))) return false;
  return exchange === undefined || source === exchange || (toExchange && destination === exchange);
}

/** The expression of a list or of what a watch waits for. */
export async function testOf({ columns, nouns }: Table, expression: string, named = 'where'): Promise<Awaited<ReturnType<typeof compiled>>> {
  return compiled(expression, {
    named,
    sample: Object.fromEntries(columns.map(({ key, kind, sample = kind === undefined ? 'x' : 1 }) => [key, variable(sample)])),
    example: nouns[0] === 'queue' ? 'ready > 100 && consumers == 0' : `${columns[0]?.key}.startsWith("order")`,
  });
}

/** An object with a key such as `constructor` would be taken for something else. */
const variable = (value: Cell): unknown => (typeof value === 'object' && value !== null ? new Map(Object.entries(value)) : (value ?? null));

async function compiled(
  expression: string,
  language: { readonly named: string; readonly sample: Readonly<Record<string, unknown>>; readonly example: string },
) {
  const { compileTest } = await import('../dlx/filter/where.ts');
  const test = compileTest(expression, language);
  return (row: ListRow) => test(Object.fromEntries(Object.entries(row).map(([key, value]) => [key, variable(value)])));
}

function chosen(all: readonly ListRow[], test: Awaited<ReturnType<typeof testOf>>, { nouns }: Table, emit: Emit): ListRow[] {
  let unjudged = 0;
  let reason = '';
  const rows = all.filter((row) => {
    const verdict = test(row);
    if (typeof verdict === 'boolean') return verdict;
    if (unjudged++ === 0) reason = verdict.reason;
    return false;
  });
  if (unjudged > 0)
    emit({ kind: 'note', text: `${formatCount(unjudged, ...nouns)} left out, for which ${option('where')} says neither true nor false: ${reason}` });
  return rows;
}

type Compare = (one: ListRow, other: ListRow) => number;

const compare = (a: Cell, b: Cell): number => (a === b ? 0 : (a as string) < (b as string) ? -1 : 1);

function byName(columns: readonly Column[]): Compare {
  const keys = ['vhost', 'source', 'queue', 'name', 'destination', 'routingKey'].filter((key) => columns.some((column) => column.key === key));
  return (one, other) => keys.reduce((order, key) => order || compare(one[key], other[key]), 0);
}

/** What is unknown comes last. */
function inOrder({ key, kind }: Column, direction: string | undefined): Compare {
  const sign = (direction ?? (kind === undefined ? 'asc' : 'desc')) === 'asc' ? 1 : -1;
  const shown = (value: Cell): Cell => (typeof value === 'object' && value !== null ? JSON.stringify(value) : value);
  return (one, other) => {
    const [a, b] = [shown(one[key]), shown(other[key])];
    if (a === null || a === undefined || b === null || b === undefined) return Number(a === null || a === undefined) - Number(b === null || b === undefined);
    return sign * compare(a, b);
  };
}

/** Such as `12 queues in the vhost "/"`. */
export function listedNote({ nouns, kind }: Table, count: number, vhost: string | undefined): string {
  const late = count === 0 && (kind === 'connections' || kind === 'consumers') ? '; the broker tells of new ones after some seconds' : '';
  return `${formatCount(count, ...nouns)}${vhost === undefined ? '' : ` in the vhost "${vhost}"`}${late}`;
}

/** The failure for what is named and does not exist. */
export function absentFailure(absent: readonly string[], vhost: string): Failure {
  return new Failure('missing', `there is no ${absent.map((name) => `"${name}"`).join(' and no ')} in the vhost "${vhost}"`, {
    hint: 'check the name, and the vhost of the URL',
  });
}
