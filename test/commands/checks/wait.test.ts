import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brokerUrl, peer, unique } from '../../support/broker.ts';
import { deadPort, proxy } from '../../support/faults.ts';
import { inside } from '../../support/inside.ts';
import { json, rmq, start } from '../../support/rmq.ts';

interface Waited {
  readonly queues: { readonly queue: string; readonly messages: number; readonly consumers: number }[];
  readonly exchanges: string[];
  readonly seconds: number;
}

test('wait ends at once when everything holds, and says what is there', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue();
  await publish(name, ['a', 'b']);
  const args = ['wait', '--queue', name, '--messages', '2', '--exchange', 'amq.topic'];
  const { queues, exchanges } = json<Waited>(await rmq([...args, '--json']));
  assert.deepEqual(queues, [{ queue: name, messages: 2, consumers: 0 }]);
  assert.deepEqual(exchanges, ['amq.topic']);
  const { code, stdout, stderr } = await rmq(args);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, `queue "${name}" has 2 messages and 0 consumers; exchange "amq.topic" is there\n`);
});

test('wait waits for a queue, its messages and its consumers, which all have to hold at the same time', async (t) => {
  const { channel, publish } = await peer(t);
  const name = unique('later');
  const run = start(['wait', '--queue', name, '--messages', '1', '--consumers', '1', '--timeout', '50s', '-v']);
  await run.until('stderr', `queue "${name}" does not exist`);
  await channel.assertQueue(name);
  await run.until('stderr', `queue "${name}" has 0 consumers of 1 and 0 messages of 1`);
  // It holds what was delivered, so that the next one stays ready.
  await channel.prefetch(1);
  await channel.consume(name, () => undefined);
  await run.until('stderr', `queue "${name}" has 0 messages of 1`);
  await publish(name, ['held', 'ready']);
  const { code, stdout, stderr } = await run.result;
  assert.equal(code, 0, stderr);
  assert.match(stdout, /has 1 message and 1 consumer\n$/);
  await channel.deleteQueue(name);
});

test('wait --empty ends once nothing is ready', async (t) => {
  const { queue, publish, channel } = await peer(t);
  for (const type of ['classic', 'quorum']) {
    const name = await queue({ arguments: { 'x-queue-type': type } });
    await publish(name, ['a']);
    const run = start(['wait', '--queue', name, '--empty', '--timeout', '50s', '-v']);
    await run.until('stderr', `queue "${name}" has 1 message`);
    await channel.purgeQueue(name);
    const { code, stderr } = await run.result;
    assert.equal(code, 0, stderr);
  }
});

test('wait takes a deadline, 124, and names what is missing', async (t) => {
  const { queue } = await peer(t);
  const name = await queue();
  const none = unique('none');
  const { code, stderr, stdout } = await inside(['wait', '--queue', name, '--queue', none, '--exchange', none, '--consumers', '2', '--timeout', '3s']);
  assert.equal(code, 124, stderr);
  assert.equal(stdout, '');
  assert.match(
    stderr,
    new RegExp(`not ready after 3 s: queue "${name}" has 0 consumers of 2; queue "${none}" does not exist; exchange "${none}" does not exist`),
  );
  const dead = await inside(['wait', '--url', `amqp://127.0.0.1:${await deadPort()}`, '--timeout', '3s']);
  assert.equal(dead.code, 124, dead.stderr);
  assert.match(dead.stderr, /nothing is listening there/);
});

test('a wrong password ends wait at once with 77, and conditions without a queue are refused', async () => {
  const { code, stderr } = await inside(['wait', '--url', brokerUrl().replace('guest:guest', 'guest:wrong'), '--timeout', '50s']);
  assert.equal(code, 77, stderr);
  for (const args of [['--consumers', '1'], ['--messages', '1'], ['--empty'], ['--queue', 'q', '--empty', '--messages', '1']]) {
    const refused = await inside(['wait', ...args]);
    assert.equal(refused.code, 64, refused.stderr);
  }
});

test('wait goes on over a connection that is cut', async (t) => {
  const { channel } = await peer(t);
  const name = unique('later');
  const faulty = await proxy(t, brokerUrl());
  const run = start(['wait', '--queue', name, '--timeout', '50s', '--url', faulty.url, '-v']);
  await run.until('stderr', 'does not exist');
  faulty.cut();
  await run.until('stderr', 'lost the control connection');
  await channel.assertQueue(name);
  const { code, stderr } = await run.result;
  assert.equal(code, 0, stderr);
  await channel.deleteQueue(name);
});

test('wait says on a terminal what it waits for', async () => {
  const none = unique('none');
  const { stdout, code } = await rmq(['wait', '--queue', none, '--timeout', '3s'], { terminal: true });
  assert.equal(code, 124);
  assert.match(stdout, new RegExp(`waiting: queue "${none}" does not exist`));
});
