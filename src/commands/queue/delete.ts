import { orElse } from '../../model/failure.ts';
import { formatCount } from '../../model/quantity.ts';
import { destructive } from '../asking.ts';
import { defineCommand } from '../command.ts';
import { argument, toggle } from '../flags/flag.ts';
import { managementApi, managementExtras } from '../flags/globals.ts';

export const deleteQueueCommand = defineCommand({
  path: ['queue', 'delete'],
  summary: 'delete a queue with its messages',
  examples: [
    ['rmq queue delete orders --if-empty', 'only when it is empty'],
    ['rmq queue delete task_queue --retries', 'with the retry queues that work run --retries declared for it'],
  ],
  inputs: {
    queue: argument('the queue'),
    ifEmpty: toggle('only when a classic queue holds no messages, none are unacknowledged and none wait for a retry or a delay'),
    ifUnused: toggle('only when a classic queue has no consumers'),
    ifExists: toggle('a queue that does not exist is no failure'),
    force: toggle('with --if-empty: also when it has consumers, which may hold unacknowledged messages'),
  },
  extras: { retries: toggle('the queues in which its messages wait (QUEUE.retry.…, QUEUE.delay.…) as well, with what is in them'), ...managementExtras },
  load: async () => {
    const [deletion, { queueNames }, { heldBy }] = await Promise.all([
      import('../../patterns/queue/delete.ts'),
      import('../../patterns/retry-queues.ts'),
      import('../../patterns/queue/unacknowledged.ts'),
    ]);
    const { checkConditions, checkWaiting, countedIn, DeleteQueueConfig, holdingsOf, quotedQueues, removeQueue, waitingIn } = deletion;
    return {
      config: DeleteQueueConfig,
      run: async (config, context, { retries = false, managementUrl }) => {
        const { emit, results, yes } = context;
        const { queue, ifEmpty, ifExists } = config;
        const agree = destructive(context, { doing: `deleting the queue "${queue}"`, deletes: true });
        const find = await managementApi(managementUrl, context);
        const done = await context.withSession(async (session) => {
          const asked = holdingsOf(session, queue, queueNames(find), heldBy(find));
          const holdings = await (ifExists ? asked.catch(orElse('missing', undefined)) : asked);
          if (holdings === undefined) return undefined;
          checkWaiting(config, holdings.retryQueues, retries || yes);
          const unknown = checkConditions(config, holdings);
          // Only of a classic queue does the broker itself see to it that nothing came meanwhile.
          const doomed = holdings.retryQueues.filter(({ type }) => retries && (type === 'classic' || !ifEmpty));
          const spared = holdings.retryQueues.filter((one) => !doomed.includes(one));
          const lost = countedIn(holdings) + waitingIn(doomed);
          const loss = `This deletes "${queue}" and ${formatCount(lost, 'message')}`;
          await agree(lost > 0 && !ifEmpty ? { what: 'queue', name: queue, loss, kept: `"${queue}" was not deleted` } : undefined);
          if (retries && !holdings.complete) emit({ kind: 'note', text: 'without the management API, only retry queues of the default --backoff are found' });
          if (unknown !== undefined) emit({ kind: 'note', text: unknown });
          return { messages: await removeQueue(session, config, doomed, holdings), held: holdings.held, deleted: doomed, left: spared };
        });
        if (done === undefined) return results.report({ queue, messages: 0, missing: true }, `there is no queue "${queue}": nothing was deleted`);
        const { messages, held, deleted, left } = done;
        const { unacknowledged = 0, delayed = 0, untaken = 0 } = held ?? {};
        const waiting = waitingIn(left);
        const lost = [
          ...(messages > 0 ? [formatCount(messages, 'message')] : []),
          ...(unacknowledged > 0 ? [formatCount(unacknowledged, 'unacknowledged message')] : []),
          ...(delayed > 0 ? [formatCount(delayed, 'delayed message')] : []),
          ...(untaken > 0 ? [formatCount(untaken, 'untaken dead letter')] : []),
        ];
        const [what, whose] =
          deleted.length === 0 ? [`queue "${queue}" is deleted`, 'it'] : [`queue "${queue}" is deleted with ${quotedQueues(deleted)}`, 'them'];
        await results.report(
          {
            queue,
            messages,
            ...(unacknowledged > 0 && { unacked: unacknowledged }),
            ...(delayed > 0 && { delayed }),
            ...(untaken > 0 && { untaken }),
            ...(waiting > 0 && { waiting }),
            ...(deleted.length > 0 && { retryQueues: deleted.map((one) => one.queue) }),
          },
          `${what}${lost.length > 0 ? `, and with ${whose} ${lost.join(' and ')}` : ''}`,
        );
        if (waiting > 0) {
          const text = `${formatCount(waiting, 'message')} ${waiting === 1 ? 'waits' : 'wait'} to come to "${queue}", and may be lost unless it is declared again before their pause ends`;
          emit({ kind: 'note', text });
        }
        if (left.length > 0) emit({ kind: 'note', text: `its waiting queues are still there: ${quotedQueues(left)}; rmq queue delete removes each` });
      },
    };
  },
});
