import type { Connection } from '../../amqp/connection/connection.ts';
import type { WireDelivery } from '../../amqp/consumer/delivery.ts';
import type { AskManagement } from '../../amqp/consumer/return-rules.ts';
import type { QueueType } from '../../amqp/topology/queue-facts.ts';
import { Failure } from '../../model/failure.ts';
import { formatCount } from '../../model/quantity.ts';

export type { AskManagement };

/** How a queue is read. */
export interface ReadOptions {
  /**
   * Hands out no more once it returns true. A quorum queue is read to its end all the same: it delivers what was returned last behind what was returned
   * before, so that only reading all of it keeps the order.
   */
  readonly enough?: (() => boolean) | undefined;
  /** True: goes on with what comes after the start. */
  readonly follows?: boolean | undefined;
  /** Ends the reading when it resolves; what is there goes back. */
  readonly until?: Promise<void> | undefined;
  /** Called on each connection before anything is asked. */
  readonly prepare?: ((connection: Connection) => Promise<void>) | undefined;
  /** Reads a stream in the place of this; where it is absent, a stream is read from its beginning. */
  readonly stream?: (() => Promise<void>) | undefined;
  /** No other consumer meanwhile. */
  readonly exclusive?: boolean | undefined;
  readonly priority?: number | undefined;
  /** True: also where looking may cost messages their place, or hide them for a while. */
  readonly force?: boolean | undefined;
  /** Asked for what the arguments of a queue do not tell: its policies. */
  readonly ask?: AskManagement | undefined;
  /** Called when everything was read; the messages that were chosen are acknowledged only after it has resolved. Without it, nothing is. */
  readonly take?: ((chosen: number) => Promise<void>) | undefined;
  /** Called when a lost connection makes the reading begin anew: everything is handed out again. Without it, what was handed out is not handed out twice. */
  readonly restart?: (() => void) | undefined;
}

/** What was read. */
export interface ReadSummary {
  readonly type: QueueType | undefined;
  /** How many were there at the start; of a stream, as its offsets tell. */
  readonly depth: number;
  readonly read: number;
  /** How many were taken beyond what was asked for, and given back unread. */
  readonly unread: number;
  /** How many were chosen. */
  readonly chosen: number;
  /** Messages that could not be returned once more: a copy of each is at the end of the queue. */
  readonly copiedBack: number;
  /** Messages that could be neither returned nor copied: the queue has dropped or dead-lettered them. */
  readonly stranded: number;
}

/** What became of messages that a look could neither return nor copy; undefined when there are none. */
export function strandedFailure(queue: string, { stranded }: Pick<ReadSummary, 'stranded'>): Failure | undefined {
  if (stranded === 0) return undefined;
  const [were, them] = stranded === 1 ? ['was', 'it'] : ['were', 'them'];
  return new Failure(
    'partial',
    `${formatCount(stranded, 'message')} of "${queue}" ${were} at the delivery limit and could not be put back: the queue has dead-lettered ${them}, or dropped ${them} if it has no dead-letter exchange`,
    { hint: 'look for them behind the dead-letter exchange of the queue' },
  );
}

/** Handles a message, by its number from 1. The body is not to be kept: it is a part of what the socket read. True chooses it. */
export type OnDelivery = (delivery: WireDelivery, number: number) => boolean | undefined | Promise<boolean | undefined>;
