import { isMap, isNode, LineCounter, type Pair, parseDocument, type Scalar, stringify } from 'yaml';
import * as z from 'zod/mini';
import type { Policy } from '../../management/facts.ts';
import { Failure } from '../../model/failure.ts';
import type { FieldTable } from '../../model/message/message.ts';
import { nearest } from '../../model/text.ts';
import { type Binding, type ExchangeSpec, type QueueSpec, sorted } from '../../model/topology.ts';
import { exchangeName, fieldTable, queueName, shortString } from '../names.ts';
import { explainIssue } from '../options.ts';

/** The names of exchanges whose arguments remember what was made, and which are in no file. Nothing is ever bound or published to them. */
export const MEMORY = 'rmq.topology.';

/** Exchanges, queues, bindings and policies of one vhost. */
export interface Definitions {
  readonly exchanges: readonly ExchangeSpec[];
  readonly queues: readonly QueueSpec[];
  readonly bindings: readonly Binding[];
  readonly policies: readonly Policy[];
}

/** What a file says. */
export interface TopologyFile extends Definitions {
  /** Topologies with different names do not prune each other's objects. */
  readonly name: string;
  readonly vhost: string;
  readonly notes: readonly string[];
}

const text = z.string().check(z.minLength(1));
const table = z._default(fieldTable, {});
const vhost = z.optional(z.string());
const yes = z._default(z.boolean(), true);
const no = z._default(z.boolean(), false);

const SECTIONS = {
  exchanges: z.strictObject({ name: exchangeName, vhost, type: z._default(text, 'direct'), durable: yes, auto_delete: no, internal: no, arguments: table }),
  queues: z.strictObject({
    name: queueName,
    vhost,
    type: z.optional(z.enum(['classic', 'quorum', 'stream'])),
    durable: yes,
    auto_delete: no,
    arguments: table,
  }),
  bindings: z.strictObject({
    source: shortString,
    vhost,
    destination: queueName,
    destination_type: z._default(z.enum(['queue', 'exchange']), 'queue'),
    routing_key: z._default(shortString, ''),
    arguments: table,
  }),
  policies: z.strictObject({
    name: text,
    vhost,
    pattern: z.string(),
    'apply-to': z._default(z.enum(['all', 'queues', 'exchanges', 'classic_queues', 'quorum_queues', 'streams']), 'all'),
    priority: z._default(z.int(), 0),
    definition: fieldTable,
  }),
} as const;

/** Of RabbitMQ's definitions, what is about other things. */
const OTHERS = ['users', 'vhosts', 'permissions', 'topic_permissions', 'parameters', 'global_parameters'];
const ABOUT = [
  'rabbit_version',
  'rabbitmq_version',
  'rabbitmq_definition_format',
  'original_vhost_name',
  'original_cluster_name',
  'explanation',
  'metadata',
  'product_name',
  'product_version',
  'description',
  'tags',
  'default_queue_type',
];

const FileConfig = z.strictObject({
  name: z._default(z.string().check(z.refine((name) => /^[\w-]{1,60}$/.test(name), { error: 'must have 1 to 60 letters, digits, - or _' })), 'default'),
  ...Object.fromEntries([...OTHERS, ...ABOUT].map((key) => [key, z.optional(z.unknown())])),
  ...(Object.fromEntries(Object.entries(SECTIONS).map(([key, item]) => [key, z._default(z.array(item), [])])) as {
    [K in keyof typeof SECTIONS]: z.ZodMiniDefault<z.ZodMiniArray<(typeof SECTIONS)[K]>>;
  }),
});

/**
 * Reads a topology: RabbitMQ's definitions, as YAML or JSON, of which objects of other vhosts are left out.
 *
 * @throws Failure `data` that names the line and the column
 */
export function parseTopology(file: string, source: string, ownVhost: string): TopologyFile {
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const wrong = (offset: number, what: string): Failure => {
    const { line, col } = lines.linePos(offset);
    return new Failure('data', `${file}, line ${line}, column ${col}: ${what}`, {
      hint: 'rmq topology export prints a file of this kind; nothing was changed',
    });
  };
  const [error] = document.errors;
  if (error !== undefined) throw wrong(error.pos[0], error.message);
  if (document.contents === null) throw new Failure('data', `${file} is empty`, { hint: 'a topology without anything is a file with its name: name: shop' });
  let value: unknown;
  try {
    value = document.toJS() ?? {};
  } catch (cause) {
    throw wrong(0, cause instanceof Error ? cause.message : String(cause));
  }
  const at = (path: readonly PropertyKey[]): number => {
    for (let length = path.length; length >= 0; length--) {
      const node: unknown = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return node.range[0];
    }
    return 0;
  };
  const parsed = FileConfig.safeParse(value, { reportInput: true });
  if (!parsed.success) {
    const told = parsed.error.issues.map((issue) => {
      const [key] = issue.code === 'unrecognized_keys' ? issue.keys : [];
      if (key === undefined) return wrong(at(issue.path), explainIssue(issue, issue.path.join('.') || 'the file'));
      const map: unknown = issue.path.length === 0 ? document.contents : document.getIn(issue.path, true);
      const pair = isMap(map) ? (map.items as Pair<Scalar>[]).find((item) => item.key.value === key) : undefined;
      const known = issue.path.length === 0 ? ['name', ...Object.keys(SECTIONS)] : Object.keys(SECTIONS[issue.path[0] as keyof typeof SECTIONS]?.shape ?? {});
      const meant = nearest(key, known);
      return wrong(
        pair?.key.range?.[0] ?? at(issue.path),
        `there is no key "${key}"${meant === undefined ? `; there are ${known.join(', ')}` : `: did you mean "${meant}"?`}`,
      );
    });
    const [first] = told;
    throw new Failure('data', told.map(({ message }) => message).join('\n'), { hint: first?.hint ?? '' });
  }
  const { name, exchanges, queues, bindings, policies } = parsed.data;
  const isOwn = (item: { readonly vhost?: string | undefined }): boolean => item.vhost === undefined || item.vhost === ownVhost;
  const all = [exchanges, queues, bindings, policies].flat();
  const elsewhere = all.filter((item) => !isOwn(item)).length;
  const foreign = OTHERS.filter(
    (key) => Array.isArray((value as Readonly<Record<string, unknown>>)[key]) && (value as Record<string, unknown[]>)[key]?.length !== 0,
  );
  const read: Definitions = {
    exchanges: exchanges
      .filter((one) => isOwn(one) && !one.name.startsWith(MEMORY))
      .map(({ name, type, durable, auto_delete: autoDelete, internal, arguments: args }) => ({ name, type, durable, autoDelete, internal, arguments: args })),
    queues: queues.filter(isOwn).map(({ name, type, durable, auto_delete: autoDelete, arguments: args }) => ({
      name,
      durable,
      autoDelete,
      arguments: type === undefined ? args : { ...args, 'x-queue-type': type },
    })),
    bindings: bindings.filter(isOwn).map(({ source, destination, destination_type, routing_key: key, arguments: args }) => ({
      source,
      destination,
      toExchange: destination_type === 'exchange',
      key,
      arguments: args,
    })),
    policies: policies.filter(isOwn).map(({ name, pattern, 'apply-to': applyTo, priority, definition }) => ({ name, pattern, applyTo, priority, definition })),
  };
  for (const section of ['exchanges', 'queues', 'policies'] as const) {
    const seen = new Set<string>();
    for (const [index, item] of parsed.data[section].entries()) {
      const identity = JSON.stringify([item.vhost ?? ownVhost, item.name]);
      if (seen.has(identity)) throw wrong(at([section, index]), `"${item.name}" is there twice in ${section}`);
      seen.add(identity);
    }
  }
  return {
    name,
    vhost: ownVhost,
    // Every queue is bound to the default exchange, and nothing else can be.
    ...{ ...read, bindings: read.bindings.filter(({ source }) => source !== '') },
    notes: [
      ...(elsewhere === 0 ? [] : [`${elsewhere} of ${all.length} objects are of other vhosts than "${ownVhost}" and were left out`]),
      ...(foreign.length === 0 ? [] : [`${foreign.join(', ')} of the file were left out: a topology has exchanges, queues, bindings and policies`]),
    ],
  };
}

/** As RabbitMQ writes definitions, and sorted: a difference in git is a difference of the broker. */
export function definitionsOf({ exchanges, queues, bindings, policies }: Definitions): Readonly<Record<keyof Definitions, readonly object[]>> {
  return {
    exchanges: exchanges.toSorted(byName).map(({ name, type, durable, autoDelete = false, internal = false, arguments: args }) => ({
      name,
      type,
      durable,
      auto_delete: autoDelete,
      internal,
      arguments: sorted(args),
    })),
    queues: queues.toSorted(byName).map(({ name, durable, autoDelete = false, arguments: args }) => ({
      name,
      type: args['x-queue-type'],
      durable,
      auto_delete: autoDelete,
      arguments: sorted(args),
    })),
    bindings: bindings
      .map((binding) => ({ binding, place: JSON.stringify([binding.source, binding.destination, binding.key, sorted(binding.arguments)]) }))
      .sort((one, other) => (one.place < other.place ? -1 : 1))
      .map(({ binding: { source, destination, toExchange, key, arguments: args } }) => ({
        source,
        destination,
        destination_type: toExchange ? 'exchange' : 'queue',
        routing_key: key,
        arguments: sorted(args),
      })),
    policies: policies
      .toSorted(byName)
      .map(({ name, pattern, applyTo, priority, definition }) => ({ name, pattern, 'apply-to': applyTo, priority, definition: sorted(definition) })),
  };
}

const USUAL: Readonly<Record<string, unknown>> = {
  durable: true,
  auto_delete: false,
  internal: false,
  destination_type: 'queue',
  routing_key: '',
  priority: 0,
};

/** The same as YAML, without what is usual. */
export function yamlOf(definitions: Definitions): string {
  const short = (item: object): object => {
    const { 'x-queue-type': _, ...args } = ('arguments' in item ? item.arguments : {}) as FieldTable;
    const entries = Object.entries(item).filter(([key, value]) => value !== USUAL[key] && key !== 'arguments');
    return { ...Object.fromEntries(entries), ...(Object.keys(args).length > 0 && { arguments: args }) };
  };
  return stringify(Object.fromEntries(Object.entries(definitionsOf(definitions)).map(([section, items]) => [section, items.map(short)])), { lineWidth: 0 });
}

/** By name, whatever the language of the machine. */
function byName(one: { readonly name: string }, other: { readonly name: string }): number {
  return one.name < other.name ? -1 : 1;
}
