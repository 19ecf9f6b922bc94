import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { GetMessage } from 'amqplib';
import { type Peer, peer } from '../../support/broker.ts';
import { scratchDirectory } from '../../support/programs.ts';
import { json, rmq } from '../../support/rmq.ts';
import { policyFor } from '../../support/users.ts';

interface Summary {
  readonly moved: number;
  readonly stayed: { readonly full?: number };
}

const bodies = (messages: readonly GetMessage[]): string[] => messages.map(({ content }) => content.toString());

/** A queue with five messages, and one with as many as are given. */
async function full(t: TestContext, args: object, there: readonly string[]): Promise<Peer & { readonly from: string; readonly to: string }> {
  const other = await peer(t);
  const [from, to] = [await other.queue(), await other.queue({ arguments: args })];
  await other.publish(from, ['1', '2', '3', '4', '5']);
  await other.publish(to, there);
  return { ...other, from, to };
}

for (const type of ['classic', 'quorum']) {
  test(`what would push messages out of a full queue stays, a dry run says so, and --force sends it: ${type}`, async (t) => {
    const { from, to, depth, take } = await full(t, { 'x-queue-type': type, 'x-max-length': 4 }, ['a', 'b']);
    const dry = await rmq(['dlx', 'move', from, to, '--dry-run']);
    assert.equal(dry.code, 0, dry.stderr);
    assert.match(dry.stdout, /^ +2 {2}queue .*\n +3 stay: the target queue is full, and would drop its oldest message$/m);
    assert.match(dry.stderr, /has room for at most 4 messages, and drops its oldest one/);
    const moved = await rmq(['dlx', 'move', from, to, '--json']);
    assert.equal(moved.code, 3, moved.stderr);
    assert.match(moved.stderr, /--force sends nevertheless/);
    const { moved: went, stayed } = json<Summary>(moved);
    assert.deepEqual([went, stayed], [2, { full: 3 }]);
    assert.equal(await depth(from), 3);
    assert.equal((await rmq(['dlx', 'move', from, to])).code, 75);
    const forced = await rmq(['dlx', 'move', from, to, '--force']);
    assert.equal(forced.code, 0, forced.stderr);
    assert.deepEqual(bodies(await take(to)), ['2', '3', '4', '5']);
  });
}

test('a dry run counts what a full queue would refuse, as the run then does', async (t) => {
  const { from, to, depth } = await full(t, { 'x-max-length': 4, 'x-overflow': 'reject-publish' }, ['a', 'b']);
  const dry = await rmq(['dlx', 'move', from, to, '--dry-run']);
  assert.equal(dry.code, 0, dry.stderr);
  assert.match(dry.stdout, /^ +2 {2}queue .*\n +3 stay: refused by the broker \(nack\)$/m);
  assert.match(dry.stderr, /has room for at most 4 messages, and refuses any further one/);
  assert.equal(await depth(from), 5);
  const { moved, stayed } = json<{ moved: number; stayed: object }>(await rmq(['dlx', 'move', from, to, '--json']));
  assert.deepEqual([moved, stayed], [2, { nacked: 3 }]);
});

test('a full queue is known by its bytes, and by its policy', async (t) => {
  const bytes = await full(t, { 'x-max-length-bytes': 3 }, []);
  assert.deepEqual(json<Summary>(await rmq(['dlx', 'move', bytes.from, bytes.to, '--json'])).stayed, { full: 2 });
  assert.deepEqual(bodies(await bytes.take(bytes.to)), ['1', '2', '3']);
  const { from, to, take } = await full(t, {}, ['a', 'b']);
  await policyFor(t, to, { 'max-length': 3 });
  const moved = await rmq(['dlx', 'move', from, to, '--json']);
  assert.deepEqual(json<Summary>(moved).stayed, { full: 4 }, moved.stderr);
  assert.deepEqual(bodies(await take(to)), ['a', 'b', '1']);
});

test('a replay is kept from what is full behind an exchange', async (t) => {
  const { channel, exchange, queue, publish, take } = await peer(t);
  const events = await exchange('topic');
  const dead = await queue();
  const small = await queue({ arguments: { 'x-max-length': 1 } });
  await channel.bindQueue(small, events, 'order.#');
  await publish(dead, ['1', '2']);
  const replayed = await rmq(['dlx', 'replay', dead, '--to-exchange', events, '-r', 'order.one', '--json']);
  assert.equal(replayed.code, 3, replayed.stderr);
  assert.deepEqual(json<Summary>(replayed).stayed, { full: 1 });
  assert.deepEqual(bodies(await take(small)), ['1']);
  assert.deepEqual(bodies(await take(dead)), ['2']);
});

test('a full queue that dead-letters what it pushes out loses nothing: that is told', async (t) => {
  const { queue, publish, take } = await peer(t);
  const dead = await queue();
  const to = await queue({ arguments: { 'x-max-length': 1, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead } });
  const from = await queue();
  await publish(from, ['1', '2']);
  const moved = await rmq(['dlx', 'move', from, to]);
  assert.equal(moved.code, 0, moved.stderr);
  assert.match(moved.stderr, /has room for at most 1 message, and dead-letters its oldest one/);
  assert.deepEqual([bodies(await take(dead)), bodies(await take(to))], [['1'], ['2']]);
});

test('a queue that is emptied meanwhile takes more than fits into it at once', async (t) => {
  const { channel, from, to } = await full(t, { 'x-max-length': 1 }, []);
  const came: string[] = [];
  await channel.consume(to, (message) => came.push(String(message?.content)), { noAck: true });
  const moved = await rmq(['dlx', 'move', from, to]);
  assert.equal(moved.code, 0, moved.stderr);
  assert.deepEqual(came, ['1', '2', '3', '4', '5']);
});

test('an import sends what fits, and the next one the others', async (t) => {
  const { from, to, take } = await full(t, { 'x-max-length': 3 }, []);
  const directory = join(await scratchDirectory(t), 'bundle');
  assert.equal((await rmq(['dlx', 'export', from, '-d', directory])).code, 0);
  const imported = await rmq(['dlx', 'import', directory, '-q', to]);
  assert.equal(imported.code, 75, imported.stderr);
  assert.match(imported.stderr, /2 lines could not be sent; the first one: messages-00001.ndjson, line 4: the target queue is full/);
  assert.deepEqual(bodies(await take(to)), ['1', '2', '3']);
  const next = await rmq(['dlx', 'import', directory, '-q', to]);
  assert.equal(next.code, 0, next.stderr);
  assert.deepEqual(bodies(await take(to)), ['4', '5']);
});

test('a full queue whose dead letters go nowhere loses them, as one without a dead-letter exchange', async (t) => {
  const { queue, exchange, publish, take } = await peer(t);
  const unbound = await exchange('fanout');
  for (const args of [
    { 'x-dead-letter-exchange': unbound },
    { 'x-dead-letter-exchange': `${unbound}.missing` },
    { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': `${unbound}.missing` },
  ]) {
    const to = await queue({ arguments: { 'x-max-length': 1, ...args } });
    const from = await queue();
    await publish(from, ['1', '2']);
    const moved = await rmq(['dlx', 'move', from, to, '--json']);
    assert.equal(moved.code, 3, moved.stderr);
    assert.deepEqual(json<Summary>(moved).stayed, { full: 1 });
    assert.deepEqual([bodies(await take(from)), bodies(await take(to))], [['2'], ['1']]);
  }
});
