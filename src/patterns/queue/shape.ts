import * as z from 'zod/mini';
import type { FieldTable } from '../../model/message/message.ts';
import { option } from '../../model/option.ts';
import type { QueueSpec } from '../../model/topology.ts';
import { shortString } from '../names.ts';

const MAX_MILLISECONDS = 4_294_967_295;

/** The default routing key of dead letters. */
export const DEAD_KEY = 'failed';

/** How a pattern's queue is declared when it is missing; an existing queue must agree with these options. */
export const queueShape = {
  queueType: z.optional(z.enum(['classic', 'quorum'])),
  /** Of a classic queue. */
  maxPriority: z.optional(z.int().check(z.minimum(1), z.maximum(255))),
  /** Milliseconds. */
  messageTtl: z.optional(z.int().check(z.minimum(0), z.maximum(MAX_MILLISECONDS))),
  maxLength: z.optional(z.int().check(z.minimum(0))),
  /** The dead-letter exchange; the empty name is the default exchange, whose keys are queues. */
  dlx: z.optional(shortString),
  dlxRoutingKey: z.optional(shortString),
};

const QueueConfig = z.object(queueShape);
export type QueueConfig = z.output<typeof QueueConfig>;

/** Rules between the options of a queue, for `check` of every config that has them. */
export const queueRules = [
  z.refine<QueueConfig>(({ dlx, dlxRoutingKey }) => dlxRoutingKey === undefined || dlx !== undefined, {
    error: () => `${option('dlxRoutingKey')} needs ${option('dlx')}`,
  }),
  z.refine<QueueConfig>(({ dlx, dlxRoutingKey }) => dlx !== '' || (dlxRoutingKey ?? '') !== '', {
    error: () => `${option('dlx', '""')} is the default exchange: ${option('dlxRoutingKey')} must name the queue of the dead letters`,
  }),
  z.refine<QueueConfig>(({ queueType, maxPriority }) => queueType !== 'quorum' || maxPriority === undefined, {
    error: () => `${option('maxPriority')} is for classic queues; a quorum queue has priorities of its own`,
  }),
] as const;

/** The queue of a config: durable, and of the type that the vhost has for its default unless one is given. */
export function queueSpec(name: string, { queueType, maxPriority, messageTtl, maxLength, dlx, dlxRoutingKey }: QueueConfig): QueueSpec {
  const given: Record<string, FieldTable[string] | undefined> = {
    'x-queue-type': queueType,
    'x-max-priority': maxPriority,
    'x-message-ttl': messageTtl,
    'x-max-length': maxLength,
    'x-dead-letter-exchange': dlx,
    'x-dead-letter-routing-key': dlx === undefined ? undefined : (dlxRoutingKey ?? DEAD_KEY),
  };
  const wanted = Object.entries(given).filter((entry): entry is [string, FieldTable[string]] => entry[1] !== undefined);
  return {
    name,
    durable: true,
    arguments: Object.fromEntries(wanted),
    // The default key is ours, not the user's.
    required: wanted.map(([key]) => key).filter((key) => key !== 'x-dead-letter-routing-key' || dlxRoutingKey !== undefined),
  };
}
