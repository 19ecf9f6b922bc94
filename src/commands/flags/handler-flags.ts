import { Failure } from '../../model/failure.ts';
import { DEFAULT_EXIT_TABLE, type ExitTable, type Handler, parseExitTable } from '../../model/verdict.ts';
import type { WorkOptions } from '../../patterns/consume/give-back.ts';
import type { Context, ExtraValues } from '../command.ts';
import { choice, duration, type Flag, integer, pauseRange, text, toggle } from './flag.ts';

/** How a queue is declared when it is missing. */
export const queueInputs = {
  queueType: choice(['classic', 'quorum'], 'type of a queue that is declared (the default of the vhost)'),
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
  requeueDelay: duration('pause before a message is requeued'),
  grace: duration('how long handlers may continue once the run is stopped'),
  dropDead: toggle('drop messages that fail for good when the queue has no dead-letter exchange'),
  policyDlx: toggle('a policy of the broker dead-letters rejected messages'),
  failOnDead: toggle('exit 1 when a message was dead-lettered or dropped'),
  count: integer('stop after N messages', { short: 'n' }),
  idle: duration('stop after this long without a message'),
  drain: toggle('stop at the depth that the queue has now'),
  timeout: duration('stop after this long'),
} as const;

/** The program for a message, and what its exit codes mean. */
export const programInputs = {
  onExit: exitTable('what exit codes mean, such as 0=ack,3=dead,*=retry'),
  fd3: toggle('the whole envelope on file descriptor 3'),
  stream: toggle('one program for all messages: an envelope a line in, an answer a line out'),
} as const;

/** Asks the management API for the policies of a queue, once a handler requeues a message. */
export function workingOptions(context: Context): WorkOptions {
  return {
    ask: async (queue, connection) => {
      const { managementBeside } = await import('./globals.ts');
      // A stopped worker still returns its messages.
      return (await managementBeside(undefined, { ...context, signal: new AbortController().signal }))(queue, connection);
    },
  };
}

export type ProgramChoice = ExtraValues<typeof programInputs> & { readonly cmd: readonly string[] };

/** Messages that a program which answers line by line may have at a time. */
const STREAM_PREFETCH = 100;

export const MOST_PROGRAMS = 1_000;

export interface Places {
  readonly grace: number;
  readonly concurrency: number;
  readonly prefetch?: number | undefined;
}

/**
 * Runs a worker whose handler is a program, and ends that program afterwards.
 *
 * @throws Failure `usage` for options that exclude each other, `unfound` or `unexecutable` for the program, and whatever `use` throws
 */
export async function withProgram<C extends Places, T>(
  config: C,
  program: ProgramChoice,
  { emit, signal, env }: Pick<Context, 'emit' | 'signal' | 'env'>,
  use: (config: C, handler: Handler) => Promise<T>,
): Promise<T> {
  const { cmd: command, fd3 = false, stream = false, onExit = DEFAULT_EXIT_TABLE } = program;
  if (stream && fd3) throw new Failure('usage', '--stream and --fd3 exclude each other: a stream carries whole envelopes');
  if (config.concurrency > MOST_PROGRAMS) throw new Failure('usage', `--concurrency must be at most ${MOST_PROGRAMS}`);
  const [{ patienceWithin }, { resolveCommand }] = await Promise.all([import('../../handlers/process-group.ts'), import('../../broker/child.ts')]);
  resolveCommand(command[0] ?? '', env);
  const patience = patienceWithin(config.grace, signal);
  if (!stream) {
    const { programHandler } = await import('../../handlers/per-message.ts');
    const { handle, close } = programHandler({ command, fd3, onExit, patience }, emit);
    return use(config, handle).finally(close);
  }
  const { streamHandler } = await import('../../handlers/stream-program.ts');
  const { concurrency, prefetch = concurrency * STREAM_PREFETCH } = config;
  const { handle, close } = streamHandler({ command, concurrency, onExit, patience }, emit);
  // Each program may have many messages.
  return use({ ...config, concurrency: prefetch, prefetch }, handle).finally(close);
}

function exitTable(help: string): Flag<ExitTable> {
  return { kind: 'flag', help, value: 'RULES', decode: (all) => parseExitTable(all.at(-1) ?? '') };
}
