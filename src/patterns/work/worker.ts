import { setTimeout as delay } from 'node:timers/promises';
import { endless, type Session } from '../../amqp/connection/session.ts';
import type { Outcome } from '../../amqp/publisher/outcomes.ts';
import { Publisher } from '../../amqp/publisher/publisher.ts';
import { withControlConnection } from '../../amqp/topology/declare.ts';
import { readyCount } from '../../amqp/topology/queue-facts.ts';
import { type Attempt, attemptOf, deadLetter, retryCopy } from '../../model/dead-letter/attempt.ts';
import { asBeforePutBack } from '../../model/dead-letter/replay.ts';
import type { WorkCounts } from '../../model/event.ts';
import { Failure } from '../../model/failure.ts';
import type { Delivery, Message } from '../../model/message/message.ts';
import { option } from '../../model/option.ts';
import { formatCount, MAX_TIMER } from '../../model/quantity.ts';
import { thrownText } from '../../model/text.ts';
import { type Handler, type Judgement, judgementOf, type Labelled, type Settlement, type Verdict } from '../../model/verdict.ts';
import { ConsumeConfig, hasEnd } from '../consume/config.ts';
import { COPIED_BACK, GiveBack, type WayBack, type WorkOptions } from '../consume/give-back.ts';
import { GIVE_UP, withinItsTime } from '../consume/handler-time.ts';
import type { TakeContext } from '../consume/limits.ts';
import { publishWhile } from '../consume/publish-while.ts';
import { take } from '../consume/run.ts';
import type { WorkerConfig } from './config.ts';
import { HELD_TOO_LONG, HeldTooLong } from './held-too-long.ts';
import type { WorkerSetup } from './prepare.ts';

/** RabbitMQ's default limit for holding a message, and what a worker may need for a message after its handler has ended. Milliseconds. */
const DEFAULT_CONSUMER_TIMEOUT = 30 * 60_000;
const SETTLING = 5 * 60_000;
/** What a new temporary queue means for those who listen. */
export const MISSED = 'a temporary queue gets nothing while its connection is lost: messages published meanwhile are missing';
/** Default reason per verdict. */
const WITHOUT_REASON: Readonly<Record<Verdict, string>> = {
  ack: '',
  retry: 'the handler asked for another attempt',
  requeue: 'the handler requeued it',
  dead: 'the handler rejected it',
};
/** A message that the broker dead-letters or drops counts once the broker has the answer; a message with a confirmed copy counts at once. */
const REJECTED: Labelled = { settlement: 'dead', label: 'dead' };
const DROPPED: Labelled = { settlement: 'dead', label: 'dropped' };
const BURIED: Labelled = { settlement: 'ack', label: 'dead', certain: true };
const SENT_OFF: Labelled = { settlement: 'ack', label: 'retried', certain: true };

/**
 * Hands messages to a handler and carries out its verdict: acknowledges, publishes a copy for another attempt, dead-letters, or requeues.
 * A copy is confirmed before its original is acknowledged: nothing is lost, and a crash in between leaves both.
 * An interrupted or terminated run lets handlers finish within the grace, and is then no failure.
 *
 * @throws Failure `negative` for dead letters with `failOnDead`, `unfound` or `unexecutable` when the handler cannot run at all, `unroutable` when no queue takes the dead letters, `deadline`, `unavailable`
 */
export async function runWorker(session: Session, config: WorkerConfig, setup: WorkerSetup, handler: Handler, { ask }: WorkOptions = {}): Promise<WorkCounts> {
  const worker = new Worker(hasEnd(config) ? session : endless(session), config, setup, handler, ask);
  return worker.run();
}

interface Task extends Attempt {
  readonly delivery: Delivery;
}

class Worker {
  readonly #session: Session;
  readonly #config: WorkerConfig;
  readonly #setup: WorkerSetup;
  readonly #handler: Handler;
  readonly #wayBack: GiveBack;
  readonly #heldTooLong = new HeldTooLong();
  #publisher: Publisher | undefined;

  constructor(session: Session, config: WorkerConfig, setup: WorkerSetup, handler: Handler, ask: WorkOptions['ask']) {
    this.#session = session;
    this.#config = config;
    this.#setup = setup;
    this.#handler = handler;
    this.#wayBack = new GiveBack(session, ask);
  }

  async run(): Promise<WorkCounts> {
    const { count, idle, timeout, drain, concurrency, prefetch = concurrency, grace, failOnDead } = this.#config;
    const { queue, topology, restore, levels, route } = this.#setup;
    if (levels.length > 0 || route.kind === 'publish') {
      this.#publisher = new Publisher(this.#session);
      await this.#publisher.connect();
    }
    let before = false;
    try {
      const taken = await take(
        this.#session,
        ConsumeConfig.parse({ queue, count, idle, timeout, drain, prefetch }),
        (delivery, context) => this.#work(delivery, context),
        {
          concurrency,
          grace,
          graceful: true,
          neverStream: true,
          restore,
          consumerTimeout: consumerTimeoutFor(this.#config),
          onTimedOut: () => this.#heldTooLong.takenBack(),
          giveBack: (delivery, context) => this.#goBack(delivery, context),
          onSubscribed: (name) => {
            const gap = before && topology?.queues.some(({ exclusive }) => exclusive === true) === true ? `; ${MISSED}` : '';
            this.#session.emit({ kind: 'subscribed', queue: name, text: `working ${before ? 'again ' : ''}on the queue "${name}"${gap}` });
            before = true;
          },
          ...(topology !== undefined && { topology }),
        },
      );
      const waiting = taken.failure === undefined ? await this.#countWaiting() : undefined;
      const { received, acknowledged, retried, dead, dropped, requeued, copiedBack, unknown, returned } = taken.counts;
      const counts: WorkCounts = {
        received,
        acknowledged,
        retried,
        dead,
        dropped,
        requeued,
        copiedBack,
        unknown,
        returned,
        ...(waiting !== undefined && { waiting }),
      };
      this.#session.emit({ kind: 'worked', counts, seconds: taken.seconds, queue });
      if (taken.failure !== undefined) throw taken.failure;
      if (failOnDead && counts.dead + counts.dropped > 0) {
        throw new Failure('negative', `${formatCount(counts.dead + counts.dropped, 'message')} failed for good`, {
          hint:
            counts.dropped > 0
              ? `they were dropped: ${option('dlx', 'EXCHANGE')} keeps such messages`
              : `rmq dlx list shows where the dead letters of "${queue}" are`,
        });
      }
      return counts;
    } finally {
      await this.#wayBack.close();
      await this.#publisher?.close();
    }
  }

  /** How many messages wait for another attempt; undefined when unknown. */
  async #countWaiting(): Promise<number | undefined> {
    const queues = [...new Set(this.#setup.levels.map(({ queue }) => queue))];
    if (queues.length === 0 || this.#session.signal.aborted) return undefined;
    try {
      return await withControlConnection(this.#session, async (connection) => {
        let waiting = 0;
        for (const queue of queues) waiting += await readyCount(connection, queue);
        return waiting;
      });
    } catch {
      // The work is done; this is only for the summary.
      return undefined;
    }
  }

  async #work(delivery: Delivery, context: TakeContext): Promise<Settlement | Labelled> {
    const attempt: Task = { ...attemptOf(asBeforePutBack(delivery, this.#setup.user), this.#setup.user), delivery };
    const judgement = this.#heldTooLong.comesAgain(attempt.original, attempt.number)
      ? ({ verdict: 'retry', reason: HELD_TOO_LONG } as const)
      : await this.#judge(attempt, context.kill);
    // The connection is lost, and the message comes again: only the next delivery may have an effect.
    if (!context.isCurrent()) return 'hold';
    if (context.kill.aborted) return 'hold';
    return this.#settle(attempt, judgement, context);
  }

  async #settle(attempt: Task, judgement: Judgement, context: TakeContext): Promise<Settlement | Labelled> {
    switch (judgement.verdict) {
      case 'ack':
        return 'ack';
      case 'requeue':
        this.#session.emit({ kind: 'requeued', ...told(attempt, judgement) });
        return this.#giveBack(attempt, context);
      case 'retry':
        return this.#retry(attempt, judgement, context);
      case 'dead':
        return this.#bury(attempt, judgement, context);
    }
  }

  /** The handler's judgement, within its time. */
  async #judge({ original, number }: Attempt, kill: AbortSignal): Promise<Judgement> {
    const { handlerTimeout } = this.#config;
    const handle = async (signal: AbortSignal): Promise<Judgement> => {
      try {
        const judgement = judgementOf(await this.#handler(original, { signal, attempt: number }));
        return { ...judgement, reason: judgement.reason || WITHOUT_REASON[judgement.verdict] };
      } catch (error) {
        if (error instanceof Failure && (error.kind === 'unfound' || error.kind === 'unexecutable')) throw error;
        return { verdict: 'retry', reason: thrownText(error) };
      }
    };
    const given = this.#heldTooLong.signal(kill);
    this.#heldTooLong.begin(original, number);
    try {
      if (handlerTimeout === undefined) return await handle(given);
      const { result, late } = await withinItsTime(handlerTimeout, given, handle, { verdict: 'retry' });
      return late === undefined ? result : { ...result, verdict: 'retry', reason: late };
    } finally {
      this.#heldTooLong.end(original);
    }
  }

  async #retry(attempt: Task, judgement: Judgement, context: TakeContext): Promise<Settlement | Labelled> {
    const level = this.#setup.levels[attempt.number - 1];
    if (level === undefined) return this.#bury(attempt, judgement, context);
    const outcome = await this.#publish(retryCopy(attempt.original, attempt.number + 1, level.queue, this.#setup.user), context);
    if (isTooMuch(outcome)) {
      this.#session.emit({ kind: 'note', text: `${named(attempt)} cannot be retried: ${outcome.failure.message}` });
      return this.#bury(attempt, judgement, context);
    }
    if (outcome?.kind !== 'confirmed') return this.#unplaced(attempt, outcome, `the queue "${level.queue}"`, context);
    this.#session.emit({ kind: 'retried', delay: level.pause, ...told(attempt, judgement) });
    return SENT_OFF;
  }

  async #bury(attempt: Task, judgement: Judgement, context: TakeContext): Promise<Settlement | Labelled> {
    const { route } = this.#setup;
    if (route.kind !== 'publish') {
      this.#session.emit({ kind: 'dead', target: route.kind === 'drop' ? undefined : 'the target of a policy', ...told(attempt, judgement) });
      return route.kind === 'drop' ? DROPPED : REJECTED;
    }
    const { exchange, routingKey = attempt.original.routingKey } = route;
    const target = exchange === '' ? `the queue "${routingKey}"` : `the exchange "${exchange}" with the key "${routingKey}"`;
    const { user, isProven } = this.#setup;
    const letter = deadLetter(attempt, { exchange, routingKey }, judgement, { seconds: Math.floor(Date.now() / 1_000), user: isProven ? user : undefined });
    const outcome = await this.#publish(letter, context);
    if (isTooMuch(outcome)) {
      // The broker dead-letters the message itself: without our reason, but it is kept.
      this.#session.emit({ kind: 'note', text: `${named(attempt)} is dead-lettered without the reason of its failure: ${outcome.failure.message}` });
      this.#session.emit({ kind: 'dead', target, ...told(attempt, judgement) });
      return REJECTED;
    }
    if (outcome?.kind !== 'confirmed') return this.#unplaced(attempt, outcome, target, context);
    this.#session.emit({ kind: 'dead', target, ...told(attempt, judgement) });
    return BURIED;
  }

  async #publish(message: Message, context: TakeContext): Promise<Outcome | undefined> {
    if (this.#publisher === undefined) throw new Error('a worker that publishes has a publisher');
    return publishWhile(this.#publisher, message, context);
  }

  /** The copy is nowhere: the original stays. Where no queue is bound, waiting does not help. */
  async #unplaced(attempt: Task, outcome: Outcome | undefined, target: string, context: TakeContext): Promise<Settlement | Labelled> {
    // The message comes again; its target may just be being declared anew.
    if (outcome === undefined || !context.isCurrent()) return 'hold';
    if (outcome.kind === 'returned') {
      throw new Failure('unroutable', `a message that failed could not be sent to ${target}: no queue is bound`, {
        hint: 'nothing is lost: it is back in its queue; bind a queue there, and start the worker again',
      });
    }
    if (outcome.kind === 'refused' || outcome.kind === 'unknown') throw outcome.failure;
    return this.#giveBack(attempt, context);
  }

  /** Back to the queue after a pause: it would be delivered again at once. */
  async #giveBack({ delivery }: Task, context: TakeContext): Promise<Settlement | Labelled> {
    await delay(this.#config.requeueDelay, undefined, { signal: context.stopping }).catch(() => undefined);
    return this.#sendBack(delivery, await this.#wayBack.wayFor(delivery, context));
  }

  /** At the end of the run, to its old place where possible. */
  async #goBack(delivery: Delivery, context: TakeContext): Promise<Settlement | Labelled> {
    const way = await this.#wayBack.lastWayFor(delivery, context);
    return way === 'return' ? 'hold' : this.#sendBack(delivery, way);
  }

  #sendBack(delivery: Delivery, way: WayBack): Settlement | Labelled {
    if (way === 'return') return 'requeue';
    if (way === 'kept') return 'hold';
    const { queue, properties } = delivery;
    if (way === 'copied') {
      this.#session.emit({ kind: 'copied-back', queue, messageId: properties.messageId });
      return COPIED_BACK;
    }
    // One more return would make the broker do the same, without a report.
    const target = this.#setup.route.kind === 'drop' ? undefined : 'the dead-letter exchange of its queue';
    const reason = 'it is at the delivery limit of its queue, and no copy of it can be put back';
    this.#session.emit({
      kind: 'dead',
      target,
      ...told(attemptOf(asBeforePutBack(delivery, this.#setup.user), this.#setup.user), { verdict: 'dead', reason }),
    });
    return this.#setup.route.kind === 'drop' ? DROPPED : REJECTED;
  }
}

/** The consumer timeout to ask for: never less than the default. Undefined when handlers have no time limit. */
function consumerTimeoutFor({ handlerTimeout, concurrency, prefetch = concurrency, requeueDelay }: WorkerConfig): number | undefined {
  if (handlerTimeout === undefined) return undefined;
  const turns = Math.ceil(prefetch / concurrency);
  return Math.min(MAX_TIMER, Math.max(DEFAULT_CONSUMER_TIMEOUT, turns * (handlerTimeout + GIVE_UP) + requeueDelay + SETTLING));
}

/** True when this message, with what a copy adds, exceeds the broker's limit: every attempt would end the same. */
function isTooMuch(outcome: Outcome | undefined): outcome is Outcome & { readonly kind: 'refused' } {
  return outcome?.kind === 'refused' && (outcome.failure.kind === 'data' || outcome.failure.kind === 'refused');
}

function named({ original: { properties } }: Attempt): string {
  return properties.messageId === undefined ? 'a message without an id' : `the message "${properties.messageId}"`;
}

/** What is reported about a message that failed. */
function told({ original, number }: Attempt, { reason = '' }: Judgement): { messageId: string | undefined; attempt: number; reason: string } {
  return { messageId: original.properties.messageId, attempt: number, reason };
}
