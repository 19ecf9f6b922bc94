import { type FileHandle, open } from 'node:fs/promises';
import { Failure, type FailureKind } from '../model/failure.ts';

export interface LineFile {
  /** Adds a line; `written` is called once it is on the disk. */
  readonly add: (line: string, written?: () => void) => void;
  /** Resolves once everything added is written, or has failed. */
  readonly written: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** How messages name the file. */
interface Naming {
  /** As in "the journal". */
  readonly what: string;
  /** The kind of the failure where its directory is missing. */
  readonly withoutDirectory: FailureKind;
}

const NEWLINE = 10;

/**
 * Opens a file of lines; its content stays. `onFailure` gets a write failure, and `written` is not called after that.
 *
 * @throws Failure `io`, or what the naming says where there is no such directory
 */
export async function openLineFile(path: string, naming: Naming, onFailure: (failure: Failure) => void): Promise<LineFile> {
  const file = await opened(path, naming);
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
        onFailure(new Failure('io', `cannot write ${naming.what} ${path}: ${(error as Error).message}`, { cause: error }));
        return;
      }
      for (const one of done) one();
    }
    writing = undefined;
  };

  return {
    add: (line, written) => {
      lines.push(`${line}\n`);
      if (written !== undefined) waiting.push(written);
      // In the next turn: lines that are confirmed together are written together.
      writing ??= new Promise((resolve) => setImmediate(resolve)).then(write);
    },
    written: async () => writing,
    close: async () => {
      await writing;
      await file.close();
    },
  };
}

/** A file that is not a regular one, such as a pipe, need not be synchronised. */
async function synced(file: FileHandle): Promise<void> {
  await file.datasync().catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EINVAL') throw error;
  });
}

/** An unfinished line of an earlier run must not spoil the first line of this one. */
async function opened(path: string, { what, withoutDirectory }: Naming): Promise<FileHandle> {
  try {
    const file = await open(path, 'a+', 0o600);
    const { size } = await file.stat();
    const last = Buffer.alloc(1);
    if (size > 0) await file.read(last, 0, 1, size - 1);
    if (size > 0 && last[0] !== NEWLINE) await file.appendFile('\n');
    return file;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Failure(code === 'ENOENT' ? withoutDirectory : 'io', `cannot open ${what} ${path}: ${message}`, { cause: error });
  }
}
