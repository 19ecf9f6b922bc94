import * as z from 'zod/mini';
import type { ManagementApi } from '../../management/api.ts';
import { formatCount, formatDuration } from '../../model/quantity.ts';
import { listDeadLetters } from '../dlx/list.ts';
import { topologyState } from './state.ts';

export const DRAWINGS = ['tree', 'mermaid', 'dot', 'json'] as const;

export const GraphConfig = z.strictObject({ output: z._default(z.enum(DRAWINGS), 'tree') });

/** An exchange or a queue, and what is wrong with it. */
export interface GraphNode {
  readonly kind: 'exchange' | 'queue';
  readonly name: string;
  /** Such as `topic`, or `quorum, 3 messages`. */
  readonly detail: string;
  readonly problems: readonly string[];
}

export interface GraphEdge {
  readonly from: GraphNode;
  readonly to: GraphNode;
  readonly kind: 'binding' | 'dead letters' | 'alternate';
  /** Such as a routing key; empty for all. */
  readonly label: string;
}

export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
}

/** The ways of messages through a vhost, sorted: bindings, alternate exchanges, dead letters and retries. */
export async function topologyGraph(api: ManagementApi): Promise<Graph> {
  const [state, exchanges, letters] = await Promise.all([topologyState(api), api.exchanges(), listDeadLetters(api, { queue: [] })]);
  const dead = new Map(letters.map((one) => [one.queue, one]));
  const definitionOf = (policy: string | undefined) => state.policies.find(({ name }) => name === policy)?.definition ?? {};
  const bound = new Set(state.bindings.flatMap(({ source, destination, toExchange }) => [source, ...(toExchange ? [destination] : [])]));
  const alternates = new Map(
    exchanges.map(({ name, arguments: args, policy }) => [name, args['alternate-exchange'] ?? definitionOf(policy)['alternate-exchange']] as const),
  );
  const nodes = new Map<string, GraphNode>();
  const node = (
    kind: GraphNode['kind'],
    name: string,
    detail = 'missing',
    problems: readonly string[] = detail === 'missing' ? ['it does not exist'] : [],
  ): GraphNode => {
    const key = `${kind} ${name}`;
    const known = nodes.get(key) ?? { kind, name, detail, problems };
    nodes.set(key, known);
    return known;
  };
  const sources = new Set(state.bindings.map(({ source }) => source));
  for (const { name, type } of exchanges.filter((one) => state.exchanges.some((own) => own.name === one.name) || bound.has(one.name))) {
    const isDead = !sources.has(name) && alternates.get(name) === undefined;
    node('exchange', name, type, isDead ? ['nothing is bound to it: what is published there is lost'] : []);
  }
  for (const { name } of state.queues) {
    const { type = '', messages } = state.facts.get(name) ?? {};
    const detail = messages === undefined || messages === 0 ? type : `${type}, ${formatCount(messages, 'message')}`;
    node('queue', name, detail, dead.get(name)?.problems.map(({ text }) => text) ?? []);
  }
  const edges: GraphEdge[] = state.bindings.map(({ source, destination, toExchange, key, arguments: args }) => ({
    from: node('exchange', source),
    to: node(toExchange ? 'exchange' : 'queue', destination),
    kind: 'binding',
    label:
      Object.keys(args).length === 0
        ? key
        : `${key === '' ? '' : `${key} `}${Object.entries(args)
            .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
            .sort()
            .join(' ')}`,
  }));
  for (const [name, alternate] of alternates) {
    if (typeof alternate === 'string')
      edges.push({ from: node('exchange', name), to: node('exchange', alternate), kind: 'alternate', label: 'without a route' });
  }
  for (const { queue, exchange, routingKey, targets } of letters) {
    const facts = state.facts.get(queue);
    if (exchange === null || facts === undefined) continue;
    const ttl = facts.arguments['x-message-ttl'] ?? definitionOf(facts.policy)['message-ttl'];
    const when = typeof ttl === 'number' ? `dead, or after ${formatDuration(ttl)}` : 'dead';
    const ends = exchange === '' ? targets.map((target) => node('queue', target.queue)) : [node('exchange', exchange)];
    if (ends.length === 0 && routingKey !== null) ends.push(node('queue', routingKey));
    const label = `${when}${exchange === '' || routingKey === null ? '' : `: ${routingKey}`}`;
    for (const to of ends) edges.push({ from: node('queue', queue), to, kind: 'dead letters', label });
  }
  const place = ({ from, to, kind, label }: GraphEdge): string => JSON.stringify([from.kind, from.name, kind, to.kind, to.name, label]);
  const order = (one: string, other: string): number => (one < other ? -1 : 1);
  return {
    nodes: [...nodes].sort(([one], [other]) => order(one, other)).map(([, one]) => one),
    edges: edges.toSorted((one, other) => order(place(one), place(other))),
  };
}
