import { defineCommand } from './command.ts';
import { argument, choice, fields, texts, toggle } from './flag.ts';

export const declareQueueCommand = defineCommand({
  path: ['queue', 'declare'],
  summary: 'declare a durable queue, and bind it',
  examples: [
    ['rmq queue declare orders --queue-type quorum', 'a replicated queue'],
    ['rmq queue declare jobs --argument x-max-length:=1000 --argument x-overflow=reject-publish', 'one that refuses when it is full'],
    ['rmq queue declare audit --bind "amq.topic:order.#"', 'one that gets what matches'],
  ],
  inputs: {
    queue: argument('the queue'),
    queueType: choice(['classic', 'quorum', 'stream'], 'type of the queue (classic)'),
    argument: fields('queue argument; K:=JSON for numbers and booleans'),
    bind: texts('bind it to EXCHANGE, with KEY', { value: 'EXCHANGE[:KEY]' }),
  },
  load: async () => {
    const [{ DeclareQueueConfig, declareQueue }, { withSession }] = await Promise.all([import('../patterns/queue.ts'), import('../patterns/connection.ts')]);
    return {
      config: DeclareQueueConfig,
      run: async (config, { connection, emit, signal, results }) => {
        await withSession(connection, (session) => declareQueue(session, config), emit, signal);
        await results.report(
          { queue: config.queue, type: config.queueType, bindings: config.bind.length },
          `queue "${config.queue}" (${config.queueType}) is there`,
        );
        return undefined;
      },
    };
  },
});

export const deleteQueueCommand = defineCommand({
  path: ['queue', 'delete'],
  summary: 'delete a queue with its messages',
  examples: [['rmq queue delete orders --if-empty', 'only when nothing is in it']],
  inputs: {
    queue: argument('the queue'),
    ifEmpty: toggle('only when it holds no messages'),
    ifUnused: toggle('only when it has no consumers'),
  },
  load: async () => {
    const [{ DeleteQueueConfig, removeQueue }, { withSession }] = await Promise.all([import('../patterns/queue.ts'), import('../patterns/connection.ts')]);
    return {
      config: DeleteQueueConfig,
      run: async (config, { connection, emit, signal, results }) => {
        const messages = await withSession(connection, (session) => removeQueue(session, config), emit, signal);
        await results.report(
          { queue: config.queue, messages },
          `queue "${config.queue}" is deleted${messages > 0 ? `, and ${messages} messages with it` : ''}`,
        );
        return undefined;
      },
    };
  },
});
