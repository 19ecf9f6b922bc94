import * as z from 'zod/mini';
import { exchangeName } from '../patterns/names.ts';
import { checkedOptions } from '../patterns/options.ts';
import * as declaring from '../patterns/queue/declare.ts';
import * as deleting from '../patterns/queue/delete.ts';
import * as looking from '../patterns/queue/status.ts';
import { declareMissing, exchangeTopology } from '../patterns/subscribe/subscription.ts';
import type { Call, Input } from './options.ts';
import { type Session, within } from './session.ts';

/** What `declareQueue` takes. */
export interface DeclareQueueOptions extends Input<typeof declaring.declareQueueShape> {}

/** What `removeQueue` takes. */
export interface RemoveQueueOptions extends Input<typeof deleting.deleteQueueShape> {}

/**
 * Declares a durable queue and binds it; doing it twice changes nothing.
 *
 * @throws Failure `usage` for wrong options, `refused` when it exists with other arguments, `missing` for an exchange that does not exist
 */
export async function declareQueue(session: Session, options: DeclareQueueOptions, call?: Call): Promise<void> {
  const config = checkedOptions(declaring.DeclareQueueConfig, options);
  return within(session, config.queue, call, async (links) => {
    await declaring.declareQueue(links, config);
  });
}

const DeclareExchangeConfig = z.strictObject({ exchange: exchangeName, type: z.enum(['fanout', 'topic']) });

/**
 * Declares a durable exchange where it is missing: for those who publish before anybody has subscribed.
 *
 * @throws Failure `usage` for wrong options, `refused` when it exists with another type
 */
export async function declareExchange(session: Session, options: { readonly exchange: string; readonly type: 'fanout' | 'topic' }, call?: Call): Promise<void> {
  const { exchange, type } = checkedOptions(DeclareExchangeConfig, options);
  return within(session, undefined, call, (links) => declareMissing(links, exchangeTopology(exchange, type)));
}

/**
 * Deletes a queue, and resolves with the number of messages that went with it.
 *
 * @throws Failure `usage` for wrong options, `missing` when it does not exist, `refused` when a condition does not hold
 */
export async function removeQueue(session: Session, options: RemoveQueueOptions, call?: Call): Promise<number> {
  const config = checkedOptions(deleting.DeleteQueueConfig, options);
  return within(session, config.queue, call, (links) => deleting.removeQueue(links, config));
}

/**
 * Looks at a queue, and changes nothing.
 *
 * @throws Failure `usage` for wrong options, `missing` when it does not exist, `refused` when another connection has it for itself
 */
export async function queueStatus(session: Session, options: { readonly queue: string }, call?: Call): Promise<looking.QueueStatus> {
  const config = checkedOptions(looking.QueueStatusConfig, options);
  return within(session, config.queue, call, (links) => looking.queueStatus(links, config));
}
