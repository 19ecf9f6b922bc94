import * as z from 'zod/mini';
import type { AskForSecret } from '../amqp/connection/credentials.ts';
import { createSession, type Session } from '../amqp/connection/session.ts';
import type { Emit } from '../model/event.ts';
import { milliseconds } from './names.ts';

const secret = z.optional(z.custom<AskForSecret>((value) => typeof value === 'function', { error: 'must be a function that resolves with it' }));
const filePath = z.optional(z.string().check(z.minLength(1)));

/** How to reach a broker, and how long to keep trying. Durations are milliseconds. */
export const connectionShape = {
  /** `amqp://` or `amqps://` URLs; with several, each is tried in turn. */
  url: z.array(z.string().check(z.minLength(1))).check(z.minLength(1)),
  /** Resolves with the password, instead of the one in the URL: called before the first connection, and again when the password is refused. */
  password: secret,
  /**
   * Resolves with an OAuth 2.0 token, which is sent as the password: called before the first connection, when the token is refused, and when 80 % of
   * the time until it expires has passed.
   */
  token: secret,
  /** For one address, until the broker has accepted the login. Absent: as the URL says, else 10 s. */
  connectTimeout: z.optional(milliseconds()),
  /** How long to keep trying before the first success; absent: one round over all addresses, or `connectAttempts`. */
  wait: z.optional(milliseconds()),
  /** Rounds over all addresses before the first success; absent: one, or as many as fit into `wait`. */
  connectAttempts: z.optional(z.int().check(z.minimum(1), z.maximum(1_000_000))),
  /**
   * Rounds of reconnecting over all addresses before giving up. The count begins anew when a connection was of use (something was confirmed, acknowledged or answered on it) or lived for
   * 10 s. Absent: 12, and no limit for a run without an end of its own.
   */
  maxReconnects: z.optional(z.int().check(z.minimum(0), z.maximum(1_000_000))),
  /** False: a lost connection is given up at once. */
  reconnect: z._default(z.boolean(), true),
  /** The shortest and the longest pause before connecting again; a random one in between, which may grow with each attempt. */
  reconnectDelay: z._default(
    z
      .strictObject({ from: milliseconds(0), to: milliseconds(0) })
      .check(z.refine(({ from, to }) => from <= to, { error: 'must not begin with the longer pause' })),
    { from: 0, to: 30_000 },
  ),
  /**
   * Interval in whole seconds; a peer that is silent for two of them counts as dead. 0 turns heartbeats off.
   * Absent: as the URL says, else 60 s.
   */
  heartbeat: z.optional(
    z.int().check(
      z.refine((value) => value === 0 || (value >= 1_000 && value % 1_000 === 0 && value <= 65_535_000), {
        error: 'must be whole seconds from 1s to 65535s, or 0s to turn it off',
      }),
    ),
  ),
  /** How long an alarm of the broker may block publishing before the run gives up. */
  blockedTimeout: z._default(milliseconds(), 300_000),
  /** How long the broker may leave a question unanswered, such as a declaration, while it sends nothing else; then the connection counts as lost. */
  answerTimeout: z._default(milliseconds(), 30_000),
  /** The largest body to receive, in bytes: it is held in memory. A larger one ends the run. */
  maxMessageSize: z._default(z.int().check(z.minimum(1), z.maximum(4_000_000_000)), 134_217_728),
  /** PEM files. */
  cacert: filePath,
  cert: filePath,
  key: filePath,
  /** A file with the passphrase of the key. */
  passphraseFile: filePath,
  /** The name that the broker's certificate must carry, where it is not the host name. */
  servername: filePath,
  /** True: accepts any certificate. */
  insecure: z._default(z.boolean(), false),
  /** The connection's name on the management page. */
  name: z.optional(z.string().check(z.minLength(1))),
};

export const ConnectionConfig = z.strictObject(connectionShape);

export type ConnectionConfig = z.output<typeof ConnectionConfig>;

export type { Session };

/** Opens a session, hands it to `use`, and closes it however `use` ends. */
export async function withSession<T>(options: ConnectionConfig, use: (session: Session) => Promise<T>, emit?: Emit, signal?: AbortSignal): Promise<T> {
  const session = createSession(options, emit, signal);
  try {
    return await use(session);
  } finally {
    await session.close();
  }
}
