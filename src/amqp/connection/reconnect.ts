import { setTimeout as delay } from 'node:timers/promises';
import { onAbort } from '../../model/async.ts';
import type { Emit, Role } from '../../model/event.ts';
import { abortFailure, Failure } from '../../model/failure.ts';
import { option } from '../../model/option.ts';
import { formatCount } from '../../model/quantity.ts';
import type { Address } from './address.ts';
import { type Connection, type DialConfig, dial } from './connection.ts';
import { tlsOptions } from './tls.ts';

export interface LinkConfig extends DialConfig {
  readonly addresses: readonly Address[];
  /** Rounds over all addresses before the first success; absent: one, or as many as fit into `wait`. */
  readonly connectAttempts?: number | undefined;
  /** Rounds without success, in a row, before a lost connection is given up; absent: 12, or none for a run without an end of its own. */
  readonly maxReconnects?: number | undefined;
  readonly reconnect: boolean;
  readonly reconnectDelay: Pauses;
}

/** The shortest and the longest pause before an attempt, in milliseconds. */
export interface Pauses {
  readonly from: number;
  readonly to: number;
}

/** A connection that comes back. Each role has one, and only the link decides when to try again. */
export interface Link {
  /** False when a lost connection is given up at once. */
  readonly comesBack: boolean;
  /** True when it never gives up. */
  readonly endless: boolean;
  /** True once `close` was called. */
  readonly closed: boolean;
  /**
   * Connects, or connects again after the last connection was lost or of no use: `because` then says why. `fresh`: one message caused the loss,
   * and the losses before it do not count.
   */
  readonly connect: (signal: AbortSignal, because?: Failure, fresh?: boolean) => Promise<Connection>;
  /** Closes what is open; nothing is connected afterwards. */
  readonly close: () => Promise<void>;
}

const BASE_DELAY = 250;
const MAX_RECONNECTS = 12;
/** A connection that lived for this many milliseconds resets the count of attempts, even when nothing was achieved on it. */
export const STABLE = 10_000;
/** Pauses grow when connections that succeed at the first attempt end within this many milliseconds. */
const SHORT = 2_000;
/** A run without an end comes back soon after a short outage: no pause is longer than half of the outage so far, or than this many milliseconds if that is more. */
const SOON = 1_000;
/** How often a refused login is tried again after an earlier success: a vhost or a user store may be restarting. */
const DENIED_ROUNDS = 3;
/** Attempts that are reported one by one; later ones are reported now and then. */
const TOLD_ATTEMPTS = 8;
const TOLD_EVERY = 30_000;

/** Full jitter above the shortest pause, up to a bound that doubles: clients that lost the same broker do not return together. */
export function backoff(attempt: number, { from, to }: Pauses, random: () => number = Math.random): number {
  return Math.round(from + random() * Math.min(to - from, BASE_DELAY * 2 ** Math.min(attempt, 20)));
}

/** Shared by the links of a session: true once one of them has connected. A first connection that fails after that is tried again like a lost one. */
export interface Reached {
  any: boolean;
}

/** Opens a link; one that is `endless` comes back for ever, unless the config says how often. */
export function openLink(role: Role, config: LinkConfig, emit: Emit, endless = false, reached: Reached = { any: false }): Link {
  const most = config.maxReconnects ?? (endless ? Number.POSITIVE_INFINITY : MAX_RECONNECTS);
  const addresses = shuffled(config.addresses);
  let current: Connection | undefined;
  let since = 0;
  let ended = 0;
  let attempts = 0;
  /** Connections in a row that were short, of no use, and made at the first attempt. */
  let shortLived = 0;
  /** When the first of these attempts was due, and when one was last reported. */
  let troubled = 0;
  let told = 0;
  let reason: Failure | undefined;
  let closed = false;
  /** Ends the attempt under way when the link is closed. */
  let trying: AbortController | undefined;
  let stopping: AbortSignal = new AbortController().signal;

  const connect = async (signal: AbortSignal, because?: Failure, fresh = false): Promise<Connection> => {
    stopping = signal;
    if (closed) throw closedFailure();
    if (signal.aborted) throw abortFailure(signal);
    const controller = new AbortController();
    const ignore = onAbort(signal, () => controller.abort(abortFailure(signal)));
    trying = controller;
    try {
      return current === undefined ? await first(controller.signal) : await again(current, because, fresh, controller.signal);
    } finally {
      trying = undefined;
      ignore();
    }
  };

  /** Reports an attempt; of many attempts, some. */
  const tell = (attempt: number, pause: number, failure: Failure): void => {
    const now = Date.now();
    if (attempt === 1) troubled = now;
    const repeated = attempt > TOLD_ATTEMPTS && now - told < TOLD_EVERY;
    if (!repeated) told = now;
    emit({ kind: 'reconnecting', role, attempt, delay: pause, since: now - troubled, repeated, failure });
  };

  /** Connects for the first time: as many rounds over all addresses as were asked for, or as fit into `wait`. */
  const first = async (signal: AbortSignal): Promise<Connection> => {
    // Unusable certificate files are reported before the network is touched.
    for (const address of addresses) await tlsOptions(address, config);
    const again = reached.any && config.reconnect ? 1 + most : 1;
    const rounds = config.connectAttempts ?? (config.wait === undefined ? again : Number.POSITIVE_INFINITY);
    const deadline = Date.now() + (config.wait ?? Number.POSITIVE_INFINITY);
    for (let round = 1; ; round++) {
      const { connection, failures } = await tryAll(signal);
      if (connection !== undefined) return connection;
      const failure = combine(failures);
      const left = deadline - Date.now();
      // The user has to correct a refused login, whatever the other addresses may do.
      if (round >= rounds || left <= 0 || !failure.transient || failures.some(({ kind }) => kind === 'denied')) throw failure;
      const pause = Math.min(backoff(round - 1, config.reconnectDelay), left);
      tell(round, pause, failure);
      await pauseFor(pause, signal);
    }
  };

  /** The pauses after an outage of this many milliseconds; where attempts are counted, pauses are longer. */
  const within = (outage: number): Pauses => {
    const { from, to } = config.reconnectDelay;
    return most === Number.POSITIVE_INFINITY ? { from, to: Math.max(from, Math.min(to, Math.max(SOON, outage / 2))) } : { from, to };
  };

  /** Connects again after a loss, or after a connection of no use. */
  const again = async (lost: Connection, because: Failure | undefined, fresh: boolean, signal: AbortSignal): Promise<Connection> => {
    // The time that it did not answer, or was of no use, does not count as life.
    const fine = STABLE + (lost.unanswered || because !== undefined ? 2 * config.answerTimeout : 0);
    const lived = (lost.open ? Date.now() : ended) - since;
    if (fresh || lost.ofUse || lived > fine) attempts = 0;
    if (fresh || lost.ofUse || lived > SHORT) shortLived = 0;
    // The connection may still be open when only its channel was lost.
    await lost.close();
    let failure = because ?? reason ?? new Failure('unavailable', 'the connection was lost', { transient: true });
    if (!config.reconnect) throw lostFailure(failure, `reconnecting is off (${option('reconnect', false)})`);
    const began = Date.now();
    for (let round = 1; ; round++) {
      if (attempts >= most) {
        throw lostFailure(
          failure,
          attempts === 0 ? `reconnecting is off (${option('maxReconnects', '0')})` : `gave up after ${formatCount(attempts, 'attempt')} to reconnect`,
        );
      }
      const pause = backoff(shortLived + round - 1, round === 1 ? config.reconnectDelay : within(Date.now() - began));
      attempts++;
      tell(attempts, pause, failure);
      await pauseFor(pause, signal);
      const { connection, failures } = await tryAll(signal);
      if (connection !== undefined) {
        shortLived = round === 1 ? shortLived + 1 : 0;
        return connection;
      }
      failure = combine(failures);
      if (!failure.transient && !(failure.kind === 'denied' && round <= DENIED_ROUNDS)) throw failure;
    }
  };

  const tryAll = async (signal: AbortSignal): Promise<{ connection?: Connection; failures: readonly Failure[] }> => {
    const failures: Failure[] = [];
    for (const address of addresses) {
      emit({ kind: 'connecting', role, address: address.text });
      try {
        return { connection: opened(await connectTo(address, { signal, stopping })), failures };
      } catch (error) {
        if (!(error instanceof Failure) || signal.aborted) throw error;
        failures.push(error);
      }
    }
    return { failures };
  };

  const connectTo = async (address: Address, signals: { readonly signal: AbortSignal; readonly stopping: AbortSignal }): Promise<Connection> => {
    const dialing = current === undefined ? config : { ...config, wait: 0 };
    if (config.password === undefined && config.token === undefined) return dial(address, dialing, role, emit, signals);
    const { dialWith } = await import('./credentials.ts');
    return dialWith(address, dialing, role, emit, signals);
  };

  const opened = (connection: Connection): Connection => {
    current = connection;
    reached.any = true;
    since = Date.now();
    emit({ kind: 'connected', role, address: connection.address.text, broker: connection.version });
    void connection.lost.then((failure) => {
      reason = failure;
      ended = Date.now();
      if (current === connection && !closed && !connection.left && !stopping.aborted) emit({ kind: 'disconnected', role, failure });
    });
    return connection;
  };

  return {
    comesBack: config.reconnect && most > 0,
    endless: config.reconnect && most === Number.POSITIVE_INFINITY,
    get closed() {
      return closed;
    },
    connect,
    close: async () => {
      closed = true;
      trying?.abort(closedFailure());
      await current?.close();
    },
  };
}

function closedFailure(): Failure {
  return new Failure('unavailable', 'the connection was closed');
}

async function pauseFor(milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(milliseconds, undefined, { signal });
  } catch {
    throw abortFailure(signal);
  }
}

/** The failure of a round: its only failure, or all of them by name, with the kind and hint of the most telling one. */
function combine(failures: readonly Failure[]): Failure {
  const [first] = failures;
  if (first === undefined) throw new Error('a link needs an address');
  if (failures.length === 1) return first;
  const telling = failures.find(({ kind }) => kind === 'denied') ?? failures.find(({ transient }) => !transient) ?? first;
  return new Failure(telling.kind, `no broker let us in:\n${failures.map(({ message }) => `  ${message}`).join('\n')}`, {
    transient: failures.some(({ transient }) => transient),
    ...(telling.hint !== undefined && { hint: telling.hint }),
  });
}

function lostFailure(failure: Failure, what: string): Failure {
  return new Failure('unavailable', `${failure.message}; ${what}`, { cause: failure, ...(failure.hint !== undefined && { hint: failure.hint }) });
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => [Math.random(), item] as const)
    .sort(([a], [b]) => a - b)
    .map(([, item]) => item);
}
