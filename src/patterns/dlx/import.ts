import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Readable } from 'node:stream';
import * as z from 'zod/mini';
import type { Session } from '../../amqp/session.ts';
import { parseEnvelope } from '../../model/envelope.ts';
import type { PublishCounts } from '../../model/event.ts';
import { Failure } from '../../model/failure.ts';
import type { Message } from '../../model/message.ts';
import { movedCopy } from '../../model/replay.ts';
import { readChunks, readLines } from '../lines.ts';
import { queueName } from '../names.ts';
import { publishMessages, sendingShape } from '../sending.ts';
import { Destinations } from './destinations.ts';
import { BUNDLE_FORMAT, BUNDLE_VERSION, MANIFEST, type Manifest } from './export-bundle.ts';

/** What `dlx import` takes. */
export const ImportConfig = z.strictObject({
  /** The bundle. */
  directory: z.string().check(z.minLength(1, { error: 'DIRECTORY must not be empty' })),
  /** Sends all of them to one queue; absent: each to where it had been published to. */
  queue: z.optional(queueName('--queue')),
  /** True: what a queue had said of a delivery is published too. */
  keepBrokerHeaders: z._default(z.boolean(), false),
  ...sendingShape,
});
export type ImportConfig = z.output<typeof ImportConfig>;

const ManifestShape = z.object({
  format: z.literal(BUNDLE_FORMAT),
  version: z.literal(BUNDLE_VERSION),
  queue: z.string(),
  exported: z.string(),
  messages: z.int(),
  files: z.array(z.object({ name: z.string(), messages: z.int(), bytes: z.int(), sha256: z.string() })),
});

const NOTHING = 'nothing was published';

/**
 * Reads what a bundle holds, and checks every byte of it.
 *
 * @throws Failure `missing` for a bundle that is not there or not complete, `data` for one that was changed, `io`
 */
export async function checkBundle(directory: string, signal: AbortSignal): Promise<Manifest> {
  const manifest = await readManifest(directory);
  for (const { name, bytes, sha256 } of manifest.files) {
    const hash = createHash('sha256');
    let size = 0;
    try {
      for await (const chunk of readChunks(openFile(directory, name), signal)) {
        hash.update(chunk);
        size += chunk.length;
      }
    } catch (error) {
      throw unreadable(directory, name, error);
    }
    if (size !== bytes) throw changed(directory, `${name} has ${size} bytes, not ${bytes}`);
    if (hash.digest('hex') !== sha256) throw changed(directory, `the checksum of ${name} is another one`);
  }
  return manifest;
}

/**
 * Publishes the messages of a bundle, confirmed, after all of it was checked. What the broker would refuse or route elsewhere, a
 * user id and CC and BCC headers, is kept in the header `x-rmq-moved`.
 *
 * @throws Failure as `checkBundle` and `publishMessages` do
 */
export async function importBundle(session: Session, config: ImportConfig): Promise<PublishCounts> {
  const { directory, queue, keepBrokerHeaders, ...sending } = config;
  const manifest = await checkBundle(directory, session.signal);
  const publish = (onMessage: (message: Message) => void, target?: string): Promise<PublishCounts> =>
    publishMessages(session, sending, messagesOf(directory, manifest, { queue, keepBrokerHeaders }, session.signal, onMessage), target);
  if (queue !== undefined) return publish(() => undefined, `queue "${queue}"`);
  const destinations = new Destinations();
  try {
    return await publish((message) => destinations.add(message));
  } finally {
    const text = destinations.describe();
    if (text !== undefined) session.emit({ kind: 'note', text });
  }
}

async function* messagesOf(
  directory: string,
  { files, queue: from }: Manifest,
  { queue: to, keepBrokerHeaders }: Pick<ImportConfig, 'queue' | 'keepBrokerHeaders'>,
  signal: AbortSignal,
  onMessage: (message: Message) => void,
): AsyncGenerator<readonly (Message | Failure)[]> {
  for (const { name } of files) {
    let line = 0;
    for await (const lines of readLines(openFile(directory, name), signal)) {
      yield lines.map((bytes): Message | Failure => {
        line++;
        try {
          if (!isUtf8(bytes)) throw new Failure('data', 'the envelope is not valid UTF-8');
          const { exchange = '', routingKey = from, properties, body } = parseEnvelope(bytes.toString('utf8'));
          const address = to === undefined ? { exchange, routingKey } : { exchange: '', routingKey: to };
          const message = movedCopy({ ...address, queue: from, redelivered: false, properties, body }, address, keepBrokerHeaders);
          onMessage(message);
          return message;
        } catch (error) {
          if (!(error instanceof Failure)) throw error;
          return new Failure(error.kind, `${name}, line ${line}: ${error.message}`, { cause: error });
        }
      });
    }
  }
}

async function readManifest(directory: string): Promise<Manifest> {
  const path = join(directory, MANIFEST);
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) throw changed(directory, `${MANIFEST} is not JSON`);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      throw new Failure('io', `cannot read ${path}: ${(error as Error).message}`, { hint: NOTHING, cause: error });
    throw new Failure('missing', `${directory} is no bundle: it has no ${MANIFEST}`, {
      hint: `${NOTHING}; it is written last: an export that was stopped has none`,
    });
  }
  const { success, data } = ManifestShape.safeParse(json);
  if (!success) throw changed(directory, `${MANIFEST} is not one of ${BUNDLE_FORMAT}, version ${BUNDLE_VERSION}`);
  const outside = data.files.find(({ name }) => basename(name) !== name || name.startsWith('.'));
  if (outside !== undefined) throw changed(directory, `${MANIFEST} names a file that is not in the directory: ${outside.name}`);
  return data;
}

function openFile(directory: string, name: string): Readable {
  return createReadStream(join(directory, name), { highWaterMark: 256 * 1_024 });
}

/** What is not there, or no file, was not written so; another disk may read what this one cannot. */
function unreadable(directory: string, name: string, error: unknown): unknown {
  const cause = error instanceof Failure && error.kind === 'io' ? (error.cause as NodeJS.ErrnoException | undefined) : undefined;
  if (cause === undefined) return error;
  if (cause.code === 'ENOENT') return changed(directory, `${name} is missing`);
  if (cause.code === 'EISDIR') return changed(directory, `${name} is a directory`);
  return new Failure('io', `cannot read ${join(directory, name)}: ${cause.message}`, { hint: NOTHING, cause });
}

function changed(directory: string, what: string): Failure {
  return new Failure('data', `the bundle in ${directory} is not as it was written: ${what}`, { hint: NOTHING });
}
