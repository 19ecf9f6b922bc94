import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Channel } from 'amqplib';
import { type Peer, peer } from '../support/broker.ts';
import { scratchDirectory } from '../support/programs.ts';
import { json, rmq } from '../support/rmq.ts';

/** Gives every message of a queue back once, and resolves when it has them again. */
async function giveBack(channel: Channel, queue: string): Promise<void> {
  const tags: unknown[] = [];
  const { messageCount } = await channel.checkQueue(queue);
  while (tags.length < messageCount) {
    const message = await channel.get(queue);
    if (message !== false) tags.push(message);
  }
  channel.nackAll(true);
  while ((await channel.checkQueue(queue)).messageCount < messageCount);
}

/** A quorum queue with so many messages at its delivery limit, and what it dead-letters. */
async function worn(t: TestContext, bodies: readonly string[]): Promise<Peer & { readonly name: string; readonly behind: string }> {
  const own = await peer(t);
  const behind = await own.queue({}, 'behind');
  const name = await own.queue({ deadLetterExchange: '', deadLetterRoutingKey: behind, arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 1 } });
  await own.publish(name, bodies);
  await giveBack(own.channel, name);
  await own.publish(name, ['fresh']);
  return { ...own, name, behind };
}

const LOST = /2 messages of ".*" were at the delivery limit: given back once more, the queue has dead-lettered them, or dropped them if/;

test('looking by force at messages at their delivery limit says how many it has cost', async (t) => {
  const { name, behind, depth } = await worn(t, ['a', 'b']);
  const looked = await rmq(['dlx', 'inspect', name, '--force']);
  assert.equal(looked.code, 0, looked.stderr);
  assert.match(looked.stderr, LOST);
  assert.doesNotMatch(looked.stderr, /nothing was changed/);
  while ((await depth(behind)) < 2);
  assert.equal(await depth(name), 1);
});

test('an export by force says what it has cost, for people and for programs', async (t) => {
  const { name, behind, depth } = await worn(t, ['a', 'b']);
  const exported = await rmq(['dlx', 'export', name, '-d', join(await scratchDirectory(t), 'bundle'), '--force', '-o', 'json']);
  const { exported: all, spent } = json<{ exported: number; spent: number }>(exported);
  assert.deepEqual([all, spent], [3, 2]);
  assert.match(exported.stderr, LOST);
  assert.doesNotMatch(exported.stderr, /as it was/);
  while ((await depth(behind)) < 2);
});

test('a purge by force counts only what it has given back, not what it has removed', async (t) => {
  const { name, behind, depth } = await worn(t, ['a', 'b', 'c']);
  const purged = await rmq(['dlx', 'purge', name, '--where', 'body == "b"', '--force', '--yes', '-o', 'json']);
  assert.deepEqual(json(purged), { purged: 1, spent: 2 });
  assert.match(purged.stderr, LOST);
  while ((await depth(behind)) < 2);
  assert.equal(await depth(name), 1);
});

test('a look that is refused says that it counts as well', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue({ arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 1 } });
  await publish(name, ['a']);
  const first = await rmq(['dlx', 'inspect', name]);
  assert.equal(first.code, 76);
  assert.match(first.stderr, /a message has had 1 with this look, which counts although it was refused: given back once more, it is dead-lettered/);
  const second = await rmq(['dlx', 'inspect', name]);
  assert.equal(second.code, 76);
  assert.match(second.stderr, /this look was one too many for a message: the queue has dead-lettered it, or dropped it/);
});
