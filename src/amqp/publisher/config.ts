import type { Mandatory } from '../codec/frame-writer.ts';

/** How a publisher sends. */
export interface PublisherConfig {
  /** Most messages in flight without a confirm. */
  readonly window: number;
  /** False: the broker is not asked to confirm; a message is done when the socket has it. */
  readonly confirm: boolean;
  /** True: the broker returns a message that no queue is bound for. */
  readonly mandatory: Mandatory;
  /** True when all messages go to one exchange: a missing exchange then ends the run; otherwise only its messages fail. */
  readonly oneExchange: boolean;
  /** Milliseconds without any confirm, while some are due, after which it connects again and sends their messages again. */
  readonly confirmTimeout: number;
  /** True: one message at which the broker fails (541) is refused, and delays the others only. */
  readonly singleOut: boolean;
}

/** Where its user says nothing. */
export const PUBLISHER_DEFAULTS: PublisherConfig = {
  window: 2_000,
  confirm: true,
  mandatory: true,
  oneExchange: false,
  confirmTimeout: 30_000,
  singleOut: false,
};
