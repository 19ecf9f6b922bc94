import type { TransferCounts } from './dead-letter/transfer.ts';
import type { Failure } from './failure.ts';
import type { Place } from './message/message.ts';
import type { CallCounts, RoundTrips, ServeCounts } from './rpc.ts';

/** What a connection is for; publishing and consuming never share one (a blocked publisher would stall acknowledgements). */
export type Role = 'publisher' | 'consumer' | 'control' | 'rpc';

/** What `publish` and its kind did with the messages they were given. */
export interface PublishCounts {
  /** Messages handed to the broker, each counted once however often it was sent again. */
  readonly published: number;
  /** Messages that the broker took responsibility for and that reached a queue. */
  readonly confirmed: number;
  /** Messages that no queue was bound for. */
  readonly returned: number;
  /** Messages that the broker did not take: nacked, or refused for what they are. */
  readonly nacked: number;
  /** Messages whose outcome nobody knows: the connection ended before their confirm. */
  readonly unknown: number;
}

/** What `consume` and its kind did with the messages that were delivered to them. */
export interface ConsumeCounts {
  /** Messages handed to the handler. */
  readonly received: number;
  /** Messages that the broker is known to have the acknowledgement of. */
  readonly acknowledged: number;
  /** Messages rejected without requeue: dead-lettered where the queue has a dead-letter exchange. */
  readonly rejected: number;
  /** Messages given back to the queue after the handler saw them. */
  readonly requeued: number;
  /** Messages of which nobody knows whether the broker has the answer, for their connection was lost first: they come again unless it has. */
  readonly unknown: number;
  /** Messages that were delivered beyond what was asked for and went back to the queue unseen. */
  readonly returned: number;
  /** Of those that went back, the ones whose next return would have been the last: a copy of each is at the end of the queue. */
  readonly copiedBack?: number;
}

/** What a worker did with the messages that were delivered to it. All but those that were returned add up to what it received. */
export interface WorkCounts {
  /** Messages handed to a handler, each as often as that happened. */
  readonly received: number;
  readonly acknowledged: number;
  /** Copies that were sent off for another attempt. */
  readonly retried: number;
  /** Messages that were dead-lettered. */
  readonly dead: number;
  /** Messages that failed for good and were dropped, for their queue has no dead-letter exchange. */
  readonly dropped: number;
  /** Messages given back to the queue after a handler had them. */
  readonly requeued: number;
  /** Messages whose next return would have been their last: a copy was put at the end of the queue instead. */
  readonly copiedBack: number;
  /** Messages whose connection was lost before the broker was known to have the answer: they come again, and are received once more, unless it had. */
  readonly unknown: number;
  /** Messages that were delivered and went back to the queue unseen. */
  readonly returned: number;
  /** Messages that wait for their next attempt when the run ends, whoever has sent them off; absent without retries, or when nobody can tell. */
  readonly waiting?: number;
}

/** What a person who looks into a message that failed wants to know. */
interface FailedMessage {
  readonly messageId: string | undefined;
  /** The attempt that failed, from 1. */
  readonly attempt: number;
  readonly reason: string;
}

/** Which message it was. */
interface SentMessage {
  readonly messageId: string | undefined;
  readonly from?: Place | undefined;
}

/** Everything that a pattern or a connection has to tell; `output` renders each kind, and the compiler sees that it does. */
export type Event =
  | { readonly kind: 'connecting'; readonly role: Role; readonly address: string }
  | { readonly kind: 'connected'; readonly role: Role; readonly address: string; readonly broker: string }
  | { readonly kind: 'disconnected'; readonly role: Role; readonly failure: Failure }
  /** Milliseconds until the attempt, and since the first one was due. `repeated`: one of many that have been told of not long ago. */
  | {
      readonly kind: 'reconnecting';
      readonly role: Role;
      readonly attempt: number;
      readonly delay: number;
      readonly since: number;
      readonly repeated: boolean;
      readonly failure: Failure;
    }
  /** A publisher or a client that stays open has given up, and why. */
  | { readonly kind: 'gave-up'; readonly role: Role; readonly failure: Failure }
  | { readonly kind: 'blocked'; readonly role: Role; readonly reason: string }
  | { readonly kind: 'unblocked'; readonly role: Role }
  | ({ readonly kind: 'returned'; readonly exchange: string; readonly routingKey: string; readonly reply: string } & SentMessage)
  | ({ readonly kind: 'nacked'; readonly exchange: string; readonly routingKey: string } & SentMessage)
  /** A line that was to be a message is none. */
  | { readonly kind: 'broken'; readonly failure: Failure }
  | ({ readonly kind: 'refused'; readonly record: number; readonly failure: Failure } & SentMessage)
  /** `timedOut`: the consumer had held a message for longer than the broker allows. Otherwise the queue was deleted, or its node went away. */
  | { readonly kind: 'cancelled'; readonly queue: string; readonly timedOut?: true }
  | { readonly kind: 'publishing'; readonly counts: PublishCounts }
  /**
   * `refused` are those of the nacked ones that no queue was asked about: too large, or for an exchange that is missing.
   * `confirms` is false when the broker was not asked; `target` is undefined when each message said itself where to.
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
  /** Milliseconds until the next attempt. */
  | ({ readonly kind: 'retried'; readonly delay: number } & FailedMessage)
  | ({ readonly kind: 'requeued' } & FailedMessage)
  /** A message was copied to the end of its queue, for one more return would have made the queue drop or dead-letter it. */
  | { readonly kind: 'copied-back'; readonly queue: string; readonly messageId: string | undefined }
  /** `target` is undefined when the message was dropped. */
  | ({ readonly kind: 'dead'; readonly target: string | undefined } & FailedMessage)
  | { readonly kind: 'worked'; readonly counts: WorkCounts; readonly seconds: number; readonly queue: string }
  /** A request that a server could not serve, and said so. */
  | { readonly kind: 'request-failed'; readonly messageId: string | undefined; readonly reason: string }
  | { readonly kind: 'served'; readonly counts: ServeCounts; readonly seconds: number; readonly queue: string }
  /** Milliseconds. */
  | { readonly kind: 'replied'; readonly roundTrip: number }
  /** One of many calls, by its number from 1. */
  | { readonly kind: 'call-failed'; readonly call: number; readonly reason: string; readonly stderr: string }
  | { readonly kind: 'called'; readonly counts: CallCounts; readonly roundTrips: RoundTrips | undefined; readonly seconds: number; readonly queue: string }
  /** Of the messages that were there at the start: looked at, and moved. */
  | { readonly kind: 'transferring'; readonly moved: number; readonly seen: number; readonly total: number }
  /** `verb` is what was done with them, as in "replayed". */
  | { readonly kind: 'transferred'; readonly counts: TransferCounts; readonly seconds: number; readonly queue: string; readonly verb: string }
  /** Messages that an expression could not judge, of all that it was asked about or of some; they are not meant. The reason is that of the first. */
  | { readonly kind: 'unjudged'; readonly messages: number; readonly all: boolean; readonly reason: string }
  /** Bytes that a handler's program has written to its standard error. */
  | { readonly kind: 'handler-output'; readonly bytes: Buffer }
  | { readonly kind: 'note'; readonly text: string }
  | { readonly kind: 'detail'; readonly text: string };

export type Emit = (event: Event) => void;

const ONE_BY_ONE = 10;

/** Lets the first few events through, and of the others says once that there are more. */
export function fewOf(emit: Emit, more: string): Emit {
  let count = 0;
  return (event) => {
    count++;
    if (count <= ONE_BY_ONE) emit(event);
    else if (count === ONE_BY_ONE + 1) emit({ kind: 'note', text: more });
  };
}
