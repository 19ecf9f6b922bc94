import { onOwnChannel } from '../../../amqp/connection/channel.ts';
import type { Connection } from '../../../amqp/connection/connection.ts';
import { exchangeExists } from '../../../amqp/topology/ensure.ts';
import { describeQueue } from '../../../amqp/topology/queue-facts.ts';
import type { ManagementApi } from '../../../management/api.ts';
import type { ExchangeFacts, QueueFacts } from '../../../management/facts.ts';
import { highest, policiesFor } from '../../../management/policies.ts';
import { type Difference, describeDifference } from '../../../model/difference.ts';
import { Failure } from '../../../model/failure.ts';
import type { FieldTable, FieldValue } from '../../../model/message/message.ts';
import { type Binding, type BindingSpec, type ExchangeSpec, type QueueSpec, sorted } from '../../../model/topology.ts';
import type { DeadLetterSetup } from './topology.ts';

/**
 * What becomes of one object. `keep`: it exists and will do; differences are in what was not asked for. `bind`: it may exist,
 * which only the management API tells; binding twice changes nothing.
 */
export interface PlanStep {
  readonly kind: 'exchange' | 'queue' | 'binding' | 'policy';
  readonly name: string;
  readonly action: 'create' | 'change' | 'keep' | 'bind' | 'delete' | 'conflict';
  /** How it is or would be declared. */
  readonly arguments: FieldTable;
  readonly differences: readonly Difference[];
}

export interface Plan {
  readonly queue: string;
  readonly steps: readonly PlanStep[];
  readonly notes: readonly string[];
}

/** What is known about a queue. */
export interface QueueState {
  readonly durable?: boolean;
  readonly autoDelete?: boolean;
  /** True: it is exclusive to another connection. */
  readonly exclusive?: boolean;
  /** The maximum length that a policy sets, and the name of that policy. */
  readonly policyLength?: { readonly policy: string; readonly most: number } | undefined;
  readonly arguments: FieldTable;
  /** True: all its arguments are known. */
  readonly complete: boolean;
}

/** Looks at what exists, and declares nothing. The management API, where there is one, sees more. */
export async function planSetup(connection: Connection, api: ManagementApi | undefined, { behind, queue, absent, back }: DeadLetterSetup): Promise<Plan> {
  const seen = api === undefined ? undefined : { exchanges: await api.exchanges(), bindings: await api.bindings() };
  const steps: PlanStep[] = [];
  for (const exchange of behind.exchanges) steps.push(await planExchange(connection, seen?.exchanges, exchange));
  for (const one of behind.queues) steps.push(planQueue(one, await queueState(connection, api, one.name), [], true));
  steps.push(planQueue(queue, await queueState(connection, api, queue.name), absent));
  const isNew = (kind: PlanStep['kind'], name: string): boolean => steps.some((step) => step.kind === kind && step.name === name && step.action === 'create');
  for (const binding of [...behind.bindings, ...back]) {
    const fresh = isNew('exchange', binding.exchange) || isNew('queue', binding.queue);
    steps.push(planBinding(binding, fresh ? [] : seen?.bindings));
  }
  return { queue: queue.name, steps, notes: unknownBindings(steps) };
}

/** What to know about a plan that was made without the management API. */
export function unknownBindings(steps: readonly PlanStep[]): readonly string[] {
  const isUnknown = steps.some(({ action }) => action === 'bind');
  return isUnknown ? ['without the management API it is unknown which bindings exist; binding twice changes nothing'] : [];
}

/** The failure for the conflicts of a plan; undefined without any. */
export function conflictFailure({ steps }: Pick<Plan, 'steps'>, hint: string, wish?: string): Failure | undefined {
  const conflicts = steps.filter(({ action }) => action === 'conflict');
  if (conflicts.length === 0) return undefined;
  const told = conflicts.map(
    ({ kind, name, differences }) => `the ${kind} "${name}" exists with other arguments: ${differences.map((one) => describeInPlan(one, wish)).join('; ')}`,
  );
  return new Failure('refused', told.join('\n'), { hint });
}

/** Such as `x-message-ttl is 5000 there, the setup wants 3600000`. */
export function describeInPlan(difference: Difference, wish = 'the setup wants'): string {
  return describeDifference(difference, wish);
}

async function planExchange(connection: Connection, seen: readonly ExchangeFacts[] | undefined, spec: ExchangeSpec): Promise<PlanStep> {
  const { name, type, arguments: args } = spec;
  const step = { kind: 'exchange', name, arguments: { type, ...args } } as const;
  const facts = seen?.find((exchange) => exchange.name === name);
  const exists = seen === undefined ? await exchangeExists(connection, name) : facts !== undefined;
  if (!exists) return { ...step, action: 'create', differences: [] };
  // Dead letters would lose their way with an auto-delete exchange; only the broker may publish to an internal one.
  const wanted: Record<string, FieldValue> = { type, durable: true, 'auto-delete': false, internal: false };
  const theirs: FieldTable =
    facts === undefined
      ? await exchangeByRefusal(connection, spec)
      : { type: facts.type, durable: facts.durable, 'auto-delete': facts.autoDelete, internal: facts.internal };
  const all = [
    ...Object.entries(wanted).map(([argument, ours]) => ({ argument, theirs: theirs[argument] ?? ours, ours })),
    ...(facts === undefined ? [] : Object.entries(args).map(([argument, ours]) => ({ argument, theirs: facts.arguments[argument] ?? null, ours }))),
  ];
  const differences = all.filter((one) => one.theirs !== one.ours);
  return { ...step, action: differences.length > 0 ? 'conflict' : 'keep', differences };
}

/** How an existing exchange differs. It is declared again: the broker changes nothing and names the first difference, which the next declaration takes over. */
export async function exchangeByRefusal(connection: Connection, { name, type, durable, arguments: args }: ExchangeSpec): Promise<FieldTable> {
  const differs: Record<string, FieldValue> = {};
  for (;;) {
    const options = {
      durable: differs['durable'] !== 'false' && durable,
      autoDelete: differs['auto_delete'] === 'true',
      internal: differs['internal'] === 'true',
    };
    try {
      await onOwnChannel(connection, (channel) => channel.assertExchange(name, String(differs['type'] ?? type), { ...options, arguments: args }));
      break;
    } catch (error) {
      const [, what = '', current = ''] =
        /inequivalent arg '(type|durable|auto_delete|internal)'.*but current is '?([\w-]+)/.exec((error as Error).message) ?? [];
      if (!(error instanceof Failure) || what === '' || differs[what] !== undefined) break;
      differs[what] = current;
    }
  }
  const truth = (what: string): FieldTable => (differs[what] === undefined ? {} : { [what.replace('_', '-')]: differs[what] === 'true' });
  return { ...(differs['type'] !== undefined && { type: differs['type'] }), ...truth('durable'), ...truth('auto_delete'), ...truth('internal') };
}

/** What is known about a queue; undefined when there is none. */
export async function queueState(connection: Connection, api: ManagementApi | undefined, name: string): Promise<QueueState | undefined> {
  const facts = await api?.queue(name);
  if (api !== undefined && facts !== undefined) {
    const { durable, autoDelete, exclusive } = facts;
    const policyLength = await lengthByPolicy(api, facts);
    return { durable, autoDelete, exclusive, policyLength, arguments: { ...facts.arguments, 'x-queue-type': facts.type }, complete: true };
  }
  const described = await describeQueue(connection, name);
  if (described === undefined) return undefined;
  const { type, durable, autoDelete, withheld, arguments: args } = described;
  const exclusive = withheld?.code === RESOURCE_LOCKED;
  return { durable, autoDelete, exclusive, arguments: { ...args, ...(type !== undefined && { 'x-queue-type': type }) }, complete: false };
}

const RESOURCE_LOCKED = 405;

/** The lowest length that a policy of the user or of the operator allows. */
async function lengthByPolicy(api: ManagementApi, facts: QueueFacts): Promise<QueueState['policyLength']> {
  const holding = [await api.policies(), await api.operatorPolicies()].flatMap((all) => highest(policiesFor(all, facts)));
  const limits = holding.flatMap(({ name: policy, definition: { 'max-length': most } }) => (typeof most === 'number' ? [{ policy, most }] : []));
  return limits.sort((one, other) => one.most - other.most)[0];
}

/** What the broker does not tell when it refuses a declaration. */
export const UNTOLD: ReadonlySet<string> = new Set(['x-delivery-limit', 'x-dead-letter-strategy', 'x-overflow']);

/**
 * Compares a queue with the planned one: required properties must match, others are kept as they are. A queue that `keeps` dead letters must also
 * exist when they come, and have room for more than one.
 */
export function planQueue(
  { name, arguments: args, required = [] }: QueueSpec,
  state: QueueState | undefined,
  absent: readonly string[],
  keeps = false,
): PlanStep {
  const step = { kind: 'queue', name, arguments: args } as const;
  if (state === undefined) return { ...step, action: 'create', differences: [] };
  const known = (argument: string): boolean => state.complete || (state.arguments['x-queue-type'] !== undefined && !UNTOLD.has(argument));
  const differences = [
    ...Object.entries(args).map(([argument, ours]): Difference => ({ argument, theirs: state.arguments[argument] ?? null, ours })),
    ...absent.filter((argument) => !(argument in args)).map((argument): Difference => ({ argument, theirs: state.arguments[argument] ?? null, ours: null })),
  ].filter(({ argument, theirs, ours }) => theirs !== ours && (theirs !== null || known(argument)));
  const conflicts = [
    ...differences.filter(({ argument }) => required.includes(argument) || absent.includes(argument)),
    ...(state.exclusive === true ? [{ argument: 'exclusive', theirs: true, ours: false }] : keeps ? unfit(state) : []),
  ];
  return conflicts.length > 0 ? { ...step, action: 'conflict', differences: conflicts } : { ...step, action: 'keep', differences };
}

/** Why a queue does not keep dead letters. */
function unfit({ durable, autoDelete, policyLength, arguments: args }: QueueState): readonly Difference[] {
  const most = args['x-max-length'];
  return [
    ...(durable === false ? [{ argument: 'durable', theirs: false, ours: true }] : []),
    ...(autoDelete === true ? [{ argument: 'auto-delete', theirs: true, ours: false }] : []),
    ...(args['x-expires'] === undefined ? [] : [{ argument: 'x-expires', theirs: args['x-expires'], ours: null }]),
    ...(typeof most === 'number' && most <= 1 ? [{ argument: 'x-max-length', theirs: most, ours: null }] : []),
    ...(policyLength !== undefined && policyLength.most <= 1
      ? [{ argument: `max-length of the policy "${policyLength.policy}"`, theirs: policyLength.most, ours: null }]
      : []),
  ];
}

function planBinding({ exchange, queue, key, arguments: args }: BindingSpec, seen: readonly Binding[] | undefined): PlanStep {
  const name = `${exchange} → ${queue}${key === '' ? '' : ` (${key})`}`;
  const same = seen?.some(
    (one) =>
      one.source === exchange &&
      one.destination === queue &&
      !one.toExchange &&
      one.key === key &&
      JSON.stringify(sorted(one.arguments)) === JSON.stringify(sorted(args)),
  );
  const action = same === undefined ? 'bind' : same ? 'keep' : 'create';
  return { kind: 'binding', name, action, arguments: { exchange, queue, key, ...(Object.keys(args).length > 0 && { arguments: args }) }, differences: [] };
}
