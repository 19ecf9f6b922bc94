import { fingerprintOf } from '../../../model/dead-letter/selection.ts';
import type { StayReason, TransferCounts } from '../../../model/dead-letter/transfer.ts';
import type { Failure } from '../../../model/failure.ts';
import type { Delivery, Message } from '../../../model/message/message.ts';
import { type LineFile, openLineFile } from '../../line-file.ts';
import type { TransferJob } from './job.ts';

/**
 * Opens a journal; its content stays. `onFailure` gets a write failure, and `written` is not called after that.
 *
 * @throws Failure `missing` when there is no such directory, `io`
 */
export function openJournal(path: string, onFailure: (failure: Failure) => void): Promise<LineFile> {
  return openLineFile(path, { what: 'the journal', withoutDirectory: 'missing' }, onFailure);
}

/** A message in the lines of a run: its number there, from 1, and its id. */
interface Confirmed {
  readonly number: number;
  readonly messageId: string | undefined;
}

/**
 * The lines of one run. The first one is `begun`, the last one `ended`, with the counts. Without the last one, a message without a line
 * may have been under way to the target, and is still in its queue. A message is `confirmed` once its copy has arrived, before its original is acknowledged, and `moved` once the broker is known to have
 * removed the original. When the connection is lost in between, the original may come again: then it is `doubled`, in both places.
 */
export class JournalLines {
  readonly #job: TransferJob;
  readonly #journal: LineFile;
  #number = 0;
  /** Confirmed over this connection, by the fingerprint of the original. */
  #confirmed: (readonly [key: string, confirmed: Confirmed])[] = [];
  /** Confirmed over lost connections, with acknowledgements that are not proven. */
  readonly #doubtful = new Map<string, Confirmed[]>();

  constructor(job: TransferJob, journal: LineFile) {
    this.#job = job;
    this.#journal = journal;
  }

  /** The run begins; nothing was sent. A dry run has no lines. */
  begun(): void {
    this.#write({ outcome: 'begun' });
  }

  ended(counts: TransferCounts): void {
    this.#write({ outcome: 'ended', ...counts });
  }

  /** A message arrived, or stays for a reason; `written` is called once that is on the disk. */
  settled(delivery: Delivery, sent: Message | undefined, reason: StayReason | 'unknown' | undefined, written: () => void): void {
    const { copy, claimOf } = this.#job;
    const { messageId } = delivery.properties;
    const claimedOrigin = claimOf?.(delivery);
    const confirmed = { number: ++this.#number, messageId };
    if (reason === undefined && !copy) this.#confirmed.push([keyOf(delivery), confirmed]);
    const outcome = reason === undefined ? (copy ? 'copied' : 'confirmed') : 'stays';
    const to = sent === undefined ? {} : { exchange: sent.exchange, routingKey: sent.routingKey };
    this.#add(confirmed, { outcome, ...(reason !== undefined && { reason }), ...to, ...(claimedOrigin !== undefined && { claimedOrigin }) }, written);
  }

  /** A message was delivered: perhaps one that was confirmed over a lost connection. */
  delivered(delivery: Delivery): void {
    if (this.#doubtful.size === 0) return;
    const key = keyOf(delivery);
    const [first, ...others] = this.#doubtful.get(key) ?? [];
    if (first === undefined) return;
    if (others.length > 0) this.#doubtful.set(key, others);
    else this.#doubtful.delete(key);
    this.#add(first, { outcome: 'doubled' });
  }

  /** A connection has ended; `acknowledged` is true when every acknowledgement is proven. */
  connectionEnded(acknowledged: boolean): void {
    for (const [key, confirmed] of this.#confirmed.splice(0)) {
      if (acknowledged) this.#add(confirmed, { outcome: 'moved' });
      else this.#doubtful.set(key, [...(this.#doubtful.get(key) ?? []), confirmed]);
    }
  }

  /** Everything in the queue was seen: what has not come again is gone. */
  allSeen(): void {
    for (const confirmed of [...this.#doubtful.values()].flat()) this.#add(confirmed, { outcome: 'moved' });
    this.#doubtful.clear();
  }

  #add({ number, messageId }: Confirmed, what: object, written?: () => void): void {
    this.#write({ number, ...what, ...(messageId !== undefined && { messageId }) }, written);
  }

  #write(what: object, written?: () => void): void {
    const { run, queue, dryRun } = this.#job;
    if (!dryRun) this.#journal.add(JSON.stringify({ time: new Date().toISOString(), run, queue, ...what }), written);
  }
}

function keyOf(delivery: Delivery): string {
  return delivery.properties.messageId ?? fingerprintOf(delivery);
}
