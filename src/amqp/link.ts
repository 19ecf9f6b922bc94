import { setTimeout as delay } from 'node:timers/promises';
import type { Emit, Role } from '../model/event.ts';
import { abortFailure, Failure } from '../model/failure.ts';
import { formatCount } from '../model/quantity.ts';
import type { Address } from './address.ts';
import { type Connection, type DialConfig, dial } from './connection.ts';
import { tlsOptions } from './tls.ts';

export interface LinkConfig extends DialConfig {
  readonly addresses: readonly Address[];
  /** Milliseconds to go on trying before the first success; absent: one round over all addresses. */
  readonly wait?: number | undefined;
  /** Rounds without success, in a row, before a lost connection is given up. */
  readonly maxReconnects: number;
  readonly reconnect: boolean;
}

/** A connection that comes back: one role, one connection at a time, one owner of the question when to try again. */
export interface Link {
  /** False when a lost connection is given up at once. */
  readonly comesBack: boolean;
  /** Connects, or connects again after the last connection was lost. */
  readonly connect: (signal: AbortSignal) => Promise<Connection>;
  /** Closes what is open; nothing is connected afterwards. */
  readonly close: () => Promise<void>;
}

const BASE_DELAY = 250;
const MAX_DELAY = 30_000;
/** A connection that lived this long has earned a fresh count of attempts. */
const STABLE = 10_000;
/** Refused logins that are tried again once a login has succeeded: a vhost or a user store may just be restarting. */
const DENIED_ROUNDS = 3;

/** Full jitter: anything up to the exponential bound, so that clients which lost the same broker do not return together. */
export function backoff(attempt: number, random: () => number = Math.random): number {
  return Math.round(random() * Math.min(MAX_DELAY, BASE_DELAY * 2 ** Math.min(attempt, 20)));
}

export function openLink(role: Role, config: LinkConfig, emit: Emit): Link {
  const addresses = shuffled(config.addresses);
  let current: Connection | undefined;
  let since = 0;
  let attempts = 0;
  let reason: Failure | undefined;
  let closed = false;
  /** Ends whatever is being tried when the link is closed meanwhile. */
  let trying: AbortController | undefined;

  const connect = async (signal: AbortSignal): Promise<Connection> => {
    if (closed) throw closedFailure();
    if (signal.aborted) throw abortFailure(signal);
    const controller = new AbortController();
    const forward = (): void => controller.abort(abortFailure(signal));
    signal.addEventListener('abort', forward, { once: true });
    trying = controller;
    try {
      return current === undefined ? await first(controller.signal) : await again(current, controller.signal);
    } finally {
      trying = undefined;
      signal.removeEventListener('abort', forward);
    }
  };

  /** Until the first success: one round over all addresses, or as many as fit into `wait`. */
  const first = async (signal: AbortSignal): Promise<Connection> => {
    // Files that cannot be read or used are told before the network is touched.
    for (const address of addresses) await tlsOptions(address, config);
    const deadline = Date.now() + (config.wait ?? 0);
    for (let round = 1; ; round++) {
      const { connection, failures } = await tryAll(signal);
      if (connection !== undefined) return connection;
      const failure = combine(failures);
      const left = deadline - Date.now();
      // A login that was refused is a mistake to correct, whatever the other addresses may still do.
      if (left <= 0 || !failure.transient || failures.some(({ kind }) => kind === 'denied')) throw failure;
      const pause = Math.min(backoff(round - 1), left);
      emit({ kind: 'reconnecting', role, attempt: round, delay: pause, failure });
      await pauseFor(pause, signal);
    }
  };

  /** After a loss. */
  const again = async (lost: Connection, signal: AbortSignal): Promise<Connection> => {
    // It may still be open, when only its channel was lost.
    await lost.close();
    let failure = reason ?? new Failure('unavailable', 'the connection was lost', { transient: true });
    if (!config.reconnect) throw lostFailure(failure, 'reconnecting is off (--no-reconnect)');
    for (let round = 1; ; round++) {
      if (attempts >= config.maxReconnects) {
        throw lostFailure(
          failure,
          attempts === 0 ? 'reconnecting is off (--max-reconnects 0)' : `gave up after ${formatCount(attempts, 'attempt')} to reconnect`,
        );
      }
      const pause = backoff(attempts);
      attempts++;
      emit({ kind: 'reconnecting', role, attempt: attempts, delay: pause, failure });
      await pauseFor(pause, signal);
      const { connection, failures } = await tryAll(signal);
      if (connection !== undefined) return connection;
      failure = combine(failures);
      if (!failure.transient && !(failure.kind === 'denied' && round <= DENIED_ROUNDS)) throw failure;
    }
  };

  const tryAll = async (signal: AbortSignal): Promise<{ connection?: Connection; failures: readonly Failure[] }> => {
    const failures: Failure[] = [];
    for (const address of addresses) {
      emit({ kind: 'connecting', role, address: address.text });
      try {
        return { connection: opened(await dial(address, config, role, emit, signal)), failures };
      } catch (error) {
        if (!(error instanceof Failure) || signal.aborted) throw error;
        failures.push(error);
      }
    }
    return { failures };
  };

  const opened = (connection: Connection): Connection => {
    current = connection;
    since = Date.now();
    emit({ kind: 'connected', role, address: connection.address.text, broker: connection.version });
    void connection.lost.then((failure) => {
      reason = failure;
      if (Date.now() - since > STABLE) attempts = 0;
      if (current === connection && !closed) emit({ kind: 'disconnected', role, failure });
    });
    return connection;
  };

  return {
    comesBack: config.reconnect && config.maxReconnects > 0,
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

/** The failure of a round: the only one, or all of them by name, with the kind and the hint of the most telling. */
function combine(failures: readonly Failure[]): Failure {
  const [first] = failures;
  if (first === undefined) throw new Error('a link without addresses');
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
