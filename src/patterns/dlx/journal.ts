import { type FileHandle, open } from 'node:fs/promises';
import { Failure } from '../../model/failure.ts';
import type { Delivery, Message } from '../../model/message.ts';
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

/** What became of a message: it was moved, or it stays, and why; one of which nobody knows whether it arrived stays too. */
export function journalLine(
  { queue, run, copy }: TransferJob,
  { properties }: Delivery,
  sent: Message | undefined,
  reason: StayReason | 'unknown' | undefined,
): object {
  return {
    time: new Date().toISOString(),
    run,
    queue,
    outcome: reason === undefined ? (copy ? 'copied' : 'moved') : 'stays',
    ...(reason !== undefined && { reason }),
    ...(properties.messageId !== undefined && { messageId: properties.messageId }),
    ...(sent !== undefined && { exchange: sent.exchange, routingKey: sent.routingKey }),
  };
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
