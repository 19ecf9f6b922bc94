import type { Connection } from '../../amqp/connection/connection.ts';
import type { WireDelivery } from '../../amqp/consumer/delivery.ts';
import type { AskManagement } from '../../amqp/consumer/return-rules.ts';
import type { QueueType } from '../../amqp/topology/queue-facts.ts';
import { Failure } from '../../model/failure.ts';
import { formatCount } from '../../model/quantity.ts';

export type { AskManagement };

export interface ReadOptions {
  /**
   * Hands out no more once it returns true. A quorum queue is still read to its end: it delivers messages returned last after those returned
   * before, so that only reading all of it keeps the order.
   */
  readonly enough?: (() => boolean) | undefined;
  /** True: continues with messages that come after the start. */
  readonly follows?: boolean | undefined;
  /** Ends the reading when it resolves; every message goes back. */
  readonly until?: Promise<void> | undefined;
  /** Called on each connection before anything is asked. */
  readonly prepare?: ((connection: Connection) => Promise<void>) | undefined;
  /** Reads a stream instead; absent: a stream is read from its beginning. */
  readonly stream?: (() => Promise<void>) | undefined;
  /** No other consumer meanwhile. */
  readonly exclusive?: boolean | undefined;
  readonly priority?: number | undefined;
  /** True: also reads where that may cost messages their place, or hide them for a while. */
  readonly force?: boolean | undefined;
  /** Asked for the policies of the queue. */
  readonly ask?: AskManagement | undefined;
  /** Called when everything was read; chosen messages are acknowledged only after it has resolved. Absent: none is. */
  readonly take?: ((chosen: number) => Promise<void>) | undefined;
  /** Called when the reading begins anew after a lost connection: everything is handed out again. Absent: nothing is handed out twice. */
  readonly restart?: (() => void) | undefined;
}

export interface ReadSummary {
  readonly type: QueueType | undefined;
  /** The number at the start; for a stream, according to its offsets. */
  readonly depth: number;
  readonly read: number;
  /** The number taken beyond the limit, and returned unread. */
  readonly unread: number;
  readonly chosen: number;
  /** Messages that could not be returned once more: a copy of each is at the end of the queue. */
  readonly copiedBack: number;
  /** Messages that could be neither returned nor copied: the queue dropped or dead-lettered them. */
  readonly stranded: number;
}

/** The failure for messages that a look could neither return nor copy; undefined without any. */
export function strandedFailure(queue: string, { stranded }: Pick<ReadSummary, 'stranded'>): Failure | undefined {
  if (stranded === 0) return undefined;
  const [were, them] = stranded === 1 ? ['was', 'it'] : ['were', 'them'];
  return new Failure(
    'partial',
    `${formatCount(stranded, 'message')} of "${queue}" ${were} at the delivery limit and could not be put back: the queue has dead-lettered ${them}, or dropped ${them} if it has no dead-letter exchange`,
    { hint: 'look for them behind the dead-letter exchange of the queue' },
  );
}

/** Handles a message, by its number from 1. It must not keep the body, which is a part of what the socket read. True chooses the message. */
export type OnDelivery = (delivery: WireDelivery, number: number) => boolean | undefined | Promise<boolean | undefined>;
