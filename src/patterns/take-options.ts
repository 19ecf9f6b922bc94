import type { Connection } from '../amqp/connection.ts';
import type { AskManagement } from '../amqp/return-rules.ts';
import type { Failure } from '../model/failure.ts';
import type { Delivery } from '../model/message.ts';
import type { Topology } from '../model/topology.ts';
import type { Labelled, Settlement } from '../model/verdict.ts';

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
