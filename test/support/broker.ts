import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { type Channel, type ChannelModel, type ConfirmChannel, connect, type GetMessage, type Options } from 'amqplib';
import type { Cleanup } from './faults.ts';

/** The broker that the tests share; a missing one fails the run. */
export function brokerUrl(): string {
  return process.env['RABBITMQ_URL']?.split(',')[0] ?? assert.fail('RABBITMQ_URL is not set: run the tests with npm test');
}

/** An independent client, to set things up and to see what really happened. */
export interface Peer {
  readonly channel: ConfirmChannel;
  /** A queue of the test's own, deleted when the test ends. */
  readonly queue: (options?: Options.AssertQueue, base?: string) => Promise<string>;
  /** An exchange of the test's own. */
  readonly exchange: (type: string, options?: Options.AssertExchange) => Promise<string>;
  readonly publish: (queue: string, bodies: readonly (string | Buffer)[], options?: Options.Publish) => Promise<void>;
  /** Takes everything that is ready in a queue. */
  readonly take: (queue: string) => Promise<GetMessage[]>;
  readonly depth: (queue: string) => Promise<number>;
}

/** A name that no other test and no other run uses. */
export function unique(base: string): string {
  return `test.${base}.${randomUUID().slice(0, 8)}`;
}

/** True when the broker of a channel is of this version or a later one. */
export function isSince(channel: Channel, version: string): boolean {
  const numbers = (text: string): number[] => text.split('.').map(Number);
  const theirs = numbers((channel.connection as unknown as { serverProperties: { version: string } }).serverProperties.version);
  const wanted = numbers(version);
  const at = wanted.findIndex((number, index) => number !== theirs[index]);
  return at < 0 || (theirs[at] ?? 0) > (wanted[at] ?? 0);
}

/** Messages that are taken one by one. */
const FEW = 100;
/** Milliseconds between two looks at a queue: without a pause, whoever waits for a depth takes all that the broker has. */
const PAUSE = 10;

/** Subscribes to a queue until as many have come as were in it. */
async function taking(channel: Channel, queue: string): Promise<GetMessage[]> {
  const taken: GetMessage[] = [];
  const consumerTag = unique('taking');
  const { messageCount } = await channel.checkQueue(queue);
  await new Promise<void>((resolve, reject) => {
    const take = (message: GetMessage | null): void => {
      if (message !== null) taken.push(message);
      if (message === null || taken.length === messageCount) resolve();
    };
    channel.consume(queue, take as (message: unknown) => void, { noAck: true, consumerTag }).catch(reject);
  });
  // What comes until the answer is taken too.
  await channel.cancel(consumerTag);
  return taken;
}

export async function peer(t: Cleanup, url = brokerUrl()): Promise<Peer> {
  const model: ChannelModel = await connect(url);
  model.on('error', () => undefined);
  const channel = await model.createConfirmChannel();
  channel.on('error', () => undefined);
  const cleanup: ((on: Channel) => Promise<unknown>)[] = [];
  let asked = 0;
  t.after(async () => {
    // A test may have left the channel closed; the cleaning has one of its own.
    const cleaner = await model.createChannel().catch(() => undefined);
    if (cleaner !== undefined) for (const one of cleanup) await one(cleaner).catch(() => undefined);
    await model.close().catch(() => undefined);
  });
  return {
    channel,
    queue: async (options = {}, base = 'queue') => {
      const name = unique(base);
      await channel.assertQueue(name, { durable: true, ...options });
      cleanup.push((on) => on.deleteQueue(name));
      return name;
    },
    exchange: async (type, options = {}) => {
      const name = unique('exchange');
      await channel.assertExchange(name, type, { durable: true, ...options });
      cleanup.push((on) => on.deleteExchange(name));
      return name;
    },
    publish: async (queue, bodies, options = {}) => {
      for (const body of bodies) channel.sendToQueue(queue, Buffer.from(body as string), { persistent: true, ...options });
      await channel.waitForConfirms();
    },
    take: async (queue) => {
      const taken: GetMessage[] = [];
      // One by one, a thousand take a second of a core.
      if ((await channel.checkQueue(queue)).messageCount > FEW) taken.push(...(await taking(channel, queue)));
      for (;;) {
        const message = await channel.get(queue, { noAck: true });
        if (message === false) return taken;
        taken.push(message);
      }
    },
    depth: async (queue) => {
      // Loops wait for one.
      await pause(Math.max(0, asked + PAUSE - performance.now()));
      asked = performance.now();
      return (await channel.checkQueue(queue)).messageCount;
    },
  };
}
