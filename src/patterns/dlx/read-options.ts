import type { Connection } from '../../amqp/connection.ts';
import type { QueueType } from '../../amqp/queue-probe.ts';
import type { WireDelivery } from '../../amqp/wire-delivery.ts';

/** How a queue is read. */
export interface ReadOptions {
  /**
   * Hands out no more once it returns true. A quorum queue is read to its end all the same: it puts what it gets back behind
   * everything that it got back before, so that only reading all of it keeps the order.
   */
  readonly enough?: (() => boolean) | undefined;
  /** True: also where looking may cost a quorum queue's message its last attempt. */
  readonly force?: boolean | undefined;
  /** Asked for the delivery limit that a policy sets, of a quorum queue: its arguments tell the rest. */
  readonly policyLimit?: PolicyLimit | undefined;
  /** Deliveries whose handling is waited for before more are asked for; for handlers that write somewhere. */
  readonly window?: number | undefined;
  /** Called when everything was read; the messages that were chosen are acknowledged only after it has resolved. Without it, nothing is. */
  readonly take?: ((chosen: number) => Promise<void>) | undefined;
}

/** The delivery limit that policies set for a queue; see `policyLimit`. */
export type PolicyLimit = (queue: string, connection: Connection) => Promise<number | undefined>;

/** What was read. */
export interface ReadSummary {
  readonly type: QueueType | undefined;
  /** How many were there at the start; of a stream, as its offsets tell. */
  readonly depth: number;
  readonly read: number;
  /** How many were chosen. */
  readonly chosen: number;
  /** How many were at the delivery limit of a quorum queue when they were given back: it has dead-lettered or dropped them. */
  readonly spent: number;
}

/** Handles a message, by its number from 1. The body is not to be kept: it is a part of what the socket read. True chooses it. */
export type OnDelivery = (delivery: WireDelivery, number: number) => boolean | undefined | Promise<boolean | undefined>;
