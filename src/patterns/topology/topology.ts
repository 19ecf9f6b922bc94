import * as z from 'zod/mini';
import { parseAddress } from '../../amqp/connection/address.ts';
import type { Connection } from '../../amqp/connection/connection.ts';
import type { Session } from '../../amqp/connection/session.ts';
import { changeBindings, declare, deleteExchange, deleteQueue, withControlConnection } from '../../amqp/topology/declare.ts';
import { redeclareExchange, redeclareQueue } from '../../amqp/topology/ensure.ts';
import type { ManagementApi } from '../../management/api.ts';
import { Failure } from '../../model/failure.ts';
import { conflictFailure } from '../dlx/setup/plan.ts';
import type { FindManagementApi } from '../management.ts';
import { type Input, openSource, readChunks } from '../publish/input.ts';
import { parseTopology, type TopologyFile } from './file.ts';
import { planTopology, type TopologyPlan } from './plan.ts';
import { hashOf, memoryOf, topologyState } from './state.ts';

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
 * Reads a file of definitions for the vhost of a URL; `-` is standard input.
 *
 * @throws Failure `missing`, `io`, or `data` that names line and column
 */
export async function readTopology({ file }: TopologyConfig, input: Input, signal: AbortSignal, url: string): Promise<TopologyFile> {
  const { name, stream } = openSource(file, input);
  const chunks: Buffer[] = [];
  for await (const chunk of readChunks(stream, signal)) chunks.push(chunk);
  return parseTopology(name, Buffer.concat(chunks).toString(), parseAddress(url).vhost);
}

const CONFLICT =
  'nothing was changed; arguments cannot be changed: use those that are there, or another name, or delete it first (rmq queue delete, rmq exchange delete)';

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
    const conflict = conflictFailure(plan, CONFLICT, WISH);
    const isDone = plan.steps.every(({ action }) => action === 'keep');
    if (agree === undefined || conflict !== undefined || isDone) return { plan, conflict, messages: 0 };
    await agree(plan);
    let begun = false;
    const begin = (): void => {
      begun = true;
    };
    try {
      return { plan, conflict, messages: await applyTopology(session, connection, api, file, plan, begin) };
    } catch (error) {
      const isUntouched = !begun && error instanceof Failure && ['refused', 'denied', 'missing'].includes(error.kind);
      const text = isUntouched
        ? 'its first step failed: nothing was done'
        : 'it stopped in the middle: some of it may be done; rmq topology plan tells what is left';
      session.emit({ kind: 'note', text });
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

/**
 * Does what a plan says. Policies come before queues, and queues before bindings: no message finds half a topology. What is made is remembered first, so that a run
 * that was killed can be done again; what is pruned goes last. Resolves with the number of messages that went with queues.
 *
 * @param begin called once something may be done
 */
async function applyTopology(
  session: Session,
  connection: Connection,
  api: ManagementApi | undefined,
  file: TopologyFile,
  plan: TopologyPlan,
  begin: () => void,
): Promise<number> {
  const { create, remove, steps, memory } = plan;
  const made = new Set([
    ...create.exchanges.map((one) => hashOf('exchange', one)),
    ...create.queues.map((one) => hashOf('queue', one)),
    ...create.bindings.map((one) => hashOf('binding', one)),
    ...steps.filter(({ kind, action }) => kind === 'policy' && action === 'create').map((one) => hashOf('policy', one)),
  ]);
  const isRemoving = [remove.exchanges, remove.queues, remove.bindings, remove.policies].some((all) => all.length > 0);
  const remembered = new Set([...(memory?.made ?? []), ...made]);
  // Binding once more, without knowing, makes nothing.
  const isNew = steps.some(({ action }) => action === 'create');
  const names = isNew ? await remember(session, connection, file.name, remembered, memory?.names ?? []) : (memory?.names ?? []);
  for (const one of create.exchanges) await redeclareExchange(connection, one).then(begin);
  for (const policy of create.policies) await api?.setPolicy(policy).then(begin);
  for (const one of create.queues) await redeclareQueue(connection, one).then(begin);
  if (create.bindings.length > 1) begin();
  if (create.bindings.length > 0) await changeBindings(connection, 'bind', create.bindings);
  if (!isRemoving) return 0;
  begin();
  if (remove.bindings.length > 0) await changeBindings(connection, 'unbind', remove.bindings).catch(whereGone);
  let messages = 0;
  for (const { name } of remove.queues) messages += await deleteQueue(session, name, { ifEmpty: false, ifUnused: false }).catch(whereGone);
  for (const { name } of remove.exchanges) await deleteExchange(session, name, { ifUnused: false }).catch(whereGone);
  for (const { name } of remove.policies) await api?.deletePolicy(name).catch(whereGone);
  // What is left of what was made is in the file: bindings also go with their queues.
  const kept = new Set([
    ...file.exchanges.map((one) => hashOf('exchange', one)),
    ...file.queues.map((one) => hashOf('queue', one)),
    ...file.bindings.map((one) => hashOf('binding', one)),
    ...file.policies.map((one) => hashOf('policy', one)),
  ]);
  const left = new Set([...remembered].filter((hash) => kept.has(hash)));
  await remember(session, connection, file.name, left, names);
  return messages;
}

/** What was gone before it could be removed is no failure. */
function whereGone(error: unknown): number {
  if (error instanceof Failure && error.kind === 'missing') return 0;
  throw error;
}

/** Keeps what was made in an exchange of its own, and removes the older ones; a user who may not declare it can do everything but prune. */
async function remember(
  session: Session,
  connection: Connection,
  topology: string,
  made: ReadonlySet<string>,
  older: readonly string[],
): Promise<readonly string[]> {
  const memory = memoryOf(topology, made);
  try {
    if (made.size > 0) await declare(connection, { exchanges: [memory], queues: [], bindings: [] });
    for (const name of older) await deleteExchange(session, name, { ifUnused: false }).catch(whereGone);
    return made.size > 0 ? [memory.name] : [];
  } catch (error) {
    if (!(error instanceof Failure) || error.kind !== 'denied') throw error;
    session.emit({ kind: 'note', text: `this user may not declare "${memory.name}": a later prune will not know what was made now` });
    return older;
  }
}
