import { connect } from 'amqplib';
import type { Bench } from '../bench.ts';
import { alternate, type Contender, ratios, spread } from '../compare.ts';
import { writeLines } from '../lines.ts';
import { measure, type Usage } from '../meter.ts';
import { BARE_CONSUME, BARE_PUBLISH, RMQ } from '../peers.ts';
import { formatRatio, formatSeconds, type Row } from '../table.ts';

const SERVICES = ['email', 'sms', 'analytics', 'inventory'];

/** One publisher and four services at once, from the first start to the last end. */
export async function fanoutRows(bench: Bench): Promise<Row[]> {
  const { url, directory, rounds, say } = bench;
  const messages = bench.messages / 2;
  const input = await writeLines(directory, messages);
  const exchange = `rmq.bench.${process.pid}.events`;
  const model = await connect(url);
  const channel = await model.createChannel();
  await channel.assertExchange(exchange, 'fanout', { durable: true });
  const queues = SERVICES.map((service) => `${exchange}.${service}`);
  const runs = (publish: readonly string[], subscribe: (service: string) => readonly string[]): Contender => {
    const script = [...SERVICES.map((service) => `${shell(subscribe(service))} > /dev/null &`), shell(publish), 'status=$?', 'wait', 'exit $status'].join('\n');
    return async () => {
      for (const queue of queues) {
        await channel.deleteQueue(queue);
        await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'classic' } });
        await channel.bindQueue(queue, exchange, '');
      }
      const usage = await measure({ argv: ['sh', '-c', script], stdin: input });
      for (const queue of queues) {
        const { messageCount } = await channel.checkQueue(queue);
        if (messageCount > 0) throw new Error(`${queue} still holds ${messageCount} messages`);
      }
      return usage;
    };
  };
  const count = String(messages);
  const ours = runs([...RMQ, 'fanout', 'publish', exchange, '--lines', '-u', url], (service) => [
    ...[...RMQ, 'fanout', 'subscribe', exchange, service],
    ...['-n', count, '--prefetch', '1000', '-u', url],
  ]);
  const bare = runs([...BARE_PUBLISH, url, '', exchange], (service) => [...BARE_CONSUME, url, `${exchange}.${service}`, count]);
  const usages = await alternate({ ours, bare }, rounds.load, (round) =>
    say(`fanout to ${SERVICES.length} services, ${messages} messages: round ${round} of ${rounds.load}`),
  );
  for (const queue of queues) await channel.deleteQueue(queue);
  await channel.deleteExchange(exchange);
  await model.close();
  const wall = (of: readonly Usage[]): string => formatSeconds(spread(of.map((usage) => usage.wall)).median);
  const ratio = ratios(usages.ours, usages.bare, 'wall');
  return [
    {
      what: `fanout to ${SERVICES.length} services, ${messages} messages`,
      ours: wall(usages.ours),
      peer: `bare amqplib: ${wall(usages.bare)}`,
      ratio: formatRatio(ratio),
      target: '≤ 1.1x',
      ok: ratio.median <= 1.1,
    },
  ];
}

function shell(argv: readonly string[]): string {
  return argv.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
}
