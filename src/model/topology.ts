import type { FieldTable } from './message.ts';

export interface QueueSpec {
  readonly name: string;
  readonly durable: boolean;
  readonly exclusive?: boolean;
  readonly autoDelete?: boolean;
  readonly arguments: FieldTable;
}

export interface ExchangeSpec {
  readonly name: string;
  readonly type: string;
  readonly durable: boolean;
  readonly arguments: FieldTable;
}

export interface BindingSpec {
  readonly exchange: string;
  readonly queue: string;
  readonly key: string;
  readonly arguments: FieldTable;
}

/** What must exist on the broker for a pattern to work: a value that can be printed, compared and declared again. */
export interface Topology {
  readonly exchanges: readonly ExchangeSpec[];
  readonly queues: readonly QueueSpec[];
  readonly bindings: readonly BindingSpec[];
}
