import * as z from 'zod/mini';
import type { Session } from '../../amqp/connection/session.ts';
import { deleteExchange } from '../../amqp/topology/declare.ts';
import { exchangeName } from '../names.ts';

export const DeleteExchangeConfig = z.strictObject({
  exchange: exchangeName,
  /** Only when nothing is bound to it. */
  ifUnused: z._default(z.boolean(), false),
});
export type DeleteExchangeConfig = z.output<typeof DeleteExchangeConfig>;

/**
 * Deletes an exchange with its bindings; the queues stay.
 *
 * @throws Failure `missing` when it does not exist, `refused` when something is bound to it and must not be
 */
export async function removeExchange(session: Session, { exchange, ifUnused }: DeleteExchangeConfig): Promise<void> {
  await deleteExchange(session, exchange, { ifUnused });
}
