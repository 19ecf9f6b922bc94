import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { brokerUrl, peer, unique } from '../../support/broker.ts';
import { deadPort, type FaultyProxy, proxy } from '../../support/faults.ts';
import { inside } from '../../support/inside.ts';
import { type Running, rmq, start } from '../../support/rmq.ts';

// A run that hangs is killed by its own time limit, which fails the test.
const timeout = 60_000;
const QUICK = ['--reconnect-delay', '0s..1ms'];

/** A run that has subscribed through a proxy. */
async function subscribed(t: TestContext, line: readonly string[], says: string): Promise<{ run: Running; through: FaultyProxy }> {
  const through = await proxy(t, brokerUrl());
  const run = start(['-v', ...QUICK, '--url', through.url, ...line], { timeout });
  await run.until('stderr', says);
  return { run, through };
}

const ENDLESS: Record<string, { readonly line: (queue: string) => string[]; readonly says: string; readonly code: number }> = {
  consume: { line: (queue) => ['consume', queue], says: 'connected to', code: 130 },
  'work run': { line: (queue) => ['work', 'run', queue, '--retries', '1', '--drop-dead', '--', 'true'], says: 'working on', code: 0 },
  'rpc serve': { line: (queue) => ['rpc', 'serve', queue, '--', 'cat'], says: 'serving queue', code: 0 },
  'topic subscribe': { line: (queue) => ['topic', 'subscribe', 'amq.topic', '#', '--queue', queue], says: 'listening on', code: 130 },
};

for (const [what, { line, says, code }] of Object.entries(ENDLESS)) {
  test(`${what} without an end of its own tries to connect again for ever`, async (t) => {
    const { queue, publish, depth } = await peer(t);
    const name = await queue();
    const { run, through } = await subscribed(t, line(name), says);
    await through.refuse();
    await run.until('stderr', 'attempt 40 ');
    await through.admit();
    await publish(name, ['x']);
    while ((await depth(name)) > 0);
    run.child.kill('SIGINT');
    const result = await run.result;
    assert.equal(result.code, code, result.stderr);
  });

  test(`${what} gives up where --max-reconnects says so`, async (t) => {
    const { queue } = await peer(t);
    const name = await queue();
    const { run, through } = await subscribed(t, ['--max-reconnects', '3', ...line(name)], says);
    await through.refuse();
    const result = await run.result;
    assert.equal(result.code, 69, result.stderr);
    assert.match(result.stderr, /gave up after 3 attempts to reconnect/);
  });
}

for (const [what, line] of Object.entries({
  'consume -n': (queue: string) => ['consume', queue, '-n', '5'],
  'consume --idle': (queue: string) => ['consume', queue, '--idle', '1h'],
  'work run --drain': (queue: string) => ['work', 'run', queue, '--drop-dead', '--drain', '--grace', '0s', '--', 'sleep', '3600'],
})) {
  test(`${what} has an end of its own, and gives up after 12 attempts`, async (t) => {
    const { queue, publish } = await peer(t);
    const name = await queue();
    await publish(name, ['x']);
    const { run, through } = await subscribed(t, line(name), '(consumer), broker');
    await through.refuse();
    const result = await run.result;
    assert.equal(result.code, 69, result.stderr);
    assert.match(result.stderr, /gave up after 12 attempts to reconnect/);
  });
}

test('of many attempts only the first few are told, and with -v each', async (t) => {
  const { queue, channel } = await peer(t);
  const name = await queue();
  const consumers = async (): Promise<number> => (await channel.checkQueue(name)).consumerCount;
  for (const [flags, told] of [
    [[], 8],
    [['-v'], 500],
  ] as const) {
    const through = await proxy(t, brokerUrl());
    const run = start(['consume', name, ...flags, ...QUICK, '--max-reconnects', '500', '--url', through.url], { timeout });
    while ((await consumers()) === 0);
    await through.refuse();
    const { code, stderr } = await run.result;
    assert.equal(code, 69, stderr);
    assert.equal(stderr.match(/attempt \d+ /g)?.length, told, stderr);
  }
});

/** The pauses that a run has told of, in milliseconds. */
const pauses = (stderr: string): number[] =>
  [...stderr.matchAll(/attempt \d+ (?:now|in (\d[\d.]*) (ms|s))/g)].map(([, value = '0', unit]) => Number(value) * (unit === 's' ? 1_000 : 1));

test('--reconnect-delay sets the shortest and the longest pause, before the first success and after it', async (t) => {
  const { queue } = await peer(t);
  const name = await queue();
  const flags = ['-v', '--reconnect-delay', '150ms..250ms'];
  const through = await proxy(t, brokerUrl());
  const run = start(['consume', name, ...flags, '--max-reconnects', '6', '--url', through.url], { timeout });
  await run.until('stderr', 'connected to');
  await through.refuse();
  const dead = `amqp://guest:guest@127.0.0.1:${await deadPort()}`;
  for (const { code, stderr } of [await run.result, await rmq(['consume', name, ...flags, '--connect-attempts', '7', '--url', dead], { timeout })]) {
    assert.equal(code, 69, stderr);
    assert.equal(pauses(stderr).length, 6, stderr);
    assert.ok(
      pauses(stderr).every((pause) => pause >= 150 && pause <= 250),
      stderr,
    );
  }
  const fixed = await rmq(['consume', name, '--connect-attempts', '3', '--reconnect-delay', '20ms', '--url', dead], { timeout });
  assert.deepEqual(pauses(fixed.stderr), [20, 20]);
});

test('--connect-attempts ends before --wait does, and --wait before it', async () => {
  const url = `amqp://guest:guest@127.0.0.1:${await deadPort()}`;
  const few = await rmq(['publish', '-q', 'q', 'x', '--url', url, ...QUICK, '--wait', '1h', '--connect-attempts', '4'], { timeout });
  assert.equal(few.code, 69, few.stderr);
  assert.equal(pauses(few.stderr).length, 3, few.stderr);
  const short = await rmq(['publish', '-q', 'q', 'x', '--url', url, '--wait', '300ms', '--connect-attempts', '1000000'], { timeout });
  assert.equal(short.code, 69, short.stderr);
});

test('pauses that make no sense are exit 64', async () => {
  for (const given of ['5s..1s', '1s..2s..3s', 'soon', '..']) {
    const { code, stderr } = await inside(['consume', unique('q'), '--reconnect-delay', given]);
    assert.equal(code, 64, `${given}\n${stderr}`);
    assert.match(stderr, /--reconnect-delay/);
  }
});
