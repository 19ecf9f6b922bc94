import type { ManagementApi } from '../../../management/api.ts';
import type { ExchangeFacts, Policy } from '../../../management/facts.ts';
import { orElse } from '../../../model/failure.ts';
import type { Binding } from '../../../model/topology.ts';
import type { Routes } from '../routes.ts';

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

  /**
   * What decides where a message goes from an exchange; undefined when too much was asked about already.
   *
   * @throws Failure as the management API gives it
   */
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
