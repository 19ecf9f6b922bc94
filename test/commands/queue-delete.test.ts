import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Peer, peer } from '../support/broker.ts';
import { inside } from '../support/inside.ts';
import { queueExists, queueName } from '../support/names.ts';
import { json, rmq } from '../support/rmq.ts';

const BIN = fileURLToPath(new URL('../../bin/rmq.js', import.meta.url));
/** Nothing listens there: what is found without the management API. */
const NO_DESK = { env: { RABBITMQ_MANAGEMENT_URL: 'http://127.0.0.1:1' } };

/** A work queue with messages that wait for their second attempt, in one retry queue for each pause. */
async function failedOnce(t: TestContext, { queue, publish }: Peer, pauses: readonly string[]): Promise<{ work: string; waiting: string[] }> {
  const work = await queue();
  const waiting: string[] = [];
  for (const pause of pauses) {
    await publish(work, ['a']);
    const run = await inside(['work', 'run', work, '-n', '1', '--drop-dead', '--retries', '1', '--backoff', `${pause}..${pause}`, '--', 'false']);
    assert.equal(run.code, 0, run.stderr);
    waiting.push(queueName(t, `${work}.retry.${Number.parseInt(pause, 10) * 1_000}`));
  }
  return { work, waiting };
}

test('queue delete does not lose what waits for a retry', async (t) => {
  const on = await peer(t);
  const { work, waiting } = await failedOnce(t, on, ['45s', '50s']);
  for (const condition of [['--if-empty'], ['--if-empty', '--retries']]) {
    const refused = await rmq(['queue', 'delete', work, ...condition, '-y']);
    assert.equal(refused.code, 76, refused.stderr);
    assert.match(refused.stderr, /2 messages wait in ".*retry\.45000", ".*retry\.50000" to come to it, and would be lost/);
    assert.match(refused.stderr, /--retries/);
  }
  assert.equal(await queueExists(work), true);
  const deleted = await rmq(['queue', 'delete', work, '--retries', '--json', '-y']);
  assert.equal(deleted.code, 0, deleted.stderr);
  assert.deepEqual(json(deleted), { queue: work, messages: 2, retryQueues: waiting });
  for (const name of [work, ...waiting]) assert.equal(await queueExists(name), false, name);
});

test('queue delete --if-exists is exit 0 without the queue, and says so', async (t) => {
  const { queue } = await peer(t);
  const name = await queue();
  assert.equal((await rmq(['queue', 'delete', name, '--if-exists', '-y'])).code, 0);
  assert.equal(await queueExists(name), false);
  assert.equal((await rmq(['queue', 'delete', name, '-y'])).code, 66);
  const gone = await rmq(['queue', 'delete', name, '--if-exists', '-y']);
  assert.equal(gone.code, 0, gone.stderr);
  assert.match(gone.stdout, /there is no queue ".*": nothing was deleted/);
  assert.deepEqual(json(await rmq(['queue', 'delete', name, '--if-exists', '-y', '--json'])), { queue: name, messages: 0, missing: true });
});

test('with --yes the queue goes alone, and what stays is named', async (t) => {
  const on = await peer(t);
  const { work, waiting } = await failedOnce(t, on, ['45s']);
  const deleted = await inside(['queue', 'delete', work, '-y', '--json']);
  assert.equal(deleted.code, 0, deleted.stderr);
  assert.match(
    deleted.stderr,
    /1 message waits to come to ".*", and may be lost unless it is declared again before their pause ends\n.*still there: ".*retry\.45000"/,
  );
  assert.equal(json<{ waiting?: number }>(deleted).waiting, 1);
  assert.deepEqual(await Promise.all([work, ...waiting].map(queueExists)), [false, true]);
});

test('queue delete knows what waits for the end of a delay, and what a queue keeps because its target is gone', async (t) => {
  const { queue } = await peer(t);
  const target = await queue();
  const delayed = queueName(t, `${target}.delay.1000`);
  assert.equal((await inside(['publish', '-q', target, '--delay', '1s', 'a'])).code, 0);
  const deleted = await inside(['queue', 'delete', target, '-y', '--json']);
  assert.deepEqual(json(deleted), { queue: target, messages: 0, waiting: 1 }, deleted.stderr);
  let status: { messages?: number; untaken?: number; unacked?: number | null };
  do status = json(await inside(['queue', 'status', delayed, '--json']));
  while (status.untaken === undefined || status.unacked === null);
  assert.deepEqual([status.messages, status.untaken], [0, 1]);
  assert.match((await inside(['queue', 'status', delayed])).stdout, /0 messages ready, 0 unacknowledged, 1 untaken dead letter, 0 consumers/);
  assert.match(await onTerminal(delayed, 'no'), /This deletes ".*" and 1 message for good[\s\S]*was not deleted/);
  assert.match((await inside(['queue', 'delete', delayed, '-y'])).stdout, /is deleted, and with it 1 untaken dead letter/);
});

test('without the management API the retry queues of the default backoff are found', async (t) => {
  const on = await peer(t);
  const { work, waiting } = await failedOnce(t, on, ['32s']);
  const refused = await inside(['queue', 'delete', work, '--if-empty', '-y'], NO_DESK);
  assert.equal(refused.code, 76, refused.stderr);
  const deleted = await inside(['queue', 'delete', work, '--retries', '-y'], NO_DESK);
  assert.equal(deleted.code, 0, deleted.stderr);
  assert.match(deleted.stderr, /only retry queues of the default --backoff are found/);
  assert.deepEqual(await Promise.all([work, ...waiting].map(queueExists)), [false, false]);
});

test('queue delete --if-empty --retries leaves a quorum queue before it, for which RabbitMQ has no such condition', async (t) => {
  const { queue } = await peer(t);
  const target = await queue();
  const delayed = queueName(t, `${target}.delay.45000`);
  assert.equal((await inside(['publish', '-q', target, '--delay', '45s', 'a'])).code, 0);
  assert.equal((await inside(['queue', 'purge', delayed, '-y'])).code, 0);
  const deleted = await inside(['queue', 'delete', target, '--if-empty', '--retries', '-y']);
  assert.equal(deleted.code, 0, deleted.stderr);
  assert.match(deleted.stderr, /its waiting queues are still there: ".*\.delay\.45000"; rmq queue delete removes each/);
  assert.deepEqual(await Promise.all([target, delayed].map(queueExists)), [false, true]);
});

test('a queue that only has the name of a retry queue is left alone', async (t) => {
  const { queue, publish, channel, depth } = await peer(t);
  const work = await queue();
  const other = queueName(t, `${work}.retry.1000`);
  await channel.assertQueue(other, { arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'elsewhere' } });
  await publish(other, ['a']);
  assert.equal((await inside(['queue', 'delete', work, '--retries', '-y'])).code, 0);
  assert.equal(await depth(other), 1);
});

test('queue delete asks on a terminal before messages are lost, and in a script it needs --yes', async (t) => {
  const { queue, publish } = await peer(t);
  const [asked, unasked, empty] = [await queue(), await queue(), await queue()];
  for (const name of [asked, unasked]) await publish(name, ['a', 'b']);
  assert.match(await onTerminal(asked, 'yes'), /This deletes ".*" and 2 messages for good[\s\S]*was not deleted[\s\S]*code 1/);
  assert.equal(await queueExists(asked), true);
  assert.match(await onTerminal(asked, asked), /is deleted, and with it 2 messages[\s\S]*code 0/);
  assert.match(await onTerminal(empty, 'nobody asks'), /is deleted[\s\S]*code 0/);
  const refused = await inside(['queue', 'delete', unasked]);
  assert.equal(refused.code, 64, refused.stderr);
  assert.match(refused.stderr, /--yes/);
  assert.equal(await queueExists(unasked), true);
  const script = await inside(['queue', 'delete', unasked, '-y']);
  assert.equal(script.code, 0, script.stderr);
  for (const name of [asked, unasked, empty]) assert.equal(await queueExists(name), false);
});

for (const where of ['with', 'without'] as const) {
  test(`queue delete --if-empty, ${where} the management API, deletes nothing that a consumer has not acknowledged`, async (t) => {
    const { queue, publish, channel, depth } = await peer(t);
    const name = await queue();
    await publish(name, ['a', 'b']);
    let delivered = 0;
    const both = new Promise<void>((resolve) => {
      void channel.consume(name, () => ++delivered === 2 && resolve(), { consumerTag: 'holder' });
    });
    await both;
    const options = where === 'with' ? {} : NO_DESK;
    const refused = await inside(['queue', 'delete', name, '--if-empty', '-y'], options);
    assert.equal(refused.code, 76, refused.stderr);
    assert.match(
      refused.stderr,
      where === 'with' ? /was not deleted: 2 messages in it are not acknowledged yet/ : /was not deleted: it has 1 consumer, which may/,
    );
    assert.equal(await queueExists(name), true);
    if (where === 'with') {
      // What is known is not forced.
      assert.equal((await inside(['queue', 'delete', name, '--if-empty', '--force', '-y'])).code, 76);
      // Held by nobody who consumes.
      await channel.cancel('holder');
      const still = await inside(['queue', 'delete', name, '--if-empty', '-y']);
      assert.equal(still.code, 76, still.stderr);
    }
    await channel.cancel('holder');
    channel.nackAll(true);
    while ((await depth(name)) < 2);
    assert.equal((await inside(['queue', 'delete', name, '--if-empty', '-y'], options)).code, 76);
    await channel.purgeQueue(name);
    const deleted = await inside(['queue', 'delete', name, '--if-empty', '-y'], options);
    assert.equal(deleted.code, 0, deleted.stderr);
    const note = /unacknowledged messages are not counted/;
    if (where === 'with') assert.doesNotMatch(deleted.stderr, note);
    else assert.match(deleted.stderr, note);
    await assert.rejects(depth(name));
  });
}

test('queue delete --if-empty deletes a queue whose idle consumers nobody can see through only with --force', async (t) => {
  const { queue, channel } = await peer(t);
  const name = await queue();
  await channel.consume(name, () => undefined);
  assert.equal((await inside(['queue', 'delete', name, '--force', '-y'])).code, 64);
  assert.equal((await inside(['queue', 'delete', name, '--if-empty', '-y'], NO_DESK)).code, 76);
  assert.equal((await inside(['queue', 'delete', name, '--if-empty', '--force', '-y'], NO_DESK)).code, 0);
  assert.equal(await queueExists(name), false);
});

for (const type of ['quorum', 'stream']) {
  test(`queue delete with a condition leaves a ${type} queue, which RabbitMQ would delete whatever it holds, or not at all`, async (t) => {
    const { queue, publish, channel } = await peer(t);
    const name = await queue({ arguments: { 'x-queue-type': type } });
    await publish(name, ['a']);
    await channel.prefetch(1);
    await channel.consume(name, () => undefined);
    for (const flag of ['--if-empty', '--if-unused']) {
      const refused = await inside(['queue', 'delete', name, flag, '-y']);
      assert.equal(refused.code, 76, refused.stderr);
      assert.match(refused.stderr, new RegExp(`was not deleted: RabbitMQ has no ${flag} for a ${type}`));
      assert.doesNotMatch(refused.stderr, /warning/);
    }
    assert.equal(await queueExists(name), true);
  });
}

test('queue delete tells what was unacknowledged, and asks on a terminal when that is all that goes', async (t) => {
  const { queue, publish, channel } = await peer(t);
  const [asked, told] = [await queue(), await queue()];
  for (const name of [asked, told]) {
    await publish(name, ['a', 'b']);
    for (const _ of ['a', 'b']) await channel.get(name);
  }
  assert.match(await onTerminal(asked, 'no'), /This deletes ".*" and 2 messages for good[\s\S]*was not deleted[\s\S]*code 1/);
  const deleted = await inside(['queue', 'delete', told, '--json', '-y']);
  assert.deepEqual(json(deleted), { queue: told, messages: 0, unacked: 2 });
});

async function onTerminal(queue: string, answer: string): Promise<string> {
  const command = `"${process.execPath}" "${BIN}" queue delete ${queue}; echo "code $?"`;
  const child = spawn('script', ['-qec', command, '/dev/null'], { env: { ...process.env, TERM: 'dumb' } });
  let shown = '';
  child.stdout.on('data', (chunk: Buffer) => {
    const asked = shown.includes('to continue:');
    shown += chunk.toString();
    if (!asked && shown.includes('to continue:')) child.stdin.write(`${answer}\n`);
  });
  await once(child, 'close');
  return shown;
}
