import { Failure } from '../../model/failure.ts';
import { formatReturned } from '../../model/message/envelope.ts';
import type { Message } from '../../model/message/message.ts';
import { openLineFile } from '../line-file.ts';

/** A file to which each unroutable message is added as an envelope. */
export interface ReturnedFile {
  readonly add: (message: Message, reply: string) => void;
  /** Resolves once everything is on the disk; with the failure, if any. */
  readonly close: () => Promise<Failure | undefined>;
}

/**
 * Opens the file. `onFailure` also gets a write failure at once: further returned messages are then not kept.
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
