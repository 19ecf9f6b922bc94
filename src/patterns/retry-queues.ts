import type { Connection } from '../amqp/connection/connection.ts';
import { describeQueue, type QueueType, readyCount } from '../amqp/topology/queue-facts.ts';
import { orElse } from '../model/failure.ts';
import type { FindManagementApi } from './management.ts';
import { delayQueueName, retryQueueName } from './waiting-queue.ts';
import { DEFAULT_BACKOFF, retryPauses } from './work/config.ts';

/** A queue in which messages wait to come to another one: for their next attempt, or for the end of a delay. */
export interface RetryQueue {
  readonly queue: string;
  /** Undefined where the broker does not tell. */
  readonly type: QueueType | undefined;
  readonly messages: number;
}

/** The names of all queues; undefined where they are unknown. */
export type NameQueues = (connection: Connection) => Promise<readonly string[] | undefined>;

/** Asks the management API for the names of all queues: AMQP cannot list them. */
export function queueNames(find: FindManagementApi): NameQueues {
  return async (connection) => {
    const api = await find(connection);
    if (api === undefined) return undefined;
    return (await api.objects('queues', ['name'], { everywhere: false, queues: [] })).map(({ name }) => String(name));
  };
}

/** Enough for the longest pause of the default backoff. */
const USUAL = { retries: 16, backoff: DEFAULT_BACKOFF };

/** The named queues whose messages come to this one after a pause; without names, the retry queues with the pauses of the default backoff. */
export async function findRetryQueues(connection: Connection, queue: string, names: readonly string[] | undefined): Promise<RetryQueue[]> {
  const usual = [...new Set(retryPauses(USUAL))].map((pause) => retryQueueName(queue, pause));
  const isOurs = (name: string): boolean => {
    const pause = Number(/\d+$/.exec(name)?.[0]);
    return name === retryQueueName(queue, pause) || name === delayQueueName(queue, pause);
  };
  const candidates = names?.filter(isOurs) ?? usual;
  const found: RetryQueue[] = [];
  for (const name of candidates) {
    const messages = await readyCount(connection, name).catch(orElse('missing', undefined));
    if (messages === undefined) continue;
    const { type, arguments: args } = (await describeQueue(connection, name)) ?? {};
    // A queue with such a name may belong to another program.
    if (args?.['x-dead-letter-exchange'] === '' && args['x-dead-letter-routing-key'] === queue) found.push({ queue: name, type, messages });
  }
  return found;
}
