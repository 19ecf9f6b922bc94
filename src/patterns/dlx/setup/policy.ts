import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '../../../amqp/connection/connection.ts';
import type { ManagementApi } from '../../../management/api.ts';
import type { Policy } from '../../../management/facts.ts';
import { highest, ONLY_QUORUM, policiesFor } from '../../../management/policies.ts';
import type { Difference } from '../../../model/difference.ts';
import { Failure } from '../../../model/failure.ts';
import type { FieldTable } from '../../../model/message/message.ts';
import { option } from '../../../model/option.ts';
import { type Plan, type PlanStep, planSetup } from './plan.ts';
import { type DeadLetterSetup, NO_LIMIT } from './topology.ts';

/** A plan that sets a policy instead of arguments; undefined when the current policy has every setting. */
export interface PolicyPlan extends Plan {
  readonly policy: Policy | undefined;
  /** The name of the policy that applies afterwards. */
  readonly holding?: string;
}

/**
 * Only one policy applies to a queue. Ours takes over the settings of the current one, and gets a higher priority. Arguments of the
 * queue win over a policy: one that says otherwise is a conflict.
 *
 * @throws Failure `missing` when the queue does not exist, `usage` without the management API
 */
export async function planPolicy(connection: Connection, api: ManagementApi | undefined, setup: DeadLetterSetup): Promise<PolicyPlan> {
  const { name } = setup.queue;
  if (api === undefined) {
    throw new Failure('unavailable', 'a policy can only be set through the management API, which does not answer', {
      hint: `${option('managementUrl')} says where it is; ${option('verbose')} says where it was looked for`,
    });
  }
  const queue = await api.queue(name);
  if (queue === undefined)
    throw new Failure('missing', `there is no queue "${name}" for a policy`, { hint: `without ${option('policy')}, the queue is declared` });
  const others = await planSetup(connection, api, setup);
  const steps = others.steps.filter((step) => step.kind !== 'queue' || step.name !== name);
  const wanted = Object.fromEntries(Object.entries(setup.policy).filter(([, value]) => value !== NO_LIMIT || queue.type === 'quorum'));
  const conflicts = Object.entries(wanted)
    .map(([key, ours]): Difference => ({ argument: `x-${key}`, theirs: queue.arguments[`x-${key}`] ?? null, ours }))
    .filter(({ argument, theirs, ours }) => theirs !== null && theirs !== ours && !(LESSER_WINS.has(argument) && Number(theirs) > Number(ours)));
  const held = setup.absent
    .filter((argument) => queue.arguments[argument] !== undefined)
    .map((argument): Difference => ({ argument, theirs: queue.arguments[argument] ?? null, ours: null }));
  // The broker accepts such a policy, and then applies nothing of it.
  if (queue.type !== 'quorum' && ONLY_QUORUM.some((key) => wanted[key] !== undefined)) {
    held.push({ argument: 'x-queue-type', theirs: queue.type, ours: 'quorum' });
  }
  if (conflicts.length + held.length > 0) {
    const step: PlanStep = { kind: 'queue', name, action: 'conflict', arguments: queue.arguments, differences: [...conflicts, ...held] };
    return { ...others, steps: [...steps, step], policy: undefined };
  }
  const policies = await api.policies();
  const applicable = policiesFor(policies, queue);
  const top = highest(applicable);
  // The API may still name the policy before; of several with the same priority, it knows which one applies.
  const current = top.find((one) => one.name === queue.policy) ?? top[0];
  const policy = policyFor(name, wanted, setup.absent, current, applicable);
  const before = current?.definition ?? {};
  const differences = Object.entries({ ...Object.fromEntries(Object.keys(before).map((key) => [key, null])), ...policy.definition })
    .map(([argument, ours]): Difference => ({ argument, theirs: before[argument] ?? null, ours }))
    .filter(({ theirs, ours }) => JSON.stringify(theirs) !== JSON.stringify(ours));
  const own = policies.find((one) => one.name === policy.name);
  const holds = differences.length === 0 && (top.length === 1 || current?.name === queue.policy);
  const action = holds ? 'keep' : own === undefined ? 'create' : 'change';
  const { pattern, priority, definition } = policy;
  const step: PlanStep = {
    kind: 'policy',
    name: action === 'keep' && current !== undefined ? current.name : policy.name,
    action,
    arguments: { pattern, priority, definition },
    differences: action === 'change' ? differences : [],
  };
  const taken = current !== undefined && current.name !== policy.name && action !== 'keep';
  const notes = taken ? [`the policy "${current.name}" no longer applies to "${name}": its settings are copied, but later changes to it are not`] : [];
  return { queue: name, steps: [...steps, step], notes: [...others.notes, ...notes], policy: action === 'keep' ? undefined : policy, holding: step.name };
}

/** Where an argument and a policy both limit, the lower limit applies. */
const LESSER_WINS = new Set(['x-message-ttl', 'x-max-length', 'x-delivery-limit']);

function policyFor(queue: string, policy: FieldTable, absent: readonly string[], current: Policy | undefined, applicable: readonly Policy[]): Policy {
  const name = `rmq-dlx-${queue}`;
  const without = new Set(absent.map((argument) => argument.replace(/^x-/, '')));
  const kept: FieldTable = Object.fromEntries(Object.entries(current?.definition ?? {}).filter(([key]) => !without.has(key)));
  const others = applicable.filter((one) => one.name !== name).map((one) => one.priority + 1);
  const priority = Math.max(0, ...others, ...(current?.name === name ? [current.priority] : []));
  return { name, pattern: `^${queue.replace(/[\\^$.*+?()[\]{}|#-]/g, '\\$&')}$`, applyTo: 'queues', priority, definition: { ...kept, ...policy } };
}

/** A policy is applied some time after it was set, and the API tells so some seconds later. */
const PATIENCE = 10_000;
const CHECK = 100;

/**
 * Waits until a policy applies to a queue.
 *
 * @throws Failure `negative` when another one applies, or none
 */
export async function policyHolds(api: ManagementApi, queue: string, name: string): Promise<void> {
  let holding: string | undefined;
  for (let waited = 0; waited < PATIENCE; waited += CHECK) {
    holding = (await api.queue(queue))?.policy;
    if (holding === name) return;
    await delay(CHECK);
  }
  throw new Failure('negative', `the policy "${name}" is set, but ${holding === undefined ? 'none' : `"${holding}"`} applies to "${queue}"`, {
    hint: 'rmq dlx list shows where its dead letters go; a policy with settings that the type of the queue does not support is never applied',
  });
}
