import { setTimeout as delay } from 'node:timers/promises';
import { type Channel, type ConfirmChannel, connect } from 'amqplib';
import { startBroker } from '../../../src/broker/broker.ts';
import type { Bench } from '../bench.ts';
import { alternate, type Contender, ratios, spread } from '../compare.ts';
import { LINE_LENGTH } from '../lines.ts';
import { measure, type Usage } from '../meter.ts';
import { RMQ } from '../peers.ts';
import { formatRatio, formatSeconds, type Row } from '../table.ts';

/** Queue declarations are answered in a millisecond; asking more often would slow down what is measured. */
const CHECK = 20;
const PAUSE = 300;
const BATCH = 5_000;
const SHOVEL = 'rmq-bench';

/** Dead letters back into the queue where they died, confirmed and in order, against the broker's own shovel. */
export async function dlxRows({ messages, rounds, say }: Bench): Promise<Row[]> {
  // A shovel is a plugin: it needs a broker of its own.
  const broker = await startBroker({ plugins: ['rabbitmq_shovel'] });
  try {
    const { url, managementUrl } = broker.nodes[0];
    const model = await connect(url, { noDelay: true });
    const channel = await model.createConfirmChannel();
    const [dead, work] = ['dead.letters', 'orders'];
    const moves =
      (run: () => Promise<Usage>): Contender =>
      async () => {
        for (const queue of [dead, work]) {
          await channel.deleteQueue(queue);
          await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'classic' } });
        }
        await fill(channel, dead, work, messages);
        await delay(PAUSE);
        const usage = await run();
        await inOrder(await model.createChannel(), work, messages);
        return usage;
      };
    const ours = moves(() => measure({ argv: [...RMQ, 'dlx', 'replay', dead, '-u', url] }));
    const shovel = moves(() => shovelled(managementUrl, channel, dead, work, messages));
    const usages = await alternate({ ours, shovel }, rounds.load, (round) =>
      say(`replay ${messages} dead letters: ${round === 0 ? 'warm-up' : `round ${round} of ${rounds.load}`}`),
    );
    await model.close();
    const wall = (of: readonly Usage[]): string => formatSeconds(spread(of.map((usage) => usage.wall)).median);
    const ratio = ratios(usages.ours, usages.shovel, 'wall');
    const what = `replay ${messages} dead letters`;
    return [
      { what, ours: wall(usages.ours), peer: `shovel, on-confirm: ${wall(usages.shovel)}`, ratio: formatRatio(ratio), target: '≤ 1x', ok: ratio.median <= 1 },
    ];
  } finally {
    await broker.stop();
  }
}

/** Dead letters as the broker writes them. */
export async function fill(channel: ConfirmChannel, dead: string, work: string, messages: number): Promise<void> {
  const death = {
    count: { '!': 'int64', value: 1 },
    reason: 'rejected',
    queue: work,
    time: { '!': 'timestamp', value: 1_700_000_000 },
    exchange: '',
    'routing-keys': [work],
  };
  const headers = { 'x-death': [death], 'x-first-death-exchange': '', 'x-first-death-queue': work, 'x-first-death-reason': 'rejected' };
  for (let number = 0; number < messages; number++) {
    const body = Buffer.from(`{"order":${number},"note":"`.padEnd(LINE_LENGTH, 'abcdefghij'));
    channel.sendToQueue(dead, body, { persistent: true, messageId: String(number), headers });
    if (number % BATCH === BATCH - 1) await channel.waitForConfirms();
  }
  await channel.waitForConfirms();
}

/** From the request for a shovel until everything has arrived. */
async function shovelled(managementUrl: string, channel: Channel, from: string, to: string, messages: number): Promise<Usage> {
  const started = performance.now();
  const ends = { 'src-protocol': 'amqp091', 'src-uri': 'amqp://', 'src-queue': from, 'dest-protocol': 'amqp091', 'dest-uri': 'amqp://', 'dest-queue': to };
  const { origin, username, password } = new URL(managementUrl);
  const response = await fetch(`${origin}/api/parameters/shovel/%2F/${SHOVEL}`, {
    method: 'PUT',
    headers: { authorization: `Basic ${btoa(`${username}:${password}`)}`, 'content-type': 'application/json' },
    body: JSON.stringify({ value: { ...ends, 'ack-mode': 'on-confirm', 'src-delete-after': 'queue-length' } }),
  });
  if (!response.ok) throw new Error(`the broker takes no shovel: ${response.status} ${await response.text()}`);
  while ((await channel.checkQueue(to)).messageCount < messages) await delay(CHECK);
  return { wall: (performance.now() - started) / 1_000, cpu: Number.NaN, peak: Number.NaN };
}

/** Fails unless all have arrived, in their order. */
async function inOrder(channel: Channel, queue: string, messages: number): Promise<void> {
  const { messageCount } = await channel.checkQueue(queue);
  if (messageCount !== messages) throw new Error(`${queue} holds ${messageCount} messages, not ${messages}`);
  let next = 0;
  await new Promise<void>((resolve, reject) => {
    void channel.consume(
      queue,
      (message) => {
        if (message?.properties.messageId !== String(next)) reject(new Error(`message ${message?.properties.messageId} came in the place of ${next}`));
        if (++next === messages) resolve();
      },
      { noAck: true },
    );
  });
  await channel.close();
}
