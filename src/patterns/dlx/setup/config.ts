import * as z from 'zod/mini';
import { option } from '../../../model/option.ts';
import { exchangeName, queueName, shortString } from '../../names.ts';
import { DEAD_KEY } from '../../queue/shape.ts';
import { DEAD_QUEUE } from '../../work/prepare.ts';

const MAX_MILLISECONDS = 4_294_967_295;
const time = (least: number) => z.int().check(z.minimum(least), z.maximum(MAX_MILLISECONDS));

/** The exchange of the dead letters, where none is given. */
const DEAD_EXCHANGE = 'dlx';
/** What QUEUE gets where nothing else is said. */
export const MESSAGE_TTL = 60 * 60 * 1_000;
export const MAX_LENGTH = 100_000;

const DlxSetupShape = z.strictObject({
  queue: queueName,
  /** The dead-letter exchange, a direct one. */
  dlx: z._default(
    exchangeName.check(z.refine((name) => !name.startsWith('amq.'), { error: 'must not begin with amq.: the broker reserves such names' })),
    DEAD_EXCHANGE,
  ),
  dlxRoutingKey: z._default(shortString, DEAD_KEY),
  deadQueue: z._default(queueName, DEAD_QUEUE),
  /** Milliseconds that dead letters are kept; absent: 7 d, or what the queue has that is there. */
  deadTtl: z.optional(time(1)),
  deadQueueType: z.optional(z.enum(['classic', 'quorum'])),
  queueType: z.optional(z.enum(['classic', 'quorum'])),
  /** Milliseconds; absent: 1 h, or what the queue has that is there. */
  messageTtl: z.optional(time(1)),
  /** False: messages do not expire. */
  ttl: z._default(z.boolean(), true),
  /** Absent: 100,000, or what the queue has that is there. */
  maxLength: z.optional(z.int().check(z.minimum(1))),
  /** False: any number of messages. */
  limit: z._default(z.boolean(), true),
  /** No dead letter is lost on its way: quorum queues only, and a full queue then refuses what is published. */
  atLeastOnce: z._default(z.boolean(), false),
  /** Of a quorum queue. */
  deliveryLimit: z.optional(z.int().check(z.minimum(1), z.maximum(1_000_000))),
  /** Pauses in milliseconds: what is rejected comes back after the first one, then after the second …, then is dead. */
  retry: z.optional(z.array(time(1)).check(z.minLength(1), z.maxLength(20))),
  /** Through a policy instead of arguments: for a queue that is there. */
  policy: z._default(z.boolean(), false),
  /** Touch nothing. */
  plan: z._default(z.boolean(), false),
  /** Send a marked message through. */
  verify: z._default(z.boolean(), false),
});
type Shape = z.output<typeof DlxSetupShape>;

const isQuorum = ({ queueType, atLeastOnce }: Pick<Shape, 'queueType' | 'atLeastOnce'>): boolean =>
  queueType === 'quorum' || (atLeastOnce && queueType === undefined);

/** What `rmq dlx setup` takes. */
export const DlxSetupConfig = DlxSetupShape.check(
  z.refine<Shape>(({ queue, deadQueue }) => queue !== deadQueue, { error: () => `${option('queue')} and ${option('deadQueue')} must not be the same queue` }),
  z.refine<Shape>(({ queueType, atLeastOnce }) => !atLeastOnce || queueType !== 'classic', {
    error: () => `${option('atLeastOnce')} is for quorum queues: a classic queue lets a dead letter go before its target has it`,
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
    error: () => `${option('plan')} touches nothing, and ${option('verify')} sends a message: give one of them`,
  }),
  z.refine<Shape>(({ retry, messageTtl, maxLength, deliveryLimit }) => retry === undefined || (messageTtl ?? maxLength ?? deliveryLimit) === undefined, {
    error: () =>
      `${option('retry')} goes with none of ${option('messageTtl')}, ${option('maxLength')} and ${option('deliveryLimit')}: a message that dies of one of them and comes back from a pause is dropped by the broker, which sees a circle without a rejection`,
  }),
  z.refine<Shape>(({ policy, queueType }) => !policy || queueType === undefined, {
    error: () => `${option('policy')} is for a queue that is there, whose type stays: leave out ${option('queueType')}`,
  }),
);
export type DlxSetupConfig = Shape;

/** The type that QUEUE is declared with. */
export function typeOfQueue(config: DlxSetupConfig): 'classic' | 'quorum' {
  return isQuorum(config) ? 'quorum' : 'classic';
}
