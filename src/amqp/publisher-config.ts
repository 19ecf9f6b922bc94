import type { Channel } from 'amqplib';
import type { FrameWriter, Mandatory } from './frame-writer.ts';

/** How a publisher sends. */
export interface PublisherConfig {
  /** Most messages in flight without a confirm. */
  readonly window: number;
  /** Most bytes of bodies in flight. */
  readonly windowBytes: number;
  /** False: the broker is not asked to confirm; a message counts as done when the socket has it. */
  readonly confirm: boolean;
  /** True: a message that no queue is bound for comes back. */
  readonly mandatory: Mandatory;
  /** True when all messages go to one exchange: one that is missing then ends the run, instead of being left out. */
  readonly oneExchange: boolean;
  /** Milliseconds without any confirm, while some are due, after which the connection is made anew and they are sent again. */
  readonly confirmTimeout: number;
  /** True: one message at which the broker fails (541) is refused, and costs no other one more than time. */
  readonly singleOut?: boolean;
  /** How messages get onto the channel; the default is the fast way. */
  readonly writer?: (channel: Channel, mandatory: Mandatory) => FrameWriter;
}
