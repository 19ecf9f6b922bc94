import { Readable } from 'node:stream';
import { Failure } from '../../model/failure.ts';
import { members } from '../../model/message/json.ts';
import { placeOf } from '../../model/message/message.ts';
import { option } from '../../model/option.ts';
import { formatCount } from '../../model/quantity.ts';
import { isPlainObject } from '../../model/text.ts';
import { readChunks, readLines } from './input.ts';

/** A row of data, by the names of its fields, and the line where it begins. */
export interface Row {
  readonly line: number;
  readonly fields: ReadonlyMap<string, string>;
}

/** The rows of a file, in batches. A failure stands for a line that is no row. */
export type Rows = AsyncIterable<readonly (Row | Failure)[]>;

/** What a file is read as, by the end of its name. */
const READERS: Readonly<Record<string, (file: string, stream: Readable, signal: AbortSignal) => Rows>> = {
  csv: readCsv,
  ndjson: readObjects,
  jsonl: readObjects,
};

/** @throws Failure `usage` for a file of another kind */
export function rowReader(file: string): (stream: Readable, signal: AbortSignal) => Rows {
  const ending = /\.(\w+)$/.exec(file)?.[1]?.toLowerCase() ?? '';
  const read = Object.hasOwn(READERS, ending) ? READERS[ending] : undefined;
  if (read === undefined) throw new Failure('usage', `${option('data')} ${file} is neither a .csv nor a .ndjson (or .jsonl) file`);
  return (stream, signal) => read(file, stream, signal);
}

const BATCH = 256;

/** The first row names the columns (RFC 4180). */
async function* readCsv(file: string, stream: Readable, signal: AbortSignal): Rows {
  const { parse } = await import('csv-parse');
  const parser = parse({ info: true, relax_column_count: true, skip_empty_lines: true });
  // Whatever ends the input ends the parser with it.
  const source = Readable.from(utf8(file, readChunks(stream, signal))).on('error', (error) => parser.destroy(error));
  source.pipe(parser);
  let columns: readonly string[] | undefined;
  let rows: (Row | Failure)[] = [];
  try {
    for await (const parsed of parser) {
      const { record, info } = parsed as { readonly record: readonly string[]; readonly info: { readonly lines: number } };
      const line = info.lines - record.reduce((breaks, field) => breaks + field.split('\n').length - 1, 0);
      if (columns === undefined) {
        columns = record;
        const twice = record.find((name, index) => record.indexOf(name) !== index);
        if (twice !== undefined) throw new Failure('data', `${placeOf({ file, line })}: the column "${twice}" is there twice`);
        continue;
      }
      rows.push(rowOf(columns, record, { file, line }));
      if (rows.length < BATCH) continue;
      yield rows;
      rows = [];
    }
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure('data', `${file}: ${error instanceof Error ? error.message : error}`, { cause: error });
  } finally {
    source.destroy();
  }
  if (columns === undefined) throw empty(file, 'its first line names the columns');
  yield rows;
}

function rowOf(columns: readonly string[], record: readonly string[], place: { readonly file: string; readonly line: number }): Row | Failure {
  if (record.length === columns.length) return { line: place.line, fields: new Map(columns.map((name, index) => [name, record[index] ?? ''])) };
  return new Failure('data', `${placeOf(place)}: ${formatCount(record.length, 'field')}, and there are ${formatCount(columns.length, 'column')}`);
}

async function* utf8(file: string, chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const decode = (chunk?: Buffer): string => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
    } catch (error) {
      throw new Failure('data', `${file} is not valid UTF-8`, { cause: error });
    }
  };
  for await (const chunk of chunks) yield decode(chunk);
  yield decode();
}

/** A JSON object a line. Numbers stay as they are spelled. */
async function* readObjects(file: string, stream: Readable, signal: AbortSignal): Rows {
  let line = 0;
  for await (const batch of readLines(stream, signal)) {
    const rows: (Row | Failure)[] = [];
    for (const bytes of batch) {
      line++;
      const text = bytes.toString('utf8');
      if (text.trim() !== '') rows.push(objectOf(text, { file, line }));
    }
    yield rows;
  }
  if (line === 0) throw empty(file, 'a line is an object');
}

function empty(file: string, hint: string): Failure {
  return new Failure('data', `${file} is empty: there is nothing to send`, { hint });
}

function objectOf(text: string, place: { readonly file: string; readonly line: number }): Row | Failure {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    return new Failure('data', `${placeOf(place)}: not JSON`, { cause: error });
  }
  if (!isPlainObject(parsed)) return new Failure('data', `${placeOf(place)}: a JSON object is needed, got ${text.slice(0, 60)}`);
  const strings = parsed as Readonly<Record<string, unknown>>;
  return {
    line: place.line,
    fields: new Map(members(text).map(({ name, text: spelled }) => [name, typeof strings[name] === 'string' ? (strings[name] as string) : spelled])),
  };
}
