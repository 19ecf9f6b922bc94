import type { FieldTable } from '../model/message.ts';

/** What the management API tells about a queue. */
export interface QueueFacts {
  readonly name: string;
  readonly type: string;
  readonly durable: boolean;
  readonly arguments: FieldTable;
  /** The name of the policy that holds for it; a queue has one at most. */
  readonly policy: string | undefined;
  readonly operatorPolicy: string | undefined;
  /** What its policies come to, some seconds after they were set; told of a single queue only. */
  readonly effectivePolicy: FieldTable | undefined;
  /** Ready and unacknowledged; some seconds old, and undefined before the broker has counted. */
  readonly messages: number | undefined;
  /** Those of them that count for a maximum length. */
  readonly ready: number | undefined;
  /** The bytes of these; told of a single queue only. */
  readonly readyBytes: number | undefined;
}

export interface ExchangeFacts {
  readonly name: string;
  readonly type: string;
  readonly arguments: FieldTable;
  readonly policy: string | undefined;
}

export interface BindingFacts {
  readonly source: string;
  readonly destination: string;
  readonly toExchange: boolean;
  readonly key: string;
  readonly arguments: FieldTable;
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
/** The API writes an empty table as `[]` at times. */
const table = (value: unknown): FieldTable => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as FieldTable) : {});

/** What the API has said of a queue, as far as it makes sense: versions differ in what they tell. */
export function queueFacts(item: Item): QueueFacts {
  const args = table(item['arguments']);
  return {
    name: text(item['name']),
    // A stopped queue has no type of its own in the list.
    type: named(item['type']) ?? named(args['x-queue-type']) ?? 'classic',
    durable: item['durable'] !== false,
    arguments: args,
    policy: named(item['policy']),
    operatorPolicy: named(item['operator_policy']),
    effectivePolicy: item['effective_policy_definition'] === undefined ? undefined : table(item['effective_policy_definition']),
    messages: count(item['messages']),
    ready: count(item['messages_ready']),
    readyBytes: count(item['message_bytes_ready']),
  };
}

/** The same for an exchange. */
export function exchangeFacts(item: Item): ExchangeFacts {
  return { name: text(item['name']), type: text(item['type']), arguments: table(item['arguments']), policy: named(item['policy']) };
}

/** The same for a binding. */
export function bindingFacts(item: Item): BindingFacts {
  return {
    source: text(item['source']),
    destination: text(item['destination']),
    toExchange: item['destination_type'] === 'exchange',
    key: text(item['routing_key']),
    arguments: table(item['arguments']),
  };
}

/** The same for a policy. */
export function policyFacts(item: Item): Policy {
  return {
    name: text(item['name']),
    pattern: text(item['pattern']),
    applyTo: named(item['apply-to']) ?? 'all',
    priority: typeof item['priority'] === 'number' ? item['priority'] : 0,
    definition: table(item['definition']),
  };
}
