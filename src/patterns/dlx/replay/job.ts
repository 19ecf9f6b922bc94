import type { AskManagement } from '../../../amqp/consumer/return-rules.ts';
import type { PublishAddress } from '../../../model/dead-letter/replay.ts';
import type { StayReason, TransferCounts } from '../../../model/dead-letter/transfer.ts';
import type { Failure } from '../../../model/failure.ts';
import type { Delivery, Message } from '../../../model/message/message.ts';

/** What a transfer does with a message that is chosen: the copy to send, or why it stays. */
export type TransferVerdict = Message | StayReason;

/** Which messages go where. */
export interface TransferJob {
  readonly queue: string;
  /** At most as many of those that are chosen. */
  readonly count?: number | undefined;
  /** Messages a second. */
  readonly rate?: number | undefined;
  /** True: the originals stay. */
  readonly copy: boolean;
  /** True: nothing is sent. */
  readonly dryRun: boolean;
  /** Asked for the policies of the queue. */
  readonly ask?: AskManagement | undefined;
  /** Called when a dry run begins anew, for its connection was lost. */
  readonly restart?: (() => void) | undefined;
  /** True: messages are given back even where that may cost them their place, or hides them for a while. */
  readonly force: boolean;
  /** A file with a line for each message that is chosen. */
  readonly journal?: string | undefined;
  /** True when every message is chosen: then no message beyond the count is asked of the queue. */
  readonly all: boolean;
  readonly isChosen: (delivery: Delivery) => boolean;
  /** Called once for each message that is chosen, in order; one that is given again after a lost connection, again. */
  readonly decide: (delivery: Delivery) => TransferVerdict | Promise<TransferVerdict>;
  /** Where a message that was decided on claims to come from, when nothing else speaks for that. */
  readonly claimOf?: ((delivery: Delivery) => PublishAddress | undefined) | undefined;
  /** Stands in each line of the journal. */
  readonly run: string;
}

/** How a transfer ended; its failure is not thrown, for the counts matter all the same. */
export interface Transferred {
  readonly counts: TransferCounts;
  readonly seconds: number;
  readonly failure: Failure | undefined;
  /** Why the broker did not take a message, the first time. */
  readonly refusal: Failure | undefined;
}
