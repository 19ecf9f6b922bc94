import type { FieldTable } from './message/message.ts';

export interface QueueSpec {
  readonly name: string;
  readonly durable: boolean;
  readonly exclusive?: boolean;
  readonly autoDelete?: boolean;
  readonly arguments: FieldTable;
  /** Arguments that an existing queue must have as given here; it is used as it is in everything else. */
  readonly required?: readonly string[];
}

export interface ExchangeSpec {
  readonly name: string;
  readonly type: string;
  readonly durable: boolean;
  readonly autoDelete?: boolean;
  /** True: only other exchanges publish to it. */
  readonly internal?: boolean;
  readonly arguments: FieldTable;
}

/** A way of messages, from an exchange to a queue or to another exchange. */
export interface Binding {
  readonly source: string;
  readonly destination: string;
  readonly toExchange: boolean;
  readonly key: string;
  readonly arguments: FieldTable;
}

export interface BindingSpec {
  readonly exchange: string;
  readonly queue: string;
  readonly key: string;
  readonly arguments: FieldTable;
}

/** What a pattern needs on the broker: a value that can be printed, compared and declared again. */
export interface Topology {
  readonly exchanges: readonly ExchangeSpec[];
  readonly queues: readonly QueueSpec[];
  readonly bindings: readonly BindingSpec[];
}

/** The same with another name for one of its queues, and for those whose names begin with that and a dot; dead letters follow. */
export function withQueueName({ exchanges, queues, bindings }: Topology, from: string, to: string): Topology {
  const renamed = (name: string): string => (name === from || name.startsWith(`${from}.`) ? `${to}${name.slice(from.length)}` : name);
  const ofArguments = (args: FieldTable): FieldTable => {
    const key = args['x-dead-letter-routing-key'];
    return typeof key === 'string' ? { ...args, 'x-dead-letter-routing-key': renamed(key) } : args;
  };
  return {
    exchanges,
    queues: queues.map((queue) => ({ ...queue, name: renamed(queue.name), arguments: ofArguments(queue.arguments) })),
    bindings: bindings.map((binding) => ({ ...binding, queue: renamed(binding.queue) })),
  };
}

/** The same in the order of its names. */
export function sorted(args: FieldTable): FieldTable {
  return Object.fromEntries(Object.entries(args).sort(([one], [other]) => (one < other ? -1 : 1)));
}
