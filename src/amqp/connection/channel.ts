import type { Channel } from 'amqplib';
import { within } from '../../model/async.ts';
import { Failure } from '../../model/failure.ts';
import { Questions } from './answer-timeout.ts';
import { channelFailure } from './broker-errors.ts';
import type { Connection } from './connection.ts';

const PATIENCE = 3_000;

/** Listens on a channel from its start: a channel error without a listener would kill the connection, and then the process. */
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
 * The outcome of an operation on a channel, or the reason why the connection ended first. The connection is given up when the broker is silent for
 * longer than `patience` milliseconds (default: `answerTimeout`).
 */
export async function onChannel<T>(operation: Promise<T>, connection: Connection, patience = connection.answerTimeout): Promise<T> {
  let answered: () => void = () => undefined;
  try {
    return await new Promise<T>((resolve, reject) => {
      operation.then(resolve, reject);
      answered = Questions.on(connection).ask(reject, patience);
    });
  } catch (error) {
    // An operation that fails with its connection does not know the reason; the connection does.
    const failure = channelFailure(error);
    throw failure.code === undefined && !connection.open ? await connection.lost : failure;
  } finally {
    answered();
  }
}

/** Asks on a channel of its own: an error closes only that channel. */
export async function onOwnChannel<T>(connection: Connection, use: (channel: Channel) => Promise<T>): Promise<T> {
  const channel = await onChannel<Channel>(connection.model.createChannel(), connection);
  watchChannel(channel, connection);
  // The whole may take its time; each question to the broker may not.
  const answer = await onChannel(use(asking(channel, connection)), connection, Number.POSITIVE_INFINITY);
  await onChannel(channel.close(), connection);
  return answer;
}

/** A channel whose questions end with the connection, and time out like any other question. */
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

/** A connection that is lost between login and first channel counts as lost, and comes back. */
export function afterLogin(error: unknown): { ended: Promise<Failure> } {
  if (error instanceof Failure && error.transient) return { ended: Promise.resolve(error) };
  throw error;
}

/** The outcome of an operation that ends the use of a channel; undefined when a silent peer does not answer in time. */
export async function withinPatience<T>(operation: Promise<T>): Promise<T | undefined> {
  return within(PATIENCE, operation);
}
