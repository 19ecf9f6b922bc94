import type { Connection } from '../../../amqp/connection/connection.ts';
import type { Session } from '../../../amqp/connection/session.ts';
import { atLeast } from '../../../amqp/consumer/return-rules.ts';
import { withControlConnection } from '../../../amqp/topology/declare.ts';
import { ensure } from '../../../amqp/topology/ensure.ts';
import type { ManagementApi } from '../../../management/api.ts';
import { option } from '../../../model/option.ts';
import type { ConnectionConfig } from '../../connection.ts';
import { type ManagementPlace, managementIfThere } from '../../management.ts';
import type { DlxSetupConfig } from './config.ts';
import { conflictFailure, type Plan, planSetup } from './plan.ts';
import { type PolicyPlan, planPolicy, policyHolds } from './policy.ts';
import { type DeadLetterSetup, setupTopology } from './topology.ts';
import { type Verified, verifySetup } from './verify.ts';

export interface SetupPlace {
  readonly connection: ConnectionConfig;
  /** Finds the management API, which tells more than the broker does over AMQP, and alone sets policies. */
  readonly management: ManagementPlace;
}

/** What was done, or would be, and how the marked message travelled. */
export interface SetUp extends Plan {
  readonly verified?: Verified;
}

/**
 * Sets up the dead letters of a queue: declares what is missing, the queue itself last, so that it never dead-letters into
 * nothing. Doing it twice changes nothing. With `plan`, nothing is declared, and conflicts are in the plan.
 *
 * @throws Failure `refused` that names each argument in conflict, when nothing was declared; `missing` for a policy on a
 * queue that does not exist; `unavailable` for one without the management API; with `verify`, as `verifySetup` does
 */
export async function setupDeadLetters(session: Session, config: DlxSetupConfig, { connection: target, management }: SetupPlace): Promise<SetUp> {
  // Errors in the config are reported before anything connects.
  setupTopology(config);
  return withControlConnection(session, async (connection) => {
    const setup = setupTopology(config, { unlimited: atLeast(connection.version, 4, 0) });
    const api = await managementIfThere(target, management, connection, session.signal, session.emit);
    const plan = config.policy ? await planPolicy(connection, api, setup) : await planSetup(connection, api, setup);
    const told = { queue: plan.queue, steps: plan.steps, notes: plan.notes };
    if (config.plan) return told;
    const conflict = conflictFailure(
      plan,
      `nothing was declared; ${option('policy')} sets dead-lettering on an existing queue; otherwise leave those options out, or use other names`,
    );
    if (conflict !== undefined) throw conflict;
    await apply(connection, api, setup, plan);
    return config.verify ? { ...told, verified: await verifySetup(session, connection, api, config, setup) } : told;
  });
}

async function apply(connection: Connection, api: ManagementApi | undefined, { behind, queue, back }: DeadLetterSetup, plan: Plan | PolicyPlan): Promise<void> {
  await ensure(connection, behind);
  const byPolicy = 'policy' in plan;
  await ensure(connection, { exchanges: [], queues: byPolicy ? [] : [queue], bindings: back });
  if (!byPolicy || api === undefined) return;
  if (plan.policy !== undefined) await api.setPolicy(plan.policy);
  if (plan.holding !== undefined) await policyHolds(api, queue.name, plan.holding);
}
