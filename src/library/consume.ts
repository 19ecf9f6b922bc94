import type { ConsumeCounts } from '../model/event.ts';
import { numberIn } from '../model/message/field.ts';
import type { Delivery } from '../model/message/message.ts';
import type { HandlerContext, Settlement } from '../model/verdict.ts';
import { ConsumeConfig, type limitsShape } from '../patterns/consume/config.ts';
import * as consuming from '../patterns/consume/consume.ts';
import type { ConsumeHandler as Take, TakeContext } from '../patterns/consume/limits.ts';
import { checkedOptions } from '../patterns/options.ts';
import { FanoutSubscribeConfig, fanoutSubscription } from '../patterns/subscribe/fanout.ts';
import { lastingQueue, type Subscription, subscribe } from '../patterns/subscribe/subscription.ts';
import { TopicSubscribeConfig, topicSubscription } from '../patterns/subscribe/topic.ts';
import { checkHandler, type Running, running } from './handle.ts';
import type { Call, Input } from './options.ts';
import { insideOf, type Session } from './session.ts';
import type { WorkFanoutOptions, WorkTopicOptions } from './work.ts';

/**
 * Takes a message, and says what becomes of it: nothing, or `ack`, acknowledges it, `requeue` gives it back, `dead` rejects it, `hold` keeps it until the
 * consumer stops. Whatever it throws, or anything else that it returns, ends the consumer, and the message goes back: a worker has retries.
 */
export type ConsumeHandler = (message: Delivery, context: HandlerContext) => Promise<Settlement | undefined> | Promise<void>;

type Limits = Pick<typeof limitsShape, 'count' | 'idle' | 'timeout' | 'drain' | 'ack' | 'exclusive' | 'priority' | 'offset'>;

/** Which messages are taken. Durations are milliseconds. */
export interface ConsumerOptions extends Input<Limits> {
  /** Unanswered messages at a time, and so handlers. @defaultValue 1,000 of `consume`, 10 of a subscription */
  readonly prefetch?: number | undefined;
}

/** What `consume` takes. */
export interface ConsumeOptions extends ConsumerOptions {
  /** It must exist: a work queue is declared by {@link workQueue}. */
  readonly queue: string;
}

const NONE: ConsumeCounts = { received: 0, acknowledged: 0, rejected: 0, requeued: 0, unknown: 0, returned: 0 };

/**
 * Takes messages off a queue that exists, a stream too, and hands each to the handler; see {@link ConsumeHandler}.
 *
 * @throws Failure `usage` for wrong options, at once. `ready` and `done` reject with `missing` for a queue that does not exist, `data` for what is no
 * verdict, `io` for what the handler throws, `deadline` for a `timeout`, `denied`, and `unavailable` where the session has a limit
 */
export function consume(session: Session, options: ConsumeOptions, handler: ConsumeHandler, call?: Call): Running<ConsumeCounts> {
  insideOf(session);
  const config = checkedOptions(ConsumeConfig, options);
  checkHandler(handler);
  return running(session, { queue: config.queue, call, none: NONE }, (links, inside) => {
    const onSubscribed = (queue: string): void => links.emit({ kind: 'subscribed', queue, text: `consuming from the queue "${queue}"` });
    return consuming.consume(links, config, taking(handler), { ask: inside.ask(links), onSubscribed });
  });
}

/** What `subscribeFanout` takes. */
export interface SubscribeFanoutOptions extends ConsumerOptions, Pick<WorkFanoutOptions, 'exchange' | 'service' | 'queueType'> {}

/**
 * Hands the handler every event of a fanout exchange: with a `service` those too that came while it was away. {@link workFanout} has retries and dead letters beside.
 *
 * @throws Failure as {@link consume} does, and `refused` for an exchange or a queue that exists and differs in what matters
 */
export function subscribeFanout(session: Session, options: SubscribeFanoutOptions, handler: ConsumeHandler, call?: Call): Running<ConsumeCounts> {
  insideOf(session);
  const config = checkedOptions(FanoutSubscribeConfig, options);
  return subscribed(session, fanoutSubscription(config), config, handler, call);
}

/** What `subscribeTopic` takes. */
export interface SubscribeTopicOptions extends ConsumerOptions, Pick<WorkTopicOptions, 'exchange' | 'pattern' | 'queue' | 'queueType'> {}

/**
 * Hands the handler what matches any of the patterns. {@link workTopic} has retries and dead letters beside.
 *
 * @throws Failure as {@link subscribeFanout} does
 */
export function subscribeTopic(session: Session, options: SubscribeTopicOptions, handler: ConsumeHandler, call?: Call): Running<ConsumeCounts> {
  insideOf(session);
  const config = checkedOptions(TopicSubscribeConfig, options);
  return subscribed(session, topicSubscription(config), config, handler, call);
}

function subscribed(session: Session, place: Subscription, config: Omit<ConsumeConfig, 'queue'>, handler: ConsumeHandler, call?: Call): Running<ConsumeCounts> {
  checkHandler(handler);
  return running(session, { queue: lastingQueue(place), call, none: NONE }, (links, inside) =>
    subscribe(links, place, config, taking(handler), { ask: inside.ask(links) }),
  );
}

/** Gives a handler what every handler of a program gets. */
function taking(handler: ConsumeHandler): Take {
  return (delivery, context) => handler(delivery, new DeliveryContext(delivery, context));
}

/** Decodes the headers only when the handler reads the attempt. */
class DeliveryContext implements HandlerContext {
  readonly #delivery: Delivery;
  readonly #context: TakeContext;

  constructor(delivery: Delivery, context: TakeContext) {
    this.#delivery = delivery;
    this.#context = context;
  }

  get signal(): AbortSignal {
    return this.#context.kill;
  }

  /** At least the second where the broker says that it was delivered before; quorum queues count. */
  get attempt(): number {
    const { properties, redelivered } = this.#delivery;
    return 1 + Math.max(numberIn(properties.headers?.['x-delivery-count']) ?? 0, Number(redelivered));
  }
}
