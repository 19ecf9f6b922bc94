import { Duration } from '@marcbachmann/cel-js/evaluator';
import { whyOf } from '../../../model/dead-letter/attempt.ts';
import { type Death, deathHistory } from '../../../model/dead-letter/death.ts';
import { isTyped, MAX_NESTING, secondsOf } from '../../../model/message/field.ts';
import { exactJson } from '../../../model/message/json.ts';
import type { Delivery, FieldTable, FieldValue, TypedField } from '../../../model/message/message.ts';

/** The variables of an expression, and their types. */
export const VARIABLES = {
  headers: 'map<string, dyn>',
  body: 'string',
  json: 'dyn',
  exchange: 'string',
  routingKey: 'string',
  reason: 'string',
  why: 'string',
  queue: 'string',
  count: 'int',
  age: 'google.protobuf.Duration',
  size: 'int',
  id: 'string',
  // `type` is a word of the language.
  messageType: 'string',
  properties: 'map<string, dyn>',
} as const satisfies Record<string, string>;

/** A message as an expression sees it; each part is decoded when it is used. */
export class Scope implements Readonly<Record<keyof typeof VARIABLES, unknown>> {
  readonly #delivery: Delivery;
  readonly #now: number;
  #deaths: { readonly newest: Death | undefined; readonly first: Death | undefined } | undefined;
  #headers: unknown;
  #body: string | undefined;
  #json: unknown;

  constructor(delivery: Delivery, now: number) {
    this.#delivery = delivery;
    this.#now = now;
  }

  get headers(): unknown {
    this.#headers ??= tableOf(this.#delivery.properties.headers ?? {}, 1);
    return this.#headers;
  }

  get body(): string {
    this.#body ??= this.#delivery.body.toString('utf8');
    return this.#body;
  }

  /** Null for a body that is not JSON. */
  get json(): unknown {
    if (this.#json === undefined) this.#json = jsonOf(this.body);
    return this.#json;
  }

  /** Where it was first published to. */
  get exchange(): string {
    return this.#died.first?.exchange ?? this.#delivery.exchange;
  }

  get routingKey(): string {
    return this.#died.first?.routingKeys[0] ?? this.#delivery.routingKey;
  }

  get reason(): string {
    return this.#died.newest?.reason ?? '';
  }

  /** What the worker said that gave it up. */
  get why(): string {
    return whyOf(this.#delivery.properties) ?? '';
  }

  get queue(): string {
    return this.#died.newest?.queue ?? '';
  }

  get count(): bigint {
    return BigInt(this.#died.newest?.count ?? 0);
  }

  /** Undefined where the time of its death is unknown. */
  get age(): Duration | undefined {
    const { newest } = this.#died;
    return newest?.time === undefined ? undefined : Duration.fromMilliseconds(this.#now - newest.time * 1_000);
  }

  get size(): bigint {
    return BigInt(this.#delivery.body.length);
  }

  get id(): string {
    return this.#delivery.properties.messageId ?? '';
  }

  get messageType(): string {
    return this.#delivery.properties.type ?? '';
  }

  get properties(): unknown {
    const { headers: _, ...properties } = this.#delivery.properties;
    return tableOf(properties as FieldTable, 1);
  }

  get #died(): { readonly newest: Death | undefined; readonly first: Death | undefined } {
    if (this.#deaths === undefined) {
      const { deaths, first } = deathHistory(this.#delivery.properties.headers);
      this.#deaths = { newest: deaths[0], first };
    }
    return this.#deaths;
  }
}

/** A map: an object with a key `constructor` would be taken for something else. */
function tableOf(table: FieldTable, depth: number): Map<string, unknown> {
  return new Map(Object.entries(table).map(([name, value]) => [name, fieldOf(value, depth)]));
}

/** Integers of every width are integers, timestamps are timestamps, bytes are bytes. */
function fieldOf(value: FieldValue, depth: number): unknown {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_NESTING) return '…';
  if (Array.isArray(value)) return (value as readonly FieldValue[]).map((item) => fieldOf(item, depth + 1));
  const object = value as FieldTable | TypedField;
  return isTyped(object) ? typedOf(object, depth) : tableOf(object, depth + 1);
}

function typedOf({ '!': type, value }: TypedField, depth: number): unknown {
  switch (type) {
    case 'table':
      return tableOf(value as FieldTable, depth + 1);
    case 'timestamp':
      return new Date(secondsOf(value) * 1_000);
    case 'bytes':
    case 'longstr':
      return new Uint8Array(Buffer.from(value as string, 'base64'));
    case 'decimal': {
      const { places, digits } = value as { readonly places: number; readonly digits: number };
      return Number(`${digits}e-${places}`);
    }
    case 'float':
    case 'double':
      return Number(value);
    default:
      return BigInt(value as number | string);
  }
}

/** Numbers are doubles, as CEL has it for JSON; whole ones that a double does not hold are integers. */
function jsonOf(text: string): unknown {
  try {
    return exactJson(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
