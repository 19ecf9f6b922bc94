import type { Channel } from 'amqplib';
import { hintWhereMissing } from '../../model/failure.ts';
import type { Binding, Topology } from '../../model/topology.ts';
import { encodable } from '../codec/frame-writer.ts';
import { onChannel, onOwnChannel, watchChannel } from '../connection/channel.ts';
import type { Connection } from '../connection/connection.ts';
import { askOver } from '../connection/keep-alive.ts';
import type { Session } from '../connection/session.ts';
import { redeclareExchange, redeclareQueue } from './ensure.ts';

/** The advice when something to delete does not exist. */
export const CHECK_NAME = 'check the name, and the vhost of the URL';

/** Hands out a connection of its own, and closes it: an error there closes nothing that others use. */
export async function withControlConnection<T>(session: Session, use: (connection: Connection) => Promise<T>): Promise<T> {
  const link = session.open('control');
  try {
    return await use(await link.connect(session.signal));
  } finally {
    await link.close();
  }
}

/**
 * The same for the preparations of a run: when the connection is lost, or the node of a queue is down, everything is done again on the
 * next connection, as often as a lost connection comes back.
 */
export async function withLastingControl<T>(session: Session, use: (connection: Connection) => Promise<T>): Promise<T> {
  const link = session.open('control');
  try {
    return (await askOver(link, session.signal, use)).answer;
  } finally {
    await link.close();
  }
}

/** Runs operations in turn on a channel of a connection of its own. */
async function withControl<T>(session: Session, use: (run: <R>(operation: (channel: Channel) => Promise<R>) => Promise<R>) => Promise<T>): Promise<T> {
  return withControlConnection(session, async (connection) => {
    const channel = await openChannel(connection);
    return use((operation) => onChannel(operation(channel), connection));
  });
}

async function openChannel(connection: Connection): Promise<Channel> {
  const channel = await onChannel<Channel>(connection.model.createChannel(), connection);
  watchChannel(channel, connection);
  return channel;
}

/**
 * Declares what is missing; declaring again with the same arguments changes nothing.
 *
 * @throws Failure `refused` when something exists with other arguments (AMQP 406), `missing` for an exchange that is only bound to
 */
export async function declare(connection: Connection, { exchanges, queues, bindings }: Topology): Promise<void> {
  const own = new Set(exchanges.map(({ name }) => name));
  // Exchanges to bind to must exist before anything is declared: half a topology is of no use.
  await onOwnChannel(connection, async (channel) => {
    for (const { exchange } of bindings) if (!own.has(exchange)) await channel.checkExchange(exchange);
  }).catch(hintWhereMissing('nothing was declared; check the name, or declare the exchange with rmq exchange declare'));
  for (const exchange of exchanges) await redeclareExchange(connection, exchange);
  for (const queue of queues) await redeclareQueue(connection, queue);
  await onOwnChannel(connection, async (channel) => {
    for (const { exchange, queue, key, arguments: args } of bindings) await channel.bindQueue(queue, exchange, key, encodable(args));
  });
}

/**
 * Binds or unbinds, in turn; doing either twice changes nothing.
 *
 * @throws Failure `missing` when an exchange or a queue of them does not exist: nothing was changed
 */
export async function changeBindings(connection: Connection, change: 'bind' | 'unbind', bindings: readonly Binding[]): Promise<void> {
  await checkEnds(connection, bindings);
  await onOwnChannel(connection, async (channel) => {
    for (const { source, destination, toExchange, key, arguments: args } of bindings) {
      const ends = [destination, source, key, encodable(args)] as const;
      if (change === 'bind') await (toExchange ? channel.bindExchange(...ends) : channel.bindQueue(...ends));
      else await (toExchange ? channel.unbindExchange(...ends) : channel.unbindQueue(...ends));
    }
  });
}

/**
 * Checks that both ends of bindings exist: RabbitMQ unbinds what does not exist without a word.
 *
 * @throws Failure `missing`
 */
export async function checkEnds(connection: Connection, bindings: readonly Binding[]): Promise<void> {
  const exchanges = bindings.flatMap(({ source, destination, toExchange }) => (toExchange ? [source, destination] : [source]));
  const queues = bindings.flatMap(({ destination, toExchange }) => (toExchange ? [] : [destination]));
  await onOwnChannel(connection, async (channel) => {
    for (const name of new Set(exchanges)) await channel.checkExchange(name);
    for (const name of new Set(queues)) await channel.checkQueue(name);
  }).catch(hintWhereMissing(`nothing was changed; ${CHECK_NAME}`));
}

/**
 * Deletes a queue and resolves with the number of messages that went with it.
 *
 * @throws Failure `missing` when it does not exist, `refused` when it is not empty or not unused and must be
 */
export async function deleteQueue(session: Session, queue: string, options: { readonly ifEmpty: boolean; readonly ifUnused: boolean }): Promise<number> {
  return withControl(session, async (run) => {
    // RabbitMQ reports success for a queue that does not exist.
    await run((channel) => channel.checkQueue(queue)).catch(hintWhereMissing(CHECK_NAME));
    const { messageCount } = await run((channel) => channel.deleteQueue(queue, options));
    return messageCount;
  });
}

/** Removes every ready message of a queue on the connection that it may be exclusive to, and resolves with their number. */
export async function purgeOver(connection: Connection, queue: string): Promise<number> {
  return onOwnChannel(connection, async (channel) => (await channel.purgeQueue(queue)).messageCount);
}

/**
 * Removes every ready message of a queue, and resolves with their number.
 *
 * @throws Failure `missing`, or `refused` by a stream
 */
export async function purgeQueue(session: Session, queue: string): Promise<number> {
  return withControlConnection(session, (connection) => purgeOver(connection, queue));
}

/**
 * Deletes an exchange with its bindings.
 *
 * @throws Failure `missing` when it does not exist, `refused` when it is not unused and must be
 */
export async function deleteExchange(session: Session, exchange: string, options: { readonly ifUnused: boolean }): Promise<void> {
  await withControl(session, async (run) => {
    // As with queues: deleting one that does not exist succeeds.
    await run((channel) => channel.checkExchange(exchange)).catch(hintWhereMissing(CHECK_NAME));
    await run((channel) => channel.deleteExchange(exchange, options));
  });
}
