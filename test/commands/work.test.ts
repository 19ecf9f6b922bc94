import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { brokerUrl, type Peer, peer, unique } from '../support/broker.ts';
import { proxy } from '../support/faults.ts';
import { inside } from '../support/inside.ts';
import { linesOf, program, scratchDirectory, untilGone } from '../support/programs.ts';
import { pika } from '../support/python.ts';
import { json, rmq, start } from '../support/rmq.ts';

const BIN = fileURLToPath(new URL('../../bin/rmq.js', import.meta.url));

interface Summary {
  readonly received: number;
  readonly acknowledged: number;
  readonly retried: number;
  readonly dead: number;
  readonly dropped: number;
  readonly requeued: number;
  readonly returned: number;
}

/** A work queue whose dead letters go to another queue; both, and what retries need, go away with the test. */
async function workplace(t: TestContext, pauses: readonly number[] = []): Promise<Peer & { readonly name: string; readonly dead: string }> {
  const other = await peer(t);
  const [dead, name] = [await other.queue({}, 'dead'), await other.queue({}, 'placeholder')];
  await other.channel.deleteQueue(name);
  await other.channel.assertQueue(name, { durable: true, deadLetterExchange: '', deadLetterRoutingKey: dead });
  t.after(async () => {
    const { channel } = await peer(t);
    for (const pause of pauses) await channel.deleteQueue(`${name}.retry.${pause}`);
  });
  return { ...other, name, dead };
}

test('work publish declares a durable queue and sends persistent tasks, which work run hands to a program each', async (t) => {
  const { channel, take } = await peer(t);
  const name = unique('work');
  t.after(async () => (await peer(t)).channel.deleteQueue(name));
  const published = await rmq(['work', 'publish', name, '--lines', '--json'], { input: 'one\ntwo\nthree\n' });
  assert.equal(published.code, 0, published.stderr);
  assert.equal(json<{ confirmed: number }>(published).confirmed, 3);
  await channel.assertQueue(name, { durable: true, arguments: { 'x-queue-type': 'classic' } });
  const [first] = await take(name);
  assert.equal(first?.properties.deliveryMode, 2);
  await rmq(['work', 'publish', name, '--lines'], { input: 'one\ntwo\nthree\n' });
  const worked = await rmq(['work', 'run', name, '--drop-dead', '--drain', '--', 'tr', 'a-z', 'A-Z']);
  assert.equal(worked.code, 0, worked.stderr);
  assert.equal(worked.stdout, 'ONETWOTHREE');
  assert.match(worked.stderr, /handled 3 messages from ".*" in .*: 3 acknowledged/);
});

test('a work queue is declared as the flags say, with its dead letters behind it, and used as it is afterwards', async (t) => {
  const { channel } = await peer(t);
  const [name, dlx] = [unique('work'), unique('dlx')];
  t.after(async () => {
    const cleaner = (await peer(t)).channel;
    await cleaner.deleteQueue(name);
    await cleaner.deleteExchange(dlx);
    await cleaner.unbindQueue('dead.letters', dlx, 'failed').catch(() => undefined);
  });
  const flags = ['--max-priority', '5', '--message-ttl', '1h', '--max-length', '1000', '--dlx', dlx];
  const declared = await inside(['work', 'publish', name, 'x', ...flags]);
  assert.equal(declared.code, 0, declared.stderr);
  assert.match(declared.stderr, /declared the exchange ".*" and behind it the queue "dead.letters"/);
  const args = {
    'x-queue-type': 'classic',
    'x-max-priority': 5,
    'x-message-ttl': 3_600_000,
    'x-max-length': 1_000,
    'x-dead-letter-exchange': dlx,
    'x-dead-letter-routing-key': 'failed',
  };
  await channel.assertQueue(name, { durable: true, arguments: args });
  assert.equal((await inside(['work', 'publish', name, 'x'])).code, 0);
  assert.equal((await inside(['work', 'publish', name, 'x', ...flags])).code, 0);
  const other = await inside(['work', 'publish', name, 'x', '--max-length', '5', '--queue-type', 'quorum']);
  assert.equal(other.code, 76);
  assert.match(other.stderr, /x-max-length is 1000 there, you asked for 5/);
  assert.match(other.stderr, /x-queue-type is "classic" there, you asked for "quorum"/);
  const worked = await rmq(['work', 'run', name, '-n', '1', '--', 'sh', '-c', 'echo cannot >&2; exit 65']);
  assert.equal(worked.code, 0, worked.stderr);
  const dead = await inside(['consume', 'dead.letters', '--drain', '-o', 'json']);
  const letters = dead.stdout.split('\n').filter((line) => line.includes(`"${name}"`));
  assert.equal(letters.length, 1);
  assert.deepEqual(JSON.parse(letters[0] ?? '{}').properties.headers['x-rmq-stderr'], 'cannot');
});

test('the exit code decides: 0 is done, 65 is dead, 75 goes back, anything else is dead after its retries', async (t) => {
  const { name, dead, publish, take, depth } = await workplace(t, [50]);
  const directory = await scratchDirectory(t);
  const log = join(directory, 'log');
  const handler = await program(
    directory,
    'handle.sh',
    `#!/bin/sh
read -r code
echo "$code $RMQ_ATTEMPT $RMQ_REDELIVERED" >> ${log}
[ "$code" = 75 ] && [ "$RMQ_REDELIVERED" = true ] && exit 0
[ "$code" = 9 ] && kill -9 $$
echo "cannot do $code" >&2
exit "$code"
`,
  );
  await publish(
    name,
    ['0', '65', '75', '3', '9'].map((code) => `${code}\n`),
  );
  const result = await rmq(['work', 'run', name, '--retries', '1', '--backoff', '50ms', '--requeue-delay', '20ms', '-n', '8', '--json', '--', handler]);
  assert.equal(result.code, 0, result.stderr);
  const { seconds: _, ...counts } = json<Summary & { seconds: number }>(result);
  assert.deepEqual(counts, { received: 8, acknowledged: 2, retried: 2, dead: 3, dropped: 0, requeued: 1, copiedBack: 0, unknown: 0, returned: 0, waiting: 0 });
  assert.deepEqual((await linesOf(log)).sort(), ['0 1 false', '3 1 false', '3 2 false', '65 1 false', '75 1 false', '75 1 true', '9 1 false', '9 2 false']);
  assert.equal(await depth(name), 0);
  const letters = await take(dead);
  const headers = Object.fromEntries(letters.map(({ content, properties }) => [content.toString().trim(), properties.headers]));
  assert.equal(headers['65']?.['x-rmq-reason'], 'exit code 65');
  assert.equal(headers['65']?.['x-rmq-attempt'], 1);
  assert.equal(headers['3']?.['x-rmq-exit-code'], 3);
  assert.equal(headers['3']?.['x-rmq-stderr'], 'cannot do 3');
  assert.equal(headers['3']?.['x-rmq-attempt'], 2);
  assert.match(headers['9']?.['x-rmq-reason'], /SIGKILL/);
  assert.match(result.stderr, /^cannot do 3$/m);
});

test('a copy of a message that has failed begins anew, wherever it was copied from', async (t) => {
  const { name, dead, publish, take } = await workplace(t, [1, 60_000]);
  const log = join(await scratchDirectory(t), 'log');
  const copied = async (from: string): Promise<void> => {
    const { stdout } = await inside(['consume', from, '-n', '1', '-o', 'json', '--timeout', '20s']);
    const copy = await inside(['publish', '-q', name, '--envelopes'], { input: stdout });
    assert.equal(copy.code, 0, copy.stderr);
  };
  const handled = (handler: string, ...flags: readonly string[]) => rmq(['work', 'run', name, '--json', ...flags, '--', 'sh', '-c', handler]);
  await publish(name, ['x']);
  await handled('echo alas >&2; exit 3', '-n', '2', '--retries', '1', '--backoff', '1ms');
  await copied(dead);
  const again = await handled(`echo "$RMQ_ATTEMPT" >> ${log}; exit 4`, '-n', '2', '--retries', '1', '--backoff', '1ms');
  assert.deepEqual([json<Summary>(again).retried, json<Summary>(again).dead], [1, 1], again.stderr);
  assert.deepEqual(await linesOf(log), ['1', '2']);
  const headers = (await take(dead))[0]?.properties.headers;
  assert.deepEqual([headers?.['x-rmq-attempt'], headers?.['x-rmq-exit-code'], headers?.['x-rmq-stderr']], [2, 4, undefined]);
  await publish(name, ['y']);
  await handled('exit 3', '-n', '1', '--retries', '1', '--backoff', '1m');
  // It was taken out of the queue in which it waits, before its time.
  await copied(`${name}.retry.60000`);
  await handled(`echo "$RMQ_ATTEMPT $RMQ_EXCHANGE $RMQ_HEADER_X_RMQ_ORIGIN" >> ${log}`, '-n', '1');
  assert.equal((await linesOf(log)).at(-1), '1  ');
});

test('a message that no copy can be made of is dead-lettered by the broker, and the others are handled', async (t) => {
  const { name, dead, take, depth } = await workplace(t, [1]);
  // Headers have to fit into one frame of 128 KiB; with what a copy adds to these, they do not.
  const full = { exchange: '', routingKey: name, properties: { messageId: 'full', headers: { a: 'x'.repeat(130_990) } }, body: 'full' };
  const published = await inside(['publish', '--envelopes'], {
    input: [full, { ...full, properties: {}, body: 'other' }].map((one) => JSON.stringify(one)).join('\n'),
  });
  assert.equal(published.code, 0, published.stderr);
  const run = ['work', 'run', name, '--json', '--retries', '1', '--backoff', '1ms', '-n', '3', '--idle', '5s', '--', 'false'];
  const worked = await inside(run);
  assert.equal(worked.code, 0, worked.stderr);
  const { dead: buried, retried, dropped } = json<Summary>(worked);
  assert.deepEqual([buried, retried, dropped], [2, 1, 0]);
  assert.match(worked.stderr, /the message "full" cannot be retried: .* at most \d+ fit/);
  assert.match(worked.stderr, /the message "full" is dead-lettered without the reason of its failure/);
  assert.equal(await depth(name), 0);
  const letters = await take(dead);
  assert.deepEqual(letters.map(({ content }) => String(content)).sort(), ['full', 'other']);
  assert.deepEqual(
    letters.map(({ properties }) => properties.headers?.['x-death']?.[0]?.queue),
    [name, name],
  );
});

test('a run that ends while messages wait for another attempt says how many', async (t) => {
  const { name, publish } = await workplace(t, [60_000]);
  await publish(name, ['a', 'b']);
  const run = (...more: readonly string[]) => inside(['work', 'run', name, '--drain', '--retries', '1', '--backoff', '1m', ...more, '--', 'false']);
  const drained = await run();
  assert.equal(drained.code, 0, drained.stderr);
  assert.match(drained.stderr, /handled 2 messages .*: 2 retried; 2 messages wait for another attempt/);
  assert.equal(json<{ waiting: number }>(await run('--json')).waiting, 2);
});

test('--fail-on-dead is exit 1 when a message failed for good', async (t) => {
  const { name, publish, queue: make } = await workplace(t);
  const run = (queue: string, handler: string, ...more: readonly string[]) => rmq(['work', 'run', queue, '--drain', ...more, '--', handler]);
  await publish(name, ['a']);
  assert.equal((await run(name, 'false')).code, 0);
  await publish(name, ['b', 'c']);
  const failed = await run(name, 'false', '--fail-on-dead');
  assert.equal(failed.code, 1, failed.stderr);
  assert.match(failed.stderr, /error: 2 messages failed for good\n.*rmq dlx list/);
  await publish(name, ['d']);
  assert.equal((await run(name, 'true', '--fail-on-dead')).code, 0);
  const other = await make();
  await publish(other, ['e']);
  const dropped = await run(other, 'false', '--fail-on-dead', '--drop-dead');
  assert.equal(dropped.code, 1, dropped.stderr);
});

test('--on-exit changes what exit codes mean', async (t) => {
  const { name, publish, depth, dead } = await workplace(t);
  await publish(name, ['1', '2', '3']);
  const result = await inside(['work', 'run', name, '--on-exit', '1=ack,2=dead,*=ack', '-n', '3', '--json', '--', 'sh', '-c', 'exit $(cat)']);
  assert.equal(result.code, 0, result.stderr);
  const { acknowledged, dead: died } = json<Summary>(result);
  assert.deepEqual([acknowledged, died], [2, 1]);
  assert.equal(await depth(dead), 1);
  for (const rules of ['1=nack', '300=ack', 'x', '']) {
    const wrong = await inside(['work', 'run', name, '--on-exit', rules, '--', 'true']);
    assert.equal(wrong.code, 64, rules);
    assert.match(wrong.stderr, /--on-exit/);
  }
});

test('a handler that cannot start stops the worker, and nothing is lost', async (t) => {
  const { name, publish, depth } = await workplace(t);
  await publish(name, ['a', 'b']);
  const directory = await scratchDirectory(t);
  const plain = await program(directory, 'plain', 'no program', 0o644);
  for (const [command, code] of [
    [['no-such-program-anywhere'], 127],
    [[plain], 126],
    [[directory], 126],
    [['sh', '-c', 'exit 127'], 127],
    [['sh', '-c', 'exit 126'], 126],
  ] as const) {
    const result = await rmq(['work', 'run', name, '--retries', '0', '--', ...command]);
    assert.equal(result.code, code, `${command.join(' ')}: ${result.stderr}`);
    assert.doesNotMatch(result.stderr, /\n\s+at /);
    assert.equal(await depth(name), 2, command.join(' '));
  }
  // It is told before a message comes.
  const { name: empty } = await workplace(t);
  for (const [command, exit, why] of [
    ['no-such-program-anywhere', 127, /no-such-program-anywhere: command not found\n.*neither in the PATH/],
    [join(directory, 'none'), 127, /none: no such file/],
    [plain, 126, /plain is not executable/],
  ] as const) {
    const { code, stderr } = await inside(['work', 'run', empty, '--', command]);
    assert.equal(code, exit, stderr);
    assert.match(stderr, why);
  }
  // Without a PATH, the system looks in its own places.
  const found = await rmq(['work', 'run', name, '-n', '2', '--', 'true'], { env: { PATH: undefined } });
  assert.equal(found.code, 0, found.stderr);
});

test('a queue without a dead-letter exchange is refused before anything is taken, and --drop-dead accepts the loss', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const name = await queue();
  await publish(name, ['a']);
  const refused = await inside(['work', 'run', name, '--', 'true']);
  assert.equal(refused.code, 64);
  assert.match(refused.stderr, /send them to --dlx EXCHANGE, use --policy-dlx .* --drop-dead/);
  assert.equal(await depth(name), 1);
  const dropped = await inside(['work', 'run', name, '--drop-dead', '-n', '1', '--json', '--', 'false']);
  assert.equal(dropped.code, 0, dropped.stderr);
  assert.equal(json<Summary>(dropped).dropped, 1);
  assert.match(dropped.stderr, /it is dropped/);
});

test('TERM lets the running handler finish, acknowledges its task, and is exit 0', async (t) => {
  const { name, publish, take } = await workplace(t);
  const directory = await scratchDirectory(t);
  const gate = join(directory, 'gate');
  await publish(name, ['a', 'b']);
  // It waits for the test to open the gate, so that it certainly runs when the signal comes.
  const run = start(['work', 'run', name, '--', 'sh', '-c', `echo started >&2; until [ -e ${gate} ]; do sleep 0.05; done; echo finished >&2`]);
  await run.until('stderr', 'started');
  run.child.kill('SIGTERM');
  await run.until('stderr', 'waiting for 1 handler');
  await program(directory, 'gate', '');
  const result = await run.result;
  assert.equal(result.code, 0, result.stderr);
  assert.match(result.stderr, /finished/);
  assert.deepEqual(
    (await take(name)).map(({ content }) => content.toString()),
    ['b'],
  );
});

test('a handler that outlives the grace is killed with everything it started, and its task goes back', async (t) => {
  const { name, publish, take } = await workplace(t);
  const directory = await scratchDirectory(t);
  const pids = join(directory, 'pids');
  await publish(name, ['a']);
  const stubborn = `trap '' TERM; sleep 1000 & echo $$ >> ${pids}; echo $! >> ${pids}; echo started >&2; wait; wait`;
  const run = start(['work', 'run', name, '--grace', '50ms', '--', 'sh', '-c', stubborn]);
  await run.until('stderr', 'started');
  run.child.kill('SIGTERM');
  const result = await run.result;
  assert.equal(result.code, 143, result.stderr);
  assert.deepEqual(
    (await take(name)).map(({ content }) => content.toString()),
    ['a'],
  );
  for (const pid of await linesOf(pids)) await untilGone(pid);
});

test('a handler has no longer to end by itself after the grace than the grace was', async (t) => {
  const { name, publish, take } = await workplace(t);
  for (const [index, flags] of [[], ['--stream']].entries()) {
    const directory = await scratchDirectory(t);
    await publish(name, ['a']);
    const late = join(directory, 'late');
    const slow = `trap 'sleep 3; touch ${late}; exit 0' TERM; read -r line; echo "started $$." >&2; while :; do sleep 0.05; done`;
    const run = start(['work', 'run', name, '--grace', '100ms', ...flags, '--', 'sh', '-c', slow]);
    await run.until('stderr', '.\n');
    run.child.kill('SIGTERM');
    const { code, stderr } = await run.result;
    assert.equal(code, 143, stderr);
    await untilGone(/started (\d+)/.exec(stderr)?.[1] ?? '');
    assert.deepEqual(await readdir(directory), [], `run ${index}`);
    assert.equal((await take(name)).length, 1);
  }
});

test('a second signal leaves at once and takes the handlers along', async (t) => {
  const { name, publish, depth } = await workplace(t);
  const directory = await scratchDirectory(t);
  const pids = join(directory, 'pids');
  await publish(name, ['a']);
  const run = start(['work', 'run', name, '--', 'sh', '-c', `echo $$ > ${pids}; echo started >&2; exec sleep 1000`]);
  await run.until('stderr', 'started');
  run.child.kill('SIGINT');
  await run.until('stderr', 'waiting');
  run.child.kill('SIGINT');
  const result = await run.result;
  assert.equal(result.code, 130, result.stderr);
  for (const pid of await linesOf(pids)) await untilGone(pid);
  while ((await depth(name)) === 0);
});

test('a signal that comes twice at once is one: so `timeout` sends it', async (t) => {
  const { name, publish, depth } = await workplace(t);
  await publish(name, ['a']);
  const run = start(['work', 'run', name, '--', 'sh', '-c', 'echo started >&2; sleep 1; cat']);
  await run.until('stderr', 'started');
  run.child.kill('SIGTERM');
  run.child.kill('SIGTERM');
  const { code, stdout, stderr } = await run.result;
  assert.equal(code, 0, stderr);
  assert.equal(stdout, 'a');
  assert.equal(await depth(name), 0);
});

test('a terminal is closed once, however often that is said: the handler finishes', async (t) => {
  const { name, publish, depth } = await workplace(t);
  await publish(name, ['a']);
  const run = start(['work', 'run', name, '--', 'sh', '-c', 'echo started >&2; sleep 1; cat']);
  await run.until('stderr', 'started');
  run.child.kill('SIGHUP');
  await run.until('stderr', 'waiting for 1 handler');
  run.child.kill('SIGHUP');
  const { code, stdout, stderr } = await run.result;
  assert.equal(code, 0, stderr);
  assert.equal(stdout, 'a');
  assert.equal(await depth(name), 0);
});

test('a worker whose terminal is gone and that leaves at once leaves no handler behind', async (t) => {
  const { name, publish, depth } = await workplace(t);
  const pids = join(await scratchDirectory(t), 'pids');
  await publish(name, ['a']);
  const handler = await program(join(pids, '..'), 'handler', `#!/bin/sh\necho $$ >> ${pids}\necho started >&2\nexec sleep 1000\n`);
  const line = `sh -c 'echo "pid $$"; exec ${process.execPath} ${BIN} work run ${name} -- ${handler}'`;
  const terminal = spawn('script', ['-qefc', line, '/dev/null']);
  let shown = '';
  for await (const chunk of terminal.stdout) {
    shown += String(chunk);
    if (shown.includes('started')) terminal.kill('SIGKILL');
  }
  const pid = Number(/pid (\d+)/.exec(shown)?.[1]);
  process.kill(pid, 'SIGTERM');
  await untilGone(pid);
  for (const left of await linesOf(pids)) await untilGone(left);
  while ((await depth(name)) < 1);
});

test('a handler that takes too long is killed with its children, and its task counts as failed', async (t) => {
  const { name, publish, dead, take } = await workplace(t);
  const directory = await scratchDirectory(t);
  const pids = join(directory, 'pids');
  await publish(name, ['a']);
  const result = await rmq([
    'work',
    'run',
    name,
    '--handler-timeout',
    '1s',
    '-n',
    '1',
    '--',
    'sh',
    '-c',
    `sleep 1000 & echo $! > ${pids}; echo begun >&2; wait`,
  ]);
  assert.equal(result.code, 0, result.stderr);
  const [letter] = await take(dead);
  assert.match(letter?.properties.headers?.['x-rmq-reason'], /took longer than 1 s/);
  assert.equal(letter?.properties.headers?.['x-rmq-stderr'], 'begun');
  for (const pid of await linesOf(pids)) await untilGone(pid);
});

test('a program that stays answers line by line', async (t) => {
  const { name, dead, depth } = await workplace(t, [50]);
  const directory = await scratchDirectory(t);
  const worker = await program(
    directory,
    'worker.mjs',
    `import { createInterface } from 'node:readline';
for await (const line of createInterface({ input: process.stdin })) {
  const { id, attempt, body } = JSON.parse(line);
  const verdict = body % 100 === 7 ? 'dead' : body === '11' && attempt === 1 ? 'retry' : 'ack';
  console.log(JSON.stringify({ id, verdict }));
}
`,
  );
  const input = Array.from({ length: 1_000 }, (_, index) => index).join('\n');
  assert.equal((await inside(['work', 'publish', name, '--lines'], { input })).code, 0);
  const result = await rmq(['work', 'run', name, '--stream', '--retries', '1', '--backoff', '50ms', '-n', '1001', '--json', '--', process.execPath, worker]);
  assert.equal(result.code, 0, result.stderr);
  const { acknowledged, retried, dead: died } = json<Summary>(result);
  assert.deepEqual([acknowledged, retried, died], [990, 1, 10]);
  assert.equal(await depth(dead), 10);
  assert.equal(await depth(name), 0);
});

test('the envelope is on descriptor 3, and the headers are in the environment', async (t) => {
  const { name, publish } = await workplace(t);
  await publish(name, ['body'], { messageId: 'm-1', contentType: 'text/plain', headers: { tenant: 'acme', 'x-sum.total': 3 } });
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's own
  const show = 'cat <&3; echo "$RMQ_QUEUE|$RMQ_MESSAGE_ID|$RMQ_CONTENT_TYPE|$RMQ_HEADER_TENANT|$RMQ_HEADER_X_SUM_TOTAL|${RMQ_CORRELATION_ID-unset}"';
  const result = await rmq(['work', 'run', name, '--fd3', '-n', '1', '--', 'sh', '-c', show], { env: { RMQ_CORRELATION_ID: 'from outside' } });
  assert.equal(result.code, 0, result.stderr);
  const [envelope, environment] = result.stdout.split('\n');
  assert.equal(JSON.parse(envelope ?? '').properties.messageId, 'm-1');
  assert.equal(environment, `${name}|m-1|text/plain|acme|3|unset`);
});

test('work goes on over a broker that cuts its connections, with each task done at most once more', async (t) => {
  const { name, publish, depth } = await workplace(t);
  const relay = await proxy(t, brokerUrl());
  const directory = await scratchDirectory(t);
  const log = join(directory, 'log');
  await publish(
    name,
    Array.from({ length: 20 }, (_, index) => `${index}`),
  );
  const run = start([
    'work',
    'run',
    name,
    '--concurrency',
    '4',
    '--idle',
    '2s',
    '--url',
    relay.url,
    '--',
    'sh',
    '-c',
    `echo "$(cat)" >> ${log}; echo done >&2`,
  ]);
  await run.until('stderr', 'done');
  relay.cut();
  const result = await run.result;
  assert.equal(result.code, 0, result.stderr);
  assert.equal(await depth(name), 0);
  const done = await linesOf(log);
  assert.equal(new Set(done).size, 20);
  for (const task of new Set(done)) assert.ok(done.filter((one) => one === task).length <= 2, `${task} in ${done}`);
});

test('--idle ends a worker that has nothing to do, --timeout one that has', async (t) => {
  const { name, publish } = await workplace(t);
  assert.equal((await inside(['work', 'run', name, '--idle', '100ms', '--', 'true'])).code, 0);
  await publish(name, ['a']);
  const late = await inside(['work', 'run', name, '--timeout', '500ms', '--', 'true']);
  assert.equal(late.code, 124, late.stderr);
});

test('a pika producer sends tasks to a worker of ours, and a pika worker takes tasks that we sent', async (t) => {
  const { channel } = await peer(t);
  const name = unique('task_queue');
  t.after(async () => (await peer(t)).channel.deleteQueue(name));
  await pika(`
ch.queue_declare(queue="${name}", durable=True)
for i in range(10):
    ch.basic_publish(exchange="", routing_key="${name}", body=json.dumps({"task_id": i}).encode(), properties=pika.BasicProperties(delivery_mode=2))
`);
  const worked = await rmq(['work', 'run', name, '--drop-dead', '-n', '10', '--', 'sh', '-c', 'cat; echo']);
  assert.equal(worked.code, 0, worked.stderr);
  assert.deepEqual(
    worked.stdout.trim().split('\n'),
    Array.from({ length: 10 }, (_, index) => `{"task_id": ${index}}`),
  );
  assert.equal((await inside(['work', 'publish', name, '--lines'], { input: 'a\nb\nc\n' })).code, 0);
  const taken = await pika(`
ch.queue_declare(queue="${name}", durable=True)
ch.basic_qos(prefetch_count=1)
for method, properties, body in ch.consume("${name}"):
    print(body.decode(), properties.delivery_mode)
    ch.basic_ack(method.delivery_tag)
    if method.delivery_tag == 3:
        break
ch.cancel()
`);
  assert.equal(taken, 'a 2\nb 2\nc 2\n');
  assert.equal((await channel.checkQueue(name)).messageCount, 0);
});

test('many handlers that fail at the same time leave no warning of Node behind', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue();
  await publish(
    name,
    Array.from({ length: 40 }, (_, index) => String(index)),
  );
  const flags = ['--drop-dead', '--retries', '1', '--backoff', '1ms', '--concurrency', '20', '-n', '40'];
  const { code, stderr } = await inside(['work', 'run', name, ...flags, '--', 'false']);
  await inside(['queue', 'delete', name, '-y', '--retries']);
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, /Warning:/);
});
