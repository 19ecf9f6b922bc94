import { randomUUID } from 'node:crypto';
import { Failure } from '../../model/failure.ts';
import { option } from '../../model/option.ts';

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
  const own = BUILT_IN[word] ?? random(word);
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
