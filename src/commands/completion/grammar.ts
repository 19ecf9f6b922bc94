import { type Command, type CommandGroup, longName, spelling } from '../command.ts';
import type { Argument, Completes, Flag } from '../flags/flag.ts';
import { NAMED, type Named } from './names.ts';

/** What a shell can offer for a value. */
export interface Value {
  /** The placeholder of the help. */
  readonly name: string;
  readonly choices: readonly string[];
  readonly completes?: Completes | Named;
}

/** A flag as it is typed. */
export interface Option {
  /** `--queue`. */
  readonly long: string;
  /** `-q`. */
  readonly short?: string;
  /** Other spellings: understood, never offered. */
  readonly aliases: readonly string[];
  readonly help: string;
  /** What follows it; a switch has none. */
  readonly value?: Value;
  readonly repeatable: boolean;
  /** True when nothing else makes sense beside it, as for `--help`. */
  readonly alone: boolean;
}

export interface Positional extends Value {
  readonly help: string;
  readonly optional: boolean;
  readonly rest: boolean;
}

/** Words that lead somewhere: to a command or to a group of them. The root is led to by none. */
export interface Level {
  readonly path: readonly string[];
  readonly below: readonly { readonly name: string; readonly summary: string }[];
  /** Without the global ones. */
  readonly options: readonly Option[];
  readonly positionals: readonly Positional[];
}

/** All that can be typed. */
export interface Grammar {
  /** The root first, then groups, then commands. */
  readonly levels: readonly Level[];
  readonly globals: readonly Option[];
}

const HELP: Option = { long: '--help', short: '-h', aliases: [], help: 'print this help', repeatable: false, alone: true };
const VERSION: Option = { long: '--version', short: '-V', aliases: [], help: 'print the version', repeatable: false, alone: true };

/** The command table as a shell sees it. */
export function grammarOf(commands: readonly Command[], groups: readonly CommandGroup[], globals: Readonly<Record<string, Flag<unknown>>>): Grammar {
  const all = [...groups, ...commands];
  const below = (path: readonly string[]): Level['below'] =>
    all
      .filter((one) => one.path.length === path.length + 1 && path.every((word, index) => one.path[index] === word))
      .map((one) => ({ name: one.path.at(-1) ?? '', summary: onOneLine(one.summary) }));
  return {
    levels: [
      { path: [], below: below([]), options: [VERSION], positionals: [] },
      ...groups.map(({ path }) => ({ path, below: below(path), options: [], positionals: [] })),
      ...commands.map(({ path, inputs }) => ({
        path,
        below: below(path),
        options: Object.entries(inputs).flatMap(([key, input]) => (input.kind === 'flag' ? [optionOf(key, input)] : [])),
        positionals: Object.entries(inputs).flatMap(([key, input]) => (input.kind === 'argument' && input.trailing !== true ? [positionalOf(key, input)] : [])),
      })),
    ],
    globals: [...Object.entries(globals).map(([key, flag]) => optionOf(key, flag)), HELP],
  };
}

function optionOf(key: string, flag: Flag<unknown>): Option {
  const { short, aliases = [], help, value, repeatable = false } = flag;
  return {
    long: longName(key, flag),
    ...(short !== undefined && { short: `-${short}` }),
    aliases: aliases.map((alias) => `--${alias}`),
    help: onOneLine(help),
    ...(value !== undefined && { value: offeredFor(value, flag) }),
    repeatable,
    alone: false,
  };
}

function positionalOf(key: string, argument: Argument<unknown>): Positional {
  const { help, optional = false, rest = false } = argument;
  return { ...offeredFor(spelling(key, argument), argument), help: onOneLine(help), optional, rest };
}

function offeredFor(name: string, { choices, suggests = [], completes }: Flag<unknown> | Argument<unknown>): Value {
  const source = completes ?? namedBy(name);
  return { name, choices: choices ?? suggests, ...(source !== undefined && { completes: source }) };
}

/** What is called `QUEUE`, `TO_QUEUE` or `EXCHANGE` in the help. */
function namedBy(placeholder: string): Named | undefined {
  return NAMED.find((named) => placeholder.split('_').at(-1) === named.toUpperCase());
}

/** Flags that say which broker it is: a line's own are handed on when names are asked for. */
export const BROKER_FLAGS = [
  '--context',
  '-c',
  '--url',
  '--uri',
  '-u',
  '--url-file',
  '--management-url',
  '--cacert',
  '--cert',
  '--key',
  '--passphrase-file',
  '--servername',
];
/** Those that may have their value behind a `=`. */
export const LONG_BROKER_FLAGS = BROKER_FLAGS.filter((flag) => flag.startsWith('--'));

function onOneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

export function spellings({ long, short }: Option): readonly string[] {
  return short === undefined ? [long] : [short, long];
}

/** How many arguments stand before those that take all that is left, or how many there are. */
export function restStart(positionals: readonly Positional[]): number {
  const index = positionals.findIndex(({ rest }) => rest);
  return index < 0 ? positionals.length : index;
}

/** The argument that is a command with its arguments, as behind `--`. */
export function commandArgument({ positionals }: Level): Positional | undefined {
  return positionals.find(({ rest, completes }) => rest && completes === 'command');
}
