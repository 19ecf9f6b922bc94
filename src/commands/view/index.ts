import { type Command, defineCommand } from '../command.ts';
import { filterInputs } from '../dlx/filter-flags.ts';
import { limitInputs, lookingOptions, printExtras, printing } from '../flags/consume-flags.ts';
import { expectationExtras, expecting } from '../flags/expect-flags.ts';
import { argument, integer, rest, size, text } from '../flags/flag.ts';
import { managementApi, managementExtras } from '../flags/globals.ts';

const where = { ...filterInputs.where, help: 'only messages for which this CEL expression is true, such as json.total > 99.5' };

const peekCommand = defineCommand({
  path: ['peek'],
  summary: 'look at the messages that are in a queue now; all of them stay there',
  examples: [
    ['rmq peek orders -n 5', 'the first five'],
    [`rmq peek orders --where 'json.total > 99.5' -o json`, 'those that match, as envelopes'],
    ['rmq peek events --last 10', 'the last ten of a stream'],
  ],
  inputs: {
    queue: argument('the queue'),
    count: integer('stop after N messages; with --where, after N that match', { short: 'n' }),
    where,
    last: integer('of a stream: begin N messages before its end'),
    timeout: limitInputs.timeout,
  },
  extras: { ...printExtras, ...managementExtras },
  load: async () => {
    const { PeekConfig, peek } = await import('../../patterns/view/peek.ts');
    return {
      config: PeekConfig,
      run: async (config, context, { managementUrl, ...extras }) => {
        const handler = printing(context.results, extras);
        const options = await lookingOptions({ requeue: true }, context, managementUrl);
        await context.withSession((session) => peek(session, config, handler, options));
      },
    };
  },
});

const tapCommand = defineCommand({
  path: ['tap'],
  summary: 'print copies of what flows through an exchange, or to a queue; disturbs nobody and leaves nothing',
  examples: [
    ['rmq tap order.events', 'everything that is published there from now on'],
    [`rmq tap amq.topic 'order.#' -n 10 -o json`, 'the next ten that match'],
    ['rmq tap --queue orders', 'what its bindings bring to a queue, and the queue keeps all of it'],
    ['rmq tap order.events --expect-file want.ndjson --timeout 30s', 'exit 0 if exactly these flow, 124 if one is missing by then, 1 if others do'],
    [`rmq tap amq.topic --where 'json.total > 99.5' --timeout 1m`, 'those for which an expression is true'],
  ],
  inputs: {
    exchange: argument('the exchange', { optional: true }),
    pattern: rest('routing keys, or patterns of a topic exchange; none: everything', { optional: true }),
    queue: text('instead of an exchange: what its bindings bring to this queue (asks the management API)', { short: 'q', value: 'QUEUE' }),
    where,
    count: integer('stop after N messages; with --where, after N that match', { short: 'n' }),
    idle: limitInputs.idle,
    timeout: limitInputs.timeout,
    expect: limitInputs.expect,
    settle: limitInputs.settle,
    maxLength: integer('copies that may wait for being printed; beyond that the oldest are dropped, and counted'),
    maxLengthBytes: size('the same in bytes'),
  },
  extras: { ...printExtras, ...expectationExtras, ...managementExtras },
  load: async (inputs: Command['inputs']) => {
    const { TapConfig, tap } = await import('../../patterns/view/tap.ts');
    return {
      config: TapConfig,
      run: async (config, context, { managementUrl, ...extras }) => {
        const handler = printing(context.results, extras);
        const find = await managementApi(managementUrl, context);
        const subject = `rmq tap ${config.exchange ?? config.queue}`;
        await expecting(extras, inputs, subject, context, config, handler, (limited, judged) =>
          context.withSession((session) => tap(session, limited, judged, find)),
        );
      },
    };
  },
});

/** Commands that look at messages and take none. */
export const viewCommands: readonly Command[] = [peekCommand, tapCommand];
