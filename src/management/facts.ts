import type { FieldTable } from '../model/message/message.ts';
import type { Binding } from '../model/topology.ts';

/** What the management API tells about a queue. */
export interface QueueFacts {
  readonly name: string;
  readonly type: string;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  /** True: it is deleted with the connection that declared it. */
  readonly exclusive: boolean;
  readonly arguments: FieldTable;
  /** The name of its policy; a queue has one at most. */
  readonly policy: string | undefined;
  readonly operatorPolicy: string | undefined;
  /** The effective definition of its policies, some seconds after they were set; only when one queue is asked for. */
  readonly effectivePolicy: FieldTable | undefined;
  /** Ready and unacknowledged; some seconds old, and undefined before the broker has counted. */
  readonly messages: number | undefined;
  /** The messages that count for a maximum length. */
  readonly ready: number | undefined;
  /** The bytes of these; only when one queue is asked for. */
  readonly readyBytes: number | undefined;
}

/** What AMQP does not tell about a queue. */
export interface HeldFacts {
  /** Delivered and unanswered; undefined before the broker has counted. */
  readonly unacknowledged: number | undefined;
  /** True for a queue that hides returned messages for a while: a quorum queue with `x-delayed-retry-type`, from 4.3 on. */
  readonly delays: boolean;
  /** The number of hidden messages; undefined before the broker has counted. */
  readonly delayed: number | undefined;
  /** Dead letters that their target has not taken: a quorum queue that dead-letters at least once keeps them, and counts them as neither ready nor unacknowledged. */
  readonly untaken: number | undefined;
  /** The messages that were ready at the same time. */
  readonly ready: number | undefined;
  /** All of them; AMQP tells none that one type of queue alone has. */
  readonly arguments: FieldTable;
  /** True: counted for this question. False: counted some seconds before. */
  readonly current: boolean;
}

export interface ExchangeFacts {
  readonly name: string;
  readonly type: string;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  /** True: only other exchanges publish to it. */
  readonly internal: boolean;
  readonly arguments: FieldTable;
  readonly policy: string | undefined;
}

/** A policy without its vhost. */
export interface Policy {
  readonly name: string;
  /** A regular expression over names. */
  readonly pattern: string;
  readonly applyTo: string;
  readonly priority: number;
  readonly definition: FieldTable;
}

type Item = Readonly<Record<string, unknown>>;

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const named = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
const count = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);
/** The API sometimes writes an empty table as `[]`. */
const table = (value: unknown): FieldTable => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as FieldTable) : {});

/** The API's answer about a queue, as far as it is valid: versions differ. */
export function queueFacts(item: Item): QueueFacts {
  const args = table(item['arguments']);
  return {
    name: text(item['name']),
    // A stopped queue has no type of its own in the list.
    type: named(item['type']) ?? named(args['x-queue-type']) ?? 'classic',
    durable: item['durable'] !== false,
    autoDelete: item['auto_delete'] === true,
    exclusive: item['exclusive'] === true,
    arguments: args,
    policy: named(item['policy']),
    operatorPolicy: named(item['operator_policy']),
    effectivePolicy: item['effective_policy_definition'] === undefined ? undefined : table(item['effective_policy_definition']),
    messages: count(item['messages']),
    ready: count(item['messages_ready']),
    readyBytes: count(item['message_bytes_ready']),
  };
}

/**
 * Held messages, from the totals of a queue and its statistics. A classic queue counts when it is asked for totals; a quorum queue reports 0 there until its
 * first statistics, which come every five seconds (tried on 3.10.8, 4.0.5, 4.3.6).
 */
export function heldFacts(totals: Item, statistics: Item): HeldFacts {
  const current = isCounted(totals);
  const from = current ? totals : statistics;
  return {
    unacknowledged: count(from['messages_unacknowledged']),
    // Versions before 4.3 accept the argument x-delayed-retry-type, and ignore it.
    delays: /^(all|failed|returned)/.test(text(statistics['delayed_retry'])),
    delayed: count(statistics['messages_delayed']),
    untaken: count(statistics['messages_dlx']),
    ready: count(from['messages_ready']),
    arguments: table(from['arguments']),
    current,
  };
}

/** True for current totals. */
export function isCounted(totals: Item): boolean {
  return totals['type'] === 'classic' && count(totals['messages_unacknowledged']) !== undefined;
}

/** The API's answer about an exchange. */
export function exchangeFacts(item: Item): ExchangeFacts {
  return {
    name: text(item['name']),
    type: text(item['type']),
    durable: item['durable'] !== false,
    autoDelete: item['auto_delete'] === true,
    internal: item['internal'] === true,
    arguments: table(item['arguments']),
    policy: named(item['policy']),
  };
}

/** The API's answer about a binding. */
export function bindingFacts(item: Item): Binding {
  return {
    source: text(item['source']),
    destination: text(item['destination']),
    toExchange: item['destination_type'] === 'exchange',
    key: text(item['routing_key']),
    arguments: table(item['arguments']),
  };
}

/** The API's answer about a policy. */
export function policyFacts(item: Item): Policy {
  return {
    name: text(item['name']),
    pattern: text(item['pattern']),
    applyTo: named(item['apply-to']) ?? 'all',
    priority: typeof item['priority'] === 'number' ? item['priority'] : 0,
    definition: table(item['definition']),
  };
}
