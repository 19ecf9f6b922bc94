import type { ManagementApi } from '../../management/api.ts';
import type { ExchangeFacts, Policy } from '../../management/facts.ts';
import { orElse } from '../../model/failure.ts';
import { matchTopic } from '../../model/topic-match.ts';
import type { Binding } from '../../model/topology.ts';

/** What decides where a message goes. */
export interface Routes {
  readonly queues: ReadonlySet<string>;
  readonly exchanges: ReadonlyMap<string, ExchangeFacts>;
  readonly bindings: ReadonlyMap<string, readonly Binding[]>;
  readonly policies: ReadonlyMap<string, Policy>;
}

/** Indexes what the management API tells by name. */
export function routesOf(queues: readonly string[], exchanges: readonly ExchangeFacts[], bindings: readonly Binding[], policies: readonly Policy[]): Routes {
  const bySource = new Map<string, Binding[]>();
  for (const binding of bindings) bySource.set(binding.source, [...(bySource.get(binding.source) ?? []), binding]);
  return {
    queues: new Set(queues),
    exchanges: new Map(exchanges.map((exchange) => [exchange.name, exchange])),
    bindings: bySource,
    policies: new Map(policies.map((policy) => [policy.name, policy])),
  };
}

/**
 * The queues that a message reaches; without a key, those that it may reach with some key. Where the headers decide,
 * or for an unknown exchange type, every bound queue counts.
 */
export function reached(routes: Routes, exchange: string, key: string | undefined): readonly string[] {
  const found = new Set<string>();
  follow(routes, exchange, key, found, new Set());
  return [...found].sort();
}

function follow(routes: Routes, exchange: string, key: string | undefined, found: Set<string>, visited: Set<string>): void {
  if (visited.has(exchange)) return;
  visited.add(exchange);
  if (exchange === '') {
    if (key !== undefined && routes.queues.has(key)) found.add(key);
    return;
  }
  const facts = routes.exchanges.get(exchange);
  if (facts === undefined) return;
  const bindings = (routes.bindings.get(exchange) ?? []).filter((binding) => matches(facts.type, binding, key));
  for (const { destination, toExchange } of bindings) {
    if (toExchange) follow(routes, destination, key, found, visited);
    else found.add(destination);
  }
  // The alternate exchange takes messages without a route; without a key, or with headers, that may be any message.
  const alternate = alternateOf(routes, facts);
  const certain = bindings.length > 0 && key !== undefined && SURE.has(facts.type);
  if (alternate !== undefined && !certain) follow(routes, alternate, key, found, visited);
}

/** Exchanges that route by the key only. */
const SURE: ReadonlySet<string> = new Set(['direct', 'topic', 'fanout']);

function matches(type: string, binding: Binding, key: string | undefined): boolean {
  if (key === undefined) return true;
  if (type === 'direct') return binding.key === key;
  return type === 'topic' ? matchTopic(binding.key, key) : true;
}

function alternateOf({ policies }: Routes, { arguments: args, policy }: ExchangeFacts): string | undefined {
  const alternate = args['alternate-exchange'] ?? policies.get(policy ?? '')?.definition['alternate-exchange'];
  return typeof alternate === 'string' ? alternate : undefined;
}

/** The most exchanges that one run asks about: forged origins may name any number. */
const MOST_EXCHANGES = 100;

/** Reads routes of single exchanges from the management API, each once: a few dead letters need little of a large broker. */
export class RouteBook {
  readonly #api: ManagementApi;
  readonly #exchanges = new Map<string, ExchangeFacts>();
  readonly #bindings = new Map<string, readonly Binding[]>();
  readonly #asked = new Set<string>();
  #policies: ReadonlyMap<string, Policy> | undefined;

  constructor(api: ManagementApi) {
    this.#api = api;
  }

  /** What decides where a message goes from an exchange; undefined when too much was asked about already. */
  async from(exchange: string): Promise<Routes | undefined> {
    const next = [exchange];
    for (let name = next.pop(); name !== undefined; name = next.pop()) {
      if (name === '' || this.#asked.has(name)) continue;
      if (this.#asked.size >= MOST_EXCHANGES) return undefined;
      const [facts, bindings] = await Promise.all([this.#api.exchange(name), this.#api.bindingsFrom(name)]);
      this.#asked.add(name);
      if (facts === undefined) continue;
      this.#exchanges.set(name, facts);
      this.#bindings.set(name, bindings);
      // A user may be allowed to see exchanges but not policies.
      this.#policies ??= new Map((await this.#api.policies().catch(orElse('denied', []))).map((policy) => [policy.name, policy]));
      const alternate = facts.arguments['alternate-exchange'] ?? this.#policies.get(facts.policy ?? '')?.definition['alternate-exchange'];
      next.push(...bindings.filter(({ toExchange }) => toExchange).map(({ destination }) => destination));
      if (typeof alternate === 'string') next.push(alternate);
    }
    return { queues: new Set(), exchanges: this.#exchanges, bindings: this.#bindings, policies: this.#policies ?? new Map() };
  }
}
