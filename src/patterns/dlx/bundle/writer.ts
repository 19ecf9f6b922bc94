import { createHash, type Hash } from 'node:crypto';
import { access, type FileHandle, mkdir, open, readdir, rename, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Failure } from '../../../model/failure.ts';
import { formatEnvelope } from '../../../model/message/envelope.ts';
import type { Delivery } from '../../../model/message/message.ts';

export const MANIFEST = 'manifest.json';
export const BUNDLE_FORMAT = 'rmq dead letters';
export const BUNDLE_VERSION = 1;

/** A file of a bundle: an envelope a line. */
export interface BundleFile {
  readonly name: string;
  readonly messages: number;
  readonly bytes: number;
  readonly sha256: string;
}

/** The manifest of a bundle; it is written last: a bundle without one is incomplete. */
export interface Manifest {
  readonly format: typeof BUNDLE_FORMAT;
  readonly version: typeof BUNDLE_VERSION;
  /** Where the messages come from. */
  readonly queue: string;
  /** When, as ISO 8601. */
  readonly exported: string;
  readonly messages: number;
  readonly files: readonly BundleFile[];
}

/** Only the user may read it: bodies may be secret. */
const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
const BUFFERED = 256 * 1_024;

/** Writes messages into a directory. */
export interface BundleWriter {
  /** Resolves when it has been handed to the operating system. Calls need not wait for each other. */
  readonly add: (delivery: Delivery) => Promise<void>;
  /** Resolves when all of it is on the disk. */
  readonly finish: () => Promise<Manifest>;
  /** Closes an unfinished file, and removes empty directories that it made. */
  readonly close: () => Promise<void>;
}

interface Part {
  readonly name: string;
  readonly handle: FileHandle;
  readonly hash: Hash;
  messages: number;
  bytes: number;
}

/**
 * Opens a new bundle; another file is begun when one has reached `maxBytes`.
 *
 * @throws Failure `usage` for a directory that is not empty, `io`; later `io`, and `data` for a message that no envelope can hold
 */
export async function openBundle(directory: string, queue: string, maxBytes: number): Promise<BundleWriter> {
  const made = await orFailure(directory, () => makeDirectory(resolve(directory)));
  if ((await orFailure(directory, () => readdir(directory))).length > 0) {
    throw new Failure('usage', `the directory ${directory} is not empty`, { hint: 'a bundle needs a directory of its own: name a new one' });
  }
  const files: BundleFile[] = [];
  let part: Part | undefined;
  let waiting: Buffer[] = [];
  let size = 0;
  let tail: Promise<void> = Promise.resolve();
  let finished = false;

  async function write(lines: readonly Buffer[], messages: number): Promise<void> {
    part ??= await begin(directory, files.length + 1);
    const bytes = Buffer.concat(lines);
    part.hash.update(bytes);
    await part.handle.appendFile(bytes);
    part.bytes += bytes.length;
    part.messages += messages;
    if (part.bytes >= maxBytes) await end();
  }

  async function end(): Promise<void> {
    if (part === undefined) return;
    const { name, handle, hash, messages, bytes } = part;
    await handle.sync();
    await handle.close();
    part = undefined;
    files.push({ name, messages, bytes, sha256: hash.digest('hex') });
  }

  /** Writes one after the other; after a failure, nothing more. */
  function next(work: () => Promise<void>): Promise<void> {
    tail = tail.then(() => orFailure(directory, work));
    tail.catch(() => undefined);
    return tail;
  }

  function flush(): Promise<void> {
    const [lines, messages] = [waiting, waiting.length];
    waiting = [];
    size = 0;
    return next(() => write(lines, messages));
  }

  return {
    add: (delivery) => {
      let line: Buffer;
      try {
        line = Buffer.from(`${formatEnvelope(delivery, { jsonBody: false })}\n`);
      } catch (error) {
        return Promise.reject(error);
      }
      waiting.push(line);
      size += line.length;
      return size >= Math.min(BUFFERED, maxBytes) ? flush() : tail;
    },
    finish: async () => {
      if (waiting.length > 0) await flush();
      await next(end);
      const messages = files.reduce((sum, file) => sum + file.messages, 0);
      const manifest: Manifest = { format: BUNDLE_FORMAT, version: BUNDLE_VERSION, queue, exported: new Date().toISOString(), messages, files };
      await next(() => writeManifest(directory, manifest));
      finished = true;
      return manifest;
    },
    close: async () => {
      await tail.catch(() => undefined);
      await part?.handle.close().catch(() => undefined);
      // A directory with content is not removed.
      if (!finished) for (const one of made) await rmdir(one).catch(() => undefined);
    },
  };
}

/** Makes a directory and its missing parents, and returns those made, the innermost first. Node's recursive `mkdir` never ends below /proc. */
async function makeDirectory(path: string): Promise<readonly string[]> {
  const make = (): Promise<unknown> => mkdir(path, { mode: DIRECTORY_MODE });
  try {
    await make();
    return [path];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return [];
    const above = dirname(path);
    if (code !== 'ENOENT' || (await isThere(above))) throw error;
    const made = await makeDirectory(above);
    await make();
    return [path, ...made];
  }
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function begin(directory: string, number: number): Promise<Part> {
  const name = `messages-${String(number).padStart(5, '0')}.ndjson`;
  return { name, handle: await open(join(directory, name), 'wx', FILE_MODE), hash: createHash('sha256'), messages: 0, bytes: 0 };
}

async function writeManifest(directory: string, manifest: Manifest): Promise<void> {
  const path = join(directory, MANIFEST);
  const handle = await open(`${path}.part`, 'wx', FILE_MODE);
  await handle.writeFile(`${JSON.stringify(manifest, null, 2)}\n`);
  await handle.sync();
  await handle.close();
  await rename(`${path}.part`, path);
  // The names of the files are on the disk only when the directory is.
  const folder = await open(directory, 'r');
  await folder.sync();
  await folder.close();
}

async function orFailure<T>(directory: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error) || error instanceof Failure || !('code' in error)) throw error;
    throw new Failure('io', `cannot write the bundle in ${directory}: ${error.message}`, { hint: 'nothing was removed from the queue', cause: error });
  }
}
