import { Failure } from '../../model/failure.ts';
import { parseField, parseOpenField } from '../../model/message/field-text.ts';
import type { FieldTable, FieldValue } from '../../model/message/message.ts';
import { parseDuration, parseSize, typedDuration, typedSize } from '../../model/quantity.ts';
import { quote } from '../../model/text.ts';

/** What a shell can offer behind a flag or for an argument. */
export type Completes = 'file' | 'directory' | 'command' | 'context';

interface Input<T> {
  readonly help: string;
  /** The placeholder of the value in the help; a switch has none. */
  readonly value?: string;
  readonly choices?: readonly string[];
  /** What a shell offers, though it may be something else too. */
  readonly suggests?: readonly string[];
  readonly completes?: Completes;
  /** True when it may be given more than once; `decode` then sees every occurrence, in order. */
  readonly repeatable?: boolean;
  /** What to do instead of giving it twice, where that is not allowed. */
  readonly twice?: string;
  /** Typed text to the value of the config; throws a usage failure for an invalid one. */
  readonly decode: (texts: readonly string[]) => T;
  /** The typed form of a value, where that is not just its text. */
  readonly show?: (value: unknown) => string;
}

/** `--kebab-case-of-the-config-key`, or `--long` when that is given. */
export interface Flag<T> extends Input<T> {
  readonly kind: 'flag';
  readonly short?: string;
  readonly long?: string;
  readonly aliases?: readonly string[];
  /** True for `--no-…` switches, which turn something off that is on. */
  readonly negated?: boolean;
}

/** A positional argument; a rest argument takes everything that is left. */
export interface Argument<T> extends Input<T> {
  readonly kind: 'argument';
  readonly optional?: boolean;
  readonly rest?: boolean;
  /** True for an argument behind `--` only: those before it have no fixed number. */
  readonly trailing?: boolean;
}

/** Names in an expression over messages. Of headers those that brokers and rmq write: a look for others would cost messages something. */
export const MESSAGE_NAMES = [
  'headers',
  'headers["x-death"]',
  'headers["x-first-death-queue"]',
  'headers["x-delivery-count"]',
  'headers["x-rmq-reason"]',
  'headers["x-rmq-attempt"]',
  'body',
  'json',
  'exchange',
  'routingKey',
  'reason',
  'why',
  'queue',
  'count',
  'age',
  'size',
  'id',
  'messageType',
  'properties',
];

type FlagExtra = Partial<Pick<Flag<never>, 'short' | 'long' | 'aliases' | 'completes' | 'value' | 'twice'>>;
type ArgumentExtra = Partial<Pick<Argument<never>, 'optional' | 'completes'>>;

const last = (texts: readonly string[]): string => texts[texts.length - 1] ?? '';

function valued<T>(value: string, decode: (text: string) => T, show?: Flag<T>['show']): (help: string, extra?: FlagExtra) => Flag<T> {
  return (help, extra) => ({ kind: 'flag', help, value, ...extra, decode: (all) => decode(last(all)), ...(show && { show }) });
}

/** A flag that takes text unchanged. */
export const text = valued('TEXT', (given) => given);

/** A flag that may be repeated, each occurrence one text. */
export const texts = (help: string, extra?: FlagExtra): Flag<string[]> => ({ ...text(help, extra), repeatable: true, decode: (all) => [...all] });

export const path = (help: string, extra?: FlagExtra): Flag<string> => text(help, { value: 'PATH', completes: 'file', ...extra });

export const paths = (help: string, extra?: FlagExtra): Flag<string[]> => texts(help, { value: 'PATH', completes: 'file', ...extra });

/** A flag that takes a whole number; the config limits it. */
export const integer = valued('N', parseInteger);

/** A flag that takes a number, fractions too. */
export const decimal = valued('N', parseDecimal);

/** A flag that takes a duration, as milliseconds. */
export const duration = valued('DURATION', parseDuration, typedDuration);

/** A flag that takes a shortest and a longest pause, such as `1s..1m`, as milliseconds. */
export const pauseRange = valued('FROM..TO', parseRange, (value) => {
  const { from, to } = value as { readonly from: number; readonly to: number };
  return `${typedDuration(from)}..${typedDuration(to)}`;
});

/** A flag that takes a size, as bytes. */
export const size = valued('SIZE', parseSize, typedSize);

/** A flag that takes one of a few words. */
export const choice = <const C extends string>(choices: readonly C[], help: string, extra?: FlagExtra): Flag<C> => {
  const decode = (given: string): C => {
    const found = choices.find((one) => one === given);
    if (found === undefined) throw new Failure('usage', `expected one of ${choices.join(', ')}, got "${given}"`);
    return found;
  };
  return { ...valued(choices.join('|'), decode)(help, extra), choices };
};

type SwitchExtra = Omit<FlagExtra, 'value' | 'completes' | 'twice'>;

/** A flag without a value that turns something on. */
export const toggle = (help: string, extra?: SwitchExtra): Flag<boolean> => ({ kind: 'flag', help, ...extra, decode: () => true });

/** A flag without a value, spelled `--no-…`, that turns something off. The config key names the thing that is on. */
export const off = (help: string, extra?: SwitchExtra): Flag<boolean> => ({ kind: 'flag', help, negated: true, ...extra, decode: () => false });

/** Repeatable `K=V` (text) and `K:=JSON` (typed) pairs, as a field table; a later pair replaces an earlier one. */
export const fields = (help: string, extra?: FlagExtra): Flag<FieldTable> => ({
  ...texts(help, { value: 'K=V', ...extra }),
  decode: (pairs) => parseFields(pairs, parseField),
});

/** The same for headers that are filled: JSON may hold `{{…}}`. */
export const templatedFields = (help: string, extra?: FlagExtra): Flag<FieldTable> => ({
  ...fields(help, extra),
  decode: (pairs) => parseFields(pairs, parseOpenField),
});

/** A required (or optional) positional argument. */
export const argument = (help: string, extra: ArgumentExtra = {}): Argument<string> => ({ kind: 'argument', help, ...extra, decode: last });

/** The rest of the command line, such as a command behind `--`. */
export const rest = (help: string, extra?: ArgumentExtra): Argument<string[]> => ({ kind: 'argument', help, rest: true, ...extra, decode: (all) => [...all] });

/** An optional command behind `--`. */
export const trailing = (help: string): Argument<string[]> => ({ ...rest(help, { optional: true, completes: 'command' }), trailing: true });

function parseRange(given: string): { from: number; to: number } {
  const [from = '', to = from, ...more] = given.split('..');
  if (more.length > 0) throw new Failure('usage', `expected a range such as 1s..1m, got "${given}"`);
  return { from: parseDuration(from), to: parseDuration(to) };
}

function parseInteger(given: string): number {
  if (!/^[+-]?\d+$/.test(given)) throw new Failure('usage', `expected a whole number, got "${given}"`);
  const value = Number(given);
  if (!Number.isSafeInteger(value)) {
    throw new Failure('usage', `expected a whole number from ${Number.MIN_SAFE_INTEGER} to ${Number.MAX_SAFE_INTEGER}, got "${given}"`);
  }
  return value;
}

function parseDecimal(given: string): number {
  const value = /^[+-]?\d+(\.\d+)?$/.test(given) ? Number(given) : Number.NaN;
  if (!Number.isFinite(value)) throw new Failure('usage', `expected a number, got "${given}"`);
  return value;
}

/** AMQP's limit for a name in a table. */
const MOST_NAME_BYTES = 255;

/**
 * Decodes `K=V` and `K:=JSON` pairs. The first `=` ends the name; a `:` right before it asks for JSON, which may hold
 * typed values such as `{"!":"timestamp","value":1700000000}`.
 *
 * @throws Failure `usage`
 */
function parseFields(pairs: readonly string[], parse: typeof parseField): FieldTable {
  const table: Record<string, FieldValue> = Object.create(null);
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    const typed = equals > 0 && pair[equals - 1] === ':';
    const name = pair.slice(0, typed ? equals - 1 : equals);
    if (equals < 0 || name === '') throw new Failure('usage', `expected K=V or K:=JSON, got "${pair}"`);
    const bytes = Buffer.byteLength(name);
    if (bytes > MOST_NAME_BYTES) throw new Failure('usage', `the name ${quote(name)} has ${bytes} bytes; at most ${MOST_NAME_BYTES} fit`);
    if (name in table) throw new Failure('usage', `the name ${quote(name)} is given twice`, { hint: 'it takes one value' });
    table[name] = typed ? parse(name, pair.slice(equals + 1)) : pair.slice(equals + 1);
  }
  return { ...table };
}
