import { Command as CommanderCommand, CommanderError, Option } from 'commander';
import { type Command, type CommandGroup, longName, spelling } from '../commands/command.ts';
import type { Argument, Flag } from '../commands/flags/flag.ts';
import { Failure } from '../model/failure.ts';
import { spellOptions } from '../model/option.ts';

/** Decoded flag values; a flag that was not given is absent. */
export type Decoded = Readonly<Record<string, unknown>>;

export interface Program {
  readonly commands: readonly Command[];
  readonly groups: readonly CommandGroup[];
  readonly globals: Readonly<Record<string, Flag<unknown>>>;
  readonly version: string;
  /** Receives the version when it was asked for. */
  readonly print: (text: string) => void;
  /** Tells about the command, or the group of commands, that was named with `--help`. */
  readonly help: (path: readonly string[], globals: Decoded) => Promise<void>;
  /** Runs a command with what was decoded for it and for the global flags. */
  readonly run: (command: Command, own: Decoded, globals: Decoded) => Promise<void>;
}

/**
 * Parses a command line and runs the command that it names.
 *
 * @throws Failure `usage` for a line that cannot be understood
 */
export async function runLine(argv: readonly string[], program: Program, wants = wantsOf(argv)): Promise<void> {
  let asked: readonly string[] = [];
  const group = (command: CommanderCommand, path: readonly string[]): CommanderCommand =>
    groupCommand(command, program, () => {
      asked = path;
    });
  const root = group(new CommanderCommand('rmq'), []);
  root.version(program.version, '-V, --version');
  for (const [key, flag] of Object.entries(program.globals)) addFlag(root, key, flag, wants);
  const parents = new Map([['', root]]);
  // Where the line begins with a command's first word, commander need not know the others, which would cost milliseconds.
  const [first] = argv;
  const isNamed = program.commands.some(({ path }) => path[0] === first);
  const isWanted = ({ path }: { readonly path: readonly string[] }): boolean => !isNamed || path[0] === first;
  for (const { path } of program.groups.filter(isWanted)) parents.set(path.join(' '), group(parentOf(parents, path).command(path.at(-1) ?? ''), path));
  const line = splitLine(argv, program.commands);
  for (const command of program.commands.filter(isWanted)) {
    const { path } = command;
    addCommand(group(parentOf(parents, path).command(path.at(-1) ?? ''), path), command, line, program, wants);
  }
  try {
    await root.parseAsync([...line.words], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === 'commander.version') return;
    // Commander names options that are like an unknown one.
    if (error.code === 'commander.unknownOption' && wants !== wantsAll) return runLine(argv, program, wantsAll);
    if (error.code === 'commander.helpDisplayed') return program.help(asked, decodeFlags(program.globals, root.opts()));
    if (error.code === 'commander.help')
      throw new Failure('usage', 'no command was given', { hint: `${['rmq', ...asked].join(' ')} --help lists the commands` });
    const what = error.message.replace(/^error: /, '');
    const [, kind, unknown = ''] = /^unknown (command|option) '(.*?)'/s.exec(what) ?? [];
    const instead = kind === undefined ? undefined : await insteadOf(unknown, kind === 'option');
    throw new Failure('usage', what, { hint: `${instead === undefined ? '' : `${instead}; `}rmq COMMAND --help lists the flags of a command` });
  }
}

/** Whether commander is to know an option. */
type Wants = (long: string, short: string | undefined) => boolean;

const wantsAll: Wants = () => true;

/** Those that the line may have: to learn all of them takes commander longer than all else. */
function wantsOf(argv: readonly string[]): Wants {
  const names = new Set(argv.map((word) => word.replace(/=.*/s, '')));
  const letters = argv.filter((word) => /^-[^-]/.test(word)).join('');
  return (long, short) => names.has(long) || (short !== undefined && letters.includes(short));
}

async function insteadOf(unknown: string, isFlag: boolean): Promise<string | undefined> {
  const [elsewhere, { commands }] = await Promise.all([import('../commands/help/elsewhere.ts'), import('../commands/index.ts')]);
  return isFlag ? elsewhere.flagInstead(unknown.replace(/=.*/s, ''), commands) : elsewhere.insteadOf(unknown, commands);
}

/** A command line, and separately what stands behind `--` where that is an argument. */
interface Line {
  readonly words: readonly string[];
  readonly trailing: readonly string[];
}

function splitLine(argv: readonly string[], commands: readonly Command[]): Line {
  const end = argv.indexOf('--');
  const words = end < 0 ? argv : argv.slice(0, end);
  const calls = ({ path, inputs }: Command): boolean =>
    Object.values(inputs).some((input) => input.kind === 'argument' && input.trailing === true) && path.every((word) => words.includes(word));
  return end >= 0 && commands.some(calls) ? { words, trailing: argv.slice(end + 1) } : { words: argv, trailing: [] };
}

function parentOf(parents: ReadonlyMap<string, CommanderCommand>, path: readonly string[]): CommanderCommand {
  const parent = parents.get(path.slice(0, -1).join(' '));
  if (parent === undefined) throw new Error(`no group for ${path.join(' ')}`);
  return parent;
}

/** Commander hears of help; what it says is told elsewhere, from the same table. */
function groupCommand(command: CommanderCommand, { print }: Program, onHelp: () => void): CommanderCommand {
  const formatHelp = (): string => {
    onHelp();
    return '';
  };
  return command
    .exitOverride()
    .configureOutput({ writeOut: print, writeErr: () => undefined, outputError: () => undefined })
    .configureHelp({ formatHelp })
    .helpOption('-h, --help')
    .helpCommand(false);
}

function addCommand(child: CommanderCommand, command: Command, { words, trailing }: Line, program: Program, wants: Wants): void {
  // Options are built only for commands named on the line: the others would cost most of the start-up.
  if (!words.includes(command.path.at(-1) ?? '')) return;
  const inputs = Object.entries(command.inputs);
  const positionals = inputs.filter((entry): entry is [string, Argument<unknown>] => entry[1].kind === 'argument');
  for (const [key, argument] of positionals) {
    if (argument.trailing !== true) child.argument(argumentSyntax(spelling(key, argument), argument));
  }
  for (const [key, input] of inputs) if (input.kind === 'flag') addFlag(child, key, input, wants);
  child.action(async () => {
    spellOptions((key, value) => {
      const input = command.inputs[key] ?? program.globals[key];
      const name = input === undefined ? longName(key, {}) : spelling(key, input);
      return typeof value === 'string' ? `${name} ${value}` : name;
    });
    const given = child.optsWithGlobals<Record<string, unknown>>();
    const own: Record<string, unknown> = decodeFlags(command.inputs, given);
    positionals.forEach(([key, argument], index) => {
      const value = argument.trailing === true ? trailing : argument.rest === true ? child.args.slice(index) : child.args.slice(index, index + 1);
      if (value.length > 0) own[key] = decode(spelling(key, argument), argument, value);
    });
    // A flag of the command's own stands for the global one that is typed the same; `--no-confirm` is not `--confirm NAME`.
    const hasOwn = (key: string, flag: Flag<unknown>): boolean => {
      const input = command.inputs[key];
      return input !== undefined && spelling(key, input) === longName(key, flag);
    };
    const globals = Object.fromEntries(Object.entries(program.globals).filter(([key, flag]) => !hasOwn(key, flag)));
    await program.run(command, own, decodeFlags(globals, given));
  });
}

function argumentSyntax(name: string, { optional, rest }: Argument<unknown>): string {
  const inner = rest === true ? `${name}...` : name;
  return optional === true ? `[${inner}]` : `<${inner}>`;
}

function addFlag(to: CommanderCommand, key: string, flag: Flag<unknown>, wants: Wants): void {
  const value = flag.value === undefined ? '' : ` <${flag.value}>`;
  const short = flag.short === undefined ? '' : `-${flag.short}, `;
  const long = longName(key, flag);
  if (wants(long, flag.short)) to.addOption(collecting(new Option(`${short}${long}${value}`), flag));
  for (const alias of flag.aliases ?? []) {
    if (wants(`--${alias}`, undefined)) to.addOption(collecting(new Option(`--${alias}${value}`).hideHelp(), flag));
  }
}

/** Commander keeps every occurrence as text; the flag itself decodes them. */
function collecting(option: Option, flag: Flag<unknown>): Option {
  return flag.value === undefined ? option : option.argParser((text: string, before: string[] | undefined) => [...(before ?? []), text]);
}

function decodeFlags(inputs: Readonly<Record<string, Flag<unknown> | Argument<unknown>>>, given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const decoded: Record<string, unknown> = {};
  for (const [key, input] of Object.entries(inputs)) {
    if (input.kind !== 'flag') continue;
    const names = [input.long ?? key, ...(input.aliases ?? [])].map(attributeName);
    if (input.value === undefined) {
      if (names.some((name) => given[name] === (input.negated !== true))) decoded[key] = input.decode([]);
      continue;
    }
    // Commander keeps true under the name of `--no-confirm`, which is that of `--confirm NAME` too.
    const occurrences = names.flatMap((name) => (Array.isArray(given[name]) ? (given[name] as string[]) : []));
    if (occurrences.length === 0) continue;
    const name = longName(key, input);
    if (occurrences.length > 1 && input.repeatable !== true)
      throw new Failure('usage', `${name} is given twice`, { hint: input.twice ?? 'it takes one value' });
    decoded[key] = decode(name, input, occurrences);
  }
  return decoded;
}

/** The key under which commander stores `--some-flag`: `someFlag`. */
function attributeName(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function decode(name: string, input: Flag<unknown> | Argument<unknown>, occurrences: readonly string[]): unknown {
  try {
    return input.decode(occurrences);
  } catch (error) {
    throw error instanceof Failure ? error.saying(`${name}: ${error.message}`) : error;
  }
}
