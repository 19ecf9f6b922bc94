import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { isAlive, type ProcessMark } from './node/process.ts';

/** The record of a broker in the background. */
export interface BackgroundState {
  /** The URLs of all nodes, with commas between them. */
  readonly url: string;
  readonly managementUrl: string;
  readonly version: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly nodes: readonly { readonly name: string; readonly port: number; readonly process?: ProcessMark | undefined }[];
  /** Processes that belong to it besides its nodes. */
  readonly companions: readonly ProcessMark[];
  /** What runs it, when it runs in containers. */
  readonly engine?: string | undefined;
  readonly network?: string | undefined;
}

/** Where the files of a background broker are, below the state directory of the XDG base directory specification. */
export interface StatePaths {
  readonly base: string;
  readonly state: string;
  readonly lock: string;
  /** What the broker itself writes: its data, its log. */
  readonly data: string;
}

/** See {@link StatePaths}; a relative `XDG_STATE_HOME` is ignored, as the specification wants it. */
export function statePaths(env: Readonly<Record<string, string | undefined>>): StatePaths {
  const given = env['XDG_STATE_HOME'];
  const base = join(given !== undefined && isAbsolute(given) ? given : join(env['HOME'] || homedir(), '.local', 'state'), 'rmq');
  return { base, state: join(base, 'broker.json'), lock: join(base, 'broker.lock'), data: join(base, 'broker') };
}

/** The record, whether it is still true or not; undefined without a file, or with an invalid one. */
export function readState(path: string): BackgroundState | undefined {
  try {
    const state = JSON.parse(readFileSync(path, 'utf8')) as BackgroundState;
    return typeof state.url === 'string' && typeof state.managementUrl === 'string' && Array.isArray(state.nodes) && Array.isArray(state.companions)
      ? state
      : undefined;
  } catch {
    return undefined;
  }
}

/** True while a process of one of its nodes lives; only the engine knows about containers. */
export function isRunning(state: BackgroundState): boolean {
  return state.nodes.some(({ process: mark }) => (mark === undefined ? state.engine !== undefined : isAlive(mark)));
}

/**
 * The broker that `rmq broker start` has left in the background, unless its processes are gone. Cheap enough for the start
 * of every command: it reads a small file and asks the system for a process, not the network.
 */
export function backgroundNode(env: Readonly<Record<string, string | undefined>>): { url: string; managementUrl: string } | undefined {
  const state = readState(statePaths(env).state);
  return state !== undefined && isRunning(state) ? { url: state.url, managementUrl: state.managementUrl } : undefined;
}
