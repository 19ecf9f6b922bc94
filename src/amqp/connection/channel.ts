import type { Channel } from 'amqplib';
import { Failure } from '../../model/failure.ts';
import { Questions } from './answer-timeout.ts';
import { channelFailure } from './broker-errors.ts';
import type { Connection } from './connection.ts';

const PATIENCE = 3_000;

/** Listens on a channel from its birth on: a channel error without a listener would kill the connection, and then the process. */
export interface WatchedChannel<C extends Channel> {
  readonly channel: C;
  /** Resolves with the reason when the channel ends, by itself or with its connection. */
  readonly ended: Promise<Failure>;
}

export function watchChannel<C extends Channel>(channel: C, connection: Connection): WatchedChannel<C> {
  let reason: unknown;
  channel.on('error', (error) => {
    reason ??= error;
  });
  const closed = new Promise<Failure>((resolve) => {
    // Without an error of its own, the channel went down with its connection, which knows why.
    channel.once('close', () => resolve(reason === undefined ? connection.lost : channelFailure(reason)));
  });
  return { channel, ended: Promise.race([closed, connection.lost]) };
}

/**
 * The outcome of an operation on a channel, or the reason why the connection ended first. Where the broker is silent for longer than `patience`
 * milliseconds, `answerTimeout` unless told otherwise, the connection is given up.
 */
export async function onChannel<T>(operation: Promise<T>, connection: Connection, patience = connection.answerTimeout): Promise<T> {
  let answered: () => void = () => undefined;
  try {
    return await new Promise<T>((resolve, reject) => {
      operation.then(resolve, reject);
      answered = Questions.on(connection).ask(reject, patience);
    });
  } catch (error) {
    // What a connection takes down with it says nothing of the reason; the connection knows it.
    const failure = channelFailure(error);
    throw failure.code === undefined && !connection.open ? await connection.lost : failure;
  } finally {
    answered();
  }
}

/** Asks something on a channel of its own, which an error may close; everything else goes on. */
export async function onOwnChannel<T>(connection: Connection, use: (channel: Channel) => Promise<T>): Promise<T> {
  const channel = await onChannel<Channel>(connection.model.createChannel(), connection);
  watchChannel(channel, connection);
  // What is done there may take its time; each question to the broker may not.
  const answer = await onChannel(use(asking(channel, connection)), connection, Number.POSITIVE_INFINITY);
  await onChannel(channel.close(), connection);
  return answer;
}

/** A channel whose questions end with the connection, and are not waited for longer than any other. */
function asking(channel: Channel, connection: Connection): Channel {
  return new Proxy(channel, {
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        const result: unknown = value.apply(target, args);
        return result instanceof Promise ? onChannel(result, connection) : result;
      };
    },
  });
}

/** A connection that is lost between its login and its first channel is lost like any other: it comes back. */
export function afterLogin(error: unknown): { ended: Promise<Failure> } {
  if (error instanceof Failure && error.transient) return { ended: Promise.resolve(error) };
  throw error;
}

/** What an operation that ends the use of a channel comes to; a peer that has gone silent is not waited for. */
export async function withinPatience<T>(operation: Promise<T>): Promise<T | 'late'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), PATIENCE);
  });
  return Promise.race([operation, late]).finally(() => clearTimeout(timer));
}
