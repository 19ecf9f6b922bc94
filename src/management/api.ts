import { Failure, orElse } from '../model/failure.ts';
import { option } from '../model/option.ts';
import type { Binding } from '../model/topology.ts';
import {
  bindingFacts,
  type ExchangeFacts,
  exchangeFacts,
  type HeldFacts,
  heldFacts,
  isCounted,
  type Policy,
  policyFacts,
  type QueueFacts,
  queueFacts,
} from './facts.ts';
import { type Ask, type ManagementConfig, openRequests } from './http.ts';

/** One vhost, as RabbitMQ's management API shows it (https://www.rabbitmq.com/docs/http-api-reference). */
export interface ManagementApi {
  /** Its address, without a password. */
  readonly root: string;
  readonly vhost: string;
  /** The version of the broker, the name of its cluster, and whether it measures rates. */
  readonly overview: () => Promise<{ readonly version: string; readonly cluster: string; readonly rates: boolean }>;
  /** What a list shows, with these fields (`a.b` is one inside another). */
  readonly objects: (kind: ManagedKind, fields: readonly string[], of: ManagedScope) => Promise<readonly ManagedObject[]>;
  readonly queues: () => Promise<readonly QueueFacts[]>;
  readonly queue: (name: string) => Promise<QueueFacts | undefined>;
  /** What AMQP does not tell about a queue; undefined when there is no such queue. */
  readonly held: (name: string) => Promise<HeldFacts | undefined>;
  readonly exchanges: () => Promise<readonly ExchangeFacts[]>;
  readonly exchange: (name: string) => Promise<ExchangeFacts | undefined>;
  /** Where an exchange sends messages; empty when there is no such exchange. */
  readonly bindingsFrom: (exchange: string) => Promise<readonly Binding[]>;
  readonly bindings: () => Promise<readonly Binding[]>;
  readonly policies: () => Promise<readonly Policy[]>;
  /** Empty for a user who may not see them. */
  readonly operatorPolicies: () => Promise<readonly Policy[]>;
  readonly setPolicy: (policy: Policy) => Promise<void>;
  readonly deletePolicy: (name: string) => Promise<void>;
}

export type ManagedKind = 'queues' | 'exchanges' | 'bindings' | 'connections' | 'consumers';

/** An object as the API shows it: versions differ. */
export type ManagedObject = Readonly<Record<string, unknown>>;

/** Which objects of a kind: those of these queues, of every vhost. */
export interface ManagedScope {
  readonly everywhere: boolean;
  readonly queues: readonly string[];
}

/** The largest page that the API returns. The broker collects and sorts a whole list for each of its pages: only what is filtered by name, which needs pages, comes in them. */
const PAGE = 500;

/**
 * Opens the management API. It asks nothing yet; every question may throw a Failure.
 *
 * @throws Failure `usage` for a URL that cannot be read; later `denied` (401, 403), `missing` (404), `unavailable`
 */
export function openManagementApi(config: ManagementConfig): ManagementApi {
  const { root, ask } = openRequests(config);
  const vhost = encodeURIComponent(config.vhost);
  /** Asks about the vhost as a whole. From 4.3 on, a user who may not see it gets "not found"; an administrator sees all. */
  const askAll: Ask = async (method, path) => {
    try {
      return await ask(method, path, undefined, config.listTimeout);
    } catch (error) {
      if (!(error instanceof Failure && error.kind === 'missing') || (await isAdministrator(ask))) throw error;
      throw new Failure('denied', `the management API at ${root} shows this user no vhost "${config.vhost}"`, {
        cause: error,
        hint: 'check the vhost of the URL (/ is written %2F); a user needs permissions for it (rabbitmqctl set_permissions)',
      });
    }
  };
  const list = async (path: string): Promise<readonly Readonly<Record<string, unknown>>[]> => itemsOf(await askAll('GET', path), root);
  const listNamed = (path: string, names: readonly string[]): ReturnType<typeof list> => {
    const filter = named(names);
    return filter === '' ? list(path) : pages(askAll, root, `${path}${filter}`);
  };
  return {
    root,
    vhost: config.vhost,
    overview: async () => {
      const answer = ((await ask('GET', 'overview?columns=rabbitmq_version,cluster_name,rates_mode')) ?? {}) as Record<string, unknown>;
      return { version: String(answer['rabbitmq_version'] ?? ''), cluster: String(answer['cluster_name'] ?? ''), rates: answer['rates_mode'] !== 'none' };
    },
    objects: async (kind, fields, of) => {
      const path = pathOf(kind, vhost, of);
      const wanted = kind === 'queues' && !fields.includes('vhost') ? [...fields, 'vhost'] : fields;
      const parameters = `columns=${wanted.join(',')}${kind === 'queues' && fields.every((field) => UNCOUNTED.has(field)) ? `&${NO_STATISTICS}` : ''}`;
      if (kind !== 'queues') return list(`${path}?${parameters}`);
      const listed = listNamed(`${path}?${parameters}`, of.queues);
      if (!fields.some((field) => COUNTS.includes(field))) return listed;
      // Statistics are some seconds old; a classic queue counts when it is asked for totals alone.
      const columns = ['name', 'vhost', 'type', ...COUNTS].join(',');
      const [objects, totals] = await Promise.all([listed, listNamed(`${path}?${NO_STATISTICS}&columns=${columns}`, of.queues)]);
      const key = (one: ManagedObject): string => `${String(one['vhost'])} ${String(one['name'])}`;
      const current = new Map(totals.filter(isCounted).map((one) => [key(one), one]));
      return objects.map((one) => Object.assign(one, current.get(key(one))));
    },
    // With the depths, and without statistics, which are most of the work for the broker.
    queues: async () => (await list(`queues/${vhost}?${NO_STATISTICS}`)).map(queueFacts),
    queue: async (name) => {
      const answer = await ask('GET', `queues/${vhost}/${encodeURIComponent(name)}`).catch(orElse('missing', undefined));
      return answer === undefined ? undefined : queueFacts(answer as Readonly<Record<string, unknown>>);
    },
    held: async (name) => {
      const path = `queues/${vhost}?${NO_STATISTICS}&page=1&page_size=${PAGE}${named([name])}`;
      const listed = itemsOf(await ask('GET', path), root);
      const totals = listed.find((one) => one['name'] === name) ?? {};
      if (isCounted(totals)) return heldFacts(totals, {});
      const statistics = await ask('GET', `queues/${vhost}/${encodeURIComponent(name)}`).catch(orElse('missing', undefined));
      return statistics === undefined ? undefined : heldFacts(totals, statistics as Readonly<Record<string, unknown>>);
    },
    exchanges: async () => (await list(`exchanges/${vhost}?columns=name,type,durable,auto_delete,internal,arguments,policy`)).map(exchangeFacts),
    exchange: async (name) => {
      const answer = await ask('GET', `exchanges/${vhost}/${encodeURIComponent(name)}`).catch(orElse('missing', undefined));
      return answer === undefined ? undefined : exchangeFacts(answer as Readonly<Record<string, unknown>>);
    },
    bindingsFrom: async (exchange) => {
      const answer = await ask('GET', `exchanges/${vhost}/${encodeURIComponent(exchange)}/bindings/source`).catch(orElse('missing', undefined));
      return answer === undefined ? [] : itemsOf(answer, root).map(bindingFacts);
    },
    bindings: async () => (await list(`bindings/${vhost}?columns=source,destination,destination_type,routing_key,arguments`)).map(bindingFacts),
    policies: async () => (await list(`policies/${vhost}`)).map(policyFacts),
    operatorPolicies: async () => (await orHidden(list(`operator-policies/${vhost}`))).map(policyFacts),
    setPolicy: async ({ name, pattern, applyTo, priority, definition }) => {
      await ask('PUT', `policies/${vhost}/${encodeURIComponent(name)}`, { pattern, definition, priority, 'apply-to': applyTo });
    },
    deletePolicy: async (name) => {
      await ask('DELETE', `policies/${vhost}/${encodeURIComponent(name)}`);
    },
  };
}

/** Fields of a queue that the API knows without its statistics, which are most of the work. */
const UNCOUNTED: ReadonlySet<string> = new Set(['name', 'vhost', 'type', 'durable', 'auto_delete', 'exclusive', 'arguments', 'node']);
const COUNTS = ['messages', 'messages_ready', 'messages_unacknowledged'];
const NO_STATISTICS = 'disable_stats=true&enable_queue_totals=true';
/** More names are not worth a filter. */
const MOST_NAMES = 50;

/** A filter for queues of these names. */
function named(queues: readonly string[]): string {
  if (queues.length === 0 || queues.length > MOST_NAMES) return '';
  return `&use_regex=true&name=${encodeURIComponent(`^(${queues.map((name) => name.replace(/[^\w]/gu, '\\$&')).join('|')})$`)}`;
}

/** Where a list is. */
function pathOf(kind: ManagedKind, vhost: string, { everywhere, queues: [queue] }: ManagedScope): string {
  if (everywhere) return kind;
  if (kind === 'connections') return `vhosts/${vhost}/${kind}`;
  return kind === 'bindings' && queue !== undefined ? `queues/${vhost}/${encodeURIComponent(queue)}/bindings` : `${kind}/${vhost}`;
}

async function isAdministrator(ask: Ask): Promise<boolean> {
  const { tags } = ((await ask('GET', 'whoami')) ?? {}) as { tags?: unknown };
  return String(tags).split(',').includes('administrator');
}

async function pages(ask: Ask, root: string, path: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const all: Readonly<Record<string, unknown>>[] = [];
  for (let page = 1; ; page++) {
    const answer = (await ask('GET', `${path}&page=${page}&page_size=${PAGE}`)) as { page_count?: unknown } | undefined;
    all.push(...itemsOf(answer, root));
    if (page >= Number(answer?.page_count ?? 1)) return all;
  }
}

/** The items of an answer: paging wraps them. */
function itemsOf(answer: unknown, root: string): readonly Readonly<Record<string, unknown>>[] {
  const items = Array.isArray(answer) ? answer : (answer as { items?: unknown } | undefined)?.items;
  if (Array.isArray(items)) return items as readonly Readonly<Record<string, unknown>>[];
  throw new Failure('unavailable', `the server at ${root} is not RabbitMQ's management API`, {
    hint: `the management plugin usually listens on port 15672; ${option('managementUrl')} names another place`,
  });
}

async function orHidden<T>(answer: Promise<readonly T[]>): Promise<readonly T[]> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Failure && (error.kind === 'denied' || error.kind === 'missing')) return [];
    throw error;
  }
}
