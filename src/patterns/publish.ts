import * as z from 'zod/mini';
import type { Session } from '../amqp/session.ts';
import type { PublishCounts } from '../model/event.ts';
import { Failure } from '../model/failure.ts';
import { publishDrafts, type Target } from './drafts.ts';
import { queueName, shortText } from './names.ts';
import { sendingRules, sendingShape } from './sending.ts';
import { type Drafts, messageShape, sourceShape } from './source.ts';

/** What `publish` takes. Without queue, exchange and routing key, each envelope goes where it says itself. */
export const PublishConfig = z
  .strictObject({
    queue: z.optional(queueName('--queue')),
    exchange: z.optional(shortText('--exchange')),
    routingKey: z.optional(shortText('--routing-key')),
    ...messageShape,
    ...sourceShape,
    ...sendingShape,
  })
  .check(...sendingRules);
export type PublishConfig = z.output<typeof PublishConfig>;

/**
 * Publishes drafts; see `sendMessages` for what that means and for its failures.
 *
 * @throws Failure `data` for an envelope that does not say where to when the config does not either
 */
export async function publish(session: Session, config: PublishConfig, drafts: Drafts): Promise<PublishCounts> {
  return publishDrafts(session, config, drafts, targetOf(config));
}

/**
 * Checks that it is clear where to, before anything is read or connected.
 *
 * @throws Failure `usage`
 */
export function checkTarget({ queue, exchange, routingKey, body, envelopes }: PublishConfig): void {
  if (queue !== undefined && (exchange !== undefined || routingKey !== undefined)) {
    throw new Failure('usage', '--queue excludes --exchange and --routing-key', {
      hint: '-q QUEUE publishes straight to a queue; -e EXCHANGE -r KEY through an exchange',
    });
  }
  if (queue === undefined && exchange === undefined && routingKey === undefined && (!envelopes || body !== undefined)) {
    throw new Failure('usage', 'where to? --queue QUEUE, or --exchange EXCHANGE with --routing-key KEY', { hint: 'only --envelopes can say so themselves' });
  }
}

/** A flag that names only half of it means the other half to be empty. */
function targetOf({ queue, exchange, routingKey }: PublishConfig): Target {
  if (queue !== undefined) return { exchange: '', routingKey: queue };
  if (exchange === undefined && routingKey === undefined) return {};
  return { exchange: exchange ?? '', routingKey: routingKey ?? '' };
}
