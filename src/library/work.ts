import type { WorkCounts } from '../model/event.ts';
import type { Handler } from '../model/verdict.ts';
import { checkedOptions } from '../patterns/options.ts';
import type { queueShape } from '../patterns/queue/shape.ts';
import { FanoutWorkConfig, fanoutSubscription } from '../patterns/subscribe/fanout.ts';
import { lastingQueue, type Subscription, workOn } from '../patterns/subscribe/subscription.ts';
import { TopicWorkConfig, topicSubscription } from '../patterns/subscribe/topic.ts';
import type { WorkerConfig, workerShape } from '../patterns/work/config.ts';
import * as work from '../patterns/work/work.ts';
import { checkHandler, type Running, running } from './handle.ts';
import type { Call, Input } from './options.ts';
import { insideOf, type Session, within } from './session.ts';

/** How a queue is declared where it is missing; one that exists must agree with what is given. */
export interface QueueOptions extends Input<typeof queueShape> {}

/** How messages are handed to a handler, and what becomes of those that it cannot handle. Durations are milliseconds. */
export interface WorkerOptions extends QueueOptions, Input<typeof workerShape> {}

/** What `workQueue` takes. */
export interface WorkQueueOptions extends WorkerOptions {
  /** Durable, declared where it is missing; any number of workers share it. */
  readonly queue: string;
}

const NONE: WorkCounts = { received: 0, acknowledged: 0, retried: 0, dead: 0, dropped: 0, requeued: 0, copiedBack: 0, unknown: 0, returned: 0 };

/**
 * Works on a queue: each message goes to one handler of one worker, which decides what becomes of it. Nothing, or `ack`, is done; `retry`, and whatever it
 * throws, is another attempt after a pause, while there are `retries` left; `dead` is dead-lettered with its reason; `requeue` is given back. A copy is
 * confirmed before its original is acknowledged: nothing is lost, and a message whose connection was lost meanwhile comes again.
 *
 * @throws Failure `usage` for wrong options, at once. `ready` and `done` reject with `usage` where messages that fail would be lost (give `dlx`, or `dropDead`), `refused` for a queue with other arguments or a stream, `missing` for
 * a dead-letter exchange that does not exist, `unroutable` when no queue takes the dead letters, `denied`, and `unavailable` where the session has a limit
 */
export function workQueue(session: Session, options: WorkQueueOptions, handler: Handler, call?: Call): Running<WorkCounts> {
  insideOf(session);
  const config = checkedOptions(work.WorkConfig, options);
  checkHandler(handler);
  return running(session, { queue: config.queue, call, none: NONE }, (links, inside) => work.workQueue(links, config, handler, { ask: inside.ask(links) }));
}

/**
 * Declares a work queue, and what its dead letters need, where they are missing: for those who publish before any worker is there.
 *
 * @throws Failure `usage` for wrong options, `refused` when the queue exists with other arguments
 */
export async function declareWorkQueue(session: Session, options: QueueOptions & Pick<WorkQueueOptions, 'queue'>, call?: Call): Promise<void> {
  const config = checkedOptions(work.WorkQueueConfig, options);
  return within(session, config.queue, call, (links) => work.declareWorkQueue(links, config));
}

/** What `workFanout` takes. */
export interface WorkFanoutOptions extends WorkerOptions {
  /** A durable fanout exchange, declared where it is missing. @defaultValue `order.events` */
  readonly exchange?: string | undefined;
  /** Its workers share the durable queue `EXCHANGE.SERVICE`; without a name, a temporary queue gets what comes while it is connected. */
  readonly service?: string | undefined;
}

/**
 * Works on the events of a fanout exchange: each service gets each of them. What becomes of a message, and the failures, are those of {@link workQueue}.
 */
export function workFanout(session: Session, options: WorkFanoutOptions, handler: Handler, call?: Call): Running<WorkCounts> {
  insideOf(session);
  const config = checkedOptions(FanoutWorkConfig, options);
  return workingOn(session, fanoutSubscription(config), config, handler, call);
}

/** What `workTopic` takes. */
export interface WorkTopicOptions extends WorkerOptions {
  /** A durable topic exchange, declared where it is missing. @defaultValue `events.topic` */
  readonly exchange?: string | undefined;
  /** Routing keys that are wanted: `*` is one word, `#` any number of them. */
  readonly pattern: string[];
  /** A durable queue that its workers share; without a name, a temporary queue gets what comes while it is connected. */
  readonly queue?: string | undefined;
}

/** Works on what matches any of the patterns. What becomes of a message, and the failures, are those of {@link workQueue}. */
export function workTopic(session: Session, options: WorkTopicOptions, handler: Handler, call?: Call): Running<WorkCounts> {
  insideOf(session);
  const config = checkedOptions(TopicWorkConfig, options);
  return workingOn(session, topicSubscription(config), config, handler, call);
}

function workingOn(session: Session, place: Subscription, config: WorkerConfig, handler: Handler, call?: Call): Running<WorkCounts> {
  checkHandler(handler);
  return running(session, { queue: lastingQueue(place), call, none: NONE }, (links, inside) =>
    workOn(links, place, config, handler, { ask: inside.ask(links) }),
  );
}
