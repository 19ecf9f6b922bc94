import type { Outcome } from '../../amqp/publisher/outcomes.ts';
import type { Publisher } from '../../amqp/publisher/publisher.ts';
import { deferred, onAbort } from '../../model/async.ts';
import { Failure } from '../../model/failure.ts';
import type { Message } from '../../model/message/message.ts';
import type { TakeContext } from './limits.ts';

/** Milliseconds to wait for the outcome once the run is to end. */
const STOP_PATIENCE = 3_000;

/**
 * Publishes a message that results from a delivery when there is room, and resolves with the outcome. Undefined when the delivery's connection was lost
 * before, or when the run ends without an outcome: the delivery comes again, and is handled again.
 */
export async function publishWhile(
  publisher: Publisher,
  message: Message,
  { isCurrent, stopping }: Pick<TakeContext, 'isCurrent' | 'stopping'>,
): Promise<Outcome | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = deferred<undefined>();
  const ignore = onAbort(stopping, () => {
    timer = setTimeout(() => {
      late.resolve(undefined);
      publisher.abandon(new Failure('unavailable', 'the broker did not confirm a message before the run ended'));
    }, STOP_PATIENCE);
  });
  try {
    return await Promise.race([publishCurrent(publisher, message, isCurrent), late.promise]);
  } finally {
    ignore();
    clearTimeout(timer);
  }
}

async function publishCurrent(publisher: Publisher, message: Message, isCurrent: () => boolean): Promise<Outcome | undefined> {
  await publisher.readyFor(message);
  if (!isCurrent()) return undefined;
  return new Promise((resolve) => publisher.send(message, resolve));
}
