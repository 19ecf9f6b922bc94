import type { Patience } from '../handlers/process-group.ts';
import type * as program from '../handlers/program.ts';
import type { Emit } from '../model/event.ts';
import { Failure } from '../model/failure.ts';
import { formatSize } from '../model/quantity.ts';
import { RpcError } from '../model/rpc.ts';
import type { CallResult } from '../patterns/rpc/calls.ts';
import type { RpcHandler } from '../patterns/rpc/server.ts';
import { type Command, type CommandGroup, defineCommand } from './command.ts';
import { printExtras } from './flags/consume-flags.ts';
import { expectationExtras, expectationsIn } from './flags/expect-flags.ts';
import { argument, duration, integer, rest, size, text, toggle } from './flags/flag.ts';
import { MOST_PROGRAMS, queueInputs } from './flags/handler-flags.ts';
import { messageInputs, readsStdin, sourceInputs } from './flags/publish-flags.ts';

export const rpcGroup: CommandGroup = { path: ['rpc'], summary: 'request and reply: call a service, or be one' };

const { correlationId, replyTo, transient, ...requestInputs } = messageInputs;

const rpcCall = defineCommand({
  path: ['rpc', 'call'],
  summary: 'send a request and print its reply',
  examples: [
    ["rmq rpc call add '[1,2]'", 'prints the reply; exit 124 without one in 30s, 69 at once when nobody serves, else as the handler exits'],
    ['rmq rpc call resize -f photo.jpg -o raw > small.jpg', 'bytes in, bytes out'],
    [
      'rmq rpc call geocode --lines --concurrency 20 < addresses',
      'a call per line over one connection; a line for each reply, in their order, and an empty one for a call that failed',
    ],
  ],
  readsStdin,
  isTimed: true,
  inputs: {
    queue: argument('the queue that is served'),
    body: argument('the body; without it, --file or standard input', { optional: true }),
    timeout: duration('give up a call after this long'),
    concurrency: integer('calls at a time'),
    idempotent: toggle('send a request again when its reply may be lost with the connection'),
    ...requestInputs,
    ...sourceInputs,
    count: integer('make the call N times; of lines or envelopes the first N', { short: 'n' }),
  },
  extras: { ...printExtras, ...expectationExtras },
  load: async (inputs: Command['inputs']) => {
    const [{ callAll, isSingle, RpcCallConfig }, { openDrafts }] = await Promise.all([
      import('../patterns/rpc/calls.ts'),
      import('../patterns/publish/input.ts'),
    ]);
    return {
      config: RpcCallConfig,
      run: async (config, context, { nul = false, jsonBody = false, ...given }) => {
        const { emit, signal, results, json } = context;
        const expectations = await expectationsIn(given, inputs, emit);
        const drafts = await openDrafts(config, context, signal);
        const single = isSingle(config);
        let told = single;
        const onSeveral = (): void => {
          if (!told) emit({ kind: 'note', text: 'a reply has several lines: -o json and -0 keep each reply apart from the next' });
          told = true;
        };
        const print = results.printer({ nul, jsonBody, asLine: { onSeveral }, watched: !single });
        const printResult = async ({ call, reply, failure }: CallResult): Promise<void> => {
          if (reply !== undefined && failure === undefined) expectations?.take(reply);
          // Of many calls, each has its line, whatever its result.
          if (!single) await print(reply, { call, ...(failure !== undefined && { error: toldOf(failure) }) });
          // A handler that failed and printed nothing gets no empty line.
          else if (reply !== undefined && (json || failure === undefined || reply.body.length > 0)) await print(reply);
        };
        const calling = (): Promise<unknown> => context.withSession((session) => callAll(session, config, drafts, printResult));
        await (expectations === undefined ? calling() : expectations.around(`rmq rpc call ${config.queue}`, calling));
      },
    };
  },
});

const rpcServe = defineCommand({
  path: ['rpc', 'serve'],
  summary: 'answer requests with what a program prints',
  examples: [
    ['rmq rpc serve add -- jq -c add', 'the request on standard input, the reply on standard output'],
    [
      'rmq rpc serve resize --concurrency 4 --handler-timeout 20s -- convert - -resize 50% -',
      'four at a time; a caller gets an error when its request takes too long',
    ],
  ],
  inputs: {
    queue: argument('the queue, declared when it is missing'),
    queueType: queueInputs.queueType,
    concurrency: integer('handlers at a time'),
    handlerTimeout: duration('kill a handler that takes longer, and answer with exit code 124'),
    grace: duration('how long handlers may continue once the run is stopped'),
    replyContentType: text('MIME type of the replies', { value: 'TYPE' }),
    count: integer('stop after N requests', { short: 'n' }),
    idle: duration('stop after this long without a request'),
    timeout: duration('stop after this long'),
  },
  extras: {
    fd3: toggle('the whole envelope on file descriptor 3'),
    maxReply: size('kill a handler that prints more, and answer with exit code 74 (16mb)'),
    cmd: rest('the handler and its arguments', { completes: 'command' }),
  },
  load: async () => {
    const [{ RpcServerConfig, rpcServer }, running, { patienceWithin }, { resolveCommand }] = await Promise.all([
      import('../patterns/rpc/server.ts'),
      import('../handlers/program.ts'),
      import('../handlers/process-group.ts'),
      import('../broker/child.ts'),
    ]);
    return {
      config: RpcServerConfig,
      run: async (config, { withSession, emit, signal, env, results, json }, { cmd = [], fd3 = false, maxReply = MAX_REPLY }) => {
        if (config.concurrency > MOST_PROGRAMS) throw new Failure('usage', `--concurrency must be at most ${MOST_PROGRAMS}`);
        resolveCommand(cmd[0] ?? '', env);
        const patience = patienceWithin(config.grace, signal);
        const handler = programHandler(running, { command: cmd, fd3, maxReply, patience }, emit);
        const counts = await withSession((session) => rpcServer(session, config, handler));
        if (json) await results.report(counts, '');
      },
    };
  },
});

export const rpcCommands: readonly Command[] = [rpcCall, rpcServe];

/** Why one of many calls failed: the exit code of the handler, or the kind of the failure. */
function toldOf({ message, kind, exitCode }: Failure): object {
  return exitCode === undefined ? { kind, reason: message } : { exitCode, reason: message };
}

const MAX_REPLY = 16 * 1_048_576;
/** EX_IOERR of sysexits.h. */
const OVERFLOWED = 74;

interface Program {
  readonly command: readonly string[];
  readonly fd3: boolean;
  readonly maxReply: number;
  readonly patience: Patience;
}

/** A handler that runs a program for each request; its standard output is the reply. */
function programHandler({ runProgram, describeExit }: typeof program, { command, fd3, maxReply, patience }: Program, emit: Emit): RpcHandler {
  return async (delivery, { signal }) => {
    const ended = await runProgram({ command, delivery, attempt: 1, fd3, signal, patience, collect: { maxBytes: maxReply }, emit });
    const { code, stdout, stderr, overflowed } = ended;
    if (overflowed) throw new RpcError(`the handler printed more than ${formatSize(maxReply)}`, { exitCode: OVERFLOWED, stderr });
    if (code !== 0) throw new RpcError(describeExit(ended), { exitCode: code, stderr, body: stdout });
    return stdout;
  };
}
