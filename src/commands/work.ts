import { type Command, type CommandGroup, defineCommand } from './command.ts';
import { argument, rest } from './flags/flag.ts';
import { programInputs, queueInputs, withProgram, workerInputs, workingOptions } from './flags/handler-flags.ts';
import { publishing, publishingInputs, readsStdin } from './flags/publish-flags.ts';

export const workGroup: CommandGroup = { path: ['work'], summary: 'work queues: send tasks, run a handler for each' };

const workPublish = defineCommand({
  path: ['work', 'publish'],
  summary: 'send tasks to a work queue, which is declared when it is missing',
  examples: [
    ['rmq work publish task_queue \'{"task_id": 1}\'', 'one task; the queue is durable, the message persistent'],
    ['rmq work publish jobs --lines --dlx dlx < jobs.ndjson', 'a task per line; tasks that fail for good go to dead.letters'],
  ],
  readsStdin,
  inputs: {
    queue: argument('the work queue'),
    ...queueInputs,
    ...publishingInputs,
  },
  load: publishing(async () => {
    const { WorkPublishConfig, publishTasks } = await import('../patterns/work/work.ts');
    return { config: WorkPublishConfig, publish: publishTasks };
  }),
});

const workRun = defineCommand({
  path: ['work', 'run'],
  summary: 'run a handler for each task, and settle it by the exit code',
  examples: [
    ['rmq work run task_queue --drop-dead -- ./handle.sh', 'the task on standard input, one at a time; failed tasks are dropped'],
    ['rmq work run jobs --dlx dlx --retries 5 --backoff 1s..1m --concurrency 4 -- python3 handle.py', 'retried later, then dead-lettered with the reason'],
    ['rmq work run jobs --dlx dlx --stream -- python3 worker.py', 'one program for all tasks: an envelope a line in, {"id":…,"verdict":"ack"} a line out'],
  ],
  inputs: { queue: argument('the work queue'), ...queueInputs, ...workerInputs },
  extras: { ...programInputs, cmd: rest('the handler and its arguments', { completes: 'command' }) },
  load: async () => {
    const { WorkConfig, workQueue } = await import('../patterns/work/work.ts');
    return {
      config: WorkConfig,
      run: async (config, context, { cmd = [], ...program }) => {
        await withProgram(config, { cmd, ...program }, context, (given, handler) =>
          context.withSession((session) => workQueue(session, given, handler, workingOptions(context))),
        );
      },
    };
  },
});

export const workCommands: readonly Command[] = [workPublish, workRun];
