import type { ManagedKind, ManagedObject } from '../../management/api.ts';

/** A value of a row; undefined: unknown, null: none. */
export type Cell = string | number | boolean | object | null | undefined;

/** What is known about the source of the values. */
export interface Known {
  /** False for what AMQP tells: what is missing there is unknown. */
  readonly managed: boolean;
  /** True when the broker measures rates. */
  readonly rates: boolean;
}

/** A column of a list; its key is the key in JSON, and the variable of an expression. */
export interface Column {
  readonly key: string;
  readonly head: string;
  /** The fields of the management API that it is made of. */
  readonly fields: readonly string[];
  readonly value: (object: ManagedObject, known: Known) => Cell;
  readonly kind?: 'number' | 'rate' | 'bytes';
  /** A value on which expressions are tried; text, or a number where `kind` says so, unless given. */
  readonly sample?: Cell;
}

/** A list: its columns, the first of them those that are shown unless others are asked for. */
export interface Table {
  readonly kind: ManagedKind;
  /** One of its rows, and several. */
  readonly nouns: readonly [string, string];
  readonly shown: number;
  /** Columns that stay on a terminal that has no room for all that are shown. */
  readonly firm: number;
  /** Columns that tell which row it is. */
  readonly always: readonly string[];
  readonly columns: readonly Column[];
}

const head = (key: string): string => key.replace(/[A-Z]/g, (letter) => ` ${letter}`).toUpperCase();

/** What reads the value at a path such as `queue.name`. */
function at(path: string): (object: ManagedObject) => unknown {
  const names = path.split('.');
  return (object) => {
    let value: unknown = object;
    for (const name of names) value = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
    return value;
  };
}

/** A column of what stands at a path. */
function column(key: string, path: string, title: string, cellOf: (value: unknown, known: Known) => Cell): Column {
  const read = at(path);
  return { key, head: title, fields: [path], value: (object, known) => cellOf(read(object), known) };
}

/** Text; an empty one is none, unless it is a name. */
const text = (key: string, path = key, title = head(key)): Column =>
  column(key, path, title, (value, { managed }) => (typeof value === 'string' && value !== '' ? value : value === undefined && !managed ? undefined : null));

const name = (key: string, path = key): Column => column(key, path, head(key), (value) => String(value ?? ''));

const number = (key: string, path = key, title = head(key), kind: 'number' | 'bytes' = 'number'): Column => ({
  ...column(key, path, title, (value) => (typeof value === 'number' ? value : undefined)),
  kind,
});

const flag = (key: string, path = key, title = head(key)): Column => ({
  ...column(key, path, title, (value) => (typeof value === 'boolean' ? value : undefined)),
  sample: true,
});

const table = (key: string): Column => ({
  key,
  head: head(key),
  fields: [key],
  sample: {},
  value: (object, { managed }) => tableAt(object, key) ?? (managed ? {} : undefined),
});

/** A rate a second. Where nothing ever happened, the API has no statistics. */
function rate(key: string, title: string, path: string, counted?: string): Column {
  const read = at(path);
  return {
    key,
    head: title,
    fields: [path, ...(counted === undefined ? [] : [counted])],
    kind: 'rate',
    value: (object, { rates }) => {
      const value = read(object);
      if (typeof value === 'number') return value;
      return rates && (counted === undefined || typeof object[counted] === 'number') ? 0 : undefined;
    },
  };
}

/** The API sometimes writes an empty table as `[]`. */
function tableAt(object: ManagedObject, key: string): Readonly<Record<string, unknown>> | undefined {
  const value = object[key];
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, unknown>>) : undefined;
}

/** A setting of a queue, by argument or by policy. */
function setting(object: ManagedObject, key: string, { managed }: Known): string | null | undefined {
  const args = tableAt(object, 'arguments');
  const value = args?.[`x-${key}`] ?? tableAt(object, 'effective_policy_definition')?.[key];
  return typeof value === 'string' ? value : managed ? null : undefined;
}

const SETTINGS = ['arguments', 'effective_policy_definition'];

export const QUEUES: Table = {
  kind: 'queues',
  nouns: ['queue', 'queues'],
  shown: 10,
  firm: 5,
  always: ['name'],
  columns: [
    name('name'),
    text('type'),
    number('ready', 'messages_ready'),
    number('unacked', 'messages_unacknowledged'),
    number('consumers'),
    rate('inRate', 'IN/S', 'message_stats.publish_details.rate', 'messages'),
    rate('outRate', 'OUT/S', 'message_stats.deliver_get_details.rate', 'messages'),
    {
      key: 'deadLetterTo',
      head: 'DEAD LETTERS TO',
      fields: SETTINGS,
      value: (object, known) => {
        const [exchange, key] = [setting(object, 'dead-letter-exchange', known), setting(object, 'dead-letter-routing-key', known)];
        return typeof exchange === 'string' && typeof key === 'string' ? `${exchange}:${key}` : exchange;
      },
    },
    text('policy'),
    text('state'),
    text('vhost'),
    number('messages'),
    number('bytes', 'message_bytes', 'BYTES', 'bytes'),
    number('memory', 'memory', 'MEMORY', 'bytes'),
    rate('ackRate', 'ACKED/S', 'message_stats.ack_details.rate', 'messages'),
    rate('redeliverRate', 'REDELIVERED/S', 'message_stats.redeliver_details.rate', 'messages'),
    { key: 'deadLetterExchange', head: 'DEAD-LETTER EXCHANGE', fields: SETTINGS, value: (object, known) => setting(object, 'dead-letter-exchange', known) },
    { key: 'deadLetterRoutingKey', head: 'DEAD-LETTER KEY', fields: SETTINGS, value: (object, known) => setting(object, 'dead-letter-routing-key', known) },
    flag('durable'),
    flag('autoDelete', 'auto_delete'),
    flag('exclusive'),
    table('arguments'),
    text('node'),
  ],
};

export const EXCHANGES: Table = {
  kind: 'exchanges',
  nouns: ['exchange', 'exchanges'],
  shown: 9,
  firm: 2,
  always: ['name'],
  columns: [
    name('name'),
    text('type'),
    flag('durable'),
    flag('autoDelete', 'auto_delete'),
    flag('internal'),
    {
      key: 'alternateExchange',
      head: 'ALTERNATE',
      fields: ['arguments'],
      value: (object) => {
        const value = tableAt(object, 'arguments')?.['alternate-exchange'];
        return typeof value === 'string' ? value : null;
      },
    },
    rate('inRate', 'IN/S', 'message_stats.publish_in_details.rate'),
    rate('outRate', 'OUT/S', 'message_stats.publish_out_details.rate'),
    text('policy'),
    text('vhost'),
    table('arguments'),
  ],
};

export const BINDINGS: Table = {
  kind: 'bindings',
  nouns: ['binding', 'bindings'],
  shown: 5,
  firm: 4,
  always: ['source', 'destinationType', 'destination'],
  columns: [
    name('source'),
    text('destinationType', 'destination_type', 'TO'),
    name('destination'),
    name('routingKey', 'routing_key'),
    table('arguments'),
    text('vhost'),
  ],
};

export const CONNECTIONS: Table = {
  kind: 'connections',
  nouns: ['connection', 'connections'],
  shown: 9,
  firm: 3,
  always: ['name'],
  columns: [
    name('name'),
    text('clientName', 'client_properties.connection_name'),
    text('user'),
    text('host', 'peer_host'),
    text('state'),
    number('channels'),
    rate('inRate', 'IN B/S', 'recv_oct_details.rate', 'recv_oct'),
    rate('outRate', 'OUT B/S', 'send_oct_details.rate', 'send_oct'),
    { key: 'connectedAt', head: 'SINCE', fields: ['connected_at'], value: (object) => timeOf(object['connected_at']) },
    text('vhost'),
    number('port', 'peer_port'),
    flag('tls', 'ssl'),
    text('protocol'),
    text('product', 'client_properties.product'),
    text('version', 'client_properties.version'),
    text('node'),
  ],
};

function timeOf(value: unknown): Cell {
  return typeof value === 'number' ? new Date(value).toISOString().replace(/\.\d+Z$/, 'Z') : undefined;
}

export const CONSUMERS: Table = {
  kind: 'consumers',
  nouns: ['consumer', 'consumers'],
  shown: 8,
  firm: 3,
  always: ['queue'],
  columns: [
    name('queue', 'queue.name'),
    text('tag', 'consumer_tag'),
    number('prefetch', 'prefetch_count'),
    flag('ackRequired', 'ack_required', 'ACKS'),
    flag('active'),
    flag('exclusive'),
    text('user', 'channel_details.user'),
    text('connection', 'channel_details.connection_name'),
    text('vhost', 'queue.vhost'),
    text('channel', 'channel_details.name'),
    text('host', 'channel_details.peer_host'),
    table('arguments'),
  ],
};
