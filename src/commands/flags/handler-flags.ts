import { Failure } from '../../model/failure.ts';
import { DEFAULT_EXIT_TABLE, type ExitTable, type Handler, parseExitTable } from '../../model/verdict.ts';
import type { WorkOptions } from '../../patterns/consume/give-back.ts';
import { type Command, type Context, spelling } from '../command.ts';
import { choice, duration, type Flag, integer, pauseRange, text, toggle, trailing } from './flag.ts';

/** How a queue is declared when it is missing. */
export const queueInputs = {
  queueType: choice(['classic', 'quorum'], 'type of a queue that is declared (classic)'),
  maxPriority: integer('highest priority of a classic queue that is declared'),
  messageTtl: duration('how long a queue that is declared keeps messages'),
  maxLength: integer('how many messages a queue that is declared holds'),
  dlx: text('dead-letter exchange of a queue that is declared', { value: 'EXCHANGE' }),
  dlxRoutingKey: text('routing key of its dead letters (failed)', { value: 'KEY' }),
} as const;

/** How messages are handed to a handler. */
export const workerInputs = {
  concurrency: integer('handlers at a time'),
  prefetch: integer('unanswered messages at a time (as many as handlers; 100 each with --stream)'),
  handlerTimeout: duration('kill a handler that takes longer, and count it as failed'),
  retries: integer('attempts after the first one'),
  backoff: pauseRange('pause before the first retry, doubled up to the second'),
  requeueDelay: duration('pause before a message is given back'),
  grace: duration('how long handlers may go on once the run is stopped'),
  dropDead: toggle('drop what failed for good when the queue has no dead-letter exchange'),
  policyDlx: toggle('a policy of the broker dead-letters what is rejected'),
  failOnDead: toggle('exit 1 when a message was dead-lettered or dropped'),
  count: integer('stop after N messages', { short: 'n' }),
  idle: duration('stop after this long without a message'),
  drain: toggle('stop at the depth that the queue has now'),
  timeout: duration('stop after this long'),
} as const;

/** What is run for a message, and what its exit codes mean. */
export const programInputs = {
  onExit: exitTable('what exit codes mean, such as 0=ack,3=dead,*=retry'),
  fd3: toggle('the whole envelope on file descriptor 3'),
  stream: toggle('one program for all messages: an envelope a line in, an answer a line out'),
} as const;

const { count: _count, idle: _idle, drain: _drain, timeout: _timeout, prefetch: _prefetch, ...handlerInputs } = workerInputs;
const { queueType: _queueType, ...queueExtras } = queueInputs;

/** What a subscription takes only with a handler: with these it works on its queue as on a work queue. */
export const subscriptionExtras = {
  ...handlerInputs,
  ...queueExtras,
  ...programInputs,
  cmd: trailing('a handler and its arguments: run for each message, instead of printing it'),
} as const;

/** What only printing knows. */
const PRINTING: Readonly<Record<string, unknown>> = {
  expect: undefined,
  settle: 200,
  requeue: false,
  reject: false,
  ack: true,
  exclusive: false,
  priority: undefined,
  offset: undefined,
  nul: undefined,
  jsonBody: undefined,
};

/**
 * The program behind `--`, and the worker's part of the config; undefined when messages are printed.
 *
 * @throws Failure `usage` for a flag that belongs to the other of the two
 */
export function handlingOf(
  config: object,
  extras: Readonly<Record<string, unknown>>,
  inputs: Command['inputs'],
): { readonly program: ProgramChoice; readonly worker: Readonly<Record<string, unknown>> } | undefined {
  const all = { ...config, ...extras } as Readonly<Record<string, unknown>>;
  const named = (key: string): string => spelling(key, inputs[key] as Command['inputs'][string]);
  if (extras['cmd'] === undefined) {
    const misplaced = Object.keys(subscriptionExtras).find((key) => extras[key] !== undefined);
    if (misplaced !== undefined) throw new Failure('usage', `${named(misplaced)} needs a handler: -- CMD`);
    return undefined;
  }
  const misplaced = Object.keys(PRINTING).find((key) => all[key] !== PRINTING[key]);
  if (misplaced !== undefined) throw new Failure('usage', `${named(misplaced)} is for printing: with a handler, its exit code decides`);
  const { cmd, onExit, fd3, stream } = extras;
  const worker = Object.fromEntries(
    Object.entries(all).filter(([key, value]) => value !== undefined && !(key in PRINTING) && !(key in programInputs) && key !== 'cmd'),
  );
  return { program: { cmd, onExit, fd3, stream } as ProgramChoice, worker };
}

/** What a worker asks beside the broker, and only once a handler gives a message back: the management API knows the policies of a queue. */
export function workingOptions(context: Context): WorkOptions {
  return {
    ask: async (queue, connection) => {
      const { managementBeside } = await import('./globals.ts');
      // A worker that is stopped still gives back what it has.
      return (await managementBeside(undefined, { ...context, signal: new AbortController().signal }))(queue, connection);
    },
  };
}

export interface ProgramChoice {
  readonly cmd: readonly string[];
  readonly onExit?: ExitTable | undefined;
  readonly fd3?: boolean | undefined;
  readonly stream?: boolean | undefined;
}

/** Messages that a program which answers line by line may have before it. */
const STREAM_PREFETCH = 100;

const MOST_PROGRAMS = 1_000;

interface Places {
  readonly grace: number;
  readonly concurrency: number;
  readonly prefetch?: number | undefined;
}

/**
 * Runs a worker whose handler is a program, and ends what is left of that in the end.
 *
 * @throws Failure `usage` for flags that exclude each other, and whatever `use` throws
 */
export async function withProgram<C extends Places, T>(
  config: C,
  program: ProgramChoice,
  { emit, signal }: Pick<Context, 'emit' | 'signal'>,
  use: (config: C, handler: Handler) => Promise<T>,
): Promise<T> {
  const { cmd: command, fd3 = false, stream = false, onExit = DEFAULT_EXIT_TABLE } = program;
  if (stream && fd3) throw new Failure('usage', '--stream and --fd3 exclude each other: a stream carries whole envelopes');
  if (config.concurrency > MOST_PROGRAMS) throw new Failure('usage', `--concurrency must be at most ${MOST_PROGRAMS}`);
  const { patienceWithin } = await import('../../handlers/process-group.ts');
  const patience = patienceWithin(config.grace, signal);
  if (!stream) {
    const { programHandler } = await import('../../handlers/per-message.ts');
    const { handle, close } = programHandler({ command, fd3, onExit, patience }, emit);
    return use(config, handle).finally(close);
  }
  const { streamHandler } = await import('../../handlers/stream.ts');
  const { concurrency, prefetch = concurrency * STREAM_PREFETCH } = config;
  const { handle, close } = streamHandler({ command, concurrency, onExit, patience }, emit);
  // Each of the programs is a place for many messages.
  return use({ ...config, concurrency: prefetch, prefetch }, handle).finally(close);
}

function exitTable(help: string): Flag<ExitTable> {
  return { kind: 'flag', help, value: 'RULES', decode: (all) => parseExitTable(all.at(-1) ?? '') };
}
