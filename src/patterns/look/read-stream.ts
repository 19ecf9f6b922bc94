import type { Session } from '../../amqp/connection/session.ts';
import { Consumer } from '../../amqp/consumer/consumer.ts';
import type { WireDelivery } from '../../amqp/consumer/delivery.ts';
import { deferred, onAbort } from '../../model/async.ts';
import { abortFailure, Failure } from '../../model/failure.ts';
import type { OnDelivery, ReadOptions } from './options.ts';

const PREFETCH = 2_000;

/**
 * Hands out the messages of a stream from its first to the offset `last`. The stream keeps them all. Resolves with their
 * number, and with the offset of the last one.
 *
 * @throws Failure `refused` when messages are to be removed, and as the consumer does
 */
export async function readStream(
  session: Session,
  queue: string,
  last: number,
  { take, enough }: ReadOptions,
  onDelivery: OnDelivery,
): Promise<{ readonly read: number; readonly at: number }> {
  if (take !== undefined) throw new Failure('refused', 'a stream keeps its messages until its retention drops them: none can be removed');
  let [read, at] = [0, -1];
  if (last < 0) return { read, at };
  const { promise: ended, resolve: end } = deferred<Failure | undefined>();
  const handle = async (delivery: WireDelivery, offset: number): Promise<void> => {
    try {
      await onDelivery(delivery, read);
    } catch (error) {
      end(error instanceof Failure ? error : new Failure('io', `reading stopped: ${error instanceof Error ? error.message : error}`, { cause: error }));
    }
    consumer.settle(delivery, 'ack');
    if (offset >= last || enough?.() === true) end(undefined);
  };
  const consumer = new Consumer(session, { queue, prefetch: PREFETCH, noAck: false, exclusive: false }, (delivery) => {
    const offset = delivery.offset ?? 0;
    if (offset > last || enough?.() === true) {
      end(undefined);
      return;
    }
    at = offset;
    read++;
    void handle(delivery, offset);
  });
  const ignore = onAbort(session.signal, () => end(abortFailure(session.signal)));
  try {
    await consumer.connect();
    void consumer.ended.then(end);
    await consumer.subscribe(Number.POSITIVE_INFINITY, { 'x-stream-offset': 'first' });
    const failure = await ended;
    if (failure !== undefined) throw failure;
    return { read, at };
  } finally {
    ignore();
    // Acknowledgements only give credit: a lost one costs nothing.
    await consumer.close().catch(() => undefined);
  }
}
