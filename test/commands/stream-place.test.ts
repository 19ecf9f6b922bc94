import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { test } from '../support/at-once.ts';
import { brokerUrl, peer } from '../support/broker.ts';
import { type FaultyProxy, proxy } from '../support/faults.ts';
import { type Result, type Running, start } from '../support/rmq.ts';

// A run that hangs is killed by its own time limit, which fails the test.
const timeout = 120_000;

const numbers = (count: number, from = 0): string[] => Array.from({ length: count }, (_, index) => String(from + index));
const linesOf = ({ stdout }: Result): string[] => stdout.split('\n').filter((line) => line !== '');

interface Away {
  readonly run: Running;
  /** Publishes while the consumer cannot connect, and lets it in again. */
  readonly meanwhile: (bodies: readonly (string | Buffer)[]) => Promise<void>;
}

async function streamOf(t: TestContext, bodies: readonly (string | Buffer)[], args: Record<string, unknown> = {}) {
  const { queue, publish } = await peer(t);
  const name = await queue({ arguments: { 'x-queue-type': 'stream', ...args } });
  await publish(name, bodies);
  const between = await proxy(t, brokerUrl());
  const consuming = (flags: readonly string[]): Away => ({
    run: start(['consume', name, '-v', '--url', between.url, ...flags], { timeout }),
    meanwhile: (more) => away(between, () => publish(name, more)),
  });
  return { consuming, between, more: (bodies: readonly string[]) => publish(name, bodies) };
}

async function away(between: FaultyProxy, use: () => Promise<void>): Promise<void> {
  await between.refuse();
  await use();
  await between.admit();
}

for (const flags of [[], ['--offset', 'next'], ['--offset', 'last']]) {
  const what = flags.length === 0 ? 'without an offset' : flags.join(' ');
  test(`a consumer of an empty or a silent stream (${what}) gets what is published while it is away`, async (t) => {
    for (const before of flags[1] === 'last' ? [[]] : [[], ['old', 'older']]) {
      const { consuming } = await streamOf(t, before);
      const { run, meanwhile } = consuming([...flags, '--idle', '10s']);
      await run.until('stderr', 'the stream goes on at');
      await meanwhile(numbers(100));
      const result = await run.result;
      assert.equal(result.code, 0, result.stderr);
      assert.deepEqual(linesOf(result), numbers(100), result.stderr);
    }
  });
}

for (const offset of ['first', 'last', '0', '1h', new Date(Date.now() - 3_600_000).toISOString()]) {
  test(`a consumer of a stream from --offset ${offset.replace(/^\d{4}.*/, 'TIME')} goes on where it was: nothing twice, nothing left out`, async (t) => {
    const { consuming } = await streamOf(t, numbers(100));
    const { run, meanwhile } = consuming(['--offset', offset, '--idle', '10s']);
    await run.until('stdout', '99\n');
    await meanwhile(numbers(100, 100));
    const result = await run.result;
    assert.equal(result.code, 0, result.stderr);
    const lines = linesOf(result);
    // The last chunk may hold a part of what was published first.
    assert.deepEqual(lines, offset === 'last' ? numbers(lines.length, 200 - lines.length) : numbers(200), result.stderr);
  });
}

test('limits count each message of a stream once, however often its connection is cut', async (t) => {
  const { consuming, between } = await streamOf(t, numbers(20_000));
  for (const flags of [['--drain'], ['--offset', 'first', '-n', '20000'], ['--offset', 'first', '--expect', '20000', '--timeout', '60s']]) {
    const { run } = consuming(flags);
    for (const line of [100, 9_000, 15_000]) {
      await run.until('stdout', `\n${line}\n`);
      between.cut();
    }
    const result = await run.result;
    assert.equal(result.code, 0, result.stderr);
    assert.deepEqual(linesOf(result), numbers(20_000));
    assert.match(result.stderr, /consumed 20,000 messages .*: 20,000 acknowledged$/m);
  }
});

test('what retention has removed while a consumer was away is told', async (t) => {
  const small = { 'x-max-length-bytes': 100_000, 'x-stream-max-segment-size-bytes': 50_000 };
  const { consuming, more } = await streamOf(t, numbers(3), small);
  const { run, meanwhile } = consuming(['--offset', 'first', '--idle', '10s', '-o', 'json']);
  await run.until('stdout', '"body":"2"');
  const large = Buffer.alloc(10_000, 'x');
  // Segments are removed when another one is begun, which may leave none with a message.
  await meanwhile(Array.from({ length: 400 }, () => large));
  await more(['end']);
  const result = await run.result;
  assert.equal(result.code, 0, result.stderr);
  assert.match(result.stderr, /the stream no longer has offsets 3 to \d+: retention removed them/);
});

test('a message of a queue is not taken for one of a stream, whatever its headers say', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue();
  await publish(name, numbers(3), { headers: { 'x-stream-offset': 7 } });
  const between = await proxy(t, brokerUrl());
  const run = start(['consume', name, '--idle', '1s', '--url', between.url], { timeout });
  await run.until('stdout', '2\n');
  between.cut();
  await publish(name, ['3']);
  const result = await run.result;
  assert.equal(result.code, 0, result.stderr);
  assert.ok(linesOf(result).includes('3'), result.stdout);
});
