import { isUtf8 } from 'node:buffer';
import { fstatSync, type ReadStream, statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import * as z from 'zod/mini';
import { onAbort } from '../../model/async.ts';
import { abortFailure, Failure } from '../../model/failure.ts';
import { type Envelope, parseEnvelope } from '../../model/message/envelope.ts';
import { type FieldTable, type Place, type Properties, placeOf } from '../../model/message/message.ts';
import { option } from '../../model/option.ts';
import { MAX_TIMER } from '../../model/quantity.ts';
import { shortString } from '../names.ts';

const optionalText = z.optional(shortString);

/** The properties that every publishing command can set. */
export const messageShape = {
  contentType: optionalText,
  contentEncoding: optionalText,
  header: z.optional(z.custom<FieldTable>()),
  priority: z.optional(z.int().check(z.minimum(0), z.maximum(255))),
  correlationId: optionalText,
  replyTo: optionalText,
  /** Milliseconds until the message expires in its queue. */
  ttl: z.optional(z.int().check(z.minimum(0), z.maximum(MAX_TIMER * 2))),
  messageId: optionalText,
  /** Seconds since 1970. */
  timestamp: z.optional(z.int().check(z.minimum(0))),
  type: optionalText,
  userId: optionalText,
  appId: optionalText,
  /** True: the message may be lost when the broker restarts. */
  transient: z._default(z.boolean(), false),
};

/** Where bodies come from. */
export const sourceShape = {
  body: z.optional(z.string()),
  /** Files, a message each; `-` is standard input. */
  file: z.optional(z.array(z.string().check(z.minLength(1))).check(z.minLength(1))),
  lines: z._default(z.boolean(), false),
  envelopes: z._default(z.boolean(), false),
  /** True: keeps the headers of an envelope that a broker wrote: counters of its delivery, and how it died. */
  keepBrokerHeaders: z._default(z.boolean(), false),
  /** Sends the body this many times; of lines or envelopes, sends at most this many. */
  count: z.optional(z.int().check(z.minimum(1))),
  /** Drops one newline at the end of standard input or of a file. */
  chomp: z._default(z.boolean(), false),
  /** True: sends an empty input as an empty message. */
  allowEmpty: z._default(z.boolean(), false),
};

/** What is filled in for each message, and with what. */
export const templateShape = {
  /** True: what stands in double braces in the body, the properties and the routing key is filled. */
  template: z._default(z.boolean(), false),
  /** A file with a row of fields for each message, which are filled in. */
  data: z.optional(z.string().check(z.minLength(1))),
};

const MessageConfig = z.object(messageShape);
const SourceConfig = z.object(sourceShape);
export type MessageConfig = z.output<typeof MessageConfig>;
export type SourceConfig = z.output<typeof SourceConfig>;

/** A message as read, with its place in the input; its destination may be open, unless it is an envelope that names one. */
export interface Draft extends Envelope, Place {}

/** Drafts, in batches as they arrive. A failure stands for an invalid line. */
export type Drafts = AsyncIterable<readonly (Draft | Failure)[]>;

export function propertiesOf(config: MessageConfig): Properties {
  const { header, ttl, transient, contentType, contentEncoding, priority, correlationId, replyTo, messageId, timestamp, type, userId, appId } = config;
  const given = { contentType, contentEncoding, headers: header, priority, correlationId, replyTo, messageId, timestamp, type, userId, appId };
  return {
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    ...(ttl !== undefined && { expiration: String(ttl) }),
    ...(transient ? { deliveryMode: 1 } : {}),
  };
}

/** Where a body comes from that is not an argument. */
export interface Input {
  readonly stdin: () => Readable;
  /** Opens a file; throws the system's error. */
  readonly open: (path: string) => Readable;
  readonly stdinIsTerminal: boolean;
}

/** A stream of bodies, and its name. */
interface Source {
  readonly name: string;
  readonly stream: Readable;
}

/**
 * Opens the source of drafts, and reads them in batches as they arrive: the argument, the files, or standard input when it
 * is not a terminal. With an argument, standard input is never touched.
 *
 * @throws Failure `usage` without any body, `missing` or `io` for a file that cannot be read; while reading, `data`
 * for a message whose input is empty
 */
export async function openDrafts(config: SourceConfig & { readonly returned?: string | undefined }, input: Input, signal: AbortSignal): Promise<Drafts> {
  const { body, file: files = [], lines, envelopes, count } = config;
  checkSource(config, files);
  if (body !== undefined) return repeat(Buffer.from(body), count ?? 1);
  const sources: Source[] = [];
  for (const file of files.length === 0 ? [undefined] : files) sources.push(openSource(file, input));
  if (config.returned !== undefined) checkNoLoop(sources, config.returned);
  if (lines || envelopes) return readMany(sources, envelopes, count ?? Number.POSITIVE_INFINITY, signal);
  return readWholes(sources, config, signal);
}

/** Returned messages that are added to the input file would be read, returned and added again. */
export function checkNoLoop(sources: readonly Source[], returned: string): void {
  const written = statSync(returned, { throwIfNoEntry: false });
  const looped = sources.find(({ stream }) => {
    const { fd } = stream as { readonly fd?: unknown };
    const read = typeof fd === 'number' ? fstatSync(fd) : undefined;
    return written?.isFile() === true && read?.dev === written.dev && read.ino === written.ino;
  });
  if (looped === undefined) return;
  for (const { stream } of sources) stream.destroy();
  throw new Failure('usage', `${option('returned')} ${returned} is also the input file`, { hint: 'name another file' });
}

/** Refuses options that contradict each other. */
export function checkSource({ body, lines, envelopes, keepBrokerHeaders, count, chomp }: SourceConfig, files: readonly string[]): void {
  const refuse = (what: string, hint?: string): never => {
    throw new Failure('usage', what, { hint });
  };
  if (body !== undefined && files.length > 0) refuse(`${option('body')} and ${option('file')} exclude each other`);
  if (keepBrokerHeaders && !envelopes) refuse(`${option('keepBrokerHeaders')} is for ${option('envelopes')}: other input has no headers`);
  if (lines && envelopes) refuse(`${option('lines')} and ${option('envelopes')} exclude each other`);
  if (body !== undefined && (lines || envelopes))
    refuse(`with ${option('body')} there are no lines to read`, `leave out ${option('body')} to read standard input`);
  if (chomp && body !== undefined) refuse(`${option('chomp')} is for standard input and ${option('file')}: ${option('body')} is sent as it is`);
  if (chomp && (lines || envelopes)) refuse(`${option('chomp')} is for a body that is read whole: a line has no newline at its end`);
  if (files.filter((one) => one === '-').length > 1) refuse(`${option('file')} - is given twice`, 'standard input can be read once');
  if (count !== undefined && files.length > 1 && !lines && !envelopes) {
    refuse(
      `${option('count')} repeats one body, and there are ${files.length} files`,
      `with ${option('lines')} or ${option('envelopes')} it limits how many are sent`,
    );
  }
}

async function* readWholes(sources: readonly Source[], { count = 1, chomp, allowEmpty }: SourceConfig, signal: AbortSignal): AsyncGenerator<readonly Draft[]> {
  for (const { stream, name } of sources) {
    const whole = await readWhole(stream, signal);
    const body = chomp && whole.at(-1) === NEWLINE ? whole.subarray(0, -1) : whole;
    // More often than not, the program before the pipe has failed.
    if (body.length === 0 && !allowEmpty) {
      throw new Failure('data', `${name} is empty${whole.length === 0 ? '' : ' but for a newline'}: there is nothing to send`, {
        hint: `${option('allowEmpty')} sends an empty message`,
      });
    }
    yield* repeat(body, count);
  }
}

const NEWLINE = 0x0a;

/** Shared by all drafts without properties. */
const NO_PROPERTIES: Properties = {};

const REPEAT_BATCH = 256;

async function* repeat(body: Buffer, count: number): AsyncGenerator<readonly Draft[]> {
  for (let left = count; left > 0; left -= REPEAT_BATCH) {
    yield Array.from({ length: Math.min(left, REPEAT_BATCH) }, () => ({ properties: NO_PROPERTIES, body, line: undefined, file: undefined }));
  }
}

async function* readMany(sources: readonly Source[], envelopes: boolean, most: number, signal: AbortSignal): Drafts {
  let left = most;
  for (const { stream, name } of sources) {
    const file = sources.length > 1 ? name : undefined;
    let line = 0;
    for await (const bodies of readLines(stream, signal)) {
      const drafts: (Draft | Failure)[] = [];
      for (const body of bodies) {
        if (left === 0) break;
        left--;
        line++;
        if (!envelopes) drafts.push({ properties: NO_PROPERTIES, body, line, file });
        else if (body.length > 0) {
          try {
            if (!isUtf8(body)) throw new Failure('data', 'the envelope is not valid UTF-8');
            drafts.push({ ...parseEnvelope(body.toString('utf8')), line, file });
          } catch (error) {
            if (!(error instanceof Failure)) throw error;
            drafts.push(error.saying(`${placeOf({ file, line })}: ${error.message}`));
          }
        }
      }
      yield drafts;
      if (left === 0) return;
    }
  }
}

async function readWhole(stream: Readable, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of readChunks(stream, signal)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The one body of an input that is read whole. */
export async function readBody(config: SourceConfig, input: Input, signal: AbortSignal): Promise<Buffer> {
  if (config.body !== undefined) return Buffer.from(config.body);
  const [file] = config.file ?? [];
  for await (const [draft] of readWholes([openSource(file, input)], { ...config, count: 1 }, signal)) if (draft !== undefined) return draft.body;
  return Buffer.alloc(0);
}

export function openSource(file: string | undefined, { stdin, open, stdinIsTerminal }: Input, named: 'file' | 'data' = 'file'): Source {
  if (file === undefined || file === '-') {
    if (file === undefined && stdinIsTerminal) {
      throw new Failure('usage', `there is nothing to publish: no ${option('body')}, no ${option('file')}, and standard input is a terminal`, {
        hint: `give ${option('body')}, name a file with ${option('file')}, or pipe something into the command`,
      });
    }
    return { name: 'standard input', stream: stdin() };
  }
  try {
    return { name: file, stream: open(file) };
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw new Failure(missing ? 'missing' : 'io', `${option(named)}: ${missing ? 'no file' : 'cannot read'} ${file}`, { cause: error });
  }
}

/**
 * The chunks of a stream. The signal ends it at any time, also while the stream is silent.
 *
 * @throws Failure `io` when it cannot be read, or what the signal was aborted with
 */
export async function* readChunks(stream: Readable, signal: AbortSignal): AsyncGenerator<Buffer> {
  if (signal.aborted) throw abortFailure(signal);
  const ignore = onAbort(signal, () => stream.destroy());
  try {
    for await (const chunk of stream) yield chunk as Buffer;
    if (signal.aborted) throw abortFailure(signal);
  } catch (error) {
    if (signal.aborted) throw abortFailure(signal);
    if (error instanceof Failure) throw error;
    const { path } = stream as Partial<ReadStream>;
    throw new Failure('io', `${path === undefined ? 'the input' : String(path)} cannot be read: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  } finally {
    ignore();
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

/**
 * What a source yields. A silent source must not hide that what sends it has stopped. (A race against a promise that lives as long as the run would leak
 * memory with every batch.)
 */
export async function* untilStopped<T>(
  source: AsyncIterable<T>,
  sender: { readonly failure: Failure | undefined; readonly stopped: Promise<Failure> },
): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]();
  let stop: (failure: Failure) => void = () => undefined;
  void sender.stopped.then((failure) => stop(failure));
  const next = (): Promise<IteratorResult<T, unknown>> =>
    new Promise((resolve, reject) => {
      stop = reject;
      if (sender.failure === undefined) iterator.next().then(resolve, reject);
      else reject(sender.failure);
    });
  try {
    for (let read = await next(); read.done !== true; read = await next()) yield read.value;
  } finally {
    void iterator.return?.(undefined).catch(() => undefined);
  }
}
