import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from '../support/at-once.ts';
import { brokerUrl, peer } from '../support/broker.ts';
import { BASIC_ACK, type FaultyProxy, proxy, QUEUE_DECLARE_OK } from '../support/faults.ts';
import { scratchDirectory } from '../support/programs.ts';
import { json, type Running, rmq, start } from '../support/rmq.ts';

// A run that hangs is killed by its own time limit, which fails the test.
const timeout = 120_000;

const numbers = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index));
const linesIn = (output: string): string[] => output.split('\n').filter((line) => line !== '');

interface Worked {
  readonly received: number;
  readonly acknowledged: number;
  readonly unknown: number;
}

/** Cuts a connection right behind so many frames of this method that this side sends: the client learns nothing more. */
function cutBehind(between: FaultyProxy, from: 'broker' | 'client', method: Buffer, frames = 1): void {
  let left = frames;
  between.spoil(from, (bytes) => {
    if (left === 0 || !bytes.includes(method) || --left > 0) return bytes;
    between.mute();
    setImmediate(between.cut);
    return from === 'client' ? bytes : Buffer.alloc(0);
  });
}

/** Resolves once a run has written so many lines. */
async function written({ child, result }: Running, lines: number): Promise<void> {
  let seen = 0;
  const enough = new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      seen += chunk.toString().split('\n').length - 1;
      if (seen >= lines) resolve();
    });
  });
  await Promise.race([enough, result.then(({ stderr }) => Promise.reject(new Error(`it ended before it had written ${lines} lines:\n${stderr}`)))]);
}

/** What `consume` said of how its deliveries ended, such as `{ acknowledged: 5, unknown: 5 }`. */
function told(stderr: string): Record<string, number> {
  const [, received = '', rest = ''] = /consumed ([\d,]+) messages? from .*?: (.*)$/m.exec(stderr) ?? assert.fail(stderr);
  const number = (text: string): number => Number(text.replaceAll(',', ''));
  const parts = rest.split(/, (?=\d)/).map((part) => /^([\d,]+) ([a-z ]+)/.exec(part) ?? assert.fail(part));
  return { received: number(received), ...Object.fromEntries(parts.map(([, count = '', what = '']) => [what.trim(), number(count)])) };
}

for (const type of ['classic', 'quorum']) {
  const queueOptions = { arguments: { 'x-queue-type': type } };

  test(`a drain whose acknowledgements are lost with its connection goes on until the ${type} queue is empty`, async (t) => {
    const { queue, publish, depth } = await peer(t);
    const name = await queue(queueOptions);
    await publish(name, numbers(5_000));
    const between = await proxy(t, brokerUrl());
    const run = start(['consume', name, '--drain', '--url', between.url], { timeout });
    run.child.stdout.once('data', () => between.deafen());
    await written(run, 1_000);
    between.cut();
    const { code, stdout, stderr } = await run.result;
    assert.equal(code, 0, stderr);
    assert.equal(await depth(name), 0);
    assert.deepEqual([...new Set(linesIn(stdout))].sort(), numbers(5_000).sort());
    const { received, acknowledged, unknown } = told(stderr);
    assert.equal(received, linesIn(stdout).length);
    assert.equal(received, (acknowledged ?? 0) + (unknown ?? 0));
    assert.ok((unknown ?? 0) > 0 && (acknowledged ?? 0) <= 5_000, stderr);
  });

  test(`a drain waits for what a connection holds that only the broker believes in: a ${type} queue`, async (t) => {
    const { queue, publish, depth } = await peer(t);
    const name = await queue(queueOptions);
    await publish(name, numbers(5_000));
    const between = await proxy(t, brokerUrl());
    const run = start(['consume', name, '--drain', '--heartbeat', '1s', '--url', between.url], { timeout });
    run.child.stdout.once('data', () => between.mute());
    const { code, stdout, stderr } = await run.result;
    assert.equal(code, 0, stderr);
    // Either the broker has noticed by then, or the drain waits for that; a drain that did not would leave messages.
    assert.equal(await depth(name), 0);
    assert.equal(new Set(linesIn(stdout)).size, 5_000);
  });

  test(`a drain waits for what a ${type} queue has sent to a connection that only the broker believes in, also when the consumer is cancelled`, async (t) => {
    const { queue, publish, depth } = await peer(t);
    const name = await queue(queueOptions);
    await publish(name, numbers(20));
    const between = await proxy(t, brokerUrl());
    // Every message has come and the consumer is cancelled before the first acknowledgement leaves: the queue counts no consumer any more.
    const stalled = between.stallOn(BASIC_ACK, 1);
    const run = start(['consume', name, '--drain', '--heartbeat', '2s', '--answer-timeout', '1s', '--url', between.url], { timeout });
    await stalled;
    const { code, stdout, stderr } = await run.result;
    assert.equal(code, 0, stderr);
    assert.equal(await depth(name), 0);
    assert.deepEqual(told(stderr), { received: 40, acknowledged: 20, unknown: 20 });
    assert.equal(new Set(linesIn(stdout)).size, 20);
  });

  test(`-n N takes N from a ${type} queue that the broker has the acknowledgements of`, async (t) => {
    const { queue, publish, depth } = await peer(t);
    const name = await queue(queueOptions);
    await publish(name, numbers(6));
    const between = await proxy(t, brokerUrl());
    const stalled = between.stallOn(BASIC_ACK, 1);
    const run = start(['consume', name, '-n', '5', '--url', between.url], { timeout });
    await stalled;
    between.cut();
    const { code, stdout, stderr } = await run.result;
    assert.equal(code, 0, stderr);
    assert.deepEqual(told(stderr), { received: 10, acknowledged: 5, unknown: 5 });
    assert.equal(new Set(linesIn(stdout)).size, 5);
    assert.equal(await depth(name), 1);
  });

  test(`-n N ends when the broker had the acknowledgements of a ${type} queue, and nothing is left there`, async (t) => {
    const { queue, publish, depth } = await peer(t);
    const name = await queue(queueOptions);
    await publish(name, numbers(5));
    const between = await proxy(t, brokerUrl());
    // The queue is asked once the broker has read all acknowledgements.
    cutBehind(between, 'broker', QUEUE_DECLARE_OK);
    const { code, stdout, stderr } = await rmq(['consume', name, '-n', '5', '--url', between.url], { timeout });
    assert.equal(code, 0, stderr);
    assert.deepEqual(told(stderr), { received: 5, unknown: 5 });
    assert.deepEqual(linesIn(stdout), numbers(5));
    assert.equal(await depth(name), 0);
  });

  test(`a run that expects messages of a ${type} queue knows those that come again on another connection`, async (t) => {
    const { queue, publish, depth } = await peer(t);
    const name = await queue(queueOptions);
    await publish(name, numbers(200));
    const expected = join(await scratchDirectory(t), 'expected.txt');
    await writeFile(
      expected,
      numbers(200)
        .map((body) => JSON.stringify({ body }))
        .join('\n'),
    );
    const between = await proxy(t, brokerUrl());
    cutBehind(between, 'client', BASIC_ACK, 3);
    const { code, stdout, stderr } = await rmq(['consume', name, '--expect-file', expected, '--prefetch', '20', '--url', between.url], { timeout });
    assert.equal(code, 0, stderr);
    assert.deepEqual([...new Set(linesIn(stdout))], numbers(200));
    assert.ok((told(stderr)['unknown'] ?? 0) > 0, stderr);
    assert.equal(await depth(name), 0);
  });

  test(`messages of a ${type} queue that come again do not count twice`, async (t) => {
    const { queue, publish } = await peer(t);
    const name = await queue(queueOptions);
    await publish(name, numbers(5));
    const between = await proxy(t, brokerUrl());
    const run = start(['consume', name, '-n', '8', '--prefetch', '4', '--timeout', '3s', '--url', between.url], { timeout });
    await written(run, 5);
    between.cut();
    const { code, stdout, stderr } = await run.result;
    assert.equal(code, 124, stderr);
    assert.equal(linesIn(stdout).length > 5, true, stdout);
    assert.match(stderr, /5 messages of 8 came/);
  });

  test(`a worker counts a task of a ${type} queue as acknowledged once the broker has it`, async (t) => {
    const { queue, publish, depth } = await peer(t);
    const name = await queue(queueOptions);
    await publish(name, numbers(6));
    const between = await proxy(t, brokerUrl());
    const stalled = between.stallOn(BASIC_ACK, 1);
    const run = start(['work', 'run', name, '-n', '5', '--drop-dead', '--json', '--url', between.url, '--', 'true'], { timeout });
    await stalled;
    between.cut();
    const result = await run.result;
    assert.equal(result.code, 0, result.stderr);
    const { received, acknowledged, unknown } = json<Worked>(result);
    assert.deepEqual({ received, acknowledged, unknown }, { received: 6, acknowledged: 5, unknown: 1 });
    assert.equal(await depth(name), 1);
  });

  test(`a worker that drains a ${type} queue leaves nothing of it when its connection is cut`, async (t) => {
    const { queue, publish, depth } = await peer(t);
    const name = await queue(queueOptions);
    await publish(name, numbers(3_000));
    const between = await proxy(t, brokerUrl());
    const directory = await scratchDirectory(t);
    const path = join(directory, 'worker.cjs');
    // Lines may come in pieces.
    await writeFile(
      path,
      `require('node:readline').createInterface({ input: process.stdin }).on('line', (l) => console.log(JSON.stringify({ id: JSON.parse(l).id, verdict: 'ack' })))`,
    );
    const flags = ['--drain', '--drop-dead', '--json', '--stream', '--prefetch', '50', '--concurrency', '4', '--url', between.url];
    const stalled = between.stallOn(BASIC_ACK, 1);
    const run = start(['work', 'run', name, ...flags, '--', process.execPath, path], { timeout });
    await stalled;
    between.cut();
    const result = await run.result;
    assert.equal(result.code, 0, result.stderr);
    const { received, acknowledged, unknown } = json<Worked>(result);
    assert.equal(received, acknowledged + unknown);
    assert.ok(unknown > 0 && acknowledged <= 3_000, result.stdout);
    assert.equal(await depth(name), 0);
  });

  test(`a run that ends before the broker has its acknowledgements says so, and how many: a ${type} queue`, async (t) => {
    const { queue, publish } = await peer(t);
    const name = await queue(queueOptions);
    await publish(name, numbers(3));
    const between = await proxy(t, brokerUrl());
    const stalled = between.stallOn(BASIC_ACK);
    const run = start(['consume', name, '--idle', '500ms', '--url', between.url], { timeout });
    await stalled;
    const { code, stderr } = await run.result;
    assert.equal(code, 69, stderr);
    assert.match(stderr, /before the broker had 3 answers/);
    assert.deepEqual(told(stderr), { received: 3, unknown: 3 });
  });
}

test('a quorum queue has every refusal when a run ends that refused thousands, one by one', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const name = await queue({ arguments: { 'x-queue-type': 'quorum' } });
  for (let round = 0; round < 3; round++) {
    await publish(name, numbers(5_000));
    const { code, stderr } = await rmq(['consume', name, '--reject', '--drain'], { timeout });
    assert.equal(code, 0, stderr);
    assert.deepEqual(told(stderr), { received: 5_000, rejected: 5_000 });
    // What a channel has kept back, its queue gets back a moment after the channel has closed.
    for (let check = 0; check < 20; check++) assert.equal(await depth(name), 0);
  }
});
