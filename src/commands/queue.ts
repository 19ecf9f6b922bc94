import { formatCount, formatNumber } from '../model/quantity.ts';
import { destructive } from './asking.ts';
import { defineCommand } from './command.ts';
import { argument, choice, fields, texts, toggle } from './flags/flag.ts';
import { managementExtras, managementPlace } from './flags/globals.ts';

export const declareQueueCommand = defineCommand({
  path: ['queue', 'declare'],
  summary: 'declare a durable queue, and bind it',
  examples: [
    ['rmq queue declare orders --queue-type quorum', 'a replicated queue'],
    ['rmq queue declare jobs --argument x-max-length:=1000 --argument x-overflow=reject-publish', 'one that refuses messages when it is full'],
    ['rmq queue declare audit --bind "amq.topic:order.#"', 'one that gets matching messages'],
  ],
  inputs: {
    queue: argument('the queue'),
    queueType: choice(['classic', 'quorum', 'stream'], 'type of the queue'),
    argument: fields('queue argument; K:=JSON for numbers and booleans'),
    bind: texts('bind it to EXCHANGE, with KEY', { value: 'EXCHANGE[:KEY]' }),
  },
  load: async () => {
    const [{ DeclareQueueConfig, declareQueue }, { withSession }] = await Promise.all([
      import('../patterns/queue/declare.ts'),
      import('../patterns/connection.ts'),
    ]);
    return {
      config: DeclareQueueConfig,
      run: async (config, { connection, emit, signal, results }) => {
        await withSession(connection, (session) => declareQueue(session, config), emit, signal);
        await results.report(
          { queue: config.queue, type: config.queueType, bindings: config.bind.length },
          `queue "${config.queue}" (${config.queueType}) exists`,
        );
      },
    };
  },
});

export const queueStatusCommand = defineCommand({
  path: ['queue', 'status'],
  summary: 'show the messages, consumers and type of a queue; unacknowledged messages need the management API (else ?)',
  examples: [
    ['rmq queue status orders', 'exit 66 when it does not exist'],
    ['rmq queue status orders --json | jq .messages', 'the ready messages, for a script'],
  ],
  inputs: { queue: argument('the queue') },
  extras: managementExtras,
  load: async () => {
    const [{ QueueStatusConfig, queueStatus, statusText }, { heldBy }, { managementFinder }, { withSession }] = await Promise.all([
      import('../patterns/queue/status.ts'),
      import('../patterns/queue/unacknowledged.ts'),
      import('../patterns/management.ts'),
      import('../patterns/connection.ts'),
    ]);
    return {
      config: QueueStatusConfig,
      run: async (config, context, { managementUrl }) => {
        const { connection, emit, signal, results } = context;
        const askHeld = heldBy(managementFinder(connection, managementPlace(managementUrl, context), emit, signal));
        const status = await withSession(connection, (session) => queueStatus(session, config, askHeld), emit, signal);
        await results.report(status, statusText(status));
      },
    };
  },
});

export const deleteQueueCommand = defineCommand({
  path: ['queue', 'delete'],
  summary: 'delete a queue with its messages',
  examples: [
    ['rmq queue delete orders --if-empty', 'only when it is empty'],
    ['rmq queue delete task_queue --retries', 'with the retry queues that work run --retries declared for it'],
  ],
  inputs: {
    queue: argument('the queue'),
    ifEmpty: toggle('only when a classic queue holds no messages, none are unacknowledged and none wait for a retry'),
    ifUnused: toggle('only when a classic queue has no consumers'),
    force: toggle('with --if-empty: also when it has consumers, which may hold unacknowledged messages'),
  },
  extras: { retries: toggle('its retry queues (QUEUE.retry.…) as well, with their messages'), ...managementExtras },
  load: async () => {
    const [deletion, { queueNames }, { heldBy }, { managementFinder }, { withSession }] = await Promise.all([
      import('../patterns/queue/delete.ts'),
      import('../patterns/retry-queues.ts'),
      import('../patterns/queue/unacknowledged.ts'),
      import('../patterns/management.ts'),
      import('../patterns/connection.ts'),
    ]);
    const { checkConditions, checkWaiting, countedIn, DeleteQueueConfig, holdingsOf, quotedQueues, removeQueue, waitingIn } = deletion;
    return {
      config: DeleteQueueConfig,
      run: async (config, context, { retries = false, managementUrl }) => {
        const { connection, emit, signal, results, yes } = context;
        const { queue, ifEmpty } = config;
        const agree = destructive(context, { doing: `deleting the queue "${queue}"`, deletes: true });
        const find = managementFinder(connection, managementPlace(managementUrl, context), emit, signal);
        const { messages, held, deleted, left } = await withSession(
          connection,
          async (session) => {
            const holdings = await holdingsOf(session, queue, queueNames(find), heldBy(find));
            checkWaiting(config, holdings.retryQueues, retries || yes);
            const unknown = checkConditions(config, holdings);
            const [doomed, spared] = retries ? [holdings.retryQueues, []] : [[], holdings.retryQueues];
            const lost = countedIn(holdings) + waitingIn(doomed);
            const loss = `This deletes "${queue}" and ${formatCount(lost, 'message')}`;
            await agree(lost > 0 && !ifEmpty ? { what: 'queue', name: queue, loss, kept: `"${queue}" was not deleted` } : undefined);
            if (retries && !holdings.complete) emit({ kind: 'note', text: 'without the management API, only retry queues of the default --backoff are found' });
            if (unknown !== undefined) emit({ kind: 'note', text: unknown });
            return { messages: await removeQueue(session, config, doomed, holdings), held: holdings.held, deleted: doomed, left: spared };
          },
          emit,
          signal,
        );
        const { unacknowledged = 0, delayed = 0 } = held ?? {};
        const lost = [
          ...(messages > 0 ? [formatCount(messages, 'message')] : []),
          ...(unacknowledged > 0 ? [`${formatNumber(unacknowledged)} that ${unacknowledged === 1 ? 'was' : 'were'} not acknowledged`] : []),
          ...(delayed > 0 ? [`${formatNumber(delayed)} that ${delayed === 1 ? 'was' : 'were'} delayed`] : []),
        ];
        const [what, whose] =
          deleted.length === 0 ? [`queue "${queue}" is deleted`, 'it'] : [`queue "${queue}" is deleted with ${quotedQueues(deleted)}`, 'them'];
        await results.report(
          {
            queue,
            messages,
            ...(unacknowledged > 0 && { unacked: unacknowledged }),
            ...(delayed > 0 && { delayed }),
            ...(deleted.length > 0 && { retryQueues: deleted.map((one) => one.queue) }),
          },
          `${what}${lost.length > 0 ? `, and ${lost.join(', ')} with ${whose}` : ''}`,
        );
        if (left.length > 0) emit({ kind: 'note', text: `its retry queues are still there: ${quotedQueues(left)}; rmq queue delete removes each` });
      },
    };
  },
});
