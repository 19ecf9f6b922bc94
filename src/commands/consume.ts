import { defineCommand } from './command.ts';
import { argument, duration, integer, off, text, toggle } from './flag.ts';

export const consumeCommand = defineCommand({
  path: ['consume'],
  summary: 'print messages, acknowledging each only after it has been written',
  examples: [
    ['rmq consume orders', 'print messages as they come'],
    ['rmq consume orders --drain -o json > orders.ndjson', 'everything that is there now, as envelopes'],
    ['rmq consume orders -n 5 --requeue', 'look at five, then give them back'],
    ['rmq consume results --expect 3 --timeout 10s', 'a smoke test: exit 0 if three come, 124 if fewer by then, 1 if more'],
  ],
  inputs: {
    queue: argument('the queue'),
    count: integer('stop after N messages', { short: 'n' }),
    idle: duration('stop after this long without a message'),
    timeout: duration('stop after this long'),
    drain: toggle('stop at the depth that the queue has now'),
    expect: integer('fail unless exactly N messages come'),
    prefetch: integer('unacknowledged messages at a time (1000)'),
    requeue: toggle('look, then give everything back'),
    reject: toggle('reject what was printed: dead-letter it'),
    ack: off('let the queue forget messages as it hands them out'),
    exclusive: toggle('refuse other consumers beside this one'),
    priority: integer('consumer priority; a higher one is served first'),
    offset: text('where to begin in a stream: first, last, next, N, a time or an age such as 1h', { value: 'OFFSET' }),
  },
  extras: {
    nul: toggle('NUL instead of a newline after each body', { short: '0', long: 'null' }),
    jsonBody: toggle('bodies that are JSON as bodyJson in envelopes'),
  },
  load: async () => {
    const [{ ConsumeConfig }, { consume }, { withSession }] = await Promise.all([
      import('../patterns/consume-config.ts'),
      import('../patterns/consume.ts'),
      import('../patterns/connection.ts'),
    ]);
    return {
      config: ConsumeConfig,
      run: async (config, { connection, emit, signal, results }, extras) => {
        const print = results.printer({ nul: extras.nul === true, jsonBody: extras.jsonBody === true });
        const handler = (delivery: Parameters<typeof print>[0]) => print(delivery).then(() => 'ack' as const);
        await withSession(connection, (session) => consume(session, config, handler), emit, signal);
        return undefined;
      },
    };
  },
});
