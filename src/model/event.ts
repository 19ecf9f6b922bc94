import type { TransferCounts } from './dead-letter/transfer.ts';
import type { Failure } from './failure.ts';
import type { Place } from './message/message.ts';
import type { CallCounts, ServeCounts } from './rpc.ts';
import type { RoundTrips } from './stopwatch.ts';

/** What a connection is for; publishing and consuming never share one (a blocked publisher would stall acknowledgements). */
export type Role = 'publisher' | 'consumer' | 'control' | 'rpc';

/** What became of the messages of a publishing run. */
export interface PublishCounts {
  /** Messages handed to the broker, each counted once however often it was sent again. */
  readonly published: number;
  /** Messages that the broker took responsibility for and that reached a queue. */
  readonly confirmed: number;
  /** Messages that no queue was bound for. */
  readonly returned: number;
  /** Messages that the broker refused: nacked, or not accepted at all. */
  readonly nacked: number;
  /** Messages without a known outcome: the connection ended before their confirm. */
  readonly unknown: number;
}

/** What became of the messages of a consuming run. */
export interface ConsumeCounts {
  /** Messages handed to the handler. */
  readonly received: number;
  /** Messages whose acknowledgement the broker has. */
  readonly acknowledged: number;
  /** Messages rejected without requeue: dead-lettered where the queue has a dead-letter exchange. */
  readonly rejected: number;
  /** Messages returned to the queue after the handler had them. */
  readonly requeued: number;
  /** Messages whose connection was lost before the broker proved that it had their answer: they come again unless it had. */
  readonly unknown: number;
  /** Messages delivered beyond the limit, and returned to the queue unseen. */
  readonly returned: number;
  /** Of the messages that went back, those whose next return would have been their last: a copy of each is at the end of the queue. */
  readonly copiedBack?: number;
}

/** What became of the messages of a worker. All but the returned ones add up to those received. */
export interface WorkCounts {
  /** Deliveries handed to a handler; a message counts once for each. */
  readonly received: number;
  readonly acknowledged: number;
  /** Copies published for another attempt. */
  readonly retried: number;
  /** Messages that were dead-lettered. */
  readonly dead: number;
  /** Messages that failed for good and were dropped: their queue has no dead-letter exchange. */
  readonly dropped: number;
  /** Messages returned to the queue after a handler had them. */
  readonly requeued: number;
  /** Messages whose next return would have been their last: a copy is at the end of the queue instead. */
  readonly copiedBack: number;
  /** Messages whose connection was lost before the broker proved that it had their answer: they come again, and count again, unless it had. */
  readonly unknown: number;
  /** Messages delivered and returned to the queue unseen. */
  readonly returned: number;
  /** Messages that wait for another attempt at the end of the run, of any worker; absent without retries, or when unknown. */
  readonly waiting?: number;
}

/** A message that failed, and why. */
interface FailedMessage {
  readonly messageId: string | undefined;
  /** The attempt that failed, from 1. */
  readonly attempt: number;
  readonly reason: string;
}

/** A message that was published, and where it was read. */
interface SentMessage {
  readonly messageId: string | undefined;
  readonly from?: Place | undefined;
}

/** What a pattern or a connection reports; `output` renders each kind, and the compiler sees to that. */
export type Event =
  | { readonly kind: 'connecting'; readonly role: Role; readonly address: string }
  | { readonly kind: 'connected'; readonly role: Role; readonly address: string; readonly broker: string }
  | { readonly kind: 'disconnected'; readonly role: Role; readonly failure: Failure }
  /** Milliseconds until the attempt, and since the first one was due. `repeated`: a similar event was reported not long ago. */
  | {
      readonly kind: 'reconnecting';
      readonly role: Role;
      readonly attempt: number;
      readonly delay: number;
      readonly since: number;
      readonly repeated: boolean;
      readonly failure: Failure;
    }
  /** A publisher or a client that stays open gave up; in a program, a worker or a consumer too. */
  | { readonly kind: 'lost'; readonly role: Role; readonly failure: Failure }
  /** A consumer gets messages from now on, also after a reconnect; `text` says so to people. */
  | { readonly kind: 'subscribed'; readonly queue: string; readonly text: string }
  | { readonly kind: 'blocked'; readonly role: Role; readonly reason: string }
  | { readonly kind: 'unblocked'; readonly role: Role }
  | ({ readonly kind: 'returned'; readonly exchange: string; readonly routingKey: string; readonly reply: string } & SentMessage)
  | ({ readonly kind: 'nacked'; readonly exchange: string; readonly routingKey: string } & SentMessage)
  /** An input line cannot be a message. */
  | { readonly kind: 'broken'; readonly failure: Failure }
  | ({ readonly kind: 'refused'; readonly record: number; readonly failure: Failure } & SentMessage)
  /** `timedOut`: the consumer held a message for longer than the broker allows. Otherwise the queue was deleted, or its node went away. */
  | { readonly kind: 'cancelled'; readonly queue: string; readonly timedOut?: true }
  | { readonly kind: 'publishing'; readonly counts: PublishCounts }
  /**
   * `refused`: the nacked ones that reached no queue, because they were too large or their exchange is missing.
   * `confirms` is false when no confirms were asked for; `target` is undefined when each message named its own.
   */
  | {
      readonly kind: 'published';
      readonly counts: PublishCounts;
      readonly refused: number;
      readonly seconds: number;
      readonly target: string | undefined;
      readonly confirms: boolean;
    }
  /** The returned messages are in this file, as envelopes. */
  | { readonly kind: 'returns-kept'; readonly file: string }
  | { readonly kind: 'consuming'; readonly counts: Pick<ConsumeCounts, 'received'> }
  | { readonly kind: 'consumed'; readonly counts: ConsumeCounts; readonly seconds: number; readonly queue: string }
  /** Messages that were looked at; `selected`: those for which an expression was true, where there was one. */
  | { readonly kind: 'peeked'; readonly counts: ConsumeCounts; readonly selected: number | undefined; readonly seconds: number; readonly queue: string }
  /** Messages that were copied while they flowed; `dropped` were pushed out by newer ones, and more than that where the number is not `certain`. */
  | {
      readonly kind: 'tapped';
      readonly counts: ConsumeCounts;
      readonly selected: number | undefined;
      readonly dropped: number;
      readonly certain: boolean;
      readonly seconds: number;
      readonly from: string;
    }
  /** Milliseconds until the next attempt. */
  | ({ readonly kind: 'retried'; readonly delay: number } & FailedMessage)
  | ({ readonly kind: 'requeued' } & FailedMessage)
  /** A message was copied to the end of its queue: one more return would have made the queue drop or dead-letter it. */
  | { readonly kind: 'copied-back'; readonly queue: string; readonly messageId: string | undefined }
  /** `target` is undefined when the message was dropped. */
  | ({ readonly kind: 'dead'; readonly target: string | undefined } & FailedMessage)
  | { readonly kind: 'worked'; readonly counts: WorkCounts; readonly seconds: number; readonly queue: string }
  /** A server could not serve a request, and answered with an error. */
  | { readonly kind: 'request-failed'; readonly messageId: string | undefined; readonly reason: string }
  | { readonly kind: 'served'; readonly counts: ServeCounts; readonly seconds: number; readonly queue: string }
  /** Milliseconds. */
  | { readonly kind: 'replied'; readonly roundTrip: number }
  /** One of many calls failed; its number counts from 1. */
  | { readonly kind: 'call-failed'; readonly call: number; readonly reason: string; readonly stderr: string }
  | { readonly kind: 'called'; readonly counts: CallCounts; readonly roundTrips: RoundTrips | undefined; readonly seconds: number; readonly queue: string }
  /** Of the messages that were there at the start: seen, and moved. */
  | { readonly kind: 'transferring'; readonly moved: number; readonly seen: number; readonly total: number }
  /** `verb` says what became of the messages, such as "replayed". */
  | { readonly kind: 'transferred'; readonly counts: TransferCounts; readonly seconds: number; readonly queue: string; readonly verb: string }
  /** Messages that an expression failed on, which count as not matching; `all`: it failed on every message. The reason is that of the first. */
  | { readonly kind: 'unjudged'; readonly messages: number; readonly all: boolean; readonly reason: string }
  /** A message is not as expected, or one did not come; lines that begin with `- ` say what was expected, those with `+ ` what came. */
  | { readonly kind: 'unmet'; readonly text: string }
  /** The conditions that a run waits for. */
  | { readonly kind: 'waiting'; readonly for: readonly string[] }
  /** Bytes that a handler's program wrote to its standard error. */
  | { readonly kind: 'handler-output'; readonly bytes: Buffer }
  | { readonly kind: 'note'; readonly text: string }
  | { readonly kind: 'detail'; readonly text: string };

export type Emit = (event: Event) => void;

const ONE_BY_ONE = 10;

/** Lets the first few events through, and then says once that there are more. */
export function fewOf(emit: Emit, more: string): Emit {
  let count = 0;
  return (event) => {
    count++;
    if (count <= ONE_BY_ONE) emit(event);
    else if (count === ONE_BY_ONE + 1) emit({ kind: 'note', text: more });
  };
}
