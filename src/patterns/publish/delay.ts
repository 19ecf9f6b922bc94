import type { Connection } from '../../amqp/connection/connection.ts';
import type { Session } from '../../amqp/connection/session.ts';
import { withLastingControl } from '../../amqp/topology/declare.ts';
import { ensure, exchangeExists } from '../../amqp/topology/ensure.ts';
import { queueExists } from '../../amqp/topology/queue-facts.ts';
import { Failure } from '../../model/failure.ts';
import { option } from '../../model/option.ts';
import type { Topology } from '../../model/topology.ts';
import { delayQueueName, waitingQueue } from '../waiting-queue.ts';

/** Where messages go in the end. With an exchange that is not the default one, each has a key of its own. */
interface Destination {
  readonly exchange: string;
  readonly routingKey?: string | undefined;
}

/**
 * Declares the queue in which messages wait for so many milliseconds before they go on, and resolves with the address to publish them to. It is
 * durable and stays: nothing has to run for them to go on. A message leaves it when its destination has taken it.
 *
 * @throws Failure `unroutable` for a queue that is not there, unless that is accepted, `missing` for an exchange
 */
export async function prepareDelay(session: Session, pause: number, to: Destination, allowUnroutable: boolean): Promise<Destination> {
  const { address, topology } = delayTopology(pause, to);
  await withLastingControl(session, async (connection) => {
    // A missing destination would be noticed only after the delay, when the command has long ended.
    await checkThere(connection, to, allowUnroutable);
    await ensure(connection, topology);
  });
  return address;
}

async function checkThere(connection: Connection, { exchange, routingKey = '' }: Destination, allowUnroutable: boolean): Promise<void> {
  if (exchange !== '') {
    if (!(await exchangeExists(connection, exchange)))
      throw new Failure('missing', `there is no exchange "${exchange}"`, { hint: 'nothing was published; check the name' });
  } else if (!allowUnroutable && !(await queueExists(connection, routingKey))) {
    throw new Failure('unroutable', `there is no queue "${routingKey}"`, {
      hint: `nothing was published; declare it first, or use ${option('allowUnroutable')}`,
    });
  }
}

/** For a queue, a queue before it. For an exchange a fanout exchange and a queue behind that: messages keep their keys. */
export function delayTopology(pause: number, { exchange, routingKey = '' }: Destination): { readonly address: Destination; readonly topology: Topology } {
  const name = delayQueueName(exchange === '' ? routingKey : exchange, pause);
  const onward = { name, pause, exchange, quorum: true, askedBy: 'delay' };
  if (exchange === '') {
    return { address: { exchange: '', routingKey: name }, topology: { exchanges: [], queues: [waitingQueue({ ...onward, routingKey })], bindings: [] } };
  }
  return {
    address: { exchange: name },
    topology: {
      exchanges: [{ name, type: 'fanout', durable: true, arguments: {} }],
      queues: [waitingQueue(onward)],
      bindings: [{ exchange: name, queue: name, key: '', arguments: {} }],
    },
  };
}
