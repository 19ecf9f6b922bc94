import { createHash } from 'node:crypto';
import type { ManagementApi } from '../../management/api.ts';
import type { QueueFacts } from '../../management/facts.ts';
import type { FieldTable } from '../../model/message/message.ts';
import { type Binding, type ExchangeSpec, type QueueSpec, sorted } from '../../model/topology.ts';
import { uniqueId } from '../names.ts';
import { type Definitions, MEMORY } from './file.ts';

/** What a vhost has, and what former applies are known to have made. */
export interface TopologyState extends Definitions {
  readonly facts: ReadonlyMap<string, QueueFacts>;
  /** Exchanges that everybody finds there, which are in no file. */
  readonly builtIn: ReadonlySet<string>;
  readonly memories: readonly ExchangeSpec[];
}

const MADE = 'x-rmq-made';
const HASH = 12;

/** Reads the vhost: everything that outlives a connection, without what belongs to the broker itself. */
export async function topologyState(api: ManagementApi): Promise<TopologyState> {
  const [exchanges, queues, bindings, policies] = await Promise.all([api.exchanges(), api.queues(), api.bindings(), api.policies()]);
  const isOwn = ({ name }: { readonly name: string }): boolean => name !== '' && !name.startsWith('amq.') && !name.startsWith(MEMORY);
  const lasting = queues.filter(({ exclusive }) => !exclusive);
  const gone = new Set(queues.filter(({ exclusive }) => exclusive).map(({ name }) => name));
  return {
    exchanges: exchanges.filter(isOwn),
    queues: lasting.map(({ name, type, durable, autoDelete, arguments: args }) => ({
      name,
      durable,
      autoDelete,
      arguments: { ...args, 'x-queue-type': type },
    })),
    bindings: bindings.filter(({ source, destination, toExchange }) => source !== '' && (toExchange || !gone.has(destination))),
    policies,
    facts: new Map(lasting.map((one) => [one.name, one])),
    builtIn: new Set(exchanges.map(({ name }) => name).filter((name) => name.startsWith('amq.'))),
    memories: exchanges.filter(({ name }) => name.startsWith(MEMORY)),
  };
}

type Kind = 'exchange' | 'queue' | 'binding' | 'policy';

/** What an object is remembered by: its declaration, so that one that somebody else declared otherwise is not taken for it. */
export function hashOf(kind: Kind, object: ExchangeSpec | QueueSpec | Binding | { readonly name: string }): string {
  const identity = (): unknown => {
    if (kind === 'policy') return (object as { readonly name: string }).name;
    const { arguments: args, ...others } = object as ExchangeSpec & QueueSpec;
    if (kind === 'binding') return [others, sorted(args)];
    // Without a type in the file, the vhost decides.
    const { 'x-queue-type': _, ...own } = args;
    return [others.name, kind === 'exchange' ? others.type : '', others.durable, others.autoDelete === true, sorted(own)];
  };
  return createHash('sha256')
    .update(JSON.stringify([kind, sortedKeys(identity())]))
    .digest('base64url')
    .slice(0, HASH);
}

function sortedKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedKeys);
  return typeof value === 'object' && value !== null ? sorted(value as FieldTable) : value;
}

const memoryPrefix = (topology: string): string => `${MEMORY}${topology}.`;

/** The hashes of what applies of this topology have made. */
export function madeBy(
  { memories }: Pick<TopologyState, 'memories'>,
  topology: string,
): { readonly made: ReadonlySet<string>; readonly names: readonly string[] } {
  const own = memories.filter(({ name }) => name.startsWith(memoryPrefix(topology)));
  const texts = own.map(({ arguments: args }) => String(args[MADE] ?? ''));
  return { made: new Set(texts.flatMap((text) => text.match(new RegExp(`.{${HASH}}`, 'g')) ?? [])), names: own.map(({ name }) => name) };
}

/** An exchange that remembers these. An exchange's arguments cannot be changed: each memory is a new one. */
export function memoryOf(topology: string, made: ReadonlySet<string>): ExchangeSpec {
  return { name: `${memoryPrefix(topology)}${uniqueId()}`, type: 'fanout', durable: true, internal: true, arguments: { [MADE]: [...made].sort().join('') } };
}
