import { existsSync, lstatSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import * as z from 'zod/mini';
import { Failure } from '../model/failure.ts';
import { type Broker, startBroker } from './broker.ts';
import { withLock } from './lock.ts';
import { greet, runningNodes } from './node/boot.ts';
import { makeDirectory, withFiles } from './node/directory.ts';
import { startGuardian } from './node/guardian.ts';
import { isAlive, markProcess } from './node/process.ts';
import { BrokerShape, type Surroundings } from './run.ts';
import { type BackgroundState, isRunning, readState, type StatePaths, statePaths } from './state.ts';

export const BrokerStartConfig = z
  .strictObject({
    ...BrokerShape,
    port: z.optional(z.int().check(z.gte(1), z.lte(65_535))),
  })
  .check(z.refine(({ port = 1, nodes }) => port + nodes - 1 <= 65_535, { error: 'the nodes count on from --port, and 65535 is the last port' }));
export type BrokerStartConfig = z.infer<typeof BrokerStartConfig>;

/** `broker stop` and `broker status` have no options. */
export const NothingConfig = z.strictObject({});

const ANSWER_WITHIN = 5_000;
const ELSEWHERE = 'XDG_STATE_HOME names another directory to keep the state in.';
const FREE = 'Free some room there, or name another directory with XDG_STATE_HOME.';

/**
 * Starts a broker that outlives this process and its terminal. A running one is left as it is.
 *
 * @throws Failure `unavailable` when none can be started, or the existing one does not answer; `negative` when that differs from what is asked for
 */
export async function startInBackground(
  config: BrokerStartConfig,
  { env, emit, signal }: Surroundings,
): Promise<{ readonly state: BackgroundState; readonly already: boolean }> {
  const paths = statePaths(env);
  return withLock(paths.lock, ELSEWHERE, signal, async () => {
    const before = readState(paths.state);
    if (before !== undefined && isRunning(before)) {
      const [first] = before.nodes;
      if ((config.nodes ?? 1) > before.nodes.length || (config.port !== undefined && config.port !== first?.port)) {
        throw new Failure('negative', `a broker with other nodes or ports is already running in the background, at ${addresses(before)}`, {
          hint: 'rmq broker stop removes it.',
        });
      }
      if (await accepts(before)) return { state: before, already: true };
      throw new Failure('unavailable', `a broker is running in the background, but does not accept connections at ${addresses(before)}`, {
        hint: 'rmq broker stop removes it.',
      });
    }
    if (before !== undefined || existsSync(paths.data)) {
      emit({ kind: 'note', text: 'removing what is left of a broker that has ended' });
      await remove(paths, before);
    }
    withFiles(`cannot make ${paths.data}`, FREE, () => makeDirectory(paths.data));
    const broker = await startBroker({ ...config, directory: paths.data, environment: env, signal, emit });
    try {
      const state = remembered(broker);
      withFiles(`cannot write ${paths.state}`, FREE, () => {
        writeFileSync(`${paths.state}.new`, `${JSON.stringify(state, undefined, 2)}\n`, { mode: 0o600 });
        renameSync(`${paths.state}.new`, paths.state);
      });
      await broker.release();
      return { state, already: false };
    } catch (error) {
      await broker.stop();
      throw error;
    }
  });
}

/**
 * Ends the background broker and removes its files; resolves with its state, or with undefined when there was none.
 *
 * @throws Failure `io` when files cannot be removed; its processes have ended nevertheless
 */
export async function stopBackground({
  env,
  signal,
}: Surroundings): Promise<{ readonly state: BackgroundState | undefined; readonly data: string } | undefined> {
  const paths = statePaths(env);
  if (!existsSync(paths.state) && !existsSync(paths.data) && lstatSync(paths.lock, { throwIfNoEntry: false }) === undefined) return undefined;
  const stop = async (): Promise<Awaited<ReturnType<typeof stopBackground>>> => {
    const state = readState(paths.state);
    if (!existsSync(paths.state) && !existsSync(paths.data)) return undefined;
    await remove(paths, state);
    return { state, data: paths.data };
  };
  try {
    return await withLock(paths.lock, ELSEWHERE, signal, stop);
  } catch (error) {
    // No other one can start while this one runs: it can be ended where no lock can be made, as in a directory that has become read-only.
    const state = readState(paths.state);
    if (!(error instanceof Failure && error.kind === 'io') || state === undefined || !isRunning(state)) throw error;
    return stop();
  }
}

export interface BackgroundStatus extends Pick<BackgroundState, 'url' | 'managementUrl' | 'version' | 'startedAt'> {
  readonly running: boolean;
  /** True when every expected node accepts AMQP connections. */
  readonly accepting: boolean;
  readonly uptimeSeconds: number;
  readonly nodes: readonly { readonly name: string; readonly pid: number | undefined; readonly accepting: boolean; readonly memoryBytes: number | undefined }[];
}

/** Asks the background broker; undefined when there is none, after removing what is left of one that has died. */
export async function backgroundStatus({ env, emit, signal }: Surroundings): Promise<BackgroundStatus | undefined> {
  const paths = statePaths(env);
  const state = readState(paths.state);
  if (state === undefined) return undefined;
  if (!isRunning(state)) {
    await withLock(paths.lock, ELSEWHERE, signal, async () => {
      const now = readState(paths.state);
      if (now === undefined || isRunning(now)) return;
      await remove(paths, now);
      emit({ kind: 'note', text: `the broker that was started at ${state.startedAt} has ended by itself; removed what was left of it` });
    });
    return undefined;
  }
  const members = new Map((await runningNodes(state.managementUrl)).map((member) => [member.name.replace(/^rabbit@/, ''), member]));
  const nodes = await Promise.all(
    state.nodes.map(async ({ name, port, process: mark }) => ({
      name,
      pid: mark?.pid,
      accepting: (mark === undefined || isAlive(mark)) && (await greet(port, ANSWER_WITHIN)) !== undefined,
      memoryBytes: members.get(name)?.mem_used,
    })),
  );
  const { url, managementUrl, version, startedAt } = state;
  const uptimeSeconds = Math.max(0, Math.round((Date.now() - Date.parse(startedAt)) / 1_000));
  return { running: true, accepting: nodes.every(({ accepting }) => accepting), url, managementUrl, version, startedAt, uptimeSeconds, nodes };
}

/** Ends only processes that were started for it, and removes files only where this program keeps them. */
async function remove(paths: StatePaths, state: BackgroundState | undefined): Promise<void> {
  const guardian = startGuardian(paths.data, state?.engine);
  for (const mark of [...(state?.nodes.map((node) => node.process) ?? []), ...(state?.companions ?? [])]) {
    if (mark !== undefined && isAlive(mark)) guardian.target(-mark.pid);
  }
  if (state?.engine !== undefined) for (const { name } of state.nodes) guardian.container(name);
  if (state?.network !== undefined) guardian.network(state.network);
  await guardian.clean();
  withFiles('the broker has ended, but its files are still there', `remove ${paths.state} and ${paths.data}`, () => {
    // The guardian could not remove them: this attempt says why.
    rmSync(paths.data, { recursive: true, force: true });
    rmSync(paths.state, { force: true });
  });
}

function remembered({ url, managementUrl, version, nodes, companions, server, network }: Broker): BackgroundState {
  return {
    url,
    managementUrl,
    version,
    startedAt: new Date().toISOString(),
    nodes: nodes.map(({ name, port, pid }) => ({ name, port, process: pid === undefined ? undefined : markProcess(pid) })),
    companions: companions.map(markProcess),
    engine: server.kind === 'container' ? server.engine : undefined,
    network,
  };
}

async function accepts(state: BackgroundState): Promise<boolean> {
  const versions = await Promise.all(state.nodes.map(({ port }) => greet(port, ANSWER_WITHIN)));
  return versions.some((version) => version !== undefined);
}

function addresses(state: BackgroundState): string {
  return state.nodes.map(({ port }) => `127.0.0.1:${port}`).join(', ');
}
