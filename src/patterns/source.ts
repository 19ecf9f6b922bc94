import { isUtf8 } from 'node:buffer';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import * as z from 'zod/mini';
import { type Envelope, parseEnvelope } from '../model/envelope.ts';
import { Failure } from '../model/failure.ts';
import type { FieldTable, Properties } from '../model/message.ts';
import { MAX_TIMER } from '../model/quantity.ts';
import { readChunks, readLines } from './lines.ts';
import { shortText } from './names.ts';

const optionalText = (flag: string) => z.optional(shortText(flag));

/** The properties that every publishing command can set. */
export const messageShape = {
  contentType: optionalText('--content-type'),
  contentEncoding: optionalText('--content-encoding'),
  header: z.optional(z.custom<FieldTable>()),
  priority: z.optional(z.int().check(z.minimum(0), z.maximum(255))),
  correlationId: optionalText('--correlation-id'),
  replyTo: optionalText('--reply-to'),
  /** Milliseconds until the message expires in its queue. */
  ttl: z.optional(z.int().check(z.minimum(0), z.maximum(MAX_TIMER * 2))),
  messageId: optionalText('--message-id'),
  /** Seconds since 1970. */
  timestamp: z.optional(z.int().check(z.minimum(0))),
  type: optionalText('--type'),
  userId: optionalText('--user-id'),
  appId: optionalText('--app-id'),
  /** True: the message may be lost when the broker restarts. */
  transient: z._default(z.boolean(), false),
};

/** Where the bodies come from. */
export const sourceShape = {
  body: z.optional(z.string()),
  file: z.optional(z.string().check(z.minLength(1))),
  /** Each line is a message. */
  lines: z._default(z.boolean(), false),
  /** Each line is an envelope. */
  envelopes: z._default(z.boolean(), false),
  /** The body this many times; of lines or envelopes, at most this many. */
  count: z.optional(z.int().check(z.minimum(1))),
};

const MessageConfig = z.object(messageShape);
const SourceConfig = z.object(sourceShape);
export type MessageConfig = z.output<typeof MessageConfig>;
export type SourceConfig = z.output<typeof SourceConfig>;

/** A message before it is known where it goes: an envelope may say so itself. */
export interface Draft extends Envelope {
  /** The line it stood on, from 1; undefined where there are no lines. */
  readonly line: number | undefined;
}

/** The properties that flags ask for. */
export function propertiesOf(config: MessageConfig): Properties {
  const { header, ttl, transient, contentType, contentEncoding, priority, correlationId, replyTo, messageId, timestamp, type, userId, appId } = config;
  const given = { contentType, contentEncoding, headers: header, priority, correlationId, replyTo, messageId, timestamp, type, userId, appId };
  return {
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    ...(ttl !== undefined && { expiration: String(ttl) }),
    ...(transient ? { deliveryMode: 1 } : {}),
  };
}

/** What is behind a body that was not given as an argument. */
export interface Input {
  readonly stdin: () => Readable;
  readonly stdinIsTerminal: boolean;
}

/**
 * Opens where drafts come from, and reads them in batches as they arrive: the argument, the file, or standard input when it
 * is not a terminal. With an argument, standard input is never touched.
 *
 * @throws Failure `usage` without any body, `missing` or `io` for a file that cannot be read; while reading, `data` for a
 * broken envelope
 */
export async function openDrafts(config: SourceConfig, input: Input, signal: AbortSignal): Promise<AsyncIterable<readonly Draft[]>> {
  const { body, file, lines, envelopes, count } = config;
  if (body !== undefined && file !== undefined) throw new Failure('usage', 'a BODY and --file exclude each other');
  if (lines && envelopes) throw new Failure('usage', '--lines and --envelopes exclude each other');
  if (body !== undefined && (lines || envelopes)) {
    throw new Failure('usage', 'with a BODY there are no lines to read', { hint: 'leave out BODY to read standard input' });
  }
  if (body !== undefined) return repeat(Buffer.from(body), count ?? 1);
  const stream = await openInput(file, input);
  if (lines || envelopes) return readMany(stream, envelopes, count ?? Number.POSITIVE_INFINITY, signal);
  return readOne(stream, count ?? 1, signal);
}

async function* readOne(stream: Readable, count: number, signal: AbortSignal): AsyncGenerator<readonly Draft[]> {
  yield* repeat(await readWhole(stream, signal), count);
}

/** Shared by all drafts that come without properties. */
const NO_PROPERTIES: Properties = {};

const REPEAT_BATCH = 256;

async function* repeat(body: Buffer, count: number): AsyncGenerator<readonly Draft[]> {
  for (let left = count; left > 0; left -= REPEAT_BATCH) {
    yield Array.from({ length: Math.min(left, REPEAT_BATCH) }, () => ({ properties: NO_PROPERTIES, body, line: undefined }));
  }
}

async function* readMany(stream: Readable, envelopes: boolean, count: number, signal: AbortSignal): AsyncGenerator<readonly Draft[]> {
  let line = 0;
  for await (const bodies of readLines(stream, signal)) {
    const drafts: Draft[] = [];
    for (const body of bodies) {
      if (line >= count) break;
      line++;
      if (!envelopes) drafts.push({ properties: NO_PROPERTIES, body, line });
      else if (body.length > 0) {
        try {
          if (!isUtf8(body)) throw new Failure('data', 'the envelope is not valid UTF-8');
          drafts.push({ ...parseEnvelope(body.toString('utf8')), line });
        } catch (error) {
          // What stands before it is sent first.
          yield drafts;
          throw error instanceof Failure ? new Failure(error.kind, `line ${line}: ${error.message}`, { cause: error }) : error;
        }
      }
    }
    yield drafts;
    if (line >= count) return;
  }
}

async function readWhole(stream: Readable, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of readChunks(stream, signal)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function openInput(file: string | undefined, { stdin, stdinIsTerminal }: Input): Promise<Readable> {
  if (file === undefined || file === '-') {
    if (file === undefined && stdinIsTerminal) {
      throw new Failure('usage', 'there is nothing to publish: no BODY, no --file, and standard input is a terminal', { hint: 'rmq publish -q QUEUE BODY' });
    }
    return stdin();
  }
  try {
    return (await open(file)).createReadStream();
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw new Failure(missing ? 'missing' : 'io', `--file: ${missing ? 'no file' : 'cannot read'} ${file}`, { cause: error });
  }
}
