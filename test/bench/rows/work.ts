import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bench } from '../bench.ts';
import { alternate, type Contender, ratios, spread } from '../compare.ts';
import { writeLines } from '../lines.ts';
import { measure, type Usage } from '../meter.ts';
import { findAmqpConsume, findPython, RMQ, STREAM_WORKER } from '../peers.ts';
import { formatRatio, formatSeconds, type Row } from '../table.ts';

/** Messages a second that a worker which answers line by line must reach. */
const STREAM_RATE = 10_000;
const ATTEMPTS = 3;

/** Work queues: a process a message, a process for all of them, and tasks that fail every time. */
export async function workRows(bench: Bench): Promise<Row[]> {
  return [...(await eachRows(bench)), ...(await streamRows(bench)), ...(await retryRows(bench))];
}

async function fill({ url, queue, directory }: Bench, messages: number): Promise<void> {
  await queue.renew('classic');
  await measure({ argv: [...RMQ, 'publish', '-u', url, '-q', queue.name, '--lines'], stdin: await writeLines(directory, messages) });
  await queue.holds(messages);
}

async function eachRows(bench: Bench): Promise<Row[]> {
  const { url, queue, rounds, say } = bench;
  const messages = bench.messages / 50;
  const works =
    (argv: readonly string[]): Contender =>
    async () => {
      await fill(bench, messages);
      const usage = await measure({ argv });
      await queue.holds(0);
      return usage;
    };
  const ours = (concurrency: number): Contender => {
    const flags = ['--drop-dead', '--concurrency', String(concurrency), '--prefetch', '100', '-n', String(messages), '-u', url];
    return works([...RMQ, 'work', 'run', queue.name, ...flags, '--', 'cat']);
  };
  const amqpConsume = findAmqpConsume();
  if (amqpConsume === undefined) {
    say('amqp-consume is not there (amqp-tools): left out');
    return [];
  }
  const tools = works([...amqpConsume, '-u', url, '-q', queue.name, '-p', '100', '-c', String(messages), 'cat']);
  const contenders = { two: ours(2), four: ours(4), tools };
  const usages = await alternate(contenders, rounds.load, (round) => say(`work run -- cat, ${messages} tasks: round ${round} of ${rounds.load}`));
  const rate = (of: readonly Usage[]): string => `${Math.round(messages / spread(of.map(({ wall }) => wall)).median)}/s`;
  const row = (concurrency: number, own: readonly Usage[]): Row => {
    const faster = ratios(usages.tools, own, 'wall');
    return {
      what: `work run --concurrency ${concurrency} --prefetch 100 -- cat, ${messages} tasks`,
      ours: rate(own),
      peer: `amqp-consume -p 100 cat: ${rate(usages.tools)}`,
      ratio: `${formatRatio(faster)} faster`,
      target: '≥ 1x faster',
      ok: faster.median >= 1,
    };
  };
  // amqp-consume runs one program at a time, and has no flag for more.
  return [row(2, usages.two), row(4, usages.four)];
}

async function streamRows(bench: Bench): Promise<Row[]> {
  const { url, queue, rounds, say, messages } = bench;
  const python = findPython();
  if (python === undefined) {
    say('there is no python3: work run --stream is left out');
    return [];
  }
  const ours: Contender = async () => {
    await fill(bench, messages);
    const command = [...python, STREAM_WORKER];
    const usage = await measure({ argv: [...RMQ, 'work', 'run', queue.name, '--drop-dead', '--stream', '-n', String(messages), '-u', url, '--', ...command] });
    await queue.holds(0);
    return usage;
  };
  const usages = await alternate({ ours }, rounds.load, (round) => say(`work run --stream, ${messages} tasks: round ${round} of ${rounds.load}`));
  const { median, min, max } = spread(usages.ours.map(({ wall }) => messages / wall));
  return [
    {
      what: `work run --stream, ${messages} tasks to ten lines of Python`,
      ours: `${Math.round(median)}/s (${Math.round(min)}–${Math.round(max)})`,
      peer: '',
      ratio: '',
      target: `≥ ${STREAM_RATE}/s`,
      ok: median >= STREAM_RATE,
    },
  ];
}

/** A handler that notes each attempt and fails: every task must be tried so often, no more, and end with the dead letters. */
async function retryRows(bench: Bench): Promise<Row[]> {
  const { url, queue, directory, say } = bench;
  const python = findPython();
  if (python === undefined) return [];
  const messages = bench.messages / 10;
  const log = join(directory, 'attempts');
  await rm(log, { force: true });
  const handler = join(directory, 'fails.py');
  await writeFile(
    handler,
    `import json, sys
log = open(${JSON.stringify(log)}, "a")
for line in sys.stdin:
    task = json.loads(line)
    log.write("%s %d\\n" % (task["properties"]["messageId"], task["attempt"]))
    print(json.dumps({"id": task["id"], "verdict": "retry"}), flush=True)
`,
  );
  say(`work run --retries ${ATTEMPTS - 1}: ${messages} tasks that fail`);
  const name = `${queue.name}.failing`;
  const dead = `${name}.dead`;
  const flags = ['--dlx', '', '--dlx-routing-key', dead, '-u', url];
  await measure({ argv: [...RMQ, 'work', 'publish', name, '--lines', ...flags], stdin: await writeLines(directory, messages) });
  const runs = messages * ATTEMPTS;
  const retry = ['--retries', String(ATTEMPTS - 1), '--backoff', '500ms..1s'];
  const usage = await measure({
    argv: [...RMQ, 'work', 'run', name, ...flags, ...retry, '--stream', '--prefetch', '500', '-n', String(runs), '--', ...python, handler],
  });
  const attempts = new Map<string, number>();
  for (const line of (await readFile(log, 'utf8')).trimEnd().split('\n'))
    attempts.set(line.split(' ')[0] ?? '', (attempts.get(line.split(' ')[0] ?? '') ?? 0) + 1);
  const right = [...attempts.values()].filter((count) => count === ATTEMPTS).length;
  const taken = join(directory, 'dead');
  await measure({ argv: [...RMQ, 'consume', dead, '--drain', '-u', url], stdout: taken });
  const buried = new Set((await readFile(taken, 'utf8')).trimEnd().split('\n')).size;
  for (const one of [name, dead, `${name}.retry.500`, `${name}.retry.1000`]) await measure({ argv: [...RMQ, 'queue', 'delete', one, '-y', '-u', url] });
  return [
    {
      what: `${messages} tasks that fail, ${ATTEMPTS} attempts each`,
      ours: formatSeconds(usage.wall),
      peer: `tried ${ATTEMPTS} times: ${right}; dead letters: ${buried}`,
      ratio: '',
      target: `all ${messages}, each`,
      ok: right === messages && attempts.size === messages && buried === messages,
    },
  ];
}
