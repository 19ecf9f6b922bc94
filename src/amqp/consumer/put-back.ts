import { randomUUID } from 'node:crypto';
import { onAbort } from '../../model/async.ts';
import { putBackCopy } from '../../model/dead-letter/replay.ts';
import { abortFailure, Failure } from '../../model/failure.ts';
import type { Delivery } from '../../model/message/message.ts';
import { loginName } from '../connection/login-name.ts';
import type { Session } from '../connection/session.ts';
import type { Outcome } from '../publisher/outcomes.ts';
import { Publisher } from '../publisher/publisher.ts';

const WINDOW = 1_000;
/** Milliseconds that a copy may take, once the run is stopped, after the one before. */
const STOP_GRACE = 5_000;
/** The caller reports what becomes of each copy. */
const UNTOLD: ReadonlySet<string> = new Set(['returned', 'nacked', 'refused']);

/** Puts copies of messages at the end of the queue that they were taken from, over a connection of its own. */
export class PutBack {
  readonly #signal: AbortSignal;
  readonly #publisher: Publisher;
  #user: Promise<string | undefined> | undefined;
  #grace = 0;
  #lastCopy = 0;
  #ignore: (() => void) | undefined;
  #sending: Promise<void> = Promise.resolve();

  constructor(session: Session) {
    this.#signal = session.signal;
    const emit: Session['emit'] = (event) => UNTOLD.has(event.kind) || session.emit(event);
    this.#publisher = new Publisher({ ...session, emit }, { window: WINDOW });
  }

  /**
   * Connects, and checks that copies may be published: the broker returns a message to a queue that does not exist only to a user who may publish.
   *
   * @throws Failure `denied` for a user who may not, as the connection gives it, or what stopped the session
   */
  async connect(): Promise<void> {
    await this.#publisher.connect();
    this.#ignore = onAbort(this.#signal, () => {
      this.#lastCopy = performance.now();
      this.#abandonUnlessCopying();
    });
    const outcome = await this.#publisher.publish({ exchange: '', routingKey: `rmq.${randomUUID()}`, properties: {}, body: Buffer.alloc(0) });
    if (outcome.kind === 'refused' || outcome.kind === 'unknown') throw outcome.failure;
    // Who is stopped before it is ready takes nothing: no copy could be made.
    if (this.#signal.aborted) throw abortFailure(this.#signal);
    this.#grace = STOP_GRACE;
  }

  /**
   * Sends a copy after the earlier ones. Resolves with true once the broker has confirmed that it is in the queue; with false when
   * it is not, or may not be.
   */
  async copy(delivery: Delivery): Promise<boolean> {
    let outcome: Promise<Outcome> | undefined;
    const sending = this.#sending.then(async () => {
      this.#user ??= this.#publisher.ask(loginName).catch(() => undefined);
      const copy = putBackCopy(delivery, await this.#user);
      await this.#publisher.readyFor(copy);
      outcome = new Promise((resolve) => this.#publisher.send(copy, resolve));
    });
    // A copy that cannot be encoded does not stop the others.
    this.#sending = sending.catch(() => undefined);
    try {
      await sending;
      const isThere = (await outcome)?.kind === 'confirmed';
      if (isThere) this.#lastCopy = performance.now();
      return isThere;
    } catch (error) {
      if (error instanceof Failure) return false;
      throw error;
    }
  }

  #abandonUnlessCopying(): void {
    const left = this.#grace - (performance.now() - this.#lastCopy);
    if (left > 0) setTimeout(() => this.#abandonUnlessCopying(), left).unref();
    else this.#publisher.abandon(abortFailure(this.#signal));
  }

  async close(): Promise<void> {
    this.#ignore?.();
    await this.#publisher.close();
  }
}
