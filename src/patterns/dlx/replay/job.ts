import type { AskManagement } from '../../../amqp/consumer/return-rules.ts';
import type { PublishAddress } from '../../../model/dead-letter/replay.ts';
import type { StayReason, TransferCounts } from '../../../model/dead-letter/transfer.ts';
import type { Failure } from '../../../model/failure.ts';
import type { Delivery, Message } from '../../../model/message/message.ts';

/** What a transfer does with a chosen message: the copy to send, or why it stays. */
export type TransferVerdict = Message | StayReason;

/** Which messages go where. */
export interface TransferJob {
  readonly queue: string;
  /** At most this many chosen messages. */
  readonly count?: number | undefined;
  /** Messages a second. */
  readonly rate?: number | undefined;
  /** True: the originals stay. */
  readonly copy: boolean;
  /** True: nothing is sent. */
  readonly dryRun: boolean;
  /** Asked for the policies of the queue. */
  readonly ask?: AskManagement | undefined;
  /** Called when a dry run begins anew because its connection was lost. */
  readonly restart?: (() => void) | undefined;
  /** True: returns messages even where that may cost them their place, or hides them for a while. */
  readonly force: boolean;
  /** A file with a line for each chosen message. */
  readonly journal?: string | undefined;
  /** True when every message is chosen: then the queue is asked for no message beyond the count. */
  readonly all: boolean;
  readonly isChosen: (delivery: Delivery) => boolean;
  /**
   * Called once for each chosen message, in order; again when a message comes again after a lost connection. `idle` waits until all that was sent has its outcome;
   * there is none for a dry run.
   */
  readonly decide: (delivery: Delivery, idle?: () => Promise<void>) => TransferVerdict | Promise<TransferVerdict>;
  /** Where a decided message claims to come from, when nothing confirms that. */
  readonly claimOf?: ((delivery: Delivery) => PublishAddress | undefined) | undefined;
  /** A part of each line of the journal. */
  readonly run: string;
}

/** How a transfer ended. Its failure is not thrown, because the counts matter as well. */
export interface Transferred {
  readonly counts: TransferCounts;
  readonly seconds: number;
  readonly failure: Failure | undefined;
  /** Why the broker did not accept a message, the first time. */
  readonly refusal: Failure | undefined;
}
