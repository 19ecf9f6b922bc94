import { setTimeout as delay } from 'node:timers/promises';
import { PutBack } from '../amqp/put-back.ts';
import { type AskManagement, isLastReturn, learnReturnRules, type ReturnRules } from '../amqp/return-rules.ts';
import type { Session } from '../amqp/session.ts';
import { Failure } from '../model/failure.ts';
import type { Delivery } from '../model/message.ts';
import type { TakeContext } from './take-options.ts';

/** How a delivery goes back: by the broker, or as a copy after which it is acknowledged. `kept`: nobody needs to know any more. `stuck`: neither is possible. */
export type WayBack = 'return' | 'copied' | 'kept' | 'stuck';

/** Milliseconds for which the rules of a queue are taken to hold: a policy may change them at any time. */
const RULES_HOLD = 30_000;
/** A full queue may refuse a copy: it is offered again after this many milliseconds, and so often. */
const COPY_PAUSE = 1_000;
const MOST_COPIES = 60;
/** Milliseconds that the copy of a message may take that goes back because the run ends. */
const LAST_COPY = 5_000;

/** Gives messages back to their queue in a way that keeps them: a quorum queue drops or dead-letters what is returned too often. */
export class GiveBack {
  readonly #session: Session;
  readonly #ask: AskManagement | undefined;
  readonly #over = new AbortController();
  #rules: { readonly learned: Promise<ReturnRules>; readonly since: number } | undefined;
  #copies: Promise<PutBack> | undefined;

  constructor(session: Session, ask?: AskManagement) {
    // A run that is stopped still puts back what it has.
    this.#session = { ...session, signal: this.#over.signal };
    this.#ask = ask;
  }

  /** Finds the way back for a delivery that its handler gave back, and makes the copy where that is the way. */
  async wayFor(delivery: Delivery, context: TakeContext): Promise<WayBack> {
    if (!(await this.#isLastReturn(delivery, context))) return context.isCurrent() ? 'return' : 'kept';
    for (let copies = 1; context.isCurrent(); copies++) {
      const outcome = await this.#copy(delivery);
      if (outcome === 'copied') return this.#copiedWhile(context);
      if (outcome === 'forbidden' || copies >= MOST_COPIES || context.stopping.aborted) return 'stuck';
      await delay(COPY_PAUSE, undefined, { signal: context.stopping }).catch(() => undefined);
    }
    return 'kept';
  }

  /** The same for a delivery that nothing was decided about when the run ended. */
  async lastWayFor(delivery: Delivery, context: TakeContext): Promise<WayBack> {
    const late = delay(LAST_COPY, 'stuck' as const, { ref: false });
    const way = async (): Promise<WayBack> => {
      if (!(await this.#isLastReturn(delivery, context))) return 'return';
      return (await this.#copy(delivery)) === 'copied' ? this.#copiedWhile(context) : 'stuck';
    };
    return Promise.race([way(), late]);
  }

  async close(): Promise<void> {
    this.#over.abort(new Failure('unavailable', 'the worker has ended'));
    await this.#copies?.then((copies) => copies.close()).catch(() => undefined);
  }

  async #isLastReturn({ queue, properties }: Delivery, { ask, isCurrent }: TakeContext): Promise<boolean> {
    if (this.#rules === undefined || performance.now() - this.#rules.since > RULES_HOLD) {
      const learned = ask(async (connection) => (await learnReturnRules(connection, queue, this.#ask)).rules);
      this.#rules = { learned, since: performance.now() };
    }
    try {
      return isLastReturn(await this.#rules.learned, properties.headers);
    } catch (error) {
      this.#rules = undefined;
      // What became of the queue is noticed by the consumer.
      if (error instanceof Failure && (!isCurrent() || error.transient || error.kind === 'missing')) return false;
      throw error;
    }
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

  /** Should its connection be lost by now, the queue has dropped or dead-lettered the original; otherwise that is acknowledged. */
  #copiedWhile({ isCurrent }: TakeContext): WayBack {
    return isCurrent() ? 'copied' : 'kept';
  }
}
