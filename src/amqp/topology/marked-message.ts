import { setTimeout as delay } from 'node:timers/promises';
import type { ConsumeMessage } from 'amqplib';
import { abortFailure, Failure } from '../../model/failure.ts';
import type { FieldTable } from '../../model/message/message.ts';
import { formatDuration } from '../../model/quantity.ts';
import { onOwnChannel } from '../connection/channel.ts';
import type { Connection } from '../connection/connection.ts';

export interface MarkedMessage {
  /** The queue that it is published to, and rejected from each time it comes. */
  readonly into: string;
  /** The queue in which it must arrive. */
  readonly outOf: string;
  /** Messages in that queue before it. */
  readonly held: number;
  readonly id: string;
  /** Milliseconds that it may take. */
  readonly patience: number;
  readonly signal: AbortSignal;
}

export interface Arrival {
  readonly exchange: string;
  readonly routingKey: string;
  readonly headers: FieldTable;
}

/** Marks the message: a copy of it may reach another queue behind the same exchange. */
const MARK = 'x-rmq-verify';
/** Messages that may arrive while the queues are watched. */
const SPARE = 100;
/** Milliseconds after which it expires wherever it got stuck. */
const EXPIRATION = '60000';

/**
 * Sends a marked message into a queue, rejects it there, and takes it out of another one. It is the only consumer of both queues from before it
 * sends. Other messages stay unanswered, and return to their place when the channels close.
 *
 * @throws Failure `negative` when it does not arrive in time, `denied` when another consumer exists
 */
export async function passThrough(connection: Connection, { into, outOf, held, id, patience, signal }: MarkedMessage): Promise<Arrival> {
  const isOurs = (message: ConsumeMessage | null): message is ConsumeMessage => message?.properties.headers?.[MARK] === id;
  const ended = new AbortController();
  return onOwnChannel(connection, (dead) =>
    onOwnChannel(connection, async (work) => {
      const arrived = new Promise<Arrival>((resolve, reject) => {
        const listen = async (): Promise<void> => {
          await dead.prefetch(held + SPARE);
          const take = (message: ConsumeMessage | null): void => {
            if (!isOurs(message)) return;
            dead.ack(message);
            const { exchange, routingKey } = message.fields;
            resolve({ exchange, routingKey, headers: (message.properties.headers ?? {}) as FieldTable });
          };
          await dead.consume(outOf, take, { exclusive: true });
          await work.prefetch(SPARE);
          await work.consume(into, (message) => void (isOurs(message) && work.nack(message, false, false)), { exclusive: true });
          const body = Buffer.from('A test message of rmq dlx setup. It is safe to delete.');
          work.publish('', into, body, { persistent: true, expiration: EXPIRATION, messageId: id, type: 'rmq.verify', headers: { [MARK]: id } });
        };
        listen().catch(reject);
      });
      const late = delay(patience, undefined, { signal: AbortSignal.any([ended.signal, signal]) }).then(
        () => {
          throw new Failure('negative', `the marked message did not arrive in "${outOf}" within ${formatDuration(patience)}`, {
            hint: 'rmq dlx list shows what is wrong; where the message got stuck, it expires after a minute',
          });
        },
        () => {
          throw abortFailure(signal);
        },
      );
      try {
        return await Promise.race([arrived, late]);
      } finally {
        ended.abort();
        late.catch(() => undefined);
      }
    }),
  );
}
