import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { test } from '../support/at-once.ts';
import { brokerUrl, peer } from '../support/broker.ts';
import { BASIC_ACK, BASIC_CONSUME_OK, BASIC_DELIVER, BASIC_PUBLISH, CONFIRM_SELECT_OK, type FaultyProxy, proxy, QUEUE_DECLARE_OK } from '../support/faults.ts';
import { inside } from '../support/inside.ts';
import { json, rmq, start } from '../support/rmq.ts';

// A run that hangs is killed by its own time limit, which fails the test: below 30 s, what a question may take by default, and the heartbeat's minute.
const timeout = 28_000;

async function spoiled(t: TestContext, spoil: (between: FaultyProxy) => void, bodies: readonly string[] = []): Promise<{ name: string; url: string }> {
  const { queue, publish } = await peer(t);
  const name = await queue();
  await publish(name, bodies);
  const between = await proxy(t, brokerUrl());
  spoil(between);
  return { name, url: between.url };
}

const UNANSWERED: Record<string, (between: FaultyProxy, method: Buffer, connections?: number) => void> = {
  'has no answer': (between, method, connections) => between.leaveOut(method, connections),
  'has half an answer, and bytes that fill it': (between, method, connections) => between.drip(method, connections),
};

for (const [what, spoil] of Object.entries(UNANSWERED)) {
  test(`a question that ${what} is exit 69 after --answer-timeout, whatever asks`, async (t) => {
    const { name, url } = await spoiled(t, (between) => spoil(between, QUEUE_DECLARE_OK));
    const lines = [
      ['queue', 'status', name],
      ['queue', 'declare', name],
      ['queue', 'delete', name, '-y'],
      ['consume', name, '--drain', '--no-reconnect'],
      ['work', 'publish', name, 'x', '--no-reconnect'],
      ['work', 'run', name, '--drop-dead', '--no-reconnect', '--', 'true'],
      ['rpc', 'call', name, 'x', '--no-reconnect'],
      ['dlx', 'inspect', name, '--no-reconnect'],
    ];
    const asked = lines.map(async (line) => {
      const [first = '', ...words] = line;
      const { code, stderr } = await inside([first, '--answer-timeout', '1s', '--url', url, ...words], { timeout });
      assert.equal(code, 69, `${line.join(' ')}\n${stderr}`);
      assert.match(stderr, /the broker did not answer within 1 s/, line.join(' '));
    });
    await Promise.all(asked);
  });

  test(`SIGTERM ends a run whose question ${what}`, async (t) => {
    for (const [method, line] of [
      [QUEUE_DECLARE_OK, ['queue', 'status']],
      [QUEUE_DECLARE_OK, ['consume', '--drain']],
      [BASIC_CONSUME_OK, ['consume']],
      [CONFIRM_SELECT_OK, ['publish', 'x', '-q']],
    ] as const) {
      const { queue } = await peer(t);
      const name = await queue();
      const between = await proxy(t, brokerUrl());
      spoil(between, method);
      const run = start([...line, name, '-v', '--url', between.url], { timeout });
      await run.until('stderr', 'connected to');
      run.child.kill('SIGTERM');
      const { code, stderr } = await run.result;
      assert.equal(code, 143, `${line.join(' ')}\n${stderr}`);
    }
  });

  test(`a publisher and a consumer whose first question ${what} go on with the next connection`, async (t) => {
    const published = await spoiled(t, (between) => spoil(between, CONFIRM_SELECT_OK, 1));
    const one = await inside(['publish', '-q', published.name, 'x', '--json', '--answer-timeout', '1s', '--url', published.url], { timeout });
    assert.equal(one.code, 0, one.stderr);
    assert.equal(json<{ confirmed: number }>(one).confirmed, 1);
    for (const method of [QUEUE_DECLARE_OK, BASIC_CONSUME_OK]) {
      const consumed = await spoiled(t, (between) => spoil(between, method, 1), ['x']);
      const { code, stdout, stderr } = await inside(['consume', consumed.name, '--drain', '--answer-timeout', '1s', '--url', consumed.url], { timeout });
      assert.equal(code, 0, stderr);
      // What was delivered before the missing answer comes again.
      assert.match(stdout, /^(x\n)+$/);
    }
  });
}

test('bytes of a frame that is never finished are no sign of life: the heartbeat notices, and the next connection delivers', async (t) => {
  const { name, url } = await spoiled(t, (between) => between.drip(BASIC_DELIVER, 1), ['x']);
  const { code, stdout, stderr } = await rmq(['consume', name, '-n', '1', '--heartbeat', '1s', '--url', url], { timeout });
  assert.equal(code, 0, stderr);
  assert.equal(stdout, 'x\n');
  assert.match(stderr, /two heartbeat intervals/);
});

test('a slow network is not taken for a broker that answers nothing', async (t) => {
  const { name, url } = await spoiled(t, (between) => between.throttle(1_200_000));
  const line = ['publish', '-q', name, '--no-confirm', '--answer-timeout', '10s', '--no-reconnect', '--url', url];
  // The end of the run is a question whose answer comes after all of this.
  const { code, stderr } = await inside(line, { input: Buffer.alloc(16_000_000, 'x'), timeout: 60_000 });
  assert.equal(code, 0, stderr);
});

/** What a run does when its connection goes silent, and how to see that it has come so far. */
interface HalfOpen {
  readonly line: (queue: string) => string[];
  readonly bodies: readonly string[];
  readonly until: readonly [stream: 'stdout' | 'stderr', text: string];
}

const TIMEOUT = ['--timeout', '3s'];
const HALF_OPEN: Record<string, HalfOpen> = {
  'waits for messages': { line: (queue) => ['consume', queue, ...TIMEOUT], bodies: ['x'], until: ['stdout', 'x'] },
  'looks for a surplus': { line: (queue) => ['consume', queue, '--expect', '2', ...TIMEOUT], bodies: ['x'], until: ['stdout', 'x'] },
  'expects silence': { line: (queue) => ['consume', queue, '--expect', '0', ...TIMEOUT], bodies: [], until: ['stderr', 'connected to'] },
  'has a handler': { line: (queue) => ['work', 'run', queue, '--drop-dead', ...TIMEOUT, '--', 'cat'], bodies: ['x'], until: ['stderr', 'working on'] },
  'publishes what it reads': { line: (queue) => ['publish', '-q', queue, '--lines', ...TIMEOUT], bodies: [], until: ['stderr', 'connected to'] },
};

for (const [what, { line, bodies, until }] of Object.entries(HALF_OPEN)) {
  test(`--timeout ends a run soon that ${what} when its connection is half open`, async (t) => {
    let between: FaultyProxy | undefined;
    const { name, url } = await spoiled(t, (one) => (between = one), bodies);
    const run = start(['-v', '--url', url, ...line(name)], { timeout });
    await run.until(...until);
    between?.stall();
    const { code, stderr } = await run.result;
    assert.equal(code, 124, stderr);
  });
}

test('--timeout ends a worker soon whose copy for the next attempt finds the network silent', async (t) => {
  const { name, url } = await spoiled(t, (between) => between.stallOn(BASIC_PUBLISH), ['x']);
  const { code, stderr } = await inside(['work', 'run', name, '--retries', '1', '--drop-dead', ...TIMEOUT, '--url', url, '--', 'false'], { timeout });
  assert.equal(code, 124, stderr);
});

test('SIGTERM ends a worker soon whose copy for the next attempt has no confirm', async (t) => {
  const { name, url } = await spoiled(t, (between) => between.leaveOut(BASIC_ACK), ['x']);
  const run = start(['work', 'run', name, '--retries', '1', '--drop-dead', '-v', '--url', url, '--', 'sh', '-c', 'echo failing >&2; false'], { timeout });
  await run.until('stderr', 'failing');
  run.child.kill('SIGTERM');
  // Its handlers have ended, and their message is back: nothing was lost.
  const { code, stderr } = await run.result;
  assert.equal(code, 0, stderr);
  assert.match(stderr, /1 requeued/);
});
