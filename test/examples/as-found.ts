import { declareWorkQueue, Failure, type Session } from 'rmq';

/** What becomes of orders that cannot be processed. */
export type DeadOrders = { readonly dlx: string } | { readonly dropDead: true };

/**
 * Declares the queue with its dead letters where it is missing. One that somebody else has declared stays as it is: without a dead-letter exchange, an order
 * that fails for good is dropped there, as its other consumers do.
 */
export async function declareAsFound(session: Session, queue: string, dlx: string): Promise<DeadOrders> {
  try {
    await declareWorkQueue(session, { queue, dlx });
    return { dlx };
  } catch (error) {
    if (!(error instanceof Failure) || error.kind !== 'refused') throw error;
    return { dropDead: true };
  }
}
