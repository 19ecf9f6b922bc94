import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { GetMessage } from 'amqplib';
import { type Peer, peer } from '../../support/broker.ts';
import { deadPort } from '../../support/faults.ts';
import { inside } from '../../support/inside.ts';
import { scratchDirectory } from '../../support/programs.ts';
import { json, jsonLines, rmq } from '../../support/rmq.ts';

/** A queue with an order for each total. */
async function orders(t: TestContext, totals: readonly unknown[]): Promise<Peer & { readonly dead: string }> {
  const other = await peer(t);
  const dead = await other.queue();
  for (const [index, total] of totals.entries()) {
    await other.publish(dead, [JSON.stringify({ total })], { messageId: `m${index}`, headers: { attempt: index, tenant: index % 2 === 0 ? 'acme' : 'other' } });
  }
  return { ...other, dead };
}

const ids = (messages: readonly GetMessage[]): string[] => messages.map(({ properties }) => properties.messageId as string);

test('--where chooses what inspect shows, beside the other filters', async (t) => {
  const { dead, depth } = await orders(t, [100, 99.5, 250.25, 7, 120]);
  const inspect = async (...flags: string[]): Promise<string[]> => {
    const result = await rmq(['dlx', 'inspect', dead, '-o', 'json', ...flags]);
    assert.equal(result.code, 0, result.stderr);
    assert.doesNotMatch(result.stderr, /judge/);
    return jsonLines<{ properties: { messageId: string } }>(result).map(({ properties }) => properties.messageId);
  };
  assert.deepEqual(await inspect('--where', 'json.total > 99.5'), ['m0', 'm2', 'm4']);
  assert.deepEqual(await inspect('--where', 'json.total > 99.5 && headers.attempt < 4'), ['m0', 'm2']);
  assert.deepEqual(await inspect('--where', 'json.total > 99', '-H', 'tenant=other'), ['m1']);
  assert.deepEqual(await inspect('--where', 'id == "m3" || json.?missing.orValue(false)'), ['m3']);
  assert.equal(await depth(dead), 5);
});

test('--where knows what the column WHY shows', async (t) => {
  const { queue, publish } = await peer(t);
  const dead = await queue();
  await publish(dead, ['a'], { headers: { 'x-rmq-reason': 'exit code 3', 'x-rmq-stderr': 'x\nno such city\n' } });
  await publish(dead, ['b']);
  const looked = await rmq(['dlx', 'inspect', dead, '-o', 'json', '--where', 'why == "no such city"']);
  assert.deepEqual(
    jsonLines<{ body: string }>(looked).map(({ body }) => body),
    ['a'],
  );
});

test('--where chooses what is replayed, moved, exported and purged; the rest stays in order', async (t) => {
  const { dead, queue, take } = await orders(t, [1, 20, 3, 40, 5, 60, 7]);
  const [replayed, moved] = [await queue(), await queue()];
  const directory = join(await scratchDirectory(t), 'bundle');
  const replay = await inside(['dlx', 'replay', dead, '--to-queue', replayed, '--where', 'json.total == 20', '--json']);
  assert.equal(json<{ moved: number }>(replay).moved, 1, replay.stderr);
  assert.equal((await inside(['dlx', 'move', dead, moved, '--where', 'json.total > 50'])).code, 0);
  const exported = await inside(['dlx', 'export', dead, '-d', directory, '--where', 'json.total >= 7', '--json']);
  assert.equal(json<{ exported: number }>(exported).exported, 2, exported.stderr);
  assert.match(await readFile(join(directory, 'messages-00001.ndjson'), 'utf8'), /m3.*\n.*m6.*\n$/);
  const purged = await inside(['dlx', 'purge', dead, '--yes', '--where', 'json.total < 4', '--json']);
  assert.equal(json<{ purged: number }>(purged).purged, 2, purged.stderr);
  assert.deepEqual([ids(await take(replayed)), ids(await take(moved)), ids(await take(dead))], [['m1'], ['m5'], ['m3', 'm4', 'm6']]);
});

test('messages that --where cannot judge stay, and are told of', async (t) => {
  const { dead, depth } = await orders(t, ['many', 7, 'few', null]);
  const purge = (expression: string): ReturnType<typeof rmq> => inside(['dlx', 'purge', dead, '--yes', '--where', expression]);
  const some = await purge('json.total > 100');
  assert.equal(some.code, 0);
  assert.match(some.stderr, /warning: --where could not judge 3 messages, which count as not matching: there is no operation "string > int" \(the first\)/);
  const none = await purge('headers.tenant > 3');
  assert.match(none.stderr, /warning: --where could judge none of 4 messages, which count as not matching: there is no operation "string > int" \(the first\)/);
  // A key that only some lack is nothing to tell of; one that all lack is misspelt.
  assert.match(
    (await purge('headers.tenat == "acme"')).stderr,
    /warning: --where could judge none of 4 messages, which count as not matching: No such key: tenat/,
  );
  assert.doesNotMatch((await purge('headers.attempt == 0 ? headers.none == 1 : false')).stderr, /judge/);
  assert.equal(await depth(dead), 4);
});

test('an expression that makes no sense is refused before anything connects', async () => {
  const url = `amqp://127.0.0.1:${await deadPort()}`;
  for (const command of [['inspect'], ['replay'], ['export', '-o', 'json'], ['purge', '--yes'], ['move', 'to']]) {
    const [name = '', ...more] = command;
    const result = await inside(['dlx', name, 'queue', ...more, '--url', url, '--where', 'json.total >']);
    assert.equal(result.code, 64, result.stderr);
    assert.match(result.stderr, /--where: Unexpected token: EOF, at character 13\n +json\.total >\n +\^\n.*for example: /);
  }
  const twice = await inside(['dlx', 'purge', 'queue', '--yes', '--url', url, '--where', 'size > 1', '--where', 'size > 2']);
  assert.equal(twice.code, 64);
  assert.match(twice.stderr, /--where is given twice/);
});
