// Fifty drains and workers whose connection is cut, stalled or gone in one direction: RABBITMQ_URL=… node --import tsx test/settle-campaign.ts [ROUNDS] [MESSAGES]
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'amqplib';
import { brokerUrl, unique } from './support/broker.ts';
import { BASIC_ACK, type Cleanup, type FaultyProxy, proxy } from './support/faults.ts';
import { fill } from './support/kill-campaign.ts';
import { linesOf } from './support/programs.ts';
import { type Result, start } from './support/rmq.ts';

const [rounds = 50, messages = 5_000] = process.argv.slice(2, 4).map(Number);
const upstream = brokerUrl();
const directory = mkdtempSync(join(tmpdir(), 'rmq-settle-'));
const worker = join(directory, 'worker.cjs');
writeFileSync(
  worker,
  `const { appendFileSync } = require('node:fs');
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, body } = JSON.parse(line);
  appendFileSync(process.argv[2], body + '\\n');
  console.log(JSON.stringify({ id, verdict: 'ack' }));
});`,
);

/** Each goes off at some moment of the run, and the run has to get over it. */
const faults: Readonly<Record<string, (between: FaultyProxy) => Promise<void>>> = {
  cut: async (between) => between.cut(),
  'cut twice': async (between) => {
    between.cut();
    await delay(randomInt(600));
    between.cut();
  },
  'stalled, then cut': async (between) => {
    between.stall();
    await delay(randomInt(1_000));
    between.cut();
  },
  'acknowledgements swallowed, then cut': async (between) => {
    between.deafen();
    await delay(randomInt(1_000));
    between.cut();
  },
  'stalled with an acknowledgement, then cut': async (between) => {
    await Promise.race([between.stallOn(BASIC_ACK, 1), delay(1_000)]);
    between.cut();
  },
  'broker not heard any more': async (between) => between.mute(),
};

/** What a run has dealt with: written to standard output, or seen by its program. */
interface Job {
  readonly argv: (queue: string, log: string) => readonly string[];
  readonly seen: (result: Result, log: string) => Promise<readonly string[]>;
}

const jobs: Readonly<Record<string, Job>> = {
  'consume --drain': {
    argv: (queue) => ['consume', queue, '--drain'],
    seen: async ({ stdout }) => stdout.split('\n').filter((line) => line !== ''),
  },
  'work run --drain --stream': {
    argv: (queue, log) => [
      'work',
      'run',
      queue,
      '--drain',
      '--drop-dead',
      '--json',
      '--stream',
      '--prefetch',
      '200',
      '--concurrency',
      '2',
      '--',
      process.execPath,
      worker,
      log,
    ],
    seen: (_, log) => linesOf(log),
  },
};

interface Row {
  readonly name: string;
  rounds: number;
  readonly codes: Map<number, number>;
  hit: number;
  untrue: number;
  unwritten: number;
  left: number;
  unknown: number;
  again: number;
}

/** Received, acknowledged and unknown, as the run told them. */
function countsOf({ stdout, stderr }: Result, isWorker: boolean): readonly [received: number, acknowledged: number, unknown: number] {
  if (isWorker) {
    const { received, acknowledged, unknown } = JSON.parse(stdout) as Record<string, number>;
    return [received ?? Number.NaN, acknowledged ?? Number.NaN, unknown ?? Number.NaN];
  }
  const number = (pattern: RegExp): number => Number((pattern.exec(stderr)?.[1] ?? '0').replaceAll(',', ''));
  return [number(/^consumed ([\d,]+) /m), number(/([\d,]+) acknowledged/), number(/([\d,]+) unknown/)];
}

const model = await connect(upstream);
const channel = await model.createChannel();
const table: Row[] = [];
try {
  for (const type of ['classic', 'quorum']) {
    for (const [what, job] of Object.entries(jobs)) {
      const row: Row = { name: `${what}, ${type}`, rounds: 0, codes: new Map(), hit: 0, untrue: 0, unwritten: 0, left: 0, unknown: 0, again: 0 };
      table.push(row);
      for (let round = 0; round < rounds; round++) {
        const cleanup: (() => unknown)[] = [];
        const ends: Cleanup = { after: (end) => void cleanup.push(end as () => unknown) };
        const queue = unique('settle');
        const log = join(directory, queue);
        await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': type } });
        const ids = Array.from({ length: messages }, (_, index) => String(index));
        await fill(upstream, queue, ids);
        const between = await proxy(ends, upstream);
        const [fault, strike] = Object.entries(faults)[round % Object.keys(faults).length] as [string, (between: FaultyProxy) => Promise<void>];
        const run = start([...job.argv(queue, log).flatMap((word) => (word === '--drain' ? ['--drain', '--heartbeat', '1s', '-u', between.url] : [word]))], {
          timeout: 120_000,
        });
        const begun = what.startsWith('work') ? run.until('stderr', 'working on the queue') : run.until('stdout', '\n');
        await begun;
        await delay(randomInt(50));
        if (run.child.exitCode === null) await strike(between);
        const result = await run.result;
        const seen = (await job.seen(result, log)).map((body) => body.replace('body of ', ''));
        const distinct = new Set(seen);
        // A moment later, what was held by whatever connection is back.
        await delay(result.code === 0 ? 300 : 5_000);
        const { messageCount: left } = await channel.checkQueue(queue);
        const [received, acknowledged, unknown] = countsOf(result, what.startsWith('work'));
        const missing = ids.filter((id) => !distinct.has(id)).length;
        const isUntrue =
          received !== acknowledged + unknown || received < distinct.size || acknowledged > messages - left || (result.code === 0 && (left > 0 || missing > 0));
        row.rounds++;
        row.codes.set(result.code, (row.codes.get(result.code) ?? 0) + 1);
        if (result.stderr.includes('lost the consumer connection')) row.hit++;
        if (isUntrue) {
          row.untrue++;
          process.stderr.write(
            `${row.name}, ${fault}: exit ${result.code}, ${JSON.stringify({ received, acknowledged, unknown, left, missing })}\n${result.stderr}\n`,
          );
        }
        row.unwritten += Math.max(0, missing - left);
        row.left += left;
        row.unknown += unknown;
        row.again += seen.length - distinct.size;
        await channel.deleteQueue(queue);
        for (const end of cleanup) await end();
      }
      process.stderr.write(`${row.name}: done\n`);
    }
  }
} finally {
  await model.close();
  rmSync(directory, { recursive: true, force: true });
}
const cells = table.map((row) => [
  row.name,
  row.rounds,
  row.hit,
  [...row.codes].map(([code, count]) => `${code}: ${count}`).join(', '),
  row.untrue,
  row.unwritten,
  row.left,
  row.unknown,
  row.again,
]);
const head = ['run', 'rounds', 'connection lost', 'exit codes', 'untrue', 'never written', 'left in the queue', 'unknown', 'written again'];
for (const line of [head, head.map(() => '---'), ...cells]) process.stdout.write(`| ${line.join(' | ')} |\n`);
