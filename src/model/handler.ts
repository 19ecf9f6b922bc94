import type { Delivery } from './message.ts';
import type { Judgement, Verdict } from './verdict.ts';

/** What a handler is told beside the message. */
export interface HandlerContext {
  /** Aborted when the handler has to give up: its time is over, or the run is. What it resolves to afterwards no longer counts. */
  readonly signal: AbortSignal;
  /** 1 for the first attempt at this message. */
  readonly attempt: number;
}

/**
 * Does the work of one message, and decides what becomes of it; nothing is `ack`. A rejection, and anything else that it returns, counts as `retry`, except for a Failure of the kinds `unfound` and `unexecutable`:
 * the handler cannot work at all, and the run stops.
 */
export type Handler = (delivery: Delivery, context: HandlerContext) => Promise<Verdict | Judgement | undefined> | Promise<void>;
