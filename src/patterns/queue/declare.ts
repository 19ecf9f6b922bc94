import * as z from 'zod/mini';
import type { Session } from '../../amqp/connection/session.ts';
import { declare } from '../../amqp/topology/declare.ts';
import { Failure } from '../../model/failure.ts';
import { option } from '../../model/option.ts';
import type { Topology } from '../../model/topology.ts';
import { fieldTable, queueName } from '../names.ts';
import { checkedCall } from '../options.ts';

/** A queue to declare: durable, and of an explicit type, because the default type differs between brokers. */
export const declareQueueShape = {
  queue: queueName,
  queueType: z._default(z.enum(['classic', 'quorum', 'stream']), 'classic'),
  /** Further arguments, such as `x-max-length`. */
  argument: z._default(fieldTable, {}),
  /** `EXCHANGE` or `EXCHANGE:KEY`, each a binding. */
  bind: z._default(z.array(z.string().check(z.minLength(1))), []),
};
export const DeclareQueueConfig = z.strictObject(declareQueueShape);
export type DeclareQueueConfig = z.output<typeof DeclareQueueConfig>;

/** The queue and its bindings. The exchanges must exist. */
function queueTopology({ queue, queueType, argument, bind }: DeclareQueueConfig): Topology {
  const type = argument['x-queue-type'];
  if (type !== undefined && type !== queueType) throw new Failure('usage', `${option('queueType')} sets the argument x-queue-type`);
  return {
    exchanges: [],
    queues: [{ name: queue, durable: true, arguments: { ...argument, 'x-queue-type': queueType } }],
    bindings: bind.map((binding) => {
      const colon = binding.indexOf(':');
      return { queue, exchange: colon < 0 ? binding : binding.slice(0, colon), key: colon < 0 ? '' : binding.slice(colon + 1), arguments: {} };
    }),
  };
}

/**
 * Declares a queue and binds it; doing it twice changes nothing.
 *
 * @throws Failure `usage` for wrong options, `refused` when it exists with other arguments, `missing` for an exchange that does not exist
 */
export async function declareQueue(session: Session, config: DeclareQueueConfig): Promise<void> {
  await declare(session, queueTopology(checkedCall(session, DeclareQueueConfig, config)));
}
