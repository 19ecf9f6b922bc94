import { type Difference, describeDifference } from '../../model/difference.ts';
import { Failure, orElse } from '../../model/failure.ts';
import type { FieldTable } from '../../model/message/message.ts';
import type { ExchangeSpec, QueueSpec, Topology } from '../../model/topology.ts';
import { encodable } from '../codec/frame-writer.ts';
import { onOwnChannel } from '../connection/channel.ts';
import type { Connection } from '../connection/connection.ts';
import { describeQueue, shownValue } from './queue-facts.ts';

const PRECONDITION_FAILED = 406;
const ACCESS_REFUSED = 403;

/**
 * Declares what is missing and uses what exists: an exchange of the same type, a queue with the required arguments. A user who
 * may not declare uses what exists as it is.
 *
 * @throws Failure `refused` that names each required argument that differs, `denied`, `missing` for an exchange that is only bound to
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
  return onOwnChannel(connection, (channel) => channel.checkExchange(exchange)).then(() => true, orElse('missing', false));
}

/**
 * The type of an exchange, which the broker names when it refuses to declare it with another one. Undefined for a user who may not declare it.
 *
 * @throws Failure `missing` when there is no such exchange
 */
export async function exchangeType(connection: Connection, name: string): Promise<string | undefined> {
  try {
    await onOwnChannel(connection, (channel) => channel.checkExchange(name));
    await onOwnChannel(connection, (channel) => channel.assertExchange(name, 'direct', { durable: true }));
    return 'direct';
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.code === ACCESS_REFUSED) return undefined;
    if (error.code !== PRECONDITION_FAILED) throw error;
    return /inequivalent arg 'type'.*but current is '?([\w-]+)/.exec(error.message)?.[1] ?? 'direct';
  }
}

async function ensureExchange(connection: Connection, { name, type, durable, arguments: args }: ExchangeSpec): Promise<void> {
  const difference = await inequivalence(
    () => onOwnChannel(connection, (channel) => channel.assertExchange(name, type, { durable, arguments: encodable(args) })),
    () => onOwnChannel(connection, (channel) => channel.checkExchange(name)),
  );
  // A pattern relies on how an exchange routes; its lifetime and its alternate exchange are its owner's business.
  if (difference !== undefined && /inequivalent arg 'type'/.test(difference.message)) {
    const theirs = /but current is '?([\w-]+)/.exec(difference.message)?.[1];
    throw new Failure('refused', `the exchange "${name}" exists with another type: ${theirs ?? 'another one'} instead of ${type}`, {
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
  // With long names the broker's words are cut off, and name only the first difference.
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
      hint: 'leave those options out to use the queue as it is, or use another queue',
    });
  }
}

/** The failure that tells how the existing one differs; undefined when nothing differs, or when the user may only use it. */
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

const MOST_QUESTIONS = 32;

/** A queue or an exchange to declare; its properties have the broker's names. */
interface Wanted {
  readonly kind: 'queue' | 'exchange';
  readonly name: string;
  readonly properties: FieldTable;
  readonly arguments: FieldTable;
}

/**
 * Declares a queue; declaring one that exists with the same arguments changes nothing.
 *
 * @throws Failure `refused` when it exists with other arguments: names every difference
 */
export async function redeclareQueue(connection: Connection, spec: QueueSpec): Promise<void> {
  const { name, durable, exclusive = false, autoDelete = false, arguments: args } = spec;
  await redeclare({ kind: 'queue', name, properties: { durable, exclusive, auto_delete: autoDelete }, arguments: args }, (properties, wanted) => {
    const options = { ...flagsOf(properties), exclusive: properties['exclusive'] === true, arguments: encodable(wanted) };
    return onOwnChannel(connection, (channel) => channel.assertQueue(name, options));
  });
}

/** The same for an exchange. */
export async function redeclareExchange(connection: Connection, spec: ExchangeSpec): Promise<void> {
  const { name, type, durable, autoDelete = false, internal = false, arguments: args } = spec;
  await redeclare({ kind: 'exchange', name, properties: { type, durable, auto_delete: autoDelete, internal }, arguments: args }, (properties, wanted) => {
    const options = { ...flagsOf(properties), internal: properties['internal'] === true, arguments: encodable(wanted) };
    return onOwnChannel(connection, (channel) => channel.assertExchange(name, String(properties['type']), options));
  });
}

const flagsOf = (properties: FieldTable) => ({ durable: properties['durable'] === true, autoDelete: properties['auto_delete'] === true });

/** The broker names the first difference only: the next declaration takes over its value. */
async function redeclare(spec: Wanted, declare: (properties: FieldTable, args: FieldTable) => Promise<unknown>): Promise<void> {
  const differences = new Map<string, Difference>();
  let next = spec;
  let first: Failure | undefined;
  while (differences.size < MOST_QUESTIONS) {
    const refusal = await refusalOf(declare(next.properties, next.arguments));
    if (refusal === undefined) break;
    first ??= refusal;
    const difference = differenceIn(refusal.message, next);
    if (difference === undefined || differences.has(difference.argument)) break;
    differences.set(difference.argument, difference);
    next = withTheirs(next, difference);
  }
  if (first === undefined) return;
  if (differences.size === 0) throw first;
  const told = [...differences.values()].map((difference) => describeDifference(difference));
  const loses = spec.kind === 'queue' ? 'its messages' : 'its bindings';
  throw new Failure('refused', `the ${spec.kind} "${spec.name}" exists with other arguments: ${told.join('; ')}`, {
    code: PRECONDITION_FAILED,
    hint: `use the same arguments, or another name; they cannot be changed: "rmq ${spec.kind} delete" removes it with ${loses}`,
  });
}

async function refusalOf(declared: Promise<unknown>): Promise<Failure | undefined> {
  try {
    await declared;
    return undefined;
  } catch (error) {
    if (error instanceof Failure && error.code === PRECONDITION_FAILED) return error;
    throw error;
  }
}

function differenceIn(text: string, { properties, arguments: args }: Wanted): Difference | undefined {
  const [, name = '', current = ''] = /inequivalent arg '(.*?)' for (?:queue|exchange) .*? but current is (.*) \(406\)$/s.exec(text) ?? [];
  if (name === '') return undefined;
  const theirs = shownValue(current);
  const property = properties[name];
  if (property !== undefined) return { argument: name, theirs: typeof property === 'boolean' ? theirs === 'true' : (theirs ?? null), ours: property };
  const ours = args[name] ?? null;
  if (theirs === undefined && current !== 'none') return undefined;
  // Of some arguments the broker shows the digits and not the type.
  const isNumber = typeof theirs === 'string' && /^\d+$/.test(theirs) && typeof ours !== 'string';
  return { argument: name, theirs: isNumber ? Number(theirs) : (theirs ?? null), ours };
}

function withTheirs(spec: Wanted, { argument, theirs }: Difference): Wanted {
  if (argument in spec.properties) return { ...spec, properties: { ...spec.properties, [argument]: theirs } };
  const { [argument]: _, ...others } = spec.arguments;
  return { ...spec, arguments: theirs === null ? others : { ...others, [argument]: theirs } };
}
