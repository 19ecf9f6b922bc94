import { Failure } from '../../model/failure.ts';
import { DEFAULT_EXIT_TABLE, type ExitTable, type Handler, parseExitTable } from '../../model/verdict.ts';
import type { WorkOptions } from '../../patterns/consume/give-back.ts';
import type { Context } from '../command.ts';
import { choice, duration, type Flag, integer, pauseRange, text, toggle } from './flag.ts';

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

export interface Places {
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
