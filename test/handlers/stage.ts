import { readdir } from 'node:fs/promises';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type Handlers, type ProgramHandlerConfig, programHandler } from '../../src/handlers/per-message.ts';
import { type ProgramInput, type ProgramRun, runProgram } from '../../src/handlers/program.ts';
import { type StreamHandlerConfig, streamHandler } from '../../src/handlers/stream-program.ts';
import type { Emit } from '../../src/model/event.ts';
import type { Delivery } from '../../src/model/message/message.ts';
import { DEFAULT_EXIT_TABLE, type HandlerContext, type Judgement } from '../../src/model/verdict.ts';

/** Arguments that a shell would take for something else. */
export const AWKWARD = [
  '',
  ' ',
  'a b',
  `it's "quoted"`,
  "''",
  '$HOME',
  '`id`',
  '$(id)',
  '*',
  '~',
  'line\nline\n',
  '\\n\\',
  ';exit 9',
  '-e',
  '--',
  '#',
  '&',
  'ä€😀',
  '\t\r\u0001\u007f',
];

/** A message as a queue hands it out. */
export function delivery(body: string | Buffer = '', more: Partial<Delivery> = {}): Delivery {
  return { queue: 'tasks', exchange: '', routingKey: 'tasks', redelivered: false, properties: {}, body: Buffer.from(body), ...more };
}

/** Milliseconds after which something hangs, on any machine: that fails a test, and does not stall all of them. */
const NEVER_SO_LONG = 60_000;

export async function inTime<T>(promise: Promise<T>, told: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it hangs: ${told()}`)), NEVER_SO_LONG);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Resolves once something is so: what was ended takes a moment to go. */
export async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  let over = false;
  const wait = async (): Promise<void> => {
    while (!over && !(await isSo())) await pause(10);
  };
  await inTime(wait(), () => String(isSo)).finally(() => {
    over = true;
  });
}

/** A signal that nobody aborts. */
export const NEVER = new AbortController().signal;

/** Hears what programs write to their standard error. */
export interface Ear {
  readonly emit: Emit;
  readonly text: () => string;
  /** Resolves once that has been heard; no program need have ended. */
  readonly until: (text: string | RegExp) => Promise<void>;
}

export function ear(): Ear {
  let text = '';
  let look = (): void => undefined;
  return {
    emit: (event) => {
      if (event.kind === 'handler-output') text += event.bytes.toString('latin1');
      look();
    },
    text: () => text,
    until: (wanted) => {
      const heard = new Promise<void>((resolve) => {
        const before = look;
        look = () => {
          before();
          if (typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text)) resolve();
        };
        look();
      });
      return inTime(heard, () => `${wanted} was not heard in: ${text.slice(-1_000)}`);
    },
  };
}

/** Runs one program, without a message to speak of unless there is one. */
export function run(command: readonly string[], input: Partial<ProgramInput> = {}): Promise<ProgramRun> {
  return inTime(runProgram({ command, delivery: delivery(), attempt: 1, fd3: false, signal: NEVER, emit: () => undefined, ...input }), () => command.join(' '));
}

/** A handler that is closed with its test, and what it decides about a message. */
export interface Hands {
  readonly handle: (message: Delivery, context?: Partial<HandlerContext>) => Promise<Judgement>;
  readonly close: () => Promise<void>;
}

export function each(t: TestContext, command: readonly string[], config: Partial<ProgramHandlerConfig> = {}, emit: Emit = () => undefined): Hands {
  return hands(t, programHandler({ command, fd3: false, onExit: DEFAULT_EXIT_TABLE, ...config }, emit));
}

export function stream(t: TestContext, command: readonly string[], config: Partial<StreamHandlerConfig> = {}, emit: Emit = () => undefined): Hands {
  return hands(t, streamHandler({ command, concurrency: 1, onExit: DEFAULT_EXIT_TABLE, ...config }, emit));
}

function hands(t: TestContext, { handle, close }: Handlers): Hands {
  let closed: Promise<void> | undefined;
  const once = (): Promise<void> => {
    closed ??= inTime(close(), () => 'close');
    return closed;
  };
  t.after(once);
  return {
    handle: async (message, context) => {
      const handled = handle(message, { signal: NEVER, attempt: 1, ...context });
      const verdict = await inTime(handled, () => `the handler of ${message.body.toString('utf8', 0, 200)}`);
      return typeof verdict === 'string' ? { verdict } : verdict;
    },
    close: once,
  };
}

const restored = new WeakSet<TestContext>();

/** Sets variables of this process for the time of a test. */
export function setEnvironment(t: TestContext, variables: Readonly<Record<string, string | undefined>>): void {
  if (!restored.has(t)) {
    const before = { ...process.env };
    restored.add(t);
    t.after(() => {
      for (const name of Object.keys({ ...process.env, ...before })) assign(name, before[name]);
    });
  }
  for (const [name, value] of Object.entries(variables)) assign(name, value);
}

function assign(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

/** Everything below a directory. */
export async function filesIn(directory: string): Promise<string[]> {
  return (await readdir(directory, { recursive: true })).sort();
}
