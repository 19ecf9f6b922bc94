import * as z from 'zod/mini';
import type { Session } from '../../amqp/connection/session.ts';
import type { PublishCounts, WorkCounts } from '../../model/event.ts';
import type { Handler } from '../../model/verdict.ts';
import type { WorkOptions } from '../consume/give-back.ts';
import { queueName } from '../names.ts';
import type { Drafts } from '../publish/input.ts';
import { publishDrafts, publishingRules, publishingShape } from '../publish/publish.ts';
import { queueRules, queueShape, queueSpec } from '../queue/shape.ts';
import { workerShape } from './config.ts';
import { prepareQueue, prepareWorker } from './prepare.ts';
import { runWorker } from './worker.ts';

/** The options of `workQueue`: the queue, how to declare it when it is missing, and how to work on it. */
export const WorkConfig = z.strictObject({ queue: queueName, ...queueShape, ...workerShape }).check(...queueRules);
export type WorkConfig = z.output<typeof WorkConfig>;

export const WorkQueueConfig = z.object({ queue: queueName, ...queueShape }).check(...queueRules);

/**
 * Declares a work queue, and what its dead letters need, where they are missing: for publishers that start before any worker.
 *
 * @throws Failure `refused` when the queue exists with other arguments
 */
export async function declareWorkQueue(session: Session, config: Pick<WorkConfig, 'queue' | keyof typeof queueShape>): Promise<void> {
  await prepareQueue(session, queueSpec(config.queue, config));
}

/** The options of `publishTasks`: the queue, how to declare it when it is missing, and the messages. */
export const WorkPublishConfig = z.strictObject({ queue: queueName, ...queueShape, ...publishingShape }).check(...queueRules, ...publishingRules);
export type WorkPublishConfig = z.output<typeof WorkPublishConfig>;

/**
 * Publishes tasks to a work queue, which is declared when it is missing; see `sendMessages` for its promise and its failures.
 *
 * @throws Failure `refused` when the queue exists with other arguments
 */
export async function publishTasks(session: Session, config: WorkPublishConfig, drafts: Drafts): Promise<PublishCounts> {
  await declareWorkQueue(session, config);
  return publishDrafts(session, config, drafts, { exchange: '', routingKey: config.queue });
}

/**
 * Works on a queue: each message goes to one handler of one worker, whose verdict settles it. See `runWorker`.
 *
 * @throws Failure `usage` when messages that fail for good would be lost, `refused` when the queue exists with other arguments
 */
export async function workQueue(session: Session, config: WorkConfig, handler: Handler, options: WorkOptions = {}): Promise<WorkCounts> {
  const { queue, queueType, maxPriority, messageTtl, maxLength, dlx, dlxRoutingKey, ...worker } = config;
  const spec = queueSpec(queue, config);
  const setup = await prepareWorker(session, worker, { queue: spec, topology: { exchanges: [], queues: [spec], bindings: [] } });
  return runWorker(session, worker, setup, handler, options);
}
