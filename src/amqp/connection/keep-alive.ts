import { Failure } from '../../model/failure.ts';
import { afterLogin } from './channel.ts';
import type { Connection } from './connection.ts';
import type { Link } from './reconnect.ts';

/** What lives on one connection after the other: a publisher, a consumer, a requester. */
export interface LastingRole {
  /** Begins on a connection. Resolves with the promise of the reason why it ended there. */
  readonly start: (connection: Connection) => Promise<{ readonly ended: Promise<Failure> }>;
  /** Where it goes on after a failure; throws the Failure that it cannot go on after. */
  readonly resume: (failure: Failure, connection: Connection) => Promise<Connection>;
  /** True once it was stopped on purpose. */
  readonly isOver: () => boolean;
  /** Resolves when it is stopped on purpose, where nothing else would end it. */
  readonly stopped?: Promise<unknown>;
}

/**
 * Starts a role, and starts it again whenever it has ended, for as long as it can go on. A connection that is lost between its login and the first channel is
 * lost like any other. `over` resolves with the failure in the end, or with undefined when the role was stopped.
 *
 * @throws Failure when it could not begin, and no other connection would help
 */
export async function keepAlive(first: Connection, { start, resume, isOver, stopped }: LastingRole): Promise<{ readonly over: Promise<Failure | undefined> }> {
  const live = async (began: Promise<Failure>): Promise<Failure | undefined> => {
    let [connection, ended] = [first, began];
    try {
      for (;;) {
        const failure = await Promise.race(stopped === undefined ? [ended] : [ended, stopped]);
        if (isOver()) return undefined;
        connection = await resume(failure as Failure, connection);
        if (isOver()) return undefined;
        ended = (await start(connection).catch(afterLogin)).ended;
      }
    } catch (error) {
      return asFailure(error);
    }
  };
  const { ended } = await start(first).catch(afterLogin);
  return { over: live(ended) };
}

/** True when another connection may succeed. */
async function isTemporary(failure: Failure, connection: Connection): Promise<boolean> {
  return connection.open ? failure.transient : (await connection.lost).transient;
}

/**
 * Connects, and asks a question first. When the connection is lost before the answer, or the node of the queue is down, the question is asked again on
 * the next connection, as often as a lost connection comes back.
 */
export async function askOver<T>(
  link: Link,
  signal: AbortSignal,
  question: (connection: Connection) => Promise<T>,
): Promise<{ readonly connection: Connection; readonly answer: T }> {
  for (let because: Failure | undefined; ; ) {
    const connection = await link.connect(signal, because);
    try {
      return { connection, answer: await question(connection) };
    } catch (error) {
      if (!(error instanceof Failure) || signal.aborted || !(await isTemporary(error, connection))) throw error;
      because = error;
    }
  }
}

/**
 * Works through something pass by pass, a connection each: a pass resolves with what ended it too early, and `again` prepares the next one on its connection.
 * Resolves with the last connection, and with the failure when no other connection would help.
 */
export async function passes(
  link: Link,
  signal: AbortSignal,
  first: Connection,
  pass: (connection: Connection) => Promise<Failure | undefined>,
  again: (connection: Connection, lost: Connection) => Promise<void>,
): Promise<{ readonly connection: Connection; readonly failure: Failure | undefined }> {
  for (let connection = first; ; ) {
    const failure = await pass(connection);
    if (failure === undefined || signal.aborted || !(await isTemporary(failure, connection))) return { connection, failure };
    const lost = connection;
    ({ connection } = await askOver(link, signal, (on) => again(on, lost)));
  }
}

/** A failure as it is; anything else is a bug that ends the role. */
export function asFailure(error: unknown): Failure {
  return error instanceof Failure ? error : new Failure('unavailable', String(error), { cause: error });
}
