import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import type { Emit } from '../../model/event.ts';
import { Failure } from '../../model/failure.ts';
import { placeOf } from '../../model/message/message.ts';
import { option } from '../../model/option.ts';
import { isPlainObject } from '../../model/text.ts';
import type { Drafts } from '../publish/input.ts';
import { readGiven } from './config.ts';
import { shown } from './partial.ts';

/** Says what is wrong with a body; undefined when it fits. */
export type CheckBody = (body: Buffer) => string | undefined;

const MOST_ERRORS = 5;
const DIALECTS: readonly (readonly [name: RegExp, dialect: typeof Ajv | typeof Ajv2019 | typeof Ajv2020])[] = [
  [/^https?:\/\/json-schema\.org\/draft\/2020-12\/schema#?$/, Ajv2020],
  [/^https?:\/\/json-schema\.org\/draft\/2019-09\/schema#?$/, Ajv2019],
  [/^https?:\/\/json-schema\.org\/draft-07\/schema#?$/, Ajv],
];

/**
 * Reads a JSON Schema (https://json-schema.org): of draft 2020-12 unless its `$schema` says 2019-09 or draft-07. References lead to files beside it, never to the network.
 *
 * @throws Failure `missing` or `io` for a file that cannot be read, `data` for what is no schema, with its place
 */
export async function openSchema(path: string, emit: Emit): Promise<CheckBody> {
  const text = (await readGiven(path, 'schema')).toString('utf8');
  const schema = parsed(path, text);
  if (typeof schema !== 'boolean' && !isPlainObject(schema)) throw new Failure('data', `${path}: a schema is a JSON object, or true or false`);
  const { $schema: dialect } = schema as { readonly $schema?: unknown };
  const Dialect = dialect === undefined ? Ajv2020 : DIALECTS.find(([name]) => name.test(String(dialect)))?.[1];
  if (Dialect === undefined) {
    throw new Failure('data', `${path}, line ${lineOf(text, '/$schema')}: the dialect ${shown(dialect)} is not known`, {
      hint: 'draft-07, 2019-09 and 2020-12 are',
    });
  }
  const warn = (what: unknown): void => emit({ kind: 'note', text: `${path}: ${String(what).replace(/^strict mode: /, '')}` });
  const ajv = new Dialect({
    allErrors: true,
    verbose: true,
    strict: false,
    // What a schema has and its dialect does not know would be ignored in silence.
    strictSchema: 'log',
    logger: { log: () => undefined, warn, error: () => undefined },
    loadSchema: (uri) => referenced(path, uri),
  });
  // The function is a property of itself for programs in ES modules.
  (formats as unknown as (on: typeof ajv) => void)(ajv);
  if (ajv.validateSchema(schema as object) === false) {
    const [first] = ajv.errors ?? [];
    throw new Failure(
      'data',
      `${path}, line ${lineOf(text, first?.instancePath ?? '')}: it is no schema: ${first === undefined ? 'it is not valid' : told(first, '#')}`,
    );
  }
  const validate = await compiled(
    path,
    () => ajv.compileAsync(schema as object),
    (name) => {
      warn(`the format "${name}" is not known, and not checked`);
      ajv.addFormat(name, true);
      ajv.removeSchema();
    },
  );
  return (body) => {
    let value: unknown;
    try {
      value = JSON.parse(body.toString('utf8'));
    } catch {
      return 'the body is not JSON';
    }
    if (fits(path, validate, value)) return undefined;
    const errors = (validate.errors ?? []).filter(({ keyword }) => keyword !== 'if');
    const more = errors.length > MOST_ERRORS ? `, and ${errors.length - MOST_ERRORS} more` : '';
    return `${errors
      .slice(0, MOST_ERRORS)
      .map((error) => told(error, 'the body'))
      .join('; ')}${more}`;
  };
}

/** Unknown formats are told to `add`, and ignored then. */
async function compiled(path: string, compile: () => Promise<ValidateFunction>, add: (format: string) => void): Promise<ValidateFunction> {
  for (;;) {
    try {
      return await compile();
    } catch (error) {
      if (error instanceof Failure || !(error instanceof Error)) throw error;
      const [, format] = /^unknown format "(.+)" ignored/.exec(error.message) ?? [];
      if (format === undefined) throw new Failure('data', `${path}: ${error.message}`, { cause: error });
      add(format);
    }
  }
}

/** @throws Failure `data` for a schema that refers to itself without an end */
function fits(path: string, validate: ValidateFunction, value: unknown): boolean {
  try {
    return validate(value);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Failure('data', `${path}: the schema refers to itself without an end, or the body nests too deep for it`, { cause: error });
  }
}

async function referenced(path: string, uri: string): Promise<object> {
  const hint = 'a reference is resolved inside of the schema, or as a file beside it; nothing is loaded from the network';
  if (/^[a-z][a-z0-9+.-]*:/i.test(uri)) throw new Failure('data', `${path} refers to ${uri}, which is not in it`, { hint });
  const file = resolve(dirname(path), uri);
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new Failure('data', `${path} refers to ${uri}, which cannot be read: ${error.message}`, { hint, cause: error });
  });
  return parsed(file, text) as object;
}

function parsed(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const { message } = error as SyntaxError;
    const [, position] = /at position (\d+)/.exec(message) ?? [];
    const line = text
      .slice(0, position === undefined ? undefined : Number(position))
      .trimEnd()
      .split('\n').length;
    throw new Failure('data', `${path}, line ${line}: not JSON: ${message}`, { cause: error });
  }
}

/** What a body, or a schema, is at a place; as in `items[0].price must be >= 0, and is -1`. */
function told({ instancePath, keyword, message = 'is not valid', params, data }: ErrorObject, whole: string): string {
  const place = instancePath === '' ? whole : pointerText(instancePath);
  const { additionalProperty, unevaluatedProperty = additionalProperty, allowedValues, allowedValue } = params as Readonly<Record<string, unknown>>;
  if (typeof unevaluatedProperty === 'string') return `${place} must not have ${shown(unevaluatedProperty)}`;
  if (keyword === 'required' || keyword === 'dependentRequired' || keyword === 'false schema') return `${place} ${message}`;
  const what = Array.isArray(allowedValues)
    ? `must be one of ${allowedValues.map((one) => shown(one)).join(', ')}`
    : keyword === 'const'
      ? `must be ${shown(allowedValue)}`
      : message;
  return `${place} ${what}, and is ${shown(data, 80)}`;
}

function pointerText(pointer: string): string {
  const keys = pointer
    .slice(1)
    .split('/')
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  return keys.map((key, index) => (/^\d+$/.test(key) ? `[${key}]` : `${index === 0 ? '' : '.'}${key}`)).join('');
}

/** The line of the value that a JSON pointer leads to, from 1. */
function lineOf(json: string, pointer: string): number {
  const open: { key: string; index: number | undefined }[] = [];
  const here = (): string =>
    open.map(({ key, index }) => `/${(index === undefined ? key : String(index)).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
  let best = { length: -1, at: 0 };
  for (const { 0: token, index: at } of json.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],]|[^\s{}[\],:"]+/g)) {
    const top = open.at(-1);
    if (token === '}' || token === ']') open.pop();
    else if (token === ',') {
      if (top?.index !== undefined) top.index++;
    } else if (top?.index === undefined && top !== undefined && token.startsWith('"') && /^\s*:/.test(json.slice(at + token.length)))
      top.key = JSON.parse(token) as string;
    else {
      const path = here();
      if (path.length > best.length && (pointer === path || pointer.startsWith(`${path}/`))) best = { length: path.length, at };
      if (token === '{') open.push({ key: '', index: undefined });
      if (token === '[') open.push({ key: '', index: 0 });
    }
  }
  return json.slice(0, best.at).split('\n').length;
}

/** What puts a failure that names its line in the place of each draft whose body does not fit. */
export async function draftCheck(path: string, emit: Emit): Promise<(drafts: Drafts) => Drafts> {
  const check = await openSchema(path, emit);
  return async function* fitting(drafts) {
    let number = 0;
    for await (const batch of drafts) {
      yield batch.map((draft) => {
        number++;
        const reason = draft instanceof Failure ? undefined : check(draft.body);
        if (draft instanceof Failure || reason === undefined) return draft;
        return new Failure(
          'data',
          `${draft.line === undefined ? `message ${number}` : placeOf(draft)} does not satisfy ${option('schema')} ${path}: ${reason}`,
        );
      });
    }
  };
}
