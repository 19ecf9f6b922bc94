import type { FieldTable } from '../../model/message/message.ts';
import type { Topology } from '../../model/topology.ts';
import type { Connection } from '../connection/connection.ts';
import type { WireDelivery } from './delivery.ts';

/** AMQP's limit for deliveries without an answer. */
export const MAX_PREFETCH = 65_535;

/** What a subscription may take. */
export interface Portion {
  /** The most deliveries; the queue is asked for no more. */
  readonly most: number;
  /** Such as `x-stream-offset`. */
  readonly arguments: FieldTable;
}

export interface ConsumerConfig {
  readonly queue: string;
  /** Most deliveries without an answer, 1 to 65535. */
  readonly prefetch: number;
  /** True: the queue forgets a message once it has sent it. Not together with a limit. */
  readonly noAck: boolean;
  /** True: messages that come again after a lost connection are known. */
  readonly knowsRepeats?: boolean;
  readonly exclusive: boolean;
  readonly priority?: number | undefined;
  /** Ensured on each connection: an exclusive queue belongs to the connection that declares it. */
  readonly topology?: Topology | undefined;
  /** Called on each connection after the first, to declare again what was lost. */
  readonly restore?: ((connection: Connection) => Promise<void>) | undefined;
  /**
   * Called before each subscription after the first; absent: take the limit less the proven answers, from the same place. `unseen`: the broker may still hold messages
   * for a lost connection, of a consumer that the queue does not count any more.
   */
  readonly resume?: ((connection: Connection, queue: string, unseen: boolean) => Promise<Portion>) | undefined;
  /** Called whenever a subscription begins, with the name of the queue on this connection. */
  readonly onSubscribed?: ((queue: string, connection: Connection) => void) | undefined;
  /** Milliseconds that a message may stay unacknowledged, where a consumer can ask for it; absent: as the broker or the queue says. */
  readonly consumerTimeout?: number | undefined;
  /** Called for a delivery that arrives while the consumer stops: it returns with the channel unless it is settled before. */
  readonly onLate?: ((delivery: WireDelivery) => void) | undefined;
  /** Called when the broker took messages back because of the consumer timeout; deliveries of the channel are no longer current. */
  readonly onTimedOut?: (() => void) | undefined;
}

/** True for a queue that is deleted with its connection. */
export function isTemporary({ topology, queue }: Pick<ConsumerConfig, 'topology' | 'queue'>): boolean {
  return topology?.queues.some(({ name, exclusive }) => name === queue && exclusive === true) === true;
}
