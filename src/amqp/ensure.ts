import { describeDifference } from '../model/difference.ts';
import { Failure } from '../model/failure.ts';
import type { FieldTable } from '../model/message.ts';
import type { ExchangeSpec, QueueSpec, Topology } from '../model/topology.ts';
import { onOwnChannel } from './channel.ts';
import type { Connection } from './connection.ts';
import { encodable } from './frame-writer.ts';
import { describeQueue } from './queue-probe.ts';

const PRECONDITION_FAILED = 406;
const ACCESS_REFUSED = 403;

/**
 * Declares what is missing and uses what exists: an exchange of the same type, a queue that has the required arguments. One who
 * may not declare uses what exists as it is.
 *
 * @throws Failure `refused` that names each difference which matters, `denied`, `missing` for an exchange that is only bound to
 */
export async function ensure(connection: Connection, { exchanges, queues, bindings }: Topology): Promise<void> {
  for (const exchange of exchanges) await ensureExchange(connection, exchange);
  for (const queue of queues) await ensureQueue(connection, queue);
  if (bindings.length === 0) return;
  await onOwnChannel(connection, async (channel) => {
    for (const { exchange, queue, key, arguments: args } of bindings) await channel.bindQueue(queue, exchange, key, encodable(args));
  });
}

/** True when there is such an exchange. */
export async function exchangeExists(connection: Connection, exchange: string): Promise<boolean> {
  try {
    await onOwnChannel(connection, (channel) => channel.checkExchange(exchange));
    return true;
  } catch (error) {
    if (error instanceof Failure && error.kind === 'missing') return false;
    throw error;
  }
}

async function ensureExchange(connection: Connection, { name, type, durable, arguments: args }: ExchangeSpec): Promise<void> {
  const difference = await inequivalence(
    () => onOwnChannel(connection, (channel) => channel.assertExchange(name, type, { durable, arguments: encodable(args) })),
    () => onOwnChannel(connection, (channel) => channel.checkExchange(name)),
  );
  // How long it lives and what it does with what it cannot route is its owner's business; how it routes is what a pattern relies on.
  if (difference !== undefined && /inequivalent arg 'type'/.test(difference.message)) {
    const theirs = /but current is '?([\w-]+)/.exec(difference.message)?.[1];
    throw new Failure('refused', `the exchange "${name}" exists with another type: it is ${theirs ?? 'another one'} there, ${type} is needed`, {
      cause: difference,
      code: PRECONDITION_FAILED,
      hint: 'use another exchange name',
    });
  }
}

/** The same for one queue. */
export async function ensureQueue(connection: Connection, spec: QueueSpec): Promise<void> {
  const { name, durable, exclusive, autoDelete, arguments: args, required } = spec;
  const options = { durable, exclusive: exclusive === true, autoDelete: autoDelete === true, arguments: encodable(args) };
  const difference = await inequivalence(
    () => onOwnChannel(connection, (channel) => channel.assertQueue(name, options)),
    () => onOwnChannel(connection, (channel) => channel.checkQueue(name)),
  );
  if (difference === undefined || required === undefined || required.length === 0) return;
  const existing = await describeQueue(connection, name);
  // With long names the broker's words are cut off, and only the first difference is known.
  if (existing?.type === undefined) {
    if (existing === undefined || required.some((key) => difference.message.includes(`'${key}'`))) throw difference;
    return;
  }
  const theirs: FieldTable = { ...existing.arguments, 'x-queue-type': existing.type };
  const differences = required
    .filter((key) => theirs[key] !== args[key])
    .map((key) => describeDifference({ argument: key, theirs: theirs[key] ?? null, ours: args[key] ?? null }));
  if (differences.length > 0) {
    throw new Failure('refused', `the queue "${name}" exists with other arguments: ${differences.join('; ')}`, {
      code: PRECONDITION_FAILED,
      hint: 'leave those flags out to use the queue as it is, or use another queue',
    });
  }
}

/** The failure that says how what exists differs; undefined when nothing does, or when one may only use it. */
async function inequivalence(declare: () => Promise<unknown>, check: () => Promise<unknown>): Promise<Failure | undefined> {
  try {
    await declare();
    return undefined;
  } catch (error) {
    if (error instanceof Failure && error.code === PRECONDITION_FAILED && /inequivalent arg/.test(error.message)) return error;
    if (!(error instanceof Failure && error.code === ACCESS_REFUSED)) throw error;
    const exists = await check().then(
      () => true,
      () => false,
    );
    if (exists) return undefined;
    throw error;
  }
}
