import { setTimeout as delay } from 'node:timers/promises';
import type { Session } from '../../amqp/connection/session.ts';
import { PutBack } from '../../amqp/consumer/put-back.ts';
import { type AskManagement, isLastReturn, learnReturnRules, type ReturnRules } from '../../amqp/consumer/return-rules.ts';
import { within } from '../../model/async.ts';
import { Failure } from '../../model/failure.ts';
import type { Delivery } from '../../model/message/message.ts';
import type { Labelled } from '../../model/verdict.ts';
import type { TakeContext } from './limits.ts';

/** How a delivery goes back: by the broker, or as a copy after which it is acknowledged. `kept`: its connection is lost, and the broker returns it. `stuck`: neither is possible. */
export type WayBack = 'return' | 'copied' | 'kept' | 'stuck';

/** The settlement of a delivery that a copy has replaced. */
export const COPIED_BACK: Labelled = { settlement: 'ack', label: 'copiedBack', certain: true };

/** What a worker may ask, beside the broker. */
export interface WorkOptions {
  /** Learns the policies of a queue, which may limit how often its messages can be returned. */
  readonly ask?: AskManagement;
}

/** Milliseconds for which the learned rules of a queue are used: a policy may change them at any time. */
const RULES_HOLD = 30_000;
/** Milliseconds between attempts to put a copy into a full queue, and their number. */
const COPY_PAUSE = 1_000;
const MOST_COPIES = 60;
/** Milliseconds for the copy of a message that goes back because the run ends. */
const LAST_COPY = 5_000;

/** Returns messages to their queue without loss: a quorum queue drops or dead-letters what is returned too often. */
export class GiveBack {
  readonly #session: Session;
  readonly #management: AskManagement | undefined;
  readonly #over = new AbortController();
  #rules: { readonly learned: Promise<ReturnRules>; readonly since: number } | undefined;
  #copies: Promise<PutBack> | undefined;

  constructor(session: Session, management?: AskManagement) {
    // A stopped run still puts back what it has.
    this.#session = { ...session, signal: this.#over.signal };
    this.#management = management;
  }

  /**
   * Finds the way back for a delivery that its handler requeued, and makes the copy where one is needed.
   *
   * @throws Failure `denied` when it is unknown whether the next return is the last, and no copy may be put back
   */
  async wayFor(delivery: Delivery, context: TakeContext): Promise<WayBack> {
    const { queue, properties } = delivery;
    const rules = await this.#learn(queue, context);
    if (rules === undefined || !isLastReturn(rules, properties.headers)) return context.isCurrent() ? 'return' : 'kept';
    for (let copies = 1; context.isCurrent(); copies++) {
      const outcome = await this.#copy(delivery);
      if (outcome === 'copied') return this.#copiedWhile(context);
      if (outcome === 'forbidden' && !rules.isCertain) throw unknownLimit(queue);
      if (outcome === 'forbidden' || copies >= MOST_COPIES || context.stopping.aborted) return 'stuck';
      await delay(COPY_PAUSE, undefined, { signal: context.stopping }).catch(() => undefined);
    }
    return 'kept';
  }

  /** The same, within some seconds, for a delivery that was undecided when the run ended. */
  async lastWayFor(delivery: Delivery, context: TakeContext): Promise<WayBack> {
    let unless: WayBack = 'return';
    const way = async (): Promise<WayBack> => {
      // One question serves all that go back now.
      const learn = (): Promise<ReturnRules> => this.#ask(delivery.queue, context, this.#management).catch(() => this.#ask(delivery.queue, context));
      this.#rules ??= { learned: learn(), since: performance.now() };
      const rules = await this.#rules.learned.catch(() => undefined);
      if (rules === undefined || !isLastReturn(rules, delivery.properties.headers)) return 'return';
      unless = rules.isCertain ? 'stuck' : 'return';
      return (await this.#copy(delivery)) === 'copied' ? this.#copiedWhile(context) : unless;
    };
    return (await within(LAST_COPY, way())) ?? unless;
  }

  async close(): Promise<void> {
    this.#over.abort(new Failure('unavailable', 'the worker has ended'));
    await this.#copies?.then((copies) => copies.close()).catch(() => undefined);
  }

  /** Undefined when the connection or the queue is gone, which the consumer handles. */
  async #learn(queue: string, context: TakeContext): Promise<ReturnRules | undefined> {
    if (this.#rules === undefined || performance.now() - this.#rules.since > RULES_HOLD) {
      this.#rules = { learned: this.#ask(queue, context, this.#management), since: performance.now() };
    }
    try {
      return await this.#rules.learned;
    } catch (error) {
      this.#rules = undefined;
      if (error instanceof Failure && (!context.isCurrent() || error.transient || error.kind === 'missing')) return undefined;
      throw error;
    }
  }

  async #ask(queue: string, { ask }: TakeContext, management?: AskManagement): Promise<ReturnRules> {
    return ask(async (connection) => (await learnReturnRules(connection, queue, management)).rules);
  }

  async #copy(delivery: Delivery): Promise<'copied' | 'refused' | 'forbidden'> {
    this.#copies ??= this.#open();
    try {
      return (await (await this.#copies).copy(delivery)) ? 'copied' : 'refused';
    } catch (error) {
      this.#copies = undefined;
      if (error instanceof Failure) return error.kind === 'denied' ? 'forbidden' : 'refused';
      throw error;
    }
  }

  async #open(): Promise<PutBack> {
    const copies = new PutBack(this.#session);
    try {
      await copies.connect();
      return copies;
    } catch (error) {
      await copies.close();
      throw error;
    }
  }

  /** If its connection is lost by now, the queue has dropped or dead-lettered the original; otherwise the original is acknowledged. */
  #copiedWhile({ isCurrent }: TakeContext): WayBack {
    return isCurrent() ? 'copied' : 'kept';
  }
}

function unknownLimit(queue: string): Failure {
  return new Failure(
    'denied',
    `returning a message to "${queue}" could lose it: this user cannot see the delivery limit of the queue, and may not put a copy back`,
    {
      hint: 'the message is back in its queue; grant the write permission on the exchange "amq.default", or let the management API tell the limit: the user tag "monitoring"',
    },
  );
}
