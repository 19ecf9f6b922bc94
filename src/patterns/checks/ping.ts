import * as z from 'zod/mini';
import { onOwnChannel } from '../../amqp/connection/channel.ts';
import { type Session, withDeadline } from '../../amqp/connection/session.ts';
import { withControlConnection } from '../../amqp/topology/declare.ts';
import { milliseconds } from '../names.ts';

export const PingConfig = z.strictObject({
  /** Milliseconds that all of it may take, attempts to connect included. */
  timeout: z.optional(milliseconds()),
});
export type PingConfig = z.output<typeof PingConfig>;

export interface Pong {
  /** As the broker calls itself: `RabbitMQ`. */
  readonly product: string;
  readonly version: string;
  /** Empty when the broker does not say. */
  readonly cluster: string;
  readonly vhost: string;
  /** Without the password. */
  readonly address: string;
  /** Milliseconds between the request for a channel and the answer. */
  readonly roundTrip: number;
}

/**
 * Connects, logs in and opens a channel.
 *
 * @throws Failure `unavailable`, `denied`, or `deadline` when `timeout` passes
 */
export async function ping(session: Session, { timeout }: PingConfig = {}): Promise<Pong> {
  const deadline = withDeadline(session, timeout, () => undefined);
  try {
    return await withControlConnection(deadline.session, async (connection) => {
      const asked = performance.now();
      const roundTrip = await onOwnChannel(connection, async () => performance.now() - asked);
      const { product, version, cluster, address } = connection;
      return { product, version, cluster, vhost: address.vhost, address: address.text, roundTrip: Math.round(roundTrip * 100) / 100 };
    });
  } finally {
    deadline.clear();
  }
}
