import { type FileHandle, open } from 'node:fs/promises';
import { Failure } from '../../model/failure.ts';
import type { Delivery, Message } from '../../model/message.ts';
import { fingerprintOf } from '../../model/selection.ts';
import type { StayReason } from '../../model/transfer.ts';
import type { TransferJob } from './transfer-job.ts';

/** A file with a line for every message and what became of it. */
export interface Journal {
  /** Adds a line; `written` is called once it is on the disk. */
  readonly add: (line: object, written: () => void) => void;
  /** Resolves once everything that was added is written, or cannot be. */
  readonly written: () => Promise<void>;
  readonly close: () => Promise<void>;
}

const NEWLINE = 10;

/**
 * Opens a journal; what stands in the file stays. A failure to write goes to `onFailure`, and nothing is `written` any more.
 *
 * @throws Failure `missing` when there is no such directory, `io`
 */
export async function openJournal(path: string, onFailure: (failure: Failure) => void): Promise<Journal> {
  const file = await opened(path);
  let lines: string[] = [];
  let waiting: (() => void)[] = [];
  let writing: Promise<void> | undefined;
  let failed = false;

  const write = async (): Promise<void> => {
    while (lines.length > 0 && !failed) {
      const [text, done] = [lines.join(''), waiting];
      lines = [];
      waiting = [];
      try {
        await file.appendFile(text);
        await synced(file);
      } catch (error) {
        failed = true;
        onFailure(new Failure('io', `cannot write the journal ${path}: ${(error as Error).message}`, { cause: error }));
        return;
      }
      for (const one of done) one();
    }
    writing = undefined;
  };

  return {
    add: (line, written) => {
      lines.push(`${JSON.stringify(line)}\n`);
      waiting.push(written);
      // In a turn of its own: what is confirmed together is written together.
      writing ??= new Promise((resolve) => setImmediate(resolve)).then(write);
    },
    written: async () => writing,
    close: async () => {
      await writing;
      await file.close();
    },
  };
}

/** A message in the lines of a run: its number there, from 1, and its id. */
interface Confirmed {
  readonly number: number;
  readonly messageId: string | undefined;
}

/**
 * The lines of one run. A message whose copy has arrived is `confirmed` before its original is acknowledged, and `moved` once the broker is known to have
 * taken the original off the queue. When the connection is lost in between, the original may come again: then it is `doubled`, for it is in both places.
 */
export class JournalLines {
  readonly #job: TransferJob;
  readonly #journal: Journal;
  #number = 0;
  /** Confirmed over this connection, by what the original is known by when it comes again. */
  #confirmed: (readonly [key: string, confirmed: Confirmed])[] = [];
  /** Confirmed over connections that were lost before all acknowledgements were known to have arrived. */
  readonly #doubtful = new Map<string, Confirmed[]>();

  constructor(job: TransferJob, journal: Journal) {
    this.#job = job;
    this.#journal = journal;
  }

  /** A message arrived, or stays for a reason; `written` is called once that is on the disk. */
  settled(delivery: Delivery, sent: Message | undefined, reason: StayReason | 'unknown' | undefined, written: () => void): void {
    const { copy } = this.#job;
    const { messageId } = delivery.properties;
    const confirmed = { number: ++this.#number, messageId };
    if (reason === undefined && !copy) this.#confirmed.push([keyOf(delivery), confirmed]);
    const outcome = reason === undefined ? (copy ? 'copied' : 'confirmed') : 'stays';
    const to = sent === undefined ? {} : { exchange: sent.exchange, routingKey: sent.routingKey };
    this.#add(confirmed, { outcome, ...(reason !== undefined && { reason }), ...to }, written);
  }

  /** A message was delivered: perhaps one that was confirmed already, over a connection that was lost. */
  delivered(delivery: Delivery): void {
    if (this.#doubtful.size === 0) return;
    const key = keyOf(delivery);
    const [first, ...others] = this.#doubtful.get(key) ?? [];
    if (first === undefined) return;
    if (others.length > 0) this.#doubtful.set(key, others);
    else this.#doubtful.delete(key);
    this.#add(first, { outcome: 'doubled' });
  }

  /** A connection is done with; `acknowledged` is true when the broker is known to have every acknowledgement. */
  connectionEnded(acknowledged: boolean): void {
    for (const [key, confirmed] of this.#confirmed.splice(0)) {
      if (acknowledged) this.#add(confirmed, { outcome: 'moved' });
      else this.#doubtful.set(key, [...(this.#doubtful.get(key) ?? []), confirmed]);
    }
  }

  /** Everything that was there has been looked at: what has not come again is gone. */
  ended(): void {
    for (const confirmed of [...this.#doubtful.values()].flat()) this.#add(confirmed, { outcome: 'moved' });
    this.#doubtful.clear();
  }

  #add({ number, messageId }: Confirmed, what: object, written: () => void = () => undefined): void {
    const { run, queue } = this.#job;
    this.#journal.add({ time: new Date().toISOString(), run, queue, number, ...what, ...(messageId !== undefined && { messageId }) }, written);
  }
}

function keyOf(delivery: Delivery): string {
  return delivery.properties.messageId ?? fingerprintOf(delivery);
}

/** What is no file, such as a pipe, has nothing to be synchronised. */
async function synced(file: FileHandle): Promise<void> {
  await file.datasync().catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EINVAL') throw error;
  });
}

/** A line that a run could not finish must not spoil the first one of this run. */
async function opened(path: string): Promise<FileHandle> {
  try {
    const file = await open(path, 'a+', 0o600);
    const { size } = await file.stat();
    const last = Buffer.alloc(1);
    if (size > 0) await file.read(last, 0, 1, size - 1);
    if (size > 0 && last[0] !== NEWLINE) await file.appendFile('\n');
    return file;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Failure(code === 'ENOENT' ? 'missing' : 'io', `cannot open the journal ${path}: ${message}`, { cause: error });
  }
}
