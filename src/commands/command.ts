import type { Readable } from 'node:stream';
import type * as z from 'zod/mini';
import type { SelectLines } from '../model/checklist.ts';
import type { Emit } from '../model/event.ts';
import { Failure } from '../model/failure.ts';
import type { Delivery } from '../model/message/message.ts';
import { formatDuration } from '../model/quantity.ts';
import type { ConnectionConfig, Session } from '../patterns/connection.ts';
import { explainIssue } from '../patterns/options.ts';
import type { Block } from '../text/document.ts';
import type { Screen } from '../text/page.ts';
import type { BrokerTarget } from './asking.ts';
import type { Argument, Flag } from './flags/flag.ts';

/** An input for every key of the config; it decodes to exactly the type of that key. */
export type InputsFor<I extends object> = { readonly [K in keyof I]-?: Flag<NonNullable<I[K]>> | Argument<NonNullable<I[K]>> };

/** How deliveries are printed, besides the format. */
export interface PrintStyle {
  /** NUL instead of a newline after each body. */
  readonly nul: boolean;
  /** Bodies that are JSON as `bodyJson`. */
  readonly jsonBody: boolean;
  /** For bodies that are lines: a final newline is not doubled, and `onSeveral` hears of a body of several lines. */
  readonly asLine?: { readonly onSeveral: () => void };
  /** The whole message as on a terminal, wherever it goes. */
  readonly whole?: boolean;
  /** False: a reader that goes away is noticed by the next write only. For a run that is wanted for its effect, such as a call. */
  readonly watched?: boolean;
}

/** Prints a command's results; everything else is an event. */
export interface Results {
  /**
   * A function that prints a delivery and resolves once the operating system has taken all of its bytes. When it
   * rejects, the bytes may not have been written; the run's signal is then aborted too. Without a delivery, it keeps the order of
   * what is written later; `beside` stands before the envelope, or alone, in JSON.
   *
   * @throws Failure `io` for a standard output that the shell has closed, before any message is taken
   */
  printer(style: PrintStyle): (delivery: Delivery | undefined, beside?: object) => Promise<void>;
  /** Prints one result: as a line of JSON with `-o json`, as the text otherwise. It resolves for a reader that went away too; the run's signal is then aborted. */
  report(result: object, text: string): Promise<void>;
  /** Prints a page: as wide as the terminal, or as the `text` of the result with `-o json`. */
  page(result: object, blocks: readonly Block[]): Promise<void>;
  /** Takes over the terminal that shows the results, until it is closed; undefined when they go elsewhere. */
  screen(keyboard: Readable | undefined, onLeave: () => void): Promise<Screen | undefined>;
  /** The width of the terminal that shows the results; undefined when they go elsewhere. */
  readonly columns: number | undefined;
}

/** What a command may use. */
export interface Context {
  readonly connection: ConnectionConfig;
  /** Does something with a session of the broker, and closes that. */
  readonly withSession: <T>(use: (session: Session) => Promise<T>) => Promise<T>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: () => Readable;
  /** Opens a file to read; throws the system's error. */
  readonly open: (path: string) => Readable;
  readonly stdinIsTerminal: boolean;
  /** Undefined where there is no terminal to ask on. */
  readonly select: SelectLines | undefined;
  readonly results: Results;
  readonly json: boolean;
  readonly yes: boolean;
  /** The broker as people know it. */
  readonly target: BrokerTarget;
  /** The flags that every command takes, as they were decoded. */
  readonly globals: Readonly<Record<string, unknown>>;
  /** True when the name of the context was given to confirm what cannot be undone. */
  readonly confirmed: boolean;
  readonly emit: Emit;
  /** Aborts with the failure that stops the run: the first signal drains. */
  readonly signal: AbortSignal;
}

/** Inputs outside the config: how to print, what to confirm, which program to run. */
export type Extras = Readonly<Record<string, Flag<unknown> | Argument<unknown>>>;

/** What the extras decode to; one that was not given is absent. */
export type ExtraValues<X extends Extras> = { readonly [K in keyof X]?: X[K] extends Flag<infer T> | Argument<infer T> ? T : never };

/** The part of a command that is loaded only when it runs. */
export interface Runnable<I extends object, C, X extends Extras> {
  readonly config: z.ZodMiniType<C, I>;
  /** The config of some extras, for their defaults in the help. */
  readonly extrasConfig?: z.ZodMiniType;
  /** What a shell offers for inputs, where only the loaded command knows it. */
  readonly suggests?: Readonly<Record<string, readonly string[]>>;
  /** Asynchronous checks of a config, before the network is touched; throws a Failure. */
  readonly check?: (config: C) => Promise<unknown>;
  /** Resolves when it is done, with an exit code of its own if it has one; throws a Failure otherwise. */
  run(config: C, context: Context, extras: ExtraValues<X>): Promise<number | undefined> | Promise<void>;
}

/** A command as data: help, completions, argument parsing and tests are loops over a list of these. */
export interface CommandSpec<I extends object, C, X extends Extras> {
  /** The words that call it, as in `['broker', 'run']`. */
  readonly path: readonly string[];
  readonly summary: string;
  /** Command lines and what they do, for the help. */
  readonly examples: readonly (readonly [line: string, does: string])[];
  /** True when the command, with these values, will read standard input. */
  readonly readsStdin?: (decoded: Readonly<Record<string, unknown>>) => boolean;
  /** False for a command that connects to no given broker, whatever its values or with these: it refuses a URL. `later`: it takes one, and does not connect. */
  readonly connects?: false | 'later' | ((decoded: Readonly<Record<string, unknown>>) => boolean | 'later');
  /** True when each of its round trips is measured, and the slowest counts. */
  readonly isTimed?: boolean;
  readonly inputs: InputsFor<I>;
  readonly extras?: X;
  readonly load: (inputs: Command['inputs']) => Promise<Runnable<I, C, X>>;
}

/** A command in the table, without its config type. */
export interface Command extends Pick<CommandSpec<never, never, never>, 'path' | 'summary' | 'examples' | 'readsStdin' | 'connects' | 'isTimed'> {
  readonly inputs: Readonly<Record<string, Flag<unknown> | Argument<unknown>>>;
  /** The inputs, with the defaults of the config in their help. */
  readonly described: () => Promise<Command['inputs']>;
  /** Checks decoded values and returns what runs the command; only a valid config can be run. */
  readonly prepare: (decoded: Readonly<Record<string, unknown>>) => Promise<(context: Context) => Promise<number | undefined>>;
}

/** Declares a command; the compiler refuses a config key without an input, and an input of another type. */
export function defineCommand<I extends object, C, X extends Extras = Record<never, never>>(spec: CommandSpec<I, C, X>): Command {
  const { path, summary, examples, readsStdin, connects, isTimed = false, extras = {} as X } = spec;
  const inputs: Command['inputs'] = { ...(spec.inputs as Command['inputs']), ...extras };
  return {
    path,
    summary,
    examples,
    ...(readsStdin === undefined ? {} : { readsStdin }),
    ...(connects === undefined ? {} : { connects }),
    isTimed,
    inputs,
    async described() {
      const [{ config, extrasConfig, suggests = {} }, { withDefaults }] = await Promise.all([spec.load(inputs), import('./flags/defaults.ts')]);
      const offering = Object.entries(inputs).map(([key, input]) => [key, suggests[key] === undefined ? input : { ...input, suggests: suggests[key] }]);
      return withDefaults(Object.fromEntries(offering), extrasConfig === undefined ? [config] : [config, extrasConfig]);
    },
    async prepare(decoded) {
      const { config: schema, check: further, run } = await spec.load(inputs);
      const isExtra = ([key]: readonly [string, unknown]): boolean => key in extras;
      const given = Object.entries(decoded);
      const config = valid(schema.safeParse(Object.fromEntries(given.filter((entry) => !isExtra(entry))), REPORTING), inputs);
      await further?.(config);
      return async (context) => (await run(config, context, Object.fromEntries(given.filter(isExtra)) as ExtraValues<X>)) as number | undefined;
    },
  };
}

/**
 * A valid config, with its defaults filled in.
 *
 * @throws Failure `usage`, naming each wrong input as the user typed it
 */
export function check<I, C>(schema: z.ZodMiniType<C, I>, decoded: object, inputs: Command['inputs']): C {
  return valid(schema.safeParse(decoded, REPORTING), inputs);
}

const REPORTING = { reportInput: true };

function valid<C>(parsed: z.core.util.SafeParseResult<C>, inputs: Command['inputs']): C {
  if (parsed.success) return parsed.data;
  throw new Failure('usage', parsed.error.issues.map((issue) => explain(issue, inputs)).join('\n'));
}

/** A command group, as `broker` is: the words that lead to it and what it is about. */
export interface CommandGroup {
  readonly path: readonly string[];
  readonly summary: string;
}

/** How a flag is typed: `--max-reconnects`, `--no-confirm`. */
export function longName(key: string, flag: Pick<Flag<unknown>, 'long' | 'negated'>): string {
  const name = flag.long ?? key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return flag.negated === true ? `--no-${name}` : `--${name}`;
}

/** How an input appears in usage lines and errors: `--prefetch` or `QUEUE`. */
export function spelling(key: string, input: Flag<unknown> | Argument<unknown>): string {
  return input.kind === 'flag' ? longName(key, input) : key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

/** What is wrong with a decoded value, in the user's spelling. */
function explain(issue: z.core.$ZodIssue, inputs: Command['inputs']): string {
  const key = String(issue.path[0] ?? '');
  const input = inputs[key];
  return explainIssue(issue, input === undefined ? key : spelling(key, input), { bound: (limit) => bound(limit, input) });
}

/** A limit in the unit that the user typed. */
function bound(limit: number, input: Command['inputs'][string] | undefined): string {
  return input?.value === 'DURATION' ? formatDuration(limit) : String(limit);
}
