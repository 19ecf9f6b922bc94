import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { connect } from 'amqplib';
import { brokerUrl, peer, unique } from '../support/broker.ts';
import { inside } from '../support/inside.ts';
import { type Result, rmq } from '../support/rmq.ts';

/** Deletes what a delay has declared. */
function delayOf(t: TestContext, target: string, pause: number): string {
  const name = `${target}.delay.${pause}`;
  t.after(async () => {
    const model = await connect(brokerUrl());
    const channel = await model.createChannel();
    await channel.deleteQueue(name);
    await channel.deleteExchange(name);
    await model.close();
  });
  return name;
}

const published = ({ code, stderr }: Result): void => assert.equal(code, 0, stderr);

test('--delay keeps a message in a durable queue of its own, and it arrives when its time is over', async (t) => {
  const { queue, depth } = await peer(t);
  const name = await queue();
  const waiting = delayOf(t, name, 2_000);
  published(await rmq(['publish', '-q', name, '--delay', '2s', '-H', 'a=b', '--message-id', 'm', 'later']));
  assert.deepEqual([await depth(name), await depth(waiting)], [0, 1]);
  const { stdout } = await rmq(['consume', name, '-n', '1', '--timeout', '30s', '-o', 'json']);
  const { body, properties } = JSON.parse(stdout) as { body: string; properties: { messageId: string; headers: { a: string }; expiration?: string } };
  assert.deepEqual([body, properties.messageId, properties.headers.a, properties.expiration], ['later', 'm', 'b', undefined]);
  assert.equal(await depth(waiting), 0);
});

test('through an exchange each message keeps its key', async (t) => {
  const { channel, queue, exchange } = await peer(t);
  const [europe, asia, events] = [await queue(), await queue(), await exchange('topic')];
  await channel.bindQueue(europe, events, 'europe.#');
  await channel.bindQueue(asia, events, 'asia.#');
  delayOf(t, events, 300);
  published(await inside(['publish', '-e', events, '-r', 'europe.{{n}}', '--template', '-n', '2', '--delay', '300ms', '{{n}}']));
  published(await inside(['topic', 'publish', events, 'asia.1', '--delay', '300ms', '3']));
  const keys = async (name: string): Promise<string[]> => {
    const { stdout } = await inside(['consume', name, '-n', name === asia ? '1' : '2', '--timeout', '30s', '-o', 'json']);
    return stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { routingKey: string }).routingKey);
  };
  assert.deepEqual([await keys(europe), await keys(asia)], [['europe.1', 'europe.2'], ['asia.1']]);
});

test('every publishing command has it', async (t) => {
  const { channel, queue, exchange, depth } = await peer(t);
  const [tasks, events, service] = [await queue(), await exchange('fanout'), await queue()];
  await channel.bindQueue(service, events, '');
  const [first, second] = [delayOf(t, tasks, 3_600_000), delayOf(t, events, 3_600_000)];
  published(await inside(['work', 'publish', tasks, '--delay', '1h', 'task']));
  published(await inside(['fanout', 'publish', events, '--delay', '1h', 'event']));
  assert.deepEqual([await depth(first), await depth(second), await depth(tasks), await depth(service)], [1, 1, 0, 0]);
});

test('a destination that is not there is told at once, and nothing is declared', async (t) => {
  const { channel } = await peer(t);
  const name = unique('none');
  const queue = await inside(['publish', '-q', name, '--delay', '1s', 'x']);
  assert.deepEqual([queue.code, queue.stderr.includes(`there is no queue "${name}"`)], [67, true]);
  const exchange = await inside(['publish', '-e', name, '-r', 'k', '--delay', '1s', 'x']);
  assert.deepEqual([exchange.code, exchange.stderr.includes(`there is no exchange "${name}"`)], [66, true]);
  await assert.rejects(channel.checkQueue(`${name}.delay.1000`), /NOT_FOUND/);
});

test('what would not come out right is refused before anything is sent', async () => {
  for (const [flags, what] of [
    [['-q', 'q', '--delay', '1s', '--ttl', '5s', 'x'], /--delay and --ttl exclude each other/],
    [['-r', '{{n}}', '--template', '--delay', '1s', 'x'], /--delay needs one destination/],
    [['--envelopes', '--delay', '1s'], /--delay needs one destination/],
    [['-q', 'q', '--delay', '0s', 'x'], /--delay must be at least/],
    [['-q', 'q'.repeat(250), '--delay', '1s', 'x'], /too long for --delay/],
  ] as const) {
    const { code, stderr } = await inside(['publish', ...flags], { input: '{"exchange":"","routingKey":"q","body":"x"}\n' });
    assert.equal(code, 64, stderr);
    assert.match(stderr, what);
  }
});

test('a dead letter that was published with a delay goes back to its queue or exchange, not into the delay again', async (t) => {
  const { channel, queue, exchange, depth } = await peer(t);
  const [events, dlx, dead] = [await exchange('topic'), await exchange('fanout'), await queue()];
  await channel.bindQueue(dead, dlx, '');
  const work = await queue({ arguments: { 'x-dead-letter-exchange': dlx } });
  await channel.bindQueue(work, events, '#');
  const waiting = [delayOf(t, work, 200), delayOf(t, events, 200)];
  published(await inside(['publish', '-q', work, '--delay', '200ms', 'one']));
  published(await inside(['publish', '-e', events, '-r', 'key', '--delay', '200ms', 'two']));
  for (let rejected = 0; rejected < 2; ) {
    const message = await channel.get(work);
    if (message === false) continue;
    channel.nack(message, false, false);
    rejected++;
  }
  while ((await depth(dead)) < 2);
  // A dead letter does not need them any more.
  for (const name of waiting) await channel.deleteQueue(name);
  published(await inside(['dlx', 'replay', dead, '-y']));
  assert.deepEqual([await depth(work), await depth(dead)], [2, 0]);
});
