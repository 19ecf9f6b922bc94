import type { Failure } from './failure.ts';

/** What a connection is for; publishing and consuming never share one (a blocked publisher would stall acknowledgements). */
export type Role = 'publisher' | 'consumer' | 'control';

/** What `publish` and its kind did with the messages they were given. */
export interface PublishCounts {
  /** Messages handed to the broker, each counted once however often it was sent again. */
  readonly published: number;
  /** Messages that the broker took responsibility for and that reached a queue. */
  readonly confirmed: number;
  /** Messages that no queue was bound for. */
  readonly returned: number;
  /** Messages that the broker refused. */
  readonly nacked: number;
  /** Messages whose outcome nobody knows: the connection ended before their confirm. */
  readonly unknown: number;
}

/** What `consume` and its kind did with the messages that were delivered to them. */
export interface ConsumeCounts {
  /** Messages handed to the handler. */
  readonly received: number;
  readonly acknowledged: number;
  /** Messages rejected without requeue: dead-lettered where the queue has a dead-letter exchange. */
  readonly rejected: number;
  /** Messages given back to the queue after the handler saw them. */
  readonly requeued: number;
  /** Messages that were delivered beyond what was asked for and went back to the queue unseen. */
  readonly returned: number;
}

/** Everything that a pattern or a connection has to tell; `output` renders each kind, and the compiler sees that it does. */
export type Event =
  | { readonly kind: 'connecting'; readonly role: Role; readonly address: string }
  | { readonly kind: 'connected'; readonly role: Role; readonly address: string; readonly broker: string }
  | { readonly kind: 'disconnected'; readonly role: Role; readonly failure: Failure }
  | { readonly kind: 'reconnecting'; readonly role: Role; readonly attempt: number; readonly delay: number; readonly failure: Failure }
  | { readonly kind: 'blocked'; readonly role: Role; readonly reason: string }
  | { readonly kind: 'unblocked'; readonly role: Role }
  | { readonly kind: 'returned'; readonly exchange: string; readonly routingKey: string; readonly messageId: string | undefined; readonly reply: string }
  | { readonly kind: 'nacked'; readonly exchange: string; readonly routingKey: string; readonly messageId: string | undefined }
  | { readonly kind: 'refused'; readonly messageId: string | undefined; readonly record: number; readonly failure: Failure }
  | { readonly kind: 'cancelled'; readonly queue: string }
  | { readonly kind: 'publishing'; readonly counts: PublishCounts }
  /** `confirms` is false when the broker was not asked; `target` is undefined when each message said itself where to. */
  | {
      readonly kind: 'published';
      readonly counts: PublishCounts;
      readonly seconds: number;
      readonly target: string | undefined;
      readonly confirms: boolean;
    }
  | { readonly kind: 'consuming'; readonly counts: ConsumeCounts }
  | { readonly kind: 'consumed'; readonly counts: ConsumeCounts; readonly seconds: number; readonly queue: string }
  | { readonly kind: 'note'; readonly text: string }
  | { readonly kind: 'detail'; readonly text: string };

export type Emit = (event: Event) => void;
