// Fifty kills of `rmq dlx replay` over a queue of 20,000, on a broker of its own: node --import tsx test/kill-campaign.ts [KILLS] [MESSAGES] [TYPE]
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'amqplib';
import { startBroker } from '../src/broker/broker.ts';
import { type AfterKill, fill, idsIn, killReplay } from './support/kill-campaign.ts';
import { rmq } from './support/rmq.ts';

const [kills = 50, messages = 20_000] = process.argv.slice(2, 4).map(Number);
const types = process.argv[4] === undefined ? ['classic', 'quorum'] : [process.argv[4]];
const broker = await startBroker();
const url = broker.nodes[0].url;
const journal = join(tmpdir(), `rmq-kills-${process.pid}`);
const say = (text: string): void => void process.stdout.write(`${text}\n`);
try {
  for (const type of types) {
    const model = await connect(url);
    // What ends the run first is told, not that its broker stops.
    model.on('error', () => undefined);
    const channel = await model.createChannel();
    const [source, target] = [`dead.${type}`, `target.${type}`];
    for (const queue of [source, target]) await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': type } });
    const all: AfterKill[] = [];
    let duplicates = 0;
    let lost = 0;
    let rounds = 0;
    while (all.length < kills) {
      const ids = Array.from({ length: messages }, (_, index) => `${rounds}-${index}`);
      await fill(url, source, ids);
      all.push(...(await killReplay(ids, { url, source, target, journal, kills: kills - all.length, within: 60 })));
      const last = await rmq(['dlx', 'replay', source, '--to-queue', target, '--journal', journal, '-u', url]);
      if (last.code !== 0) throw new Error(`the last run ended with ${last.code}: ${last.stderr}`);
      const { messageCount } = await channel.checkQueue(target);
      if ((await channel.checkQueue(source)).messageCount > 0 || messageCount < messages) throw new Error('the last run did not finish');
      duplicates += messageCount - messages;
      const arrived = await idsIn(url, target);
      lost += ids.filter((id) => !arrived.has(id)).length;
      await channel.purgeQueue(target);
      rounds++;
    }
    const sum = (of: (one: AfterKill) => number): number => all.reduce((total, one) => total + of(one), 0);
    const middle = all.filter(({ inSource, inTarget }) => inSource > 0 && inTarget > 0).length;
    say(`${type}: ${all.length} kills over ${rounds} × ${messages} messages, ${middle} in the middle`);
    say(
      `  not there in the end: ${lost}; gone after a kill: ${sum(({ gone }) => gone)}; acknowledged without a line in the journal: ${sum(({ unjournaled }) => unjournaled)}`,
    );
    say(`  in both places after a kill: ${Math.max(...all.map(({ inBoth }) => inBoth))} at most; duplicates in the end: ${duplicates}`);
    await model.close();
    rmSync(journal, { force: true });
  }
} finally {
  await broker.stop();
}
