import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { GetMessage } from 'amqplib';
import { peer } from '../../support/broker.ts';
import { inside } from '../../support/inside.ts';
import { linesOf, scratchDirectory } from '../../support/programs.ts';
import { json, start } from '../../support/rmq.ts';

interface Summary {
  readonly seen: number;
  readonly chosen: number;
  readonly moved: number;
  readonly unknown: number;
  readonly stayed: Readonly<Record<string, number>>;
}

const bodies = (messages: readonly GetMessage[]): string[] => messages.map(({ content }) => content.toString());
const numbers = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index));
const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((all, one) => all + one, 0);

for (const type of ['classic', 'quorum']) {
  test(`a target that is deleted in the middle: what has not arrived stays, in order, and is counted: ${type}`, async (t) => {
    const { channel, publish, queue, take, depth } = await peer(t);
    const dead = await queue({ arguments: { 'x-queue-type': type } }, 'dead');
    const to = await queue();
    const journal = join(await scratchDirectory(t), 'journal');
    await publish(dead, numbers(500));
    const run = start(['dlx', 'replay', dead, '--to-queue', to, '--rate', '200', '--journal', journal, '--json']);
    while ((await depth(to)) < 20) assert.equal(run.child.exitCode, null);
    const { messageCount } = await channel.deleteQueue(to);
    const result = await run.result;
    assert.equal(result.code, 67, result.stderr);
    const { moved, stayed } = json<Summary>(result);
    // A message that was on its way when the queue went was confirmed and is gone with it.
    assert.ok(moved >= messageCount && moved < 500, `${moved} moved, ${messageCount} deleted`);
    const left = bodies(await take(dead));
    assert.deepEqual(left, numbers(500).slice(moved));
    const lines = (await linesOf(journal)).map((line) => JSON.parse(line) as { outcome: string; reason?: string });
    assert.equal(lines.filter(({ outcome }) => outcome === 'moved').length, moved);
    assert.equal(lines.filter(({ outcome }) => outcome === 'stays').length, sum(stayed));
    assert.ok((stayed['unroutable'] ?? 0) > 0, JSON.stringify(stayed));
  });
}

test('an exchange that is deleted in the middle: what is not known to have arrived stays, in order', async (t) => {
  const { channel, publish, queue, exchange, take, depth } = await peer(t);
  const [dead, to, by] = [await queue({}, 'dead'), await queue(), await exchange('fanout')];
  await channel.bindQueue(to, by, '');
  await publish(dead, numbers(500));
  const run = start(['dlx', 'replay', dead, '--to-exchange', by, '-r', 'k', '--rate', '200', '--json']);
  while ((await depth(to)) < 20) assert.equal(run.child.exitCode, null);
  await channel.deleteExchange(by);
  const result = await run.result;
  assert.notEqual(result.code, 0, result.stderr);
  const { moved } = json<Summary>(result);
  const [arrived, left] = [bodies(await take(to)), bodies(await take(dead))];
  assert.deepEqual(
    [...new Set([...arrived, ...left])].map(Number).toSorted((a, b) => a - b),
    numbers(500).map(Number),
  );
  assert.deepEqual(arrived.slice(0, moved), numbers(moved));
  assert.equal(left.length, 500 - moved);
  assert.deepEqual(
    left,
    left.toSorted((a, b) => Number(a) - Number(b)),
  );
});

test('a forged x-death of any kind: never a crash, never a wrong target without a word', async (t) => {
  const { publish, queue, take, depth } = await peer(t);
  const [dead, work, trap] = [await queue({}, 'dead'), await queue({}, 'work'), await queue({}, 'trap')];
  const death = { queue: work, reason: 'rejected', exchange: '', 'routing-keys': [work], count: 1 };
  const deep = (levels: number): object => Array.from({ length: levels }).reduce<object>((inner) => ({ inner }), {});
  const forged: Readonly<Record<string, unknown>> = {
    text: 'x',
    number: 7,
    boolean: true,
    table: death,
    'empty array': [],
    'array of arrays': [[death]],
    'no queue': [{ ...death, queue: undefined }],
    'a number as queue': [{ ...death, queue: 1 }],
    'a table as exchange': [{ ...death, exchange: { name: trap } }],
    'a table as keys': [{ ...death, 'routing-keys': { 0: trap } }],
    'no keys': [{ ...death, 'routing-keys': [] }],
    'numbers as keys': [{ ...death, 'routing-keys': [1, 2] }],
    'a table as key': [{ ...death, 'routing-keys': [{ key: trap }] }],
    'a key that is too long': [{ ...death, 'routing-keys': ['k'.repeat(5_000)] }],
    'an exchange that is too long': [{ ...death, exchange: 'e'.repeat(5_000) }],
    'deep tables': [{ ...death, queue: deep(100) }],
    'one good among bad ones': [1, null, { queue: {} }, death],
    'many that are none': Array.from({ length: 20_000 }, () => 1),
  };
  for (const [kind, value] of Object.entries(forged)) await publish(dead, [kind], { headers: { 'x-death': value } });
  // These can be read, and whatever else they say, where to is the same.
  const odd: Readonly<Record<string, unknown>> = {
    'a count below 0': [{ ...death, count: -5 }],
    'a text as time': [{ ...death, time: 'yesterday' }],
    'many good ones': Array.from({ length: 500 }, () => death),
  };
  for (const [kind, value] of Object.entries(odd)) await publish(dead, [kind], { headers: { 'x-death': value } });
  const all = [...Object.keys(forged), ...Object.keys(odd)];
  assert.equal(await depth(dead), all.length);
  const dry = await inside(['dlx', 'replay', dead, '--dry-run', '-o', 'json']);
  assert.deepEqual(json<{ destinations: unknown }>(dry).destinations, [{ exchange: '', routingKey: work, messages: Object.keys(odd).length }], dry.stderr);
  const inspected = await inside(['dlx', 'inspect', dead, '--group-by', 'reason']);
  assert.equal(inspected.code, 0, inspected.stderr);
  const replayed = await inside(['dlx', 'replay', dead, '--json']);
  assert.equal(replayed.code, 3, replayed.stderr);
  const { moved, chosen, stayed } = json<Summary>(replayed);
  assert.deepEqual([moved, chosen, sum(stayed)], [Object.keys(odd).length, all.length, Object.keys(forged).length], JSON.stringify(stayed));
  assert.deepEqual([bodies(await take(work)), await depth(trap)], [Object.keys(odd), 0]);
  assert.deepEqual(bodies(await take(dead)), Object.keys(forged));
});

test('a forged key that would write a line of its own, or to the terminal, is shown as what it is', async (t) => {
  const { publish, queue } = await peer(t);
  const dead = await queue({}, 'dead');
  const death = { queue: 'work', reason: 'rejected', exchange: '', 'routing-keys': ['work\n  0 not chosen\u001b[2J'], count: 1 };
  await publish(dead, ['a'], { headers: { 'x-death': [death] } });
  const { stdout } = await inside(['dlx', 'replay', dead, '--dry-run', '--trust-origin']);
  assert.equal(stdout, `would go from "${dead}" to\n           1  queue "work\\n  0 not chosen\\x1b[2J" (claimed): there is no such queue: it would stay\n`);
});

test('a queue that keeps filling, because what is replayed dies again at once, is gone through once', async (t) => {
  const { channel, publish, queue, depth, take } = await peer(t);
  const dead = await queue({}, 'dead');
  // What arrives dies at once, without any consumer.
  const work = await queue({ arguments: { 'x-message-ttl': 0, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead } }, 'work');
  await publish(work, numbers(200));
  while ((await depth(dead)) < 200);
  const replayed = await inside(['dlx', 'replay', dead, '--rate', '400', '--json']);
  assert.equal(replayed.code, 0, replayed.stderr);
  assert.deepEqual([json<Summary>(replayed).seen, json<Summary>(replayed).moved], [200, 200]);
  while ((await depth(dead)) < 200);
  const back = await take(dead);
  assert.deepEqual(bodies(back), numbers(200));
  for (const { properties } of back) assert.equal(properties.headers?.['x-rmq-replays'], 1);
  assert.equal((await channel.checkQueue(work)).messageCount, 0);
});

test('another consumer that empties the queue at once leaves nothing to do: it ends, and counts only its own', async (t) => {
  const { channel, publish, queue, take } = await peer(t);
  const [dead, to] = [await queue({}, 'dead'), await queue()];
  await publish(dead, numbers(1_000));
  const stolen: string[] = [];
  await channel.prefetch(0);
  await channel.consume(dead, (message) => {
    if (message === null) return;
    stolen.push(message.content.toString());
    channel.ack(message);
  });
  const result = await inside(['dlx', 'replay', dead, '--to-queue', to, '--json']);
  assert.equal(result.code, 0, result.stderr);
  const arrived = bodies(await take(to));
  assert.equal(json<Summary>(result).moved, arrived.length);
  assert.deepEqual(
    [...arrived, ...stolen].map(Number).toSorted((a, b) => a - b),
    numbers(1_000).map(Number),
  );
});
