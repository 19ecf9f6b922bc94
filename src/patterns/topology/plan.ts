import type { Connection } from '../../amqp/connection/connection.ts';
import { exchangeExists } from '../../amqp/topology/ensure.ts';
import { queueExists } from '../../amqp/topology/queue-facts.ts';
import type { Policy } from '../../management/facts.ts';
import type { Difference } from '../../model/difference.ts';
import { Failure } from '../../model/failure.ts';
import type { FieldTable, FieldValue } from '../../model/message/message.ts';
import { type Binding, type ExchangeSpec, type QueueSpec, sorted } from '../../model/topology.ts';
import { exchangeByRefusal, type PlanStep, queueState, UNTOLD, unknownBindings } from '../dlx/setup/plan.ts';
import type { Definitions, TopologyFile } from './file.ts';
import { hashOf, madeBy, type TopologyState } from './state.ts';

/** What an apply would do. */
export interface TopologyPlan {
  readonly steps: readonly PlanStep[];
  readonly notes: readonly string[];
  readonly create: Definitions;
  /** What only a former apply can have made, and the file no longer has. */
  readonly remove: Definitions;
  /** The messages in queues that would be removed; some seconds old. */
  readonly messages: number;
  /** What former applies made, and the names of the exchanges that remember it; undefined where that cannot be read. */
  readonly memory: ReturnType<typeof madeBy> | undefined;
}

/** A reading of the broker that tells less: without the management API. */
type Known = Omit<TopologyState, 'facts' | 'memories' | 'bindings'> & Partial<Pick<TopologyState, 'facts' | 'memories' | 'bindings'>>;

/**
 * Compares a file with a vhost, and touches nothing. Without the management API it is unknown which bindings exist; binding twice changes nothing.
 *
 * @throws Failure `missing` for a binding whose end neither the file nor the broker has, `unavailable` for policies or `prune` without the management API
 */
export async function planTopology(connection: Connection, state: TopologyState | undefined, file: TopologyFile, prune: boolean): Promise<TopologyPlan> {
  if (state === undefined && (file.policies.length > 0 || prune)) {
    throw new Failure('unavailable', `only the management API ${prune ? 'tells what a former apply made' : 'sets policies'}, and it does not answer`, {
      hint: 'exchanges, queues and bindings need no management API',
    });
  }
  const known: Known = state ?? (await askedOneByOne(connection, file));
  const named = <T extends { readonly name: string }>(items: readonly T[]): ReadonlyMap<string, T> => new Map(items.map((item) => [item.name, item]));
  const there = { exchanges: named(known.exchanges), queues: named(known.queues), policies: named(known.policies) };
  const steps: PlanStep[] = [];
  const create = { exchanges: [] as ExchangeSpec[], queues: [] as QueueSpec[], bindings: [] as Binding[], policies: [] as Policy[] };
  for (const spec of file.exchanges) {
    if (known.builtIn.has(spec.name)) continue;
    const step = compared('exchange', spec.name, exchangeTable(spec), there.exchanges.get(spec.name), exchangeTable, state !== undefined);
    if (step.action === 'create') create.exchanges.push(spec);
    steps.push(step);
  }
  for (const spec of file.queues) {
    const step = compared('queue', spec.name, queueTable(spec), there.queues.get(spec.name), queueTable, state !== undefined);
    if (step.action === 'create') create.queues.push(spec);
    steps.push(step);
  }
  await checkEnds(connection, file, known, state !== undefined);
  const bound = known.bindings === undefined ? undefined : new Set(known.bindings.map(bindingKey));
  const fresh = new Set([...create.exchanges.map(({ name }) => `x${name}`), ...create.queues.map(({ name }) => `q${name}`)]);
  const wanted = new Map(file.bindings.map((binding) => [bindingKey(binding), binding]));
  for (const [key, binding] of wanted) {
    const isNew = fresh.has(`x${binding.source}`) || fresh.has(`${binding.toExchange ? 'x' : 'q'}${binding.destination}`);
    const action = isNew ? 'create' : bound === undefined ? 'bind' : bound.has(key) ? 'keep' : 'create';
    if (action !== 'keep') create.bindings.push(binding);
    steps.push(bindingStep(binding, action));
  }
  for (const policy of file.policies) {
    const theirs = there.policies.get(policy.name);
    const differences = theirs === undefined ? [] : differencesOf(policyTable(policy), policyTable(theirs), true);
    const action = theirs === undefined ? 'create' : differences.length > 0 ? 'change' : 'keep';
    if (action !== 'keep') create.policies.push(policy);
    steps.push({ kind: 'policy', name: policy.name, action, arguments: policyTable(policy), differences });
  }
  const memory = state === undefined ? undefined : madeBy(state, file.name);
  const remove = prune && state !== undefined && memory !== undefined ? superfluous(state, file, memory.made, new Set(wanted.keys())) : NOTHING;
  const depth = (name: string): number => known.facts?.get(name)?.messages ?? 0;
  steps.push(...removalsOf(remove, depth));
  return {
    steps,
    notes: [...file.notes, ...unknownBindings(steps)],
    create,
    remove,
    messages: remove.queues.reduce((sum, { name }) => sum + depth(name), 0),
    memory,
  };
}

const NOTHING: Definitions = { exchanges: [], queues: [], bindings: [], policies: [] };

function exchangeTable({ type, durable, autoDelete, internal, arguments: args }: ExchangeSpec): FieldTable {
  return { type, durable, 'auto-delete': autoDelete === true, internal: internal === true, ...args };
}

function queueTable({ durable, autoDelete, arguments: args }: QueueSpec): FieldTable {
  return { durable, 'auto-delete': autoDelete === true, ...args };
}

function policyTable({ pattern, applyTo, priority, definition }: Policy): FieldTable {
  return { pattern, 'apply-to': applyTo, priority, definition: sorted(definition) };
}

/** Neither exchanges nor queues can be changed: every difference is a conflict. */
function compared<T>(
  kind: 'exchange' | 'queue',
  name: string,
  ours: FieldTable,
  found: T | undefined,
  tableOf: (of: T) => FieldTable,
  isComplete: boolean,
): PlanStep {
  const step = { kind, name, arguments: shownArguments(ours) } as const;
  if (found === undefined) return { ...step, action: 'create', differences: [] };
  const differences = differencesOf(ours, tableOf(found), isComplete);
  return { ...step, action: differences.length > 0 ? 'conflict' : 'keep', differences };
}

function differencesOf(ours: FieldTable, theirs: FieldTable, isComplete: boolean): readonly Difference[] {
  return [...new Set([...Object.keys(ours), ...Object.keys(theirs)])]
    .filter((argument) => argument !== 'x-queue-type' || ours[argument] !== undefined)
    .filter((argument) => isComplete || theirs[argument] !== undefined || !UNTOLD.has(argument))
    .map((argument): Difference => ({ argument, theirs: theirs[argument] ?? null, ours: ours[argument] ?? null }))
    .filter((one) => textOf(one.theirs) !== textOf(one.ours));
}

const textOf = (value: FieldValue): string =>
  JSON.stringify(typeof value === 'object' && value !== null && !Array.isArray(value) ? sorted(value as FieldTable) : value);

/** What is usual says nothing. */
function shownArguments(table: FieldTable): FieldTable {
  return Object.fromEntries(Object.entries(table).filter(([name, value]) => !(name === 'durable' && value === true) && value !== false));
}

function bindingKey({ source, destination, toExchange, key, arguments: args }: Binding): string {
  return JSON.stringify([source, toExchange, destination, key, sorted(args)]);
}

function bindingStep(binding: Binding, action: PlanStep['action']): PlanStep {
  const { source, destination, toExchange, key, arguments: args } = binding;
  const name = `"${source}" → ${toExchange ? 'exchange ' : ''}"${destination}"${key === '' ? '' : ` with "${key}"`}`;
  return { kind: 'binding', name, action, arguments: { ...(Object.keys(args).length > 0 && { arguments: args }) }, differences: [] };
}

/** @throws Failure `missing` that names each end of a binding that is nowhere */
async function checkEnds(connection: Connection, file: Definitions, known: Known, isComplete: boolean): Promise<void> {
  const exchanges = new Set([...file.exchanges, ...known.exchanges].map(({ name }) => name).concat(...known.builtIn));
  const queues = new Set([...file.queues, ...known.queues].map(({ name }) => name));
  const missing = new Set<string>();
  for (const { source, destination, toExchange } of file.bindings) {
    const ends = [
      ['exchange', source],
      [toExchange ? 'exchange' : 'queue', destination],
    ] as const;
    for (const [kind, name] of ends) {
      const all = kind === 'exchange' ? exchanges : queues;
      if (!all.has(name) && !isComplete && (await (kind === 'exchange' ? exchangeExists : queueExists)(connection, name))) all.add(name);
      if (!all.has(name)) missing.add(`${kind} "${name}"`);
    }
  }
  if (missing.size === 0) return;
  throw new Failure('missing', `bindings of the file name what neither the file nor the broker has: ${[...missing].join(', ')}`, {
    hint: 'nothing was changed; check the names, or add what is missing to the file',
  });
}

/** What the broker tells over AMQP about the exchanges and queues of a file. */
async function askedOneByOne(connection: Connection, file: Definitions): Promise<Known> {
  const exchanges: ExchangeSpec[] = [];
  for (const spec of file.exchanges) {
    if (!(await exchangeExists(connection, spec.name))) continue;
    const theirs = { ...exchangeTable(spec), ...(await exchangeByRefusal(connection, spec)) };
    exchanges.push({
      ...spec,
      type: String(theirs['type']),
      durable: theirs['durable'] === true,
      autoDelete: theirs['auto-delete'] === true,
      internal: theirs['internal'] === true,
    });
  }
  const queues: QueueSpec[] = [];
  for (const { name } of file.queues) {
    const state = await queueState(connection, undefined, name);
    if (state !== undefined && state.arguments['x-queue-type'] === undefined && state.exclusive !== true) {
      if (!(await queueExists(connection, name))) continue;
      throw new Failure('denied', `this user may not see the arguments of the queue "${name}"`, {
        hint: 'nothing was changed; the configure permission shows them, or the management API to a user with a tag for it',
      });
    }
    if (state !== undefined) queues.push({ name, durable: state.durable === true, autoDelete: state.autoDelete === true, arguments: state.arguments });
  }
  return { exchanges, queues, policies: [], builtIn: new Set() };
}

/** What was made by a former apply and is in the file no more. Bindings of what is removed go with it. */
function superfluous(state: TopologyState, file: Definitions, made: ReadonlySet<string>, wanted: ReadonlySet<string>): Definitions {
  const isOwn = (kind: Parameters<typeof hashOf>[0]) => (object: Parameters<typeof hashOf>[1]) => made.has(hashOf(kind, object));
  const without = <T extends { readonly name: string }>(all: readonly T[], kept: readonly { readonly name: string }[]): readonly T[] => {
    const names = new Set(kept.map(({ name }) => name));
    return all.filter(({ name }) => !names.has(name));
  };
  const exchanges = without(state.exchanges, file.exchanges).filter(isOwn('exchange'));
  const queues = without(state.queues, file.queues).filter(isOwn('queue'));
  const going = new Set([...exchanges.map(({ name }) => `x${name}`), ...queues.map(({ name }) => `q${name}`)]);
  return {
    exchanges,
    queues,
    policies: without(state.policies, file.policies).filter(isOwn('policy')),
    bindings: state.bindings
      .filter((binding) => !wanted.has(bindingKey(binding)) && isOwn('binding')(binding))
      .filter(({ source, destination, toExchange }) => !going.has(`x${source}`) && !going.has(`${toExchange ? 'x' : 'q'}${destination}`)),
  };
}

function removalsOf({ exchanges, queues, bindings, policies }: Definitions, depth: (queue: string) => number): readonly PlanStep[] {
  const step = (kind: PlanStep['kind'], name: string, args: FieldTable = {}): PlanStep => ({ kind, name, action: 'delete', arguments: args, differences: [] });
  return [
    ...bindings.map((binding) => bindingStep(binding, 'delete')),
    ...queues.map(({ name }) => step('queue', name, depth(name) === 0 ? {} : { messages: depth(name) })),
    ...exchanges.map(({ name }) => step('exchange', name)),
    ...policies.map(({ name }) => step('policy', name)),
  ];
}
