import { setTimeout as delay } from 'node:timers/promises';
import { type ChannelModel, connect } from 'amqplib';

/** How long the broker may need to have every message in the queue, after the last publisher has ended. */
const SETTLE_TIMEOUT = 120_000;
const SETTLE_CHECK = 50;
/** Lets the broker finish what it does behind a run, such as flushing and collecting garbage. */
const PAUSE = 300;

/** A bench that was killed leaves its queue for so long, in milliseconds. */
const ABANDONED = 3_600_000;

/** The queue that is measured with, seen by a client of its own. */
export interface BenchQueue {
  readonly name: string;
  /** An empty one, durable, of the given type; the one before it is gone. */
  readonly renew: (type: 'classic' | 'quorum') => Promise<void>;
  /** Resolves once it holds exactly as many messages; a run that leaves another number ends the bench. */
  readonly holds: (messages: number) => Promise<void>;
  readonly close: () => Promise<void>;
}

export async function openQueue(url: string): Promise<BenchQueue> {
  const model: ChannelModel = await connect(url, { noDelay: true });
  const channel = await model.createChannel();
  const name = `rmq.bench.${process.pid}`;
  const depth = async (): Promise<number> => (await channel.checkQueue(name)).messageCount;
  return {
    name,
    async renew(type) {
      await channel.deleteQueue(name);
      await channel.assertQueue(name, { durable: true, arguments: { 'x-queue-type': type, 'x-expires': ABANDONED } });
      await delay(PAUSE);
    },
    async holds(messages) {
      const end = performance.now() + SETTLE_TIMEOUT;
      let found = await depth();
      while (found < messages && performance.now() < end) {
        await delay(SETTLE_CHECK);
        found = await depth();
      }
      if (found !== messages) throw new Error(`the queue holds ${found} messages, not ${messages}`);
    },
    async close() {
      await channel.deleteQueue(name);
      await model.close();
    },
  };
}
