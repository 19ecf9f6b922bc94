import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import type { Broker } from '../../src/broker/broker.ts';
import { brokerUrl, isSince, peer, unique } from '../support/broker.ts';
import { bootBroker } from '../support/own-broker.ts';
import { linesOf, program, scratchDirectory } from '../support/programs.ts';
import { json, rmq } from '../support/rmq.ts';

/** Milliseconds that the queue lets a message stay unacknowledged. */
const TIMEOUT = 2_000;

let booted: Promise<Broker> | undefined;
after(async () => (await booted)?.stop());

/** A broker whose queue has that timeout: from 4.3 on queues have their own, before that all of them share the broker's, which it checks in each tick of a channel. */
async function impatient(t: TestContext): Promise<{ readonly url: string; readonly args: Record<string, unknown>; readonly isOfQueue: boolean }> {
  const { channel } = await peer(t);
  if (isSince(channel, '4.3')) return { url: brokerUrl(), args: { 'x-consumer-timeout': TIMEOUT }, isOfQueue: true };
  booted ??= bootBroker({ env: { RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: `-rabbit consumer_timeout ${TIMEOUT} -rabbit channel_tick_interval 1000` } });
  return { url: (await booted).url, args: {}, isOfQueue: false };
}

/** A quorum queue with that timeout that sends its dead letters to a queue of their own, both gone after the test. */
async function impatientQueue(t: TestContext) {
  const { url, args, isOfQueue } = await impatient(t);
  const { channel, publish, take } = await peer(t, url);
  const [name, dead] = [unique('slow'), unique('dead')];
  t.after(async () => {
    // A broker of the test's own goes with what is in it.
    if (!isOfQueue) return;
    const cleaner = (await peer(t, url)).channel;
    for (const queue of [name, dead, `${name}.retry.50`]) await cleaner.deleteQueue(queue);
  });
  await channel.assertQueue(dead);
  const wanted = { 'x-queue-type': 'quorum', 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead, ...args };
  await channel.assertQueue(name, { durable: true, arguments: wanted });
  const letters = async () => (await take(dead)).map(({ content, properties }) => [String(content), properties.headers?.['x-rmq-attempt']]);
  return { name, env: { RABBITMQ_URL: url }, isOfQueue, publish, letters };
}

// One timeout a run: RabbitMQ 4.3.6 lets some 6 in 100 consumers that subscribe anew after a timeout take as long as they like.

test('a handler that takes longer than the broker allows has used an attempt: it is told so, ended, and the message is tried again', async (t) => {
  const { name, env, publish, letters } = await impatientQueue(t);
  await publish(name, ['slow', 'quick']);
  const directory = await scratchDirectory(t);
  const log = join(directory, 'log');
  const lines = ['read -r body', `echo "$body $RMQ_ATTEMPT" >> ${log}`, '[ "$body" = quick ] && exit 0', '[ "$RMQ_ATTEMPT" = 1 ] && exec sleep 45', 'exit 1'];
  const handler = await program(directory, 'handle.sh', ['#!/bin/sh', ...lines, ''].join('\n'));
  const { stdout, stderr } = await rmq(['work', 'run', name, '--retries', '1', '--backoff', '50ms', '-n', '3', '--json', '--', handler], { env });
  assert.deepEqual([...new Set(await linesOf(log))].sort(), ['quick 1', 'slow 1', 'slow 2'], stderr);
  assert.match(stderr, /the broker took back messages that this consumer of ".*" held unacknowledged for too long/);
  assert.match(stderr, /failed \(attempt 1\): its handler took longer than the broker lets a message stay unacknowledged/);
  assert.match(stderr, /failed for good \(attempt 2\)/);
  assert.doesNotMatch(stderr, /was deleted|went away/);
  assert.deepEqual(await letters(), [['slow', 2]], stdout);
});

test('a handler that takes longer than the broker allows on its last attempt leaves a dead letter', async (t) => {
  const { name, env, isOfQueue, publish, letters } = await impatientQueue(t);
  await publish(name, ['slow']);
  const directory = await scratchDirectory(t);
  const { stdout, stderr } = await rmq(['work', 'run', name, '--retries', '0', '-n', '1', '--json', '--', 'sleep', '45'], { env });
  assert.match(stderr, /failed for good \(attempt 1\): its handler took longer/);
  assert.deepEqual(await letters(), [['slow', 1]], stdout);
  if (!isOfQueue) return;
  // A worker that says how long its handlers may take is waited for.
  await publish(name, ['late']);
  const patient = await program(directory, 'late.sh', `#!/bin/sh\nsleep ${(TIMEOUT * 2) / 1_000}\n`);
  const late = await rmq(['work', 'run', name, '--handler-timeout', '30s', '-n', '1', '--json', '--', patient], { env });
  assert.equal(late.code, 0, late.stderr);
  assert.equal(json<{ acknowledged: number }>(late).acknowledged, 1);
  assert.doesNotMatch(late.stderr, /too long/);
});
