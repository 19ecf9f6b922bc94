import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { brokerUrl, peer } from '../support/broker.ts';
import { proxy } from '../support/faults.ts';
import { inside } from '../support/inside.ts';
import { json, type Result, type Running, rmq, start } from '../support/rmq.ts';
import { ownVhost, restrictedUser } from '../support/users.ts';

interface Bench {
  readonly bench: string;
  readonly queueType: string;
  readonly messages: number;
  readonly missing: number;
  readonly seconds: number;
  readonly rate: number;
  readonly bytesPerSecond: number;
  readonly latency: Readonly<Record<string, number>> | null;
  readonly histogram: readonly { readonly from: number; readonly to: number; readonly count: number }[];
  readonly reconnects: number;
}

const QUICK = ['--warm-up', '20', '--size', '100b', '-n'];

/** A vhost of the test's own, whose queues are those of its benches. */
async function stage(t: TestContext) {
  const url = await ownVhost(t);
  const { channel } = await peer(t, url);
  return {
    url,
    channel,
    run: (args: readonly string[]): Promise<Result> => inside(['bench', ...args, '-u', url]),
    /** A run that has its queue: its name. */
    begun: async (args: readonly string[], through = url): Promise<Running & { readonly queue: string }> => {
      const running = start(['bench', ...args, '-u', through, '-v']);
      let said = '';
      running.child.stderr.on('data', (chunk: Buffer) => {
        said += chunk;
      });
      await running.until('stderr', 'measuring in');
      await running.until('stderr', '(publisher)');
      return { ...running, queue: /measuring in the queue "(.*)"/.exec(said)?.[1] ?? assert.fail(said) };
    },
    /** The names of the queues there. */
    queues: async (): Promise<string[]> => {
      const { username, password, origin } = new URL(process.env['RABBITMQ_MANAGEMENT_URL'] ?? assert.fail('RABBITMQ_MANAGEMENT_URL is not set'));
      const response = await fetch(`${origin}/api/queues${new URL(url).pathname}?columns=name,arguments`, {
        headers: { authorization: `Basic ${btoa(`${username}:${password}`)}` },
      });
      return ((await response.json()) as { name: string }[]).map(({ name }) => name);
    },
  };
}

for (const [name, more] of [
  ['publish', []],
  ['publish', ['--queue-type', 'quorum', '--transient', '--rate', '2000']],
  ['consume', []],
  ['consume', ['--no-ack', '--queue-type', 'quorum']],
  ['rpc', ['--concurrency', '3']],
  ['latency', ['--rate', '500']],
] as const) {
  test(`bench ${[name, ...more].join(' ')} counts each message once, times each, and leaves nothing`, async (t) => {
    const { run, queues } = await stage(t);
    const result = await run([name, ...QUICK, '300', ...more, '-o', 'json']);
    const { bench, queueType, messages, missing, seconds, rate, bytesPerSecond, latency, histogram, reconnects } = json<Bench>(result);
    assert.equal(result.code, 0, result.stderr);
    assert.deepEqual([bench, messages, missing, reconnects], [name, 300, 0, 0]);
    assert.equal(queueType, more.some((one) => one === 'quorum') ? 'quorum' : 'classic');
    assert.ok(Math.abs(rate * seconds - 300) < 1, `${rate} × ${seconds}`);
    assert.ok(Math.abs(bytesPerSecond / rate - 100) < 1);
    const { min, p50, p90, p99, p999, max } = latency ?? assert.fail('there are percentiles');
    const ascending = [0, min, p50, p90, p99, p999, max];
    assert.deepEqual(
      ascending.toSorted((a = 0, b = 0) => a - b),
      ascending,
    );
    assert.equal(
      histogram.reduce((sum, { count }) => sum + count, 0),
      300,
    );
    for (const [index, { from }] of histogram.entries()) if (index > 0) assert.equal(from, histogram[index - 1]?.to);
    assert.ok((histogram[0]?.from ?? 1) <= (min ?? 0) && (histogram.at(-1)?.to ?? 0) >= (max ?? 0) * 0.99);
    assert.deepEqual(await queues(), []);
  });
}

test('a warm-up that takes more than a second is told', async (t) => {
  const { run } = await stage(t);
  const slow = await run(['publish', '--warm-up', '12', '--rate', '10', '-n', '2']);
  assert.equal(slow.code, 0, slow.stderr);
  assert.match(slow.stderr, /warming up for 1\.2 s: 12 messages at 10 a second \(--warm-up\)/);
  assert.doesNotMatch((await run(['publish', '--warm-up', '10', '--rate', '10', '-n', '2'])).stderr, /warming up/);
});

test('without confirms nothing is timed, and the result says so', async (t) => {
  const { run } = await stage(t);
  const { code, stdout, stderr } = await run(['publish', ...QUICK, '300', '--no-confirm']);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^300 messages in [\d.]+ s: [\d,]+\/s, .*\n.*read by the broker, not confirmed\n.*\n$/);
  assert.equal(json<Bench>(await run(['publish', ...QUICK, '300', '--no-confirm', '--json'])).latency, null);
});

test('the result says what was measured; a histogram is drawn on a terminal only, and fits', async (t) => {
  const { run, url } = await stage(t);
  const { code, stdout, stderr } = await run(['rpc', ...QUICK, '100']);
  assert.equal(code, 0, stderr);
  assert.match(
    stdout,
    /^100 calls in .*\nbodies of 100 B, 1 at a time, the server in this process\nclassic queue, RabbitMQ \d\S+, after 20 to warm up\nms until the reply:\n {2}min .*\n$/,
  );
  const drawn = await rmq(['bench', 'rpc', ...QUICK, '100', '-u', url], { terminal: true, columns: 60 });
  assert.equal(drawn.code, 0, drawn.stdout);
  const bars = drawn.stdout.split(/\r?\n/).filter((line) => line.includes(' ms  '));
  assert.ok(bars.some((line) => /≤ [\d.]+ ms {2}█/.test(line)));
  for (const line of bars) assert.ok(line.length < 60, line);
});

test('--duration ends a measurement, and a rate that is not reached is told', async (t) => {
  const { run } = await stage(t);
  const { code, stderr, stdout } = await run(['publish', '--warm-up', '0', '--size', '1mb', '--rate', '1000000', '--duration', '300ms', '--json']);
  assert.equal(code, 0, stderr);
  assert.ok(json<Bench>({ stdout, stderr, code, output: Buffer.from(stdout) }).messages > 0);
  assert.match(stderr, /1,000,000 a second were asked for/);
});

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`${signal} prints what was measured so far, deletes the queue, and exits with ${code}`, async (t) => {
    const { begun, channel, queues } = await stage(t);
    const { child, result, queue } = await begun(['publish', '--warm-up', '0', '--duration', '50s', '--json']);
    // Its first messages are there: the measurement has begun.
    while ((await channel.checkQueue(queue)).messageCount === 0);
    child.kill(signal);
    const ended = await result;
    assert.equal(ended.code, code, ended.stderr);
    assert.ok(json<Bench>({ ...ended, code: 0 }).messages > 0);
    assert.deepEqual(await queues(), []);
  });
}

test('a queue that is left by a kill expires', async (t) => {
  const { begun, run, url } = await stage(t);
  const { child, result, queue } = await begun(['latency', '--duration', '2s', '--warm-up', '0']);
  child.kill('SIGKILL');
  await result;
  const status = await inside(['queue', 'status', queue, '-u', url, '--json']);
  assert.equal(json<{ arguments: Record<string, number> }>(status).arguments['x-expires'], 62_000);
  assert.equal((await run(['publish', ...QUICK, '10'])).code, 0);
});

test('a queue that is deleted meanwhile ends the run: what was confirmed is counted, and the rest is not', async (t) => {
  const { begun, channel } = await stage(t);
  const { result, queue } = await begun(['publish', '--warm-up', '0', '-n', '300', '--rate', '100', '--json']);
  while ((await channel.checkQueue(queue)).messageCount === 0);
  await channel.deleteQueue(queue);
  const ended = await result;
  assert.equal(ended.code, 67, ended.stderr);
  const { messages, missing } = json<Bench>({ ...ended, code: 0 });
  assert.ok(messages > 0 && missing > 0 && messages + missing === 300, `${messages} and ${missing}`);
});

test('messages that were confirmed and did not come back are a failure, and not counted', async (t) => {
  const { begun, channel } = await stage(t);
  const { result, queue } = await begun(['latency', '--warm-up', '0', '-n', '200', '--rate', '100', '--json']);
  let stolen = 0;
  // The last call, without a message, says that the queue is gone.
  await channel.consume(queue, (message) => message !== null && stolen++, { noAck: true });
  const ended = await result;
  assert.equal(ended.code, 3, ended.stderr);
  const { messages, missing } = json<Bench>({ ...ended, code: 0 });
  assert.ok(stolen > 0);
  assert.deepEqual([messages, missing], [200 - stolen, stolen]);
  assert.match(ended.stderr, /did not come back/);
});

test('a lost connection ends a run that may not reconnect, and is told where it may', async (t) => {
  const { begun, url, channel, queues } = await stage(t);
  const faulty = await proxy(t, url);
  for (const [flags, code] of [
    [['--no-reconnect'], 69],
    [[], 0],
  ] as const) {
    const { result, queue } = await begun(['publish', '--warm-up', '0', '-n', '300', '--rate', '200', '--json', ...flags], faulty.url);
    while ((await channel.checkQueue(queue)).messageCount === 0);
    faulty.cut();
    const ended = await result;
    assert.equal(ended.code, code, ended.stderr);
    const { messages, reconnects } = json<Bench>({ ...ended, code: 0 });
    assert.equal(reconnects > 0, true);
    assert.equal(messages === 300, code === 0);
    assert.deepEqual(await queues(), []);
  }
});

test('who may not declare a queue is refused, and a protected context wants its name', async (t) => {
  const denied = await inside(['bench', 'publish', ...QUICK, '10', '-u', await restrictedUser(t, {})]);
  assert.equal(denied.code, 77, denied.stderr);
  assert.equal(denied.stdout, '');
  const directory = mkdtempSync(join(tmpdir(), 'rmq-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const env = { XDG_CONFIG_HOME: directory, RMQ_CONTEXT: undefined };
  // A file of contexts holds no password: that of guest is the default.
  const { host, pathname } = new URL(brokerUrl());
  assert.equal((await inside(['context', 'add', 'live', '-u', `amqp://${host}${pathname}`, '--protected'], { env })).code, 0);
  const refused = await inside(['bench', 'rpc', ...QUICK, '10', '-c', 'live', '-y'], { env, input: '' });
  assert.equal(refused.code, 64, refused.stderr);
  assert.match(refused.stderr, /--confirm live/);
  const confirmed = await inside(['bench', 'rpc', ...QUICK, '10', '-c', 'live', '--confirm', 'live'], { env, input: '' });
  assert.equal(confirmed.code, 0, confirmed.stderr);
});

for (const [line, says] of [
  ['publish -n 0', /--count must be at least 1/],
  ['publish --size 1', /--size/],
  ['consume --warm-up 0', /--warm-up must be at least 1/],
  ['rpc --rate 5', /unknown option/],
  ['latency --rate 0', /--rate must be more than 0/],
  ['publish --queue q', /unknown option/],
] as const) {
  test(`bench ${line} is refused`, async () => {
    const { code, stderr, stdout } = await inside(['bench', ...line.split(' ')]);
    assert.equal(code, 64, stderr);
    assert.match(stderr, says);
    assert.equal(stdout, '');
  });
}
