import type { Channel } from 'amqplib';
import { Failure } from '../model/failure.ts';
import type { Connection } from './connection.ts';
import { channelFailure } from './failures.ts';

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

interface Waiting {
  readonly rejects: Set<(failure: Failure) => void>;
  failure: Failure | undefined;
}

/** What waits on a connection. One reaction to its end serves all: a race per operation would leave one behind each time. */
const waitings = new WeakMap<Connection, Waiting>();

function waitingOn(connection: Connection): Waiting {
  const known = waitings.get(connection);
  if (known !== undefined) return known;
  const waiting: Waiting = { rejects: new Set(), failure: undefined };
  waitings.set(connection, waiting);
  void connection.lost.then((failure) => {
    waiting.failure = failure;
    for (const reject of waiting.rejects) reject(failure);
  });
  return waiting;
}

/** The outcome of an operation on a channel, or the reason why the connection ended first. */
export async function onChannel<T>(operation: Promise<T>, connection: Connection): Promise<T> {
  const { rejects, failure } = waitingOn(connection);
  let abandon: (failure: Failure) => void = () => undefined;
  try {
    return await new Promise<T>((resolve, reject) => {
      abandon = reject;
      rejects.add(abandon);
      operation.then(resolve, reject);
      if (failure !== undefined) reject(failure);
    });
  } catch (error) {
    // What a connection takes down with it says nothing of the reason; the connection knows it.
    const failure = channelFailure(error);
    throw failure.code === undefined && !connection.open ? await connection.lost : failure;
  } finally {
    rejects.delete(abandon);
  }
}

/** Asks something on a channel of its own, which an error may close; everything else goes on. */
export async function onOwnChannel<T>(connection: Connection, use: (channel: Channel) => Promise<T>): Promise<T> {
  const channel = await onChannel<Channel>(connection.model.createChannel(), connection);
  watchChannel(channel, connection);
  const answer = await onChannel(use(channel), connection);
  await onChannel(channel.close(), connection);
  return answer;
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
