import type { Channel } from 'amqplib';
import { Failure } from '../model/failure.ts';
import { onChannel, watchChannel } from './channel.ts';
import type { Connection } from './connection.ts';

/** True for the address of a caller that takes its replies without a queue: up to 4.1 the broker says of each that nothing takes it. */
export function isDirect(replyTo: string): boolean {
  return replyTo.startsWith('amq.rabbitmq.reply-to.');
}

/** Knows which callers are still there, of those that take their replies without a queue. */
export class Callers {
  #connection: Connection | undefined;
  #channel: Channel | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** False when the caller at this address has gone; where that cannot be told, it is taken to be there. */
  isThere(connection: Connection, replyTo: string): Promise<boolean> {
    // One that has gone takes the channel along.
    const answer = this.#last.then(() => this.#look(connection, replyTo));
    this.#last = answer;
    return answer;
  }

  async #look(connection: Connection, replyTo: string): Promise<boolean> {
    try {
      const channel = await this.#channelOn(connection);
      await onChannel(channel.checkQueue(replyTo), connection);
      return true;
    } catch (error) {
      this.#channel = undefined;
      return !(error instanceof Failure && error.kind === 'missing');
    }
  }

  async #channelOn(connection: Connection): Promise<Channel> {
    if (this.#channel !== undefined && this.#connection === connection) return this.#channel;
    const channel = await onChannel<Channel>(connection.model.createChannel(), connection);
    watchChannel(channel, connection);
    [this.#connection, this.#channel] = [connection, channel];
    return channel;
  }
}
