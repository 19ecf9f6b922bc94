import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Readable } from 'node:stream';
import * as z from 'zod/mini';
import { Failure } from '../../../model/failure.ts';
import { readChunks } from '../../publish/input.ts';
import { RECORD } from './import-record.ts';
import { BUNDLE_FORMAT, BUNDLE_VERSION, MANIFEST, type Manifest } from './writer.ts';

const count = z.int().check(z.minimum(0));

const ManifestShape = z.object({
  format: z.literal(BUNDLE_FORMAT),
  version: z.literal(BUNDLE_VERSION),
  queue: z.string(),
  exported: z.string(),
  messages: count,
  files: z.array(z.object({ name: z.string().check(z.minLength(1)), messages: count, bytes: count, sha256: z.string() })),
});

/** A bundle whose every byte is as it was written. */
export interface CheckedBundle {
  readonly manifest: Manifest;
  readonly id: string;
}

const NOTHING = 'nothing was published';
const NEWLINE = 0x0a;

/**
 * Reads a bundle, and checks every byte of it: nothing is published from one with something missing, something twice, or a path out of its
 * directory.
 *
 * @throws Failure `missing` for a bundle that does not exist or is not complete, `data` for one that was changed, `io`
 */
export async function checkBundle(directory: string, signal: AbortSignal): Promise<CheckedBundle> {
  const { manifest, id } = await readManifest(directory);
  checkManifest(directory, manifest);
  for (const file of manifest.files) {
    const hash = createHash('sha256');
    let [size, lines, last] = [0, 0, NEWLINE];
    try {
      for await (const chunk of readChunks(await openFile(directory, file.name), signal)) {
        hash.update(chunk);
        size += chunk.length;
        lines += newlinesIn(chunk);
        last = chunk.at(-1) ?? last;
        // A file that grows while it is read has no end.
        if (size > file.bytes) break;
      }
    } catch (error) {
      throw unreadable(directory, file.name, error);
    }
    if (size !== file.bytes)
      throw changed(directory, `${file.name} has ${size > file.bytes ? `more than ${file.bytes} bytes` : `${size} bytes, not ${file.bytes}`}`);
    if (hash.digest('hex') !== file.sha256) throw changed(directory, `the checksum of ${file.name} differs`);
    const messages = last === NEWLINE ? lines : lines + 1;
    if (messages !== file.messages) throw changed(directory, `${file.name} has ${messages} messages, not ${file.messages}`);
  }
  return { manifest, id };
}

/**
 * Opens a regular file of a bundle, and nothing else: a link may lead anywhere, and a pipe may never end.
 *
 * @throws Failure `data`, `io`
 */
export async function openFile(directory: string, name: string): Promise<Readable> {
  return (await openRegular(directory, name)).createReadStream({ highWaterMark: 256 * 1_024 });
}

async function openRegular(directory: string, name: string): Promise<FileHandle> {
  let handle: FileHandle;
  try {
    handle = await open(join(directory, name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ELOOP') throw changed(directory, `${name} is a link`);
    throw new Failure('io', `cannot read ${join(directory, name)}: ${(error as Error).message}`, { hint: NOTHING, cause: error });
  }
  const stat = await handle.stat();
  if (stat.isFile()) return handle;
  await handle.close();
  throw changed(directory, `${name} is ${stat.isDirectory() ? 'a directory' : 'no file'}`);
}

async function readManifest(directory: string): Promise<CheckedBundle> {
  let text: string;
  let json: unknown;
  try {
    const handle = await openRegular(directory, MANIFEST);
    text = await handle.readFile('utf8').finally(() => handle.close());
    json = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) throw changed(directory, `${MANIFEST} is not JSON`);
    if (!(error instanceof Failure) || (error.cause as NodeJS.ErrnoException | undefined)?.code !== 'ENOENT') throw error;
    throw new Failure('missing', `${directory} is not a bundle: it has no ${MANIFEST}`, {
      hint: `${NOTHING}; an export writes that file last: one that was stopped has none`,
    });
  }
  const { success, data } = ManifestShape.safeParse(json);
  if (!success) throw changed(directory, `${MANIFEST} is not one of ${BUNDLE_FORMAT}, version ${BUNDLE_VERSION}`);
  return { manifest: data, id: createHash('sha256').update(text).digest('hex') };
}

/** Checks that the manifest is consistent before the files are compared with it. */
function checkManifest(directory: string, { files, messages }: Manifest): void {
  const names = new Set<string>();
  for (const { name } of files) {
    if (basename(name) !== name || name.startsWith('.')) throw changed(directory, `${MANIFEST} names a file that is not in the directory: ${name}`);
    if (name === MANIFEST || name === RECORD) throw changed(directory, `${MANIFEST} names ${name}, which holds no messages`);
    if (names.has(name)) throw changed(directory, `${MANIFEST} names ${name} twice`);
    names.add(name);
  }
  const sum = files.reduce((total, file) => total + file.messages, 0);
  if (sum !== messages) throw changed(directory, `${MANIFEST} counts ${messages} messages, and its files have ${sum}`);
}

function newlinesIn(chunk: Buffer): number {
  let found = 0;
  for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) found++;
  return found;
}

/** A missing part was never written so; an I/O error may be this disk's fault. */
function unreadable(directory: string, name: string, error: unknown): unknown {
  const cause = error instanceof Failure && error.kind === 'io' ? (error.cause as NodeJS.ErrnoException | undefined) : undefined;
  if (cause === undefined) return error;
  if (cause.code === 'ENOENT') return changed(directory, `${name} is missing`);
  return new Failure('io', `cannot read ${join(directory, name)}: ${cause.message}`, { hint: NOTHING, cause });
}

function changed(directory: string, what: string): Failure {
  return new Failure('data', `the bundle in ${directory} is not as it was written: ${what}`, { hint: NOTHING });
}
