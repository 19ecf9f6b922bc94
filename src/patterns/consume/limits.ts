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

/** How often a queue is asked that is to stay silent, in milliseconds. */
const SILENCE_CHECK = 100;

interface Wanted {
  readonly count?: number | undefined;
  readonly expect?: number | undefined;
  readonly timeout?: number | undefined;
}

/** What it means that a consumer ended in this way, with as many messages and no more than were expected. */
export function judgeEnd({ count, expect, timeout }: Wanted, end: End, received: number): Failure | undefined {
  const wanted = expect ?? count;
  if (end === 'timeout') {
    const got = wanted === undefined ? `${formatCount(received, 'message')} came` : `${formatCount(received, 'message')} of ${wanted} came`;
    return new Failure('deadline', `the deadline of ${formatDuration(timeout ?? 0)} passed: ${got}`);
  }
  if (expect === undefined) return undefined;
  return new Failure('negative', `expected ${formatCount(expect, 'message')}, got ${received}`);
}

/** What it means that as many messages came as were expected, and others are left. */
export function judgeSurplus(expect: number, left: number): Failure | undefined {
  if (left === 0) return undefined;
  return new Failure('negative', `expected ${formatCount(expect, 'message')}, and there are more: ${formatCount(left, 'message')} left in the queue`);
}

/**
 * Asks how many messages are left until there are some or the milliseconds are over: what was on its way when the last expected message came needs a
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

/** What a pattern asks of the engine beside the limits of its config. */
export interface TakeOptions {
  /** Ensured before each subscription, on the consumer's own connection. */
  readonly topology?: Topology;
  /** Called on each connection of the consumer after the first: declares again what a broker may have lost with its data. */
  readonly restore?: (connection: Connection) => Promise<void>;
  /** Handlers at a time; absent: as many as the prefetch lets through. */
  readonly concurrency?: number;
  /** Milliseconds that handlers have to finish once the run is stopped; 5 s unless told otherwise. */
  readonly grace?: number;
  /** True: a run that was interrupted or terminated is no failure when every handler has finished in its grace. */
  readonly graceful?: boolean;
  /** Asked for the policies of a queue that messages are given back to. */
  readonly ask?: AskManagement;
  /** Asked what others hold of a queue in which nothing was expected and nothing is ready: the verdict, if it is another one then. */
  readonly judgeSilence?: (connection: Connection, queue: string, within: number) => Promise<Failure | undefined>;
  /** True where the queue is known to be no stream. */
  readonly neverStream?: boolean;
  /** Called whenever a subscription stands, also after a reconnect. */
  readonly onSubscribed?: (queue: string) => void;
  /** Milliseconds that a message may stay unacknowledged, where a consumer can say so. */
  readonly consumerTimeout?: number | undefined;
  /** Called when the broker took back what was held for too long. */
  readonly onTimedOut?: () => void;
  /** What becomes of a delivery that nothing was decided about when the run ends; absent: it is held, and goes back with the channel. */
  readonly giveBack?: Take;
}

/** What a handler of the engine is told beside the delivery. */
export interface TakeContext {
  /** Aborted when the run is about to end: what only waits has to stop. */
  readonly stopping: AbortSignal;
  /** Aborted when the grace is over too. */
  readonly kill: AbortSignal;
  /** False once the connection that the delivery came on is lost: the broker hands it out again, and nothing may be done about this copy. */
  readonly isCurrent: () => boolean;
  /** Asks something on the consumer's own connection. */
  readonly ask: <T>(question: (connection: Connection) => Promise<T>) => Promise<T>;
  /** Reads nothing more from the broker, or reads on; another connection reads. */
  readonly holdBack: (held: boolean) => void;
}

export type Take = (delivery: Delivery, context: TakeContext) => Promise<Settlement | Labelled>;

/** Takes a delivery, and decides what becomes of it: a settlement, or nothing, which is `ack`. Anything else it returns ends the run, as an error does. */
export type ConsumeHandler = (delivery: Delivery, context: TakeContext) => Promise<Settlement | Labelled | undefined> | Promise<void>;

/** What a handler returns in the end; what it throws at once is a rejection as well. */
export function handled(handler: ConsumeHandler, delivery: Delivery, context: TakeContext): Promise<unknown> {
  try {
    return Promise.resolve<unknown>(handler(delivery, context));
  } catch (error) {
    return Promise.reject(error);
  }
}

/** How a run took what was delivered to it. */
export type Way =
  /** The broker has an answer for each. */
  | 'answered'
  /** The broker forgets a message as it hands it out. */
  | 'forgotten'
  /** Nothing is taken from the queue, and so nothing goes back. */
  | 'stream';

/** Every delivery that was handed to somebody, by what became of it. What comes again, for its connection was lost, is a new one. */
export interface TakeCounts extends AnswerCounts {
  readonly received: number;
}

/** Of a stream, what was dealt with to the end is done: its place is known here, and no answer of the broker counts. */
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

/** How a run ended; its failure is not thrown, for the counts matter all the same. */
export interface RunResult<C = TakeCounts> {
  readonly counts: C;
  readonly seconds: number;
  readonly failure: Failure | undefined;
}

/** What a command tells of a run that answers in its own name. */
export function asConsumed({ counts, seconds, failure }: RunResult): RunResult<ConsumeCounts> {
  const { received, acknowledged, rejected, requeued, unknown, returned, copiedBack } = counts;
  return { counts: { received, acknowledged, rejected, requeued, unknown, returned, ...(copiedBack > 0 && { copiedBack }) }, seconds, failure };
}
