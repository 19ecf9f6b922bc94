import type { Channel } from 'amqplib';
import type { FrameWriter, Mandatory } from '../codec/frame-writer.ts';

/** How a publisher sends. */
export interface PublisherConfig {
  /** Most messages in flight without a confirm. */
  readonly window: number;
  /** Most bytes of bodies in flight. */
  readonly windowBytes: number;
  /** False: the broker is not asked to confirm; a message is done when the socket has it. */
  readonly confirm: boolean;
  /** True: the broker returns a message that no queue is bound for. */
  readonly mandatory: Mandatory;
  /** True when all messages go to one exchange: a missing exchange then ends the run; otherwise only its messages fail. */
  readonly oneExchange: boolean;
  /** Milliseconds without any confirm, while some are due, after which it connects again and sends their messages again. */
  readonly confirmTimeout: number;
  /** True: one message at which the broker fails (541) is refused, and delays the others only. */
  readonly singleOut?: boolean;
  /** How messages get onto the channel; by default as frames of its own. */
  readonly writer?: (channel: Channel, mandatory: Mandatory) => FrameWriter;
}
