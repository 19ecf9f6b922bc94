import type { Session } from '../../amqp/connection/session.ts';
import { deleteQueue, withLastingControl } from '../../amqp/topology/declare.ts';
import { ensure } from '../../amqp/topology/ensure.ts';
import { queueType } from '../../amqp/topology/queue-facts.ts';
import { deferred } from '../../model/async.ts';
import type { Event } from '../../model/event.ts';
import { Failure } from '../../model/failure.ts';
import { formatDuration } from '../../model/quantity.ts';
import { type Bar, type Percentiles, Stopwatch } from '../../model/stopwatch.ts';
import { uniqueId } from '../names.ts';
import { type BenchShape, lasting } from './config.ts';

/** What was measured. */
export interface BenchResult {
  /** The version of the broker; empty when it does not say. */
  readonly broker: string;
  /** Null when the broker does not say. */
  readonly queueType: string | null;
  /** Messages, or calls, that are certain: confirmed, acknowledged, delivered, answered. */
  readonly messages: number;
  /** Those that were begun and are not. */
  readonly missing: number;
  readonly seconds: number;
  /** A second. */
  readonly rate: number;
  readonly bytesPerSecond: number;
  /** Milliseconds; null where nothing has a time of its own. */
  readonly latency: Percentiles | null;
  readonly histogram: readonly Bar[];
  /** Connections that were lost meanwhile: the numbers include what that took. */
  readonly reconnects: number;
}

/** A measurement, and why it ended before it was done. */
export interface Benched {
  readonly result: BenchResult | undefined;
  readonly failure: unknown;
}

/** The clock and the counts of a measurement. */
export class Gauge {
  readonly #times = new Stopwatch();
  #began: number | undefined;
  #ended = 0;
  begun = 0;
  done = 0;

  /** Starts the clock: the warm-up is over. */
  start(): void {
    this.#began = performance.now();
    this.#ended = this.#began;
  }

  get running(): boolean {
    return this.#began !== undefined;
  }

  /** Milliseconds since the clock was started. */
  get elapsed(): number {
    return this.#began === undefined ? 0 : performance.now() - this.#began;
  }

  /** One is done; `since` is when it began, where that has a meaning. */
  add(since?: number): void {
    this.#ended = performance.now();
    this.done++;
    if (since !== undefined) this.#times.add(this.#ended - since);
  }

  /** One is done; what is timed is the pause since the one before. */
  addNext(): void {
    this.add(this.#ended);
  }

  /** The last one was done now. */
  end(): void {
    this.#ended = performance.now();
  }

  read(size: number): Omit<BenchResult, 'broker' | 'queueType' | 'reconnects'> | undefined {
    if (this.#began === undefined) return undefined;
    const seconds = (this.#ended - this.#began) / 1_000;
    const rate = seconds === 0 ? 0 : this.done / seconds;
    return {
      messages: this.done,
      missing: this.begun - this.done,
      seconds: Math.round(seconds * 1_000_000) / 1_000_000,
      rate: Math.round(rate * 10) / 10,
      bytesPerSecond: Math.round(rate * size),
      latency: this.#times.percentiles,
      histogram: this.#times.bars,
    };
  }
}

export interface Stage {
  /** It tells of trouble, and keeps the summaries of what it is made of to itself. */
  readonly session: Session;
  readonly queue: string;
  readonly gauge: Gauge;
  readonly body: Buffer;
  /** True while another one may begin, after so many. */
  readonly goesOn: (begun: number) => boolean;
  /** Milliseconds of measuring at the most. */
  readonly lasting: number;
}

const SUMMARIES: ReadonlySet<Event['kind']> = new Set(['published', 'consuming', 'subscribed', 'served']);
/** Milliseconds that a queue outlives a bench that was killed, beyond the time of the bench. */
const ABANDONED = 60_000;
/** Milliseconds to delete the queue, also after the run was stopped. */
const CLEANING = 10_000;

/**
 * Measures in a queue of its own, which is deleted however it ends; a bench that is killed leaves it to expire.
 *
 * @throws Failure when there is no queue to measure in; later failures stand beside what was measured until then
 */
export async function onBenchQueue(given: Session, config: BenchShape, measure: (stage: Stage) => Promise<void>): Promise<Benched> {
  const heard = { broker: '', reconnects: 0 };
  const emit = (event: Event): void => {
    if (event.kind === 'connected') heard.broker = event.broker;
    else if (event.kind === 'disconnected') heard.reconnects++;
    if (!SUMMARIES.has(event.kind)) given.emit(event);
  };
  const session: Session = { ...given, emit, open: (role, endless) => given.open(role, endless, emit) };
  const queue = `rmq.bench.${uniqueId()}`;
  const most = lasting(config);
  const wanted = config.queueType === undefined ? {} : { 'x-queue-type': config.queueType };
  const spec = { name: queue, durable: true, arguments: { ...wanted, 'x-expires': most + ABANDONED } };
  const gauge = new Gauge();
  const kept = (why: string): void =>
    session.emit({ kind: 'note', text: `the queue "${queue}" was not deleted (${why}): it expires ${formatDuration(most + ABANDONED)} after its last use` });
  let type: string | null = null;
  let isDeclared = false;
  let failure: unknown;
  try {
    type = await withLastingControl(session, async (connection) => {
      await ensure(connection, { exchanges: [], queues: [spec], bindings: [] });
      isDeclared = true;
      return (await queueType(connection, queue)) ?? null;
    });
    session.emit({ kind: 'detail', text: `measuring in the queue "${queue}"` });
    const { count = Number.POSITIVE_INFINITY } = config;
    const goesOn = (begun: number): boolean => begun < count && gauge.elapsed < most;
    await measure({ session, queue, gauge, body: Buffer.alloc(config.size, 'x'), goesOn, lasting: most });
  } catch (error) {
    if (!isDeclared) throw error;
    failure = error;
  } finally {
    const cleaning = { ...session, signal: AbortSignal.timeout(CLEANING) };
    const always = { ifEmpty: false, ifUnused: false };
    if (isDeclared) await deleteQueue(cleaning, queue, always).catch(({ message, kind }: Failure) => kind === 'missing' || kept(message));
  }
  const read = gauge.read(config.size);
  return { result: read && { broker: heard.broker, queueType: type, ...read, reconnects: heard.reconnects }, failure };
}

/** A part of a measurement that goes on until it is stopped. */
export function stoppable(session: Session): { readonly session: Session; readonly subscribed: Promise<void>; readonly stop: () => void } {
  const controller = new AbortController();
  const { promise, resolve } = deferred<void>();
  const emit = (event: Event): void => (event.kind === 'subscribed' ? resolve() : session.emit(event));
  const stop = (): void => controller.abort(new Failure('interrupted', 'the measurement is over'));
  return { session: { ...session, emit, signal: AbortSignal.any([session.signal, controller.signal]) }, subscribed: promise, stop };
}
