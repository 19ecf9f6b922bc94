import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isRunning, linesOf } from '../../support/programs.ts';
import { type Act, filled, idsOf, type Stage } from '../stage.ts';
import { judgeTaking, workedOf } from './taking.ts';

/** Notes what it was handed before it answers. */
const WORKER = `
const { appendFileSync } = require('node:fs');
appendFileSync(process.argv[2] + '.pids', process.pid + '\\n');
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, body } = JSON.parse(line);
  appendFileSync(process.argv[2], body + '\\n');
  console.log(JSON.stringify({ id, verdict: 'ack' }));
});`;

const PATIENCE = 10_000;

/** `rmq work run --stream`: each task was handed to the handler or is still there, and no handler outlives the run. */
export async function work(stage: Stage): Promise<Act> {
  const queue = await filled(stage, idsOf(stage.messages));
  const worker = join(stage.directory, 'worker.cjs');
  const log = join(stage.directory, 'log');
  await writeFile(worker, WORKER);
  const flags = ['--drain', '--drop-dead', '--json', '--stream', '--prefetch', '200', '--concurrency', '2', '--grace', '3s'];
  return {
    argv: ['work', 'run', queue, ...flags, '--', process.execPath, worker, log],
    bytes: stage.messages * 150,
    begun: (run) => run.while(async () => (await linesOf(log)).length > 0),
    judge: async (ended, seen) => {
      const orphans = await outliving(await linesOf(`${log}.pids`));
      const findings = await judgeTaking(stage, ended, { ...seen, stdout: true }, { queue, dealt: await linesOf(log), empties: true, told: workedOf(ended) });
      return { ...findings, untrue: [...findings.untrue, ...(orphans > 0 ? [`${orphans} handlers outlive the run`] : [])] };
    },
  };
}

/** How many of these processes do not end. */
async function outliving(pids: readonly string[]): Promise<number> {
  for (const since = performance.now(); performance.now() - since < PATIENCE; ) {
    if (!(await Promise.all(pids.map(isRunning))).includes(true)) return 0;
  }
  return (await Promise.all(pids.map(isRunning))).filter((is) => is).length;
}
