import { readFile } from 'node:fs/promises';
import * as z from 'zod/mini';
import { parseAddress } from '../../amqp/connection/address.ts';
import type { Session } from '../../amqp/connection/session.ts';
import { withControlConnection } from '../../amqp/topology/declare.ts';
import type { ManagementApi } from '../../management/api.ts';
import { Failure } from '../../model/failure.ts';
import { describeInPlan } from '../dlx/setup/plan.ts';
import type { FindManagementApi } from '../management.ts';
import { applyTopology } from './apply.ts';
import { parseTopology, type TopologyFile } from './file.ts';
import { planTopology, type TopologyPlan, topologyConflict } from './plan.ts';
import { topologyState } from './state.ts';

/** An export takes the whole vhost. */
export const TopologyExportConfig = z.strictObject({});

/** What `plan` and `apply` take. */
export const TopologyConfig = z.strictObject({
  file: z.string().check(z.minLength(1)),
  /** Removes what only a former apply can have made, and the file no longer has. */
  prune: z._default(z.boolean(), false),
});
export type TopologyConfig = z.output<typeof TopologyConfig>;

/** What differences are said to be. */
export const WISH = 'the file says';

/**
 * Reads a file of definitions for the vhost of a URL.
 *
 * @throws Failure `missing`, `io`, or `data` that names line and column
 */
export async function readTopology({ file }: TopologyConfig, url: string): Promise<TopologyFile> {
  const source = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw new Failure('missing', `there is no file "${file}"`);
    throw new Failure('io', `${file} cannot be read: ${error.message}`, { cause: error });
  });
  return parseTopology(file, source, parseAddress(url).vhost);
}

/** What was found, and what was done about it: the messages that went with queues. */
export interface TopologyRun {
  readonly plan: TopologyPlan;
  readonly conflict: Failure | undefined;
  readonly messages: number;
}

/**
 * Plans a file, and does it once `agree` has resolved; without `agree`, or in conflict, or with nothing to do, it touches nothing.
 *
 * @throws Failure as `planTopology` and `applyTopology` do, and what `agree` throws
 */
export async function runTopology(
  session: Session,
  file: TopologyFile,
  prune: boolean,
  find: FindManagementApi,
  agree?: (plan: TopologyPlan) => Promise<void>,
): Promise<TopologyRun> {
  return withControlConnection(session, async (connection) => {
    const api = await find(connection);
    const plan = await planTopology(connection, await stateIfReadable(api, session), file, prune);
    const conflict = topologyConflict(plan, (difference) => describeInPlan(difference, WISH));
    const isDone = plan.steps.every(({ action }) => action === 'keep');
    if (agree === undefined || conflict !== undefined || isDone) return { plan, conflict, messages: 0 };
    await agree(plan);
    try {
      return { plan, conflict, messages: await applyTopology(session, connection, api, file, plan) };
    } catch (error) {
      session.emit({ kind: 'note', text: 'it stopped in the middle: some of it may be done; rmq topology plan tells what is left' });
      throw error;
    }
  });
}

/** A user without a management tag has to do without. */
async function stateIfReadable(api: ManagementApi | undefined, session: Session): Promise<Awaited<ReturnType<typeof topologyState>> | undefined> {
  if (api === undefined) return undefined;
  try {
    return await topologyState(api);
  } catch (error) {
    if (!(error instanceof Failure) || error.kind !== 'denied') throw error;
    session.emit({ kind: 'note', text: `continuing without the management API: ${error.message}` });
    return undefined;
  }
}
