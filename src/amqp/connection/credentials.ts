import { deferred, onAbort } from '../../model/async.ts';
import type { Emit, Role } from '../../model/event.ts';
import { abortFailure, Failure } from '../../model/failure.ts';
import { option } from '../../model/option.ts';
import { formatDuration, MAX_TIMER } from '../../model/quantity.ts';
import { keepPassword } from '../../model/secrets.ts';
import type { Address } from './address.ts';
import { type Connection, type DialConfig, dial } from './connection.ts';

/** Gives a password or a token: the output of a program, an answer of a vault. The signal aborts when the answer is no longer needed. */
export type AskForSecret = (signal: AbortSignal) => Promise<string>;

/** A password or a token as it was given. */
export interface Secret {
  readonly text: string;
  /** When it was given; milliseconds since 1970. */
  readonly since: number;
  /** When a token is to be renewed, and when it expires; milliseconds since 1970. Undefined for what does not say that it expires. */
  readonly lifetime: { readonly renewAt: number; readonly expiresAt: number } | undefined;
}

/** The password or the token of a session: asked for when it is needed first, when it was refused, and when it is about to expire. */
export interface Credentials {
  /** What the user calls them in an error. */
  readonly kind: 'password' | 'token';
  /**
   * The secret at hand, unless it was refused or is to be renewed: then another one. One question is asked for all who wait.
   *
   * @throws Failure `config` when none is given, temporary once there has been one; what the signal was aborted with
   */
  readonly secret: (signal: AbortSignal) => Promise<Secret>;
  /** The broker does not take this one. */
  readonly refuse: (secret: Secret) => void;
}

/** What a connection says of its credentials. */
export interface CredentialsConfig {
  readonly password?: AskForSecret | undefined;
  readonly token?: AskForSecret | undefined;
  readonly connectTimeout?: number | undefined;
}

/** Milliseconds that a secret may take to come, unless the time to connect is given. */
const PATIENCE = 30_000;
/** A token is renewed when so much of its life has passed. */
const WELL_BEFORE = 0.8;

const known = new WeakMap<AskForSecret, Credentials>();

/**
 * The credentials that a connection is to ask for; undefined where the URL has them. All that are configured alike share one secret.
 *
 * @throws Failure `usage` for a password beside a token
 */
export function credentialsOf({ password, token, connectTimeout = PATIENCE }: CredentialsConfig): Credentials | undefined {
  if (password !== undefined && token !== undefined) throw new Failure('usage', `${option('password')} and ${option('token')} exclude each other`);
  const ask = password ?? token;
  if (ask === undefined) return undefined;
  const credentials = known.get(ask) ?? openCredentials(ask, ask === token ? 'token' : 'password', connectTimeout);
  known.set(ask, credentials);
  return credentials;
}

function openCredentials(ask: AskForSecret, kind: Credentials['kind'], patience: number): Credentials {
  let held: Secret | undefined;
  let given = false;
  let asking: { readonly answer: Promise<Secret>; readonly abandon: () => void } | undefined;
  let waiting = 0;

  const renewed = (): NonNullable<typeof asking> => {
    const controller = new AbortController();
    const late = new Failure('config', `${option(kind)}: nothing came within ${formatDuration(patience)}`, {
      hint: 'does it ask a question that is not answered?',
      transient: given,
    });
    const timer = setTimeout(() => controller.abort(late), patience);
    const answer = untilAborted(ask(controller.signal), controller.signal)
      .then(
        (text) => {
          held = secretOf(text, kind, given);
          given = true;
          return held;
        },
        (error: unknown) => {
          throw failureOf(error, kind, given);
        },
      )
      .finally(() => {
        clearTimeout(timer);
        asking = undefined;
      });
    return { answer, abandon: () => controller.abort(new Failure('config', `${option(kind)}: the answer is no longer needed`)) };
  };

  return {
    kind,
    refuse: (secret) => {
      if (held === secret) held = undefined;
    },
    secret: async (signal) => {
      if (signal.aborted) throw abortFailure(signal);
      if (held !== undefined && Date.now() < (held.lifetime?.renewAt ?? Number.POSITIVE_INFINITY)) return held;
      asking ??= renewed();
      const { answer, abandon } = asking;
      waiting++;
      try {
        return await untilAborted(answer, signal);
      } finally {
        waiting--;
        // A program that hangs must not outlive those who wanted to know.
        if (waiting === 0) abandon();
      }
    },
  };
}

function secretOf(answer: unknown, kind: Credentials['kind'], transient: boolean): Secret {
  const text = typeof answer === 'string' ? (kind === 'token' ? answer.trim() : answer) : '';
  const wrong = (what: string, hint: string): Failure => new Failure('config', `${option(kind)} gave ${what}`, { hint, transient });
  if (text === '') throw wrong('nothing', `the ${kind} must be its whole output`);
  if (/[\r\n\0]/.test(text)) throw wrong('more than one line', `the ${kind} must be its whole output; | head -n 1 takes the first line`);
  return { text, since: Date.now(), lifetime: kind === 'token' ? lifetimeOf(text) : undefined };
}

/** When a JSON Web Token expires (RFC 7519); any other kind of token does not tell. */
function lifetimeOf(token: string): Secret['lifetime'] {
  try {
    const { exp } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { exp?: unknown };
    if (typeof exp !== 'number') return undefined;
    const now = Date.now();
    return { renewAt: now + WELL_BEFORE * (exp * 1_000 - now), expiresAt: exp * 1_000 };
  } catch {
    return undefined;
  }
}

function failureOf(error: unknown, kind: Credentials['kind'], transient: boolean): Failure {
  if (!(error instanceof Failure)) {
    const why = error instanceof Error ? error.message : String(error);
    return new Failure('config', `${option(kind)} failed: ${why}`, { transient, cause: error });
  }
  const { message, hint, cause } = error;
  return new Failure(error.kind, message, { transient, cause, ...(hint !== undefined && { hint }) });
}

/** What is promised, unless the signal aborts first. */
async function untilAborted<T>(promised: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = deferred<Promise<never>>();
  const stopListening = onAbort(signal, () => aborted.resolve(Promise.reject(abortFailure(signal))));
  try {
    return await Promise.race([promised, aborted.promise]);
  } finally {
    stopListening();
  }
}

type Signals = Parameters<typeof dial>[4];

/** Milliseconds between two attempts to renew a token: at least, and once it has expired. */
const LEAST_PAUSE = 1_000;
const LATE_PAUSE = 30_000;

/**
 * Connects to one broker with a password or a token that has to be asked for. One that was given earlier and is refused now is asked for again.
 * A token is renewed on the connection before it expires.
 *
 * @throws Failure as `dial` does, and `config` when there is no password or no token
 */
export async function dialWith(address: Address, config: DialConfig, role: Role, emit: Emit, signals: Signals): Promise<Connection> {
  const credentials = credentialsOf(config);
  if (credentials === undefined) return dial(address, config, role, emit, signals);
  const began = Date.now();
  const logIn = async (): Promise<Connection> => {
    const secret = await credentials.secret(signals.signal);
    keepPassword(address.username, secret.text);
    try {
      const connection = await dial({ ...address, password: secret.text }, config, role, emit, signals);
      keepRenewed(connection, credentials, secret, emit);
      return connection;
    } catch (error) {
      if (!(error instanceof Failure) || error.kind !== 'denied') throw error;
      credentials.refuse(secret);
      // It may have been changed since it was given.
      if (secret.since < began) return logIn();
      throw error;
    }
  };
  return logIn();
}

/** Tells the broker of another token before the one of the connection expires: it refuses everything afterwards. */
function keepRenewed(connection: Connection, credentials: Credentials, secret: Secret, emit: Emit): void {
  const over = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const timeLeft = (): number => Math.max(0, (secret.lifetime?.expiresAt ?? 0) - Date.now());
  const schedule = (least: number): void => {
    if (secret.lifetime === undefined || over.signal.aborted) return;
    timer = setTimeout(() => void renew(), Math.min(MAX_TIMER, Math.max(least, secret.lifetime.renewAt - Date.now())));
    timer.unref();
  };
  const renew = async (): Promise<void> => {
    try {
      const next = await credentials.secret(over.signal);
      if (over.signal.aborted) return;
      if (next.text !== secret.text) {
        keepPassword(connection.address.username, next.text);
        await connection.model.updateSecret(Buffer.from(next.text), 'the token is renewed before it expires');
        emit({ kind: 'detail', text: 'the token of the connection was renewed' });
      }
      secret = next;
    } catch (error) {
      if (over.signal.aborted) return;
      const why = error instanceof Error ? error.message : String(error);
      emit({ kind: 'note', text: `the token cannot be renewed, and ${timeLeft() > 0 ? `expires in ${formatDuration(timeLeft())}` : 'has expired'}: ${why}` });
    }
    schedule(timeLeft() > 0 ? Math.max(LEAST_PAUSE, timeLeft() / 4) : LATE_PAUSE);
  };
  void connection.lost.then(() => {
    clearTimeout(timer);
    over.abort();
  });
  schedule(0);
}
