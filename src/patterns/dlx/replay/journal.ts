import { open, stat } from 'node:fs/promises';
import { SAMPLE } from '../../../amqp/consumer/held-reader.ts';
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

/** Runs without an end in the journal: they were killed, or still go on. */
export interface Interrupted {
  /** When the last one began. */
  readonly begun: string;
  /** How many messages they had under way, at most. */
  readonly most: number;
}

const TELLING = /"outcome":"(?:begun|stays|ended)"/;

/** The interrupted runs over a queue, unless a later one has moved all that was there. A journal that is a pipe tells of none. */
export async function interruptedRuns(path: string, queue: string): Promise<Interrupted | undefined> {
  if (!(await stat(path)).isFile()) return undefined;
  const runs = new Map<unknown, Interrupted>();
  const file = await open(path);
  for await (const line of file.readLines()) {
    const { run, queue: of, time, outcome, all, depth, moved } = TELLING.test(line) ? parsed(line) : {};
    if (of !== queue) continue;
    if (outcome === 'begun') runs.set(run, { begun: String(time), most: all === true ? SAMPLE : Number.POSITIVE_INFINITY });
    // What stays is held, and with more held there is more unanswered.
    const known = outcome === 'stays' ? runs.get(run) : undefined;
    if (known !== undefined) runs.set(run, { ...known, most: Number.POSITIVE_INFINITY });
    if (outcome !== 'ended') continue;
    runs.delete(run);
    if (depth === moved && moved !== 0) runs.clear();
  }
  const last = [...runs.values()].at(-1);
  return last && { ...last, most: [...runs.values()].reduce((sum, { most }) => sum + most, 0) };
}

/** A KILL may have cut a line. */
function parsed(line: string): Readonly<Record<string, unknown>> {
  try {
    return (JSON.parse(line) as Readonly<Record<string, unknown>> | null) ?? {};
  } catch {
    return {};
  }
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
    this.#write({ outcome: 'begun', ...(this.#job.all && { all: true }) });
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
