import type { Session } from '../../amqp/connection/session.ts';
import type { WireDelivery } from '../../amqp/consumer/delivery.ts';
import { ensure } from '../../amqp/topology/ensure.ts';
import { deferred } from '../../model/async.ts';
import type { ConsumeCounts } from '../../model/event.ts';
import { Failure } from '../../model/failure.ts';
import { strandedFailure } from '../look/options.ts';
import { readHeld } from '../look/read.ts';
import type { ConsumeConfig } from './config.ts';
import { asConsumed, type ConsumeHandler, type End, judgeEnd, judgeSurplus, type RunResult, surplusWithin, type TakeOptions } from './limits.ts';
import { take } from './run.ts';
import { watchIdle } from './silence.ts';

/**
 * Hands messages of a queue to the handler within the limits of the config, and returns all of them at the end: see `readThrough` for how, and what
 * it costs. Without a limit that waits, it ends at the depth that the queue had at the start.
 */
export async function look(session: Session, config: ConsumeConfig, handler: ConsumeHandler, options: TakeOptions): Promise<RunResult<ConsumeCounts>> {
  return new Look(session, config, handler, options).execute();
}

class Look {
  readonly #session: Session;
  readonly #config: ConsumeConfig;
  readonly #handler: ConsumeHandler;
  readonly #options: TakeOptions;
  readonly #started = performance.now();
  readonly #over = new AbortController();
  #received = 0;
  #surplus = 0;
  #running = 0;
  #lastDelivery = performance.now();
  #end: End = 'drained';
  readonly #stop = deferred<void>();

  constructor(session: Session, config: ConsumeConfig, handler: ConsumeHandler, options: TakeOptions) {
    this.#session = session;
    this.#config = config;
    this.#handler = handler;
    this.#options = options;
  }

  async execute(): Promise<RunResult<ConsumeCounts>> {
    const { queue, count = Number.POSITIVE_INFINITY, expect, idle, timeout, drain, offset, exclusive, priority } = this.#config;
    // A stream keeps its messages: none goes back.
    let taken: RunResult<ConsumeCounts> | undefined;
    const stream = async (): Promise<void> => {
      taken = asConsumed(await take(this.#session, { ...this.#config, requeue: false, drain: !this.#follows }, this.#handler, this.#options));
    };
    if (offset !== undefined) {
      await stream();
      return taken as RunResult<ConsumeCounts>;
    }
    const deadline = timeout === undefined ? undefined : setTimeout(() => this.#timeOut(), timeout);
    const watch =
      idle === undefined || drain
        ? undefined
        : watchIdle(
            idle,
            () => (this.#running > 0 ? performance.now() : this.#lastDelivery),
            () => this.#finish('idle'),
          );
    const { topology, restore, onSubscribed, ask } = this.#options;
    const session = { ...this.#session, signal: AbortSignal.any([this.#session.signal, this.#over.signal]) };
    let connections = 0;
    const { summary, failure } = await readHeld(
      session,
      queue,
      {
        ask,
        follows: this.#follows,
        until: this.#stop.promise,
        enough: () => this.#options.enough?.() === true || (expect === undefined && this.#received >= count),
        prepare: async (connection) => {
          if (++connections > 1) await restore?.(connection);
          if (topology !== undefined) await ensure(connection, topology);
          onSubscribed?.(queue, connection);
        },
        stream,
        exclusive,
        priority,
      },
      (delivery) => this.#take(delivery),
    );
    clearTimeout(deadline);
    clearInterval(watch);
    if (taken !== undefined) return taken;
    if (failure !== undefined && summary.type === undefined && failure.kind !== 'deadline') throw failure;
    const { copiedBack, stranded, unread } = summary;
    const counts: ConsumeCounts = {
      received: this.#received,
      acknowledged: 0,
      rejected: 0,
      requeued: Math.max(0, this.#received - stranded),
      unknown: 0,
      returned: unread + this.#surplus,
      ...(copiedBack > 0 && { copiedBack }),
    };
    return { counts, seconds: (performance.now() - this.#started) / 1_000, failure: failure ?? strandedFailure(queue, summary) ?? this.#judge() };
  }

  /** True when it waits for further messages. */
  get #follows(): boolean {
    const { drain, idle, timeout, expect } = this.#config;
    return !drain && (idle ?? timeout ?? expect) !== undefined;
  }

  async #take(delivery: WireDelivery): Promise<undefined> {
    const { expect, settle, count } = this.#config;
    this.#lastDelivery = performance.now();
    if (expect !== undefined && this.#received >= expect) {
      this.#surplus++;
      this.#finish('count');
      return undefined;
    }
    this.#received++;
    if (this.#received === count) this.#end = 'count';
    if (this.#received === expect && this.#follows) {
      void surplusWithin(settle, () => Promise.resolve(this.#surplus), this.#session.signal).then(
        () => this.#finish('count'),
        () => undefined,
      );
    }
    this.#running++;
    try {
      const { signal } = this.#session;
      const ask = (): Promise<never> => Promise.reject(new Error('a look has no connection to ask on'));
      await this.#handler(delivery, { stopping: signal, kill: signal, isCurrent: () => true, repeated: false, ask, holdBack: () => undefined });
    } finally {
      this.#running--;
      this.#lastDelivery = performance.now();
    }
    return undefined;
  }

  #finish(end: End): void {
    this.#end = end;
    this.#stop.resolve();
  }

  #timeOut(): void {
    const { expect, count } = this.#config;
    // Enough messages have come: they are settling, or going back.
    if (this.#received >= (expect ?? count ?? Number.POSITIVE_INFINITY)) this.#finish('count');
    else this.#over.abort(judgeEnd(this.#config, 'timeout', this.#received) ?? new Failure('deadline', 'the deadline passed'));
  }

  #judge(): Failure | undefined {
    const { expect } = this.#config;
    if (expect === undefined) return undefined;
    return this.#received < expect ? judgeEnd(this.#config, this.#end, this.#received) : judgeSurplus(expect, this.#surplus);
  }
}
