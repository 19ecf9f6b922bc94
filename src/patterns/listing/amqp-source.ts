import type { Session } from '../../amqp/connection/session.ts';
import type { ManagedObject } from '../../management/api.ts';
import type { Emit } from '../../model/event.ts';
import { Failure } from '../../model/failure.ts';
import type { QueueStatus } from '../queue/status.ts';
import type { CountQueues, ListSource } from './list.ts';

/** Opens a session for as long as it is used. */
export type WithSession = <T>(use: (session: Session) => Promise<T>) => Promise<T>;

/**
 * A source that asks over AMQP, for named queues, while the management API cannot be used; the columns that AMQP does not know are unknown.
 * A queue that does not exist is left out.
 */
export function orOverAmqp(api: ListSource, names: readonly string[], withSession: WithSession, emit: Emit): ListSource {
  let isManaged = true;
  return {
    get managed() {
      return isManaged;
    },
    get rates() {
      return isManaged && api.rates;
    },
    objects: async (...asked) => {
      try {
        const objects = await api.objects(...asked);
        isManaged = true;
        return objects;
      } catch (error) {
        if (!(error instanceof Failure) || !UNUSABLE.has(error.kind)) throw error;
        if (names.length === 0) {
          const hint = [error.hint, 'without it, only queues that are named are told of, over AMQP'].filter((one) => one !== undefined).join('; ');
          throw new Failure(error.kind, error.message, { cause: error.cause, hint });
        }
        // A watch asks again, and tells it once.
        if (isManaged) emit({ kind: 'note', text: `only what AMQP tells is known: ${error.message}` });
        isManaged = false;
        return statusOf(names, withSession);
      }
    },
  };
}

const UNUSABLE: ReadonlySet<string> = new Set(['unavailable', 'denied', 'missing', 'refused']);

async function statusOf(names: readonly string[], withSession: WithSession): Promise<readonly ManagedObject[]> {
  return overAmqp(names, withSession, ({ queue, messages, unacked: _, durable, autoDelete, ...status }) => ({
    ...status,
    name: queue,
    messages_ready: messages,
    durable,
    auto_delete: autoDelete,
  }));
}

/** Counts queues over AMQP. */
export function countOverAmqp(withSession: WithSession): CountQueues {
  return async (names) => {
    const counted = await overAmqp(names, withSession, ({ queue, messages, consumers }) => ({ name: queue, messages_ready: messages, consumers }));
    return new Map(counted.map((one) => [String(one['name']), one]));
  };
}

/** Asks about each queue; one that does not exist, or is exclusive to another connection, is left out. */
async function overAmqp(
  names: readonly string[],
  withSession: WithSession,
  describe: (status: QueueStatus) => ManagedObject,
): Promise<readonly ManagedObject[]> {
  const { askEach, statusOn } = await import('../queue/status.ts');
  const found: ManagedObject[] = [];
  const tell = (status: QueueStatus): void => {
    found.push(describe(status));
  };
  await withSession((session) => askEach(session, names, statusOn, tell));
  return found;
}
