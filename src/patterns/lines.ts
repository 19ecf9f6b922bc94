import type { Readable } from 'node:stream';
import { abortFailure, Failure } from '../model/failure.ts';

const NEWLINE = 0x0a;

/**
 * The chunks of a stream. The signal ends it in the middle, also while the stream has nothing to say.
 *
 * @throws Failure `io` when it cannot be read, or what the signal was aborted with
 */
export async function* readChunks(stream: Readable, signal: AbortSignal): AsyncGenerator<Buffer> {
  if (signal.aborted) throw abortFailure(signal);
  const stop = (): void => {
    stream.destroy();
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const chunk of stream) yield chunk as Buffer;
    if (signal.aborted) throw abortFailure(signal);
  } catch (error) {
    if (signal.aborted) throw abortFailure(signal);
    if (error instanceof Failure) throw error;
    throw new Failure('io', `the input cannot be read: ${error instanceof Error ? error.message : error}`, { cause: error });
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/**
 * The lines of a stream, in batches as they arrive, without their newlines; a last line needs none. Lines are bytes: nothing
 * is decoded, and a carriage return stays.
 */
export async function* readLines(stream: Readable, signal: AbortSignal): AsyncGenerator<readonly Buffer[]> {
  let begun: Buffer[] = [];
  for await (const chunk of readChunks(stream, signal)) {
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const piece = chunk.subarray(start, end);
      lines.push(begun.length === 0 ? piece : Buffer.concat([...begun, piece]));
      begun = [];
      start = end + 1;
    }
    if (start < chunk.length) begun.push(chunk.subarray(start));
    if (lines.length > 0) yield lines;
  }
  if (begun.length > 0) yield [Buffer.concat(begun)];
}
