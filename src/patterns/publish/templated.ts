import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { Failure } from '../../model/failure.ts';
import { openText, parseField } from '../../model/message/field-text.ts';
import { type Properties, placeOf } from '../../model/message/message.ts';
import { option } from '../../model/option.ts';
import {
  checkNoLoop,
  checkSource,
  type Draft,
  type Drafts,
  type Input,
  type MessageConfig,
  openSource,
  propertiesOf,
  readBody,
  type SourceConfig,
} from './input.ts';
import type { Rows } from './rows.ts';

type Templated = MessageConfig &
  SourceConfig & {
    readonly data?: string | undefined;
    readonly routingKey?: string | undefined;
    readonly key?: string | undefined;
    readonly returned?: string | undefined;
  };

/**
 * Opens drafts whose bodies, properties and routing keys are filled: as many as are asked for, or one for each row of a file.
 *
 * @throws Failure `usage` for a template that cannot be read, with the place of what is wrong; as `openDrafts` does for the body and the files;
 * while reading, `data` for a row that cannot be read
 */
export async function openTemplated(config: Templated, input: Input, signal: AbortSignal): Promise<Drafts> {
  const { data, returned, count, file = [] } = config;
  checkSource(config, file);
  const why = data === undefined ? 'template' : 'data';
  for (const key of ['lines', 'envelopes'] as const) {
    if (config[key]) throw new Failure('usage', `${option(why)} and ${option(key)} exclude each other`, { hint: 'a template is a body that is read whole' });
  }
  if (file.length > 1) throw new Failure('usage', `${option(why)} takes one body, and there are ${file.length} files`);
  const read = data === undefined ? undefined : (await import('./rows.ts')).rowReader(data);
  const source = data === undefined ? undefined : openSource(data, input, 'data');
  if (source !== undefined && returned !== undefined) checkNoLoop([source], returned);
  const body = await readBody(config, input, signal);
  const fill = filling(config, body);
  return read === undefined || source === undefined || data === undefined
    ? numbered(fill, count ?? 1)
    : filled(fill, read(source.stream, signal), data, count ?? Number.POSITIVE_INFINITY);
}

type Fill = (values: Values) => Pick<Draft, 'body' | 'properties' | 'routingKey'>;

function filling(config: Templated, body: Buffer): Fill {
  const withRows = config.data !== undefined;
  if (!isUtf8(body)) throw new Failure('data', 'a template must be valid UTF-8');
  const fillBody = compileTemplate(body.toString('utf8'), option('body'), withRows);
  const fillProperties = compileValue(propertiesOf(config), 'the properties', withRows) as (values: Values) => Properties;
  const key = config.routingKey ?? config.key;
  const fillKey = key === undefined ? undefined : compileTemplate(key, option(config.key === undefined ? 'routingKey' : 'key'), withRows);
  return (values) => ({
    body: Buffer.from(fillBody(values)),
    properties: fillProperties(values),
    ...(fillKey !== undefined && { routingKey: fillKey(values) }),
  });
}

/** Fills every text below a value. */
function compileValue(value: unknown, name: string, withRows: boolean): (values: Values) => unknown {
  if (typeof value === 'string') return value.includes('{{') ? compileTemplate(value, name, withRows) : () => value;
  const open = openText(value);
  if (open !== undefined) {
    const fill = compileTemplate(open, name, withRows);
    return (values) => parseField(name, fill(values));
  }
  if (typeof value !== 'object' || value === null) return () => value;
  const parts = Object.entries(value).map(([key, part]) => [key, compileValue(part, key, withRows)] as const);
  if (Array.isArray(value)) return (values) => parts.map(([, fill]) => fill(values));
  return (values) => Object.fromEntries(parts.map(([key, fill]) => [key, fill(values)]));
}

const BATCH = 256;

async function* numbered(fill: Fill, count: number): Drafts {
  for (let number = 1; number <= count; ) {
    const drafts: Draft[] = [];
    for (; number <= count && drafts.length < BATCH; number++) drafts.push({ ...fill({ number, row: undefined }), line: undefined, file: undefined });
    yield drafts;
  }
}

/** What cannot be filled costs no other row. */
async function* filled(fill: Fill, rows: Rows, file: string, most: number): Drafts {
  let number = 0;
  for await (const batch of rows) {
    const drafts: (Draft | Failure)[] = [];
    for (const row of batch) {
      if (number === most) break;
      number++;
      drafts.push(row instanceof Failure ? row : draftOf(fill, { number, row: row.fields }, { file, line: row.line }));
    }
    yield drafts;
    if (number === most) return;
  }
}

function draftOf(fill: Fill, values: Values, place: { readonly file: string; readonly line: number }): Draft | Failure {
  try {
    return { ...fill(values), ...place };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const has = [...(values.row?.keys() ?? [])].join(', ');
    return new Failure('data', `${placeOf(place)}: ${error.message}`, { hint: has === '' ? 'it has none' : `it has ${has}` });
  }
}

export interface Values {
  /** From 1. */
  readonly number: number;
  /** The fields of a row of data, as text. */
  readonly row: ReadonlyMap<string, string> | undefined;
}

/** Fills a text; throws a Failure `data` for a field that the row lacks. */
export type Template = (values: Values) => string;

const BUILT_IN: Readonly<Record<string, Template>> = {
  n: ({ number }) => String(number),
  uuid: () => randomUUID(),
  now: () => new Date().toISOString(),
};

const RANDOM = /^random\s+(-?\d+)\s+(-?\d+)$/;

/**
 * Compiles a text in which `{{n}}`, `{{uuid}}`, `{{now}}` and `{{random 1 100}}` are filled, and with data the fields of its rows; a field hides what is
 * called so here.
 *
 * @throws Failure `usage`, with the place of what is wrong
 */
export function compileTemplate(text: string, name: string, withRows: boolean): Template {
  const parts: (string | Template)[] = [];
  let from = 0;
  for (let open = text.indexOf('{{'); open >= 0; open = text.indexOf('{{', from)) {
    const close = text.indexOf('}}', open + 2);
    if (close < 0) throw wrong(text, name, open, 'a {{ that is not closed');
    parts.push(text.slice(from, open), part(text, name, open, close, withRows));
    from = close + 2;
  }
  if (from === 0) return () => text;
  parts.push(text.slice(from));
  return (values) => parts.map((one) => (typeof one === 'string' ? one : one(values))).join('');
}

function part(text: string, name: string, open: number, close: number, withRows: boolean): Template {
  const word = text.slice(open + 2, close).trim();
  const own = Object.hasOwn(BUILT_IN, word) ? BUILT_IN[word] : random(word);
  if (!withRows) {
    if (own === undefined) throw wrong(text, name, open, `${text.slice(open, close + 2)} is not known`);
    return own;
  }
  if (word === '') throw wrong(text, name, open, `${text.slice(open, close + 2)} names no field`);
  return (values) => {
    const field = values.row?.get(word) ?? own?.(values);
    if (field === undefined) throw new Failure('data', `there is no field "${word}"`);
    return field;
  };
}

function random(word: string): Template | undefined {
  const [least, most] = (RANDOM.exec(word) ?? []).slice(1).map(Number);
  if (least === undefined || most === undefined || !Number.isSafeInteger(most - least) || least > most) return undefined;
  return () => String(least + Math.floor(Math.random() * (most - least + 1)));
}

function wrong(text: string, name: string, at: number, what: string): Failure {
  const start = text.lastIndexOf('\n', at - 1) + 1;
  const [line = ''] = text.slice(start).split('\n', 1);
  return new Failure('usage', `${name}: ${what}, at character ${at + 1}\n${line}\n${' '.repeat(at - start)}^`, {
    hint: `{{n}}, {{uuid}}, {{now}} and {{random 1 100}} are filled; with ${option('data', 'FILE')}, {{field}} too`,
  });
}
