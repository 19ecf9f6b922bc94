import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** Bytes of a line, without its newline. */
export const LINE_LENGTH = 110;
const BATCH = 10_000;

/** A file of so many lines, each another one. */
export async function writeLines(directory: string, count: number): Promise<string> {
  const path = join(directory, `${count}.lines`);
  await pipeline(Readable.from(batches(count)), createWriteStream(path));
  return path;
}

function* batches(count: number): Generator<string> {
  for (let from = 0; from < count; from += BATCH) {
    let batch = '';
    for (let number = from; number < Math.min(from + BATCH, count); number += 1)
      batch += `${`{"order":${number},"customer":"c-${number % 9_973}","note":"`.padEnd(LINE_LENGTH - 2, 'abcdefghij')}"}\n`;
    yield batch;
  }
}

/** Fails unless both files have the same bytes, and so the same number of lines in the same order. */
export async function sameBytes(path: string, expected: string): Promise<void> {
  const [found, wanted] = await Promise.all([digest(path), digest(expected)]);
  if (found !== wanted) throw new Error(`${path} is not what was published`);
}

async function digest(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
