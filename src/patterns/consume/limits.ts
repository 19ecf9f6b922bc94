import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '../../amqp/connection/connection.ts';
import type { AnswerCounts } from '../../amqp/consumer/acknowledgements.ts';
import type { AskManagement } from '../../amqp/consumer/return-rules.ts';
import type { ConsumeCounts } from '../../model/event.ts';
import { abortFailure, Failure } from '../../model/failure.ts';
import type { Delivery, FieldValue } from '../../model/message/message.ts';
import { option } from '../../model/option.ts';
import { formatCount, formatDuration } from '../../model/quantity.ts';
import type { Topology } from '../../model/topology.ts';
import type { Labelled, Settlement } from '../../model/verdict.ts';

/** Why a consumer stopped by itself. */
export type End = 'count' | 'idle' | 'timeout' | 'drained';

/** Milliseconds between looks at a queue that must stay silent. */
const SILENCE_CHECK = 100;

interface Wanted {
  readonly count?: number | undefined;
  readonly expect?: number | undefined;
  readonly timeout?: number | undefined;
}

/** The failure, if any, of a run that ended in this way with at most the expected messages. */
export function judgeEnd({ count, expect, timeout }: Wanted, end: End, received: number): Failure | undefined {
  const wanted = expect ?? count;
  if (end === 'timeout') {
    const got = wanted === undefined ? `${formatCount(received, 'message')} came` : `${formatCount(received, 'message')} of ${wanted} came`;
    return new Failure('deadline', `the deadline of ${formatDuration(timeout ?? 0)} passed: ${got}`);
  }
  if (expect === undefined) return undefined;
  return new Failure('negative', `expected ${formatCount(expect, 'message')}, got ${received}`);
}

/** The failure, if any, of a run that got the expected messages while others are left. */
export function judgeSurplus(expect: number, left: number): Failure | undefined {
  if (left === 0) return undefined;
  return new Failure('negative', `expected ${formatCount(expect, 'message')}, and there are more: ${formatCount(left, 'message')} left in the queue`);
}

/**
 * Asks how many messages are left until there are some or the time is over: a message under way when the last expected one came needs a
 * moment to arrive.
 *
 * @throws Failure what the signal was aborted with
 */
export async function surplusWithin(milliseconds: number, left: () => Promise<number>, signal: AbortSignal): Promise<number> {
  const end = performance.now() + milliseconds;
  for (;;) {
    const surplus = await left();
    const rest = end - performance.now();
    if (surplus > 0 || rest <= 0) return surplus;
    await delay(Math.min(SILENCE_CHECK, rest), undefined, { signal }).catch(() => Promise.reject(abortFailure(signal)));
  }
}

/** Options of the engine, beside the limits of its config. */
export interface TakeOptions {
  /** Ensured before each subscription, on the consumer's own connection. */
  readonly topology?: Topology;
  /** Called on each connection after the first, to declare again what a broker may have lost. */
  readonly restore?: (connection: Connection) => Promise<void>;
  /** Handlers at a time; absent: as many as the prefetch. */
  readonly concurrency?: number;
  /** Milliseconds for handlers to finish once the run is stopped; default 5 s. */
  readonly grace?: number;
  /** True: an interrupted or terminated run is no failure when every handler finished within the grace. */
  readonly graceful?: boolean;
  /** Asked for the policies of a queue to which messages are returned. */
  readonly ask?: AskManagement;
  /** Asked whether other consumers hold messages of a queue in which none was expected and none is ready; resolves with the failure in that case. */
  readonly judgeSilence?: (connection: Connection, queue: string, within: number) => Promise<Failure | undefined>;
  /** True where the queue is known not to be a stream. */
  readonly neverStream?: boolean;
  /** Called whenever a subscription begins, also after a reconnect. */
  readonly onSubscribed?: (queue: string, connection: Connection) => void;
  /** Called at the end, before the consumer's connection closes. */
  readonly beforeClose?: () => Promise<void>;
  /** Milliseconds that a message may stay unacknowledged, where a consumer can ask for it. */
  readonly consumerTimeout?: number | undefined;
  /** Called when the broker took messages back because of the consumer timeout. */
  readonly onTimedOut?: () => void;
  /** Ends the run when it returns true after a message. */
  readonly enough?: () => boolean;
  /** Settles a delivery that was undecided when the run ended; absent: it is held, and goes back with the channel. */
  readonly giveBack?: Take;
}

/** What a handler of the engine gets beside the delivery. */
export interface TakeContext {
  /** Aborted when the run is about to end: waits have to stop. */
  readonly stopping: AbortSignal;
  /** Aborted when the grace is over. */
  readonly kill: AbortSignal;
  /** False once the delivery's connection is lost: the broker delivers it again, and this copy must have no effect. */
  readonly isCurrent: () => boolean;
  /** True when a handler got the message before, on a connection that was lost. */
  readonly repeated: boolean;
  /** Asks on the consumer's own connection. */
  readonly ask: <T>(question: (connection: Connection) => Promise<T>) => Promise<T>;
  /** Stops reading from the broker, or reads on; a new connection reads. */
  readonly holdBack: (held: boolean) => void;
}

export type Take = (delivery: Delivery, context: TakeContext) => Promise<Settlement | Labelled>;

/** Takes a delivery and settles it; undefined is `ack`. Any other value ends the run, as an error does. */
export type ConsumeHandler = (delivery: Delivery, context: TakeContext) => Promise<Settlement | Labelled | undefined> | Promise<void>;

/** The handler's result; an exception that it throws at once is a rejection too. */
export function handled(handler: ConsumeHandler, delivery: Delivery, context: TakeContext): Promise<unknown> {
  try {
    return Promise.resolve<unknown>(handler(delivery, context));
  } catch (error) {
    return Promise.reject(error);
  }
}

/** How a run consumes. */
export type Way =
  /** The broker gets an answer for each message. */
  | 'answered'
  /** The broker forgets a message once it has sent it. */
  | 'forgotten'
  /** Messages stay in the stream, and none goes back. */
  | 'stream';

/** What became of the deliveries that a handler got. A redelivered message counts as a new one. */
export interface TakeCounts extends AnswerCounts {
  readonly received: number;
}

/** In a stream, a handled message is done: this run knows its own place, and answers of the broker do not count. */
export function takeCounts(received: number, dealtWith: number, answers: AnswerCounts, way: Way): TakeCounts {
  if (way === 'answered') return { ...answers, received };
  return { ...answers, received, unknown: 0, requeued: 0, returned: 0, ...(way === 'stream' && { acknowledged: dealtWith }) };
}

/**
 * Where to begin in a stream: `first`, `last` (the last chunk), `next`, an offset, a time such as `2026-01-31T12:00:00Z`, or
 * an age such as `90s`, `1h`, `7D` in RabbitMQ's units (https://www.rabbitmq.com/docs/streams#consuming). It is checked
 * here: a text that the broker cannot parse would cost the whole connection.
 *
 * @throws Failure `usage`
 */
export function parseOffset(text: string): FieldValue {
  if (text === 'first' || text === 'last' || text === 'next') return text;
  if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
  if (/^[1-9]\d*[smhDMY]$/.test(text)) return text;
  if (/^[1-9]\d*d$/.test(text)) return text.replace('d', 'D');
  const time = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(time) && time >= 0) return { '!': 'timestamp', value: Math.floor(time / 1_000) };
  throw new Failure('usage', `${option('offset')} must be first, last, next, an offset, a time or an age, got "${text}"`, {
    hint: 'a time is 2026-01-31T12:00:00Z, an age 30m, 1h or 7d',
  });
}

/** How a run ended. Its failure is not thrown, because the counts matter as well. */
export interface RunResult<C = TakeCounts> {
  readonly counts: C;
  readonly seconds: number;
  readonly failure: Failure | undefined;
}

/** The result as `consume` reports it. */
export function asConsumed({ counts, seconds, failure }: RunResult): RunResult<ConsumeCounts> {
  const { received, acknowledged, rejected, requeued, unknown, returned, copiedBack } = counts;
  return { counts: { received, acknowledged, rejected, requeued, unknown, returned, ...(copiedBack > 0 && { copiedBack }) }, seconds, failure };
}
