import type { Connection } from '../../amqp/connection.ts';
import { withControlConnection } from '../../amqp/declare.ts';
import { ensure } from '../../amqp/ensure.ts';
import { atLeast } from '../../amqp/return-rules.ts';
import type { Session } from '../../amqp/session.ts';
import type { Desk } from '../../management/desk.ts';
import type { ConnectionConfig } from '../connection.ts';
import { checkedCall } from '../options.ts';
import { type DeskPlace, deskIfThere } from './list-desk.ts';
import { conflictFailure, type Plan, planSetup } from './plan.ts';
import { DlxSetupConfig } from './setup-config.ts';
import { type PolicyPlan, planPolicy, policyHolds } from './setup-policy.ts';
import { type DeadLetterSetup, setupTopology } from './setup-topology.ts';
import { type Verified, verifySetup } from './setup-verify.ts';

/** What the setup of dead letters has to reach. */
export interface SetupPlace {
  readonly connection: ConnectionConfig;
  /** Where the management API is; it sees more than the broker tells otherwise, and only it sets policies. */
  readonly management: DeskPlace;
}

/** What was done, or would be, and how the marked message went through. */
export interface SetUp extends Plan {
  readonly verified?: Verified;
}

/**
 * Sets up the dead letters of a queue: what is missing is declared, the queue itself last, so that it never dead-letters into
 * nothing. Doing it twice changes nothing. With `plan`, nothing is touched at all, and conflicts are in the plan.
 *
 * @throws Failure `usage` for wrong options, `refused` that names each argument in conflict, and then nothing was declared; `missing` for a policy on a
 * queue that is not there; `unavailable` for one without the management API; with `verify`, as `verifySetup` does
 */
export async function setupDeadLetters(session: Session, given: DlxSetupConfig, { connection: target, management }: SetupPlace): Promise<SetUp> {
  const config = checkedCall(session, DlxSetupConfig, given);
  // What is wrong with the config is told before anything connects.
  setupTopology(config);
  return withControlConnection(session, async (connection) => {
    const setup = setupTopology(config, { unlimited: atLeast(connection.version, 4, 0) });
    const desk = await deskIfThere(target, management, connection, session.signal, session.emit);
    const plan = config.policy ? await planPolicy(connection, desk, setup) : await planSetup(connection, desk, setup);
    const told = { queue: plan.queue, steps: plan.steps, notes: plan.notes };
    if (config.plan) return told;
    const conflict = conflictFailure(plan);
    if (conflict !== undefined) throw conflict;
    await apply(connection, desk, setup, plan);
    return config.verify ? { ...told, verified: await verifySetup(session, connection, desk, config, setup) } : told;
  });
}

async function apply(connection: Connection, desk: Desk | undefined, { behind, queue, back }: DeadLetterSetup, plan: Plan | PolicyPlan): Promise<void> {
  await ensure(connection, behind);
  const byPolicy = 'policy' in plan;
  await ensure(connection, { exchanges: [], queues: byPolicy ? [] : [queue], bindings: back });
  if (!byPolicy || desk === undefined) return;
  if (plan.policy !== undefined) await desk.setPolicy(plan.policy);
  if (plan.holding !== undefined) await policyHolds(desk, queue.name, plan.holding);
}
