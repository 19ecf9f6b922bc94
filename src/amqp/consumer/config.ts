import type { FieldTable } from '../../model/message/message.ts';
import type { Topology } from '../../model/topology.ts';
import type { Connection } from '../connection/connection.ts';
import type { WireDelivery } from './delivery.ts';

/** What a subscription may take. */
export interface Portion {
  /** Deliveries at most. Not one more is asked of the queue. */
  readonly most: number;
  /** Such as `x-stream-offset`. */
  readonly arguments: FieldTable;
}

export interface ConsumerConfig {
  readonly queue: string;
  /** Most deliveries without an answer, 1 to 65535. */
  readonly prefetch: number;
  /** True: the queue forgets a message as soon as it has been sent. Not together with a limit. */
  readonly noAck: boolean;
  readonly exclusive: boolean;
  readonly priority?: number | undefined;
  /** Ensured on each connection of the consumer: an exclusive queue belongs to the connection that declares it. */
  readonly topology?: Topology | undefined;
  /** Called on each connection after the first, for what may have been lost meanwhile. */
  readonly restore?: ((connection: Connection) => Promise<void>) | undefined;
  /** Called before each subscription after the first; absent: as many as the limit less what the broker is known to have the answers for, from the same place. */
  readonly resume?: ((connection: Connection, queue: string) => Promise<Portion>) | undefined;
  /** Called whenever a subscription stands, with what the queue is called on this connection. */
  readonly onSubscribed?: ((queue: string) => void) | undefined;
  /** Milliseconds that a message may stay unacknowledged, where a consumer can say so; absent: what the broker or the queue says. */
  readonly consumerTimeout?: number | undefined;
  /** Called for a delivery that comes while the consumer stops: it goes back with the channel unless it is settled before. */
  readonly onLate?: ((delivery: WireDelivery) => void) | undefined;
  /** Called when the broker took back what was held for too long; deliveries of the channel are no longer current. */
  readonly onTimedOut?: (() => void) | undefined;
}
