import * as z from 'zod/mini';
import { option } from '../../../model/option.ts';
import { exchangeName, queueName, shortString } from '../../names.ts';
import { DEAD_KEY } from '../../queue/shape.ts';
import { DEAD_QUEUE } from '../../work/prepare.ts';

const MAX_MILLISECONDS = 4_294_967_295;
const time = (least: number) => z.int().check(z.minimum(least), z.maximum(MAX_MILLISECONDS));

const DEAD_EXCHANGE = 'dlx';
/** The defaults for QUEUE. */
export const MESSAGE_TTL = 60 * 60 * 1_000;
export const MAX_LENGTH = 100_000;

/** How dead letters are set up. */
export const dlxSetupShape = {
  queue: queueName,
  /** The dead-letter exchange, a direct one. */
  dlx: z._default(
    exchangeName.check(z.refine((name) => !name.startsWith('amq.'), { error: 'must not begin with amq.: the broker reserves such names' })),
    DEAD_EXCHANGE,
  ),
  dlxRoutingKey: z._default(shortString, DEAD_KEY),
  deadQueue: z._default(queueName, DEAD_QUEUE),
  /** Milliseconds that dead letters are kept; absent: 7 d, or as the existing queue has it. */
  deadTtl: z.optional(time(1)),
  deadQueueType: z.optional(z.enum(['classic', 'quorum'])),
  queueType: z.optional(z.enum(['classic', 'quorum'])),
  /** Milliseconds; absent: 1 h, or as the existing queue has it. */
  messageTtl: z.optional(time(1)),
  /** False: messages do not expire. */
  ttl: z._default(z.boolean(), true),
  /** Absent: 100,000, or as the existing queue has it. */
  maxLength: z.optional(z.int().check(z.minimum(1))),
  /** False: any number of messages. */
  limit: z._default(z.boolean(), true),
  /** No dead letter is lost on its way: quorum queues only, and a full queue then refuses new messages. */
  atLeastOnce: z._default(z.boolean(), false),
  /** Of a quorum queue. */
  deliveryLimit: z.optional(z.int().check(z.minimum(1), z.maximum(1_000_000))),
  /** Pauses in milliseconds: a rejected message comes back after the first one, then after the second …, and is then dead. */
  retry: z.optional(z.array(time(1)).check(z.minLength(1), z.maxLength(20))),
  /** Sets a policy instead of arguments: for an existing queue. */
  policy: z._default(z.boolean(), false),
  /** Changes nothing. */
  plan: z._default(z.boolean(), false),
  /** Sends a marked message through. */
  verify: z._default(z.boolean(), false),
};
const DlxSetupShape = z.strictObject(dlxSetupShape);
type Shape = z.output<typeof DlxSetupShape>;

const isQuorum = ({ queueType, atLeastOnce }: Pick<Shape, 'queueType' | 'atLeastOnce'>): boolean =>
  queueType === 'quorum' || (atLeastOnce && queueType === undefined);

export const DlxSetupConfig = DlxSetupShape.check(
  z.refine<Shape>(({ queue, deadQueue }) => queue !== deadQueue, { error: () => `${option('queue')} and ${option('deadQueue')} must not be the same queue` }),
  z.refine<Shape>(({ queueType, atLeastOnce }) => !atLeastOnce || queueType !== 'classic', {
    error: () => `${option('atLeastOnce')} is for quorum queues: a classic queue removes a dead letter before its target has it`,
  }),
  z.refine<Shape>((config) => config.deliveryLimit === undefined || isQuorum(config) || config.policy, {
    error: () => `${option('deliveryLimit')} is for quorum queues: add ${option('queueType', 'quorum')}`,
  }),
  z.refine<Shape>(({ ttl, messageTtl }) => ttl || messageTtl === undefined, {
    error: () => `${option('ttl', false)} and ${option('messageTtl')} exclude each other`,
  }),
  z.refine<Shape>(({ limit, maxLength }) => limit || maxLength === undefined, {
    error: () => `${option('limit', false)} and ${option('maxLength')} exclude each other`,
  }),
  z.refine<Shape>(({ plan, verify }) => !plan || !verify, {
    error: () => `${option('plan')} changes nothing, and ${option('verify')} sends a message: give one of them`,
  }),
  z.refine<Shape>(({ retry, messageTtl, maxLength, deliveryLimit }) => retry === undefined || (messageTtl ?? maxLength ?? deliveryLimit) === undefined, {
    error: () =>
      `${option('retry')} excludes ${option('messageTtl')}, ${option('maxLength')} and ${option('deliveryLimit')}: a message that dies of one of them and comes back from a pause is dropped by the broker, which sees a circle without a rejection`,
  }),
  z.refine<Shape>(({ policy, queueType }) => !policy || queueType === undefined, {
    error: () => `${option('policy')} is for an existing queue, whose type cannot change: leave out ${option('queueType')}`,
  }),
);
export type DlxSetupConfig = Shape;

export function typeOfQueue(config: DlxSetupConfig): 'classic' | 'quorum' {
  return isQuorum(config) ? 'quorum' : 'classic';
}
