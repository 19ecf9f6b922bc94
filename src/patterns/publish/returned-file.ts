import { Failure } from '../../model/failure.ts';
import { formatReturned } from '../../model/message/envelope.ts';
import type { Message } from '../../model/message/message.ts';
import { openLineFile } from '../line-file.ts';

/** A file with an envelope for each message that no queue was bound for; what stands in it stays. */
export interface ReturnedFile {
  readonly add: (message: Message, reply: string) => void;
  /** Resolves once everything is on the disk; with what kept it from getting there, if anything did. */
  readonly close: () => Promise<Failure | undefined>;
}

/**
 * Opens the file. A failure to write goes to `onFailure` at once, too: what comes back after it is kept nowhere.
 *
 * @throws Failure `io`
 */
export async function openReturnedFile(path: string, onFailure: (failure: Failure) => void): Promise<ReturnedFile> {
  let failure: Failure | undefined;
  const fail = (why: Failure): void => {
    failure ??= why;
    onFailure(why);
  };
  const file = await openLineFile(path, { what: 'the file of returned messages', withoutDirectory: 'io' }, fail);
  return {
    add: (message, reply) => {
      try {
        file.add(formatReturned(message, reply));
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        fail(error);
      }
    },
    close: async () => {
      await file.close();
      return failure;
    },
  };
}
