import { Failure } from '../failure.ts';
import { isTyped, parseTable } from './field.ts';
import { jsonLoss } from './json.ts';
import type { FieldTable, FieldValue } from './message.ts';

/**
 * Reads one value of a table as JSON, which may be typed, such as `{"!":"timestamp","value":1700000000}`.
 *
 * @throws Failure `usage`
 */
export function parseField(name: string, json: string): FieldValue {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new Failure('usage', `the value of "${name}" is not JSON: ${json}`, {
      hint: `${name}=… takes text as it stands; ${name}:=… takes JSON, with strings in double quotes`,
    });
  }
  const loss = jsonLoss(json);
  if (loss !== undefined)
    throw new Failure('usage', `the value of "${name}": ${loss}`, { hint: 'exact digits are written as text: {"!":"int64","value":"9007199254740993"}' });
  try {
    return parseTable({ [name]: value })[name] ?? null;
  } catch (error) {
    throw error instanceof Failure ? error.saying(error.message, 'usage') : error;
  }
}

/** No type of AMQP: a value that is JSON once its `{{…}}` are filled. */
const OPEN = 'template';

/** The same; a value that is to be filled first is kept as it stands. */
export function parseOpenField(name: string, json: string): FieldValue {
  try {
    return parseField(name, json);
  } catch (error) {
    if (!json.includes('{{')) throw error;
    return { '!': OPEN, value: json };
  }
}

/** The text of a value that is to be filled first; undefined for any other. */
export function openText(value: unknown): string | undefined {
  return typeof value === 'object' && value !== null && isTyped(value as FieldTable) && (value as FieldTable)['!'] === OPEN
    ? String((value as FieldTable)['value'])
    : undefined;
}

/**
 * Checks that no value is to be filled.
 *
 * @throws Failure `usage`
 */
export function checkFilled(table: FieldTable = {}): void {
  for (const [name, value] of Object.entries(table)) {
    const text = openText(value);
    if (text !== undefined) parseField(name, text);
  }
}
