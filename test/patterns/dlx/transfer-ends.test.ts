import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Event } from '../../../src/model/event.ts';
import { MoveConfig, move } from '../../../src/patterns/dlx/replay/replay.ts';
import { fill } from '../../campaign/stage.ts';
import { brokerUrl, peer } from '../../support/broker.ts';
import { inside } from '../../support/inside.ts';
import { scratchDirectory } from '../../support/programs.ts';
import { json, rmq, start } from '../../support/rmq.ts';
import { testSession } from '../../support/session.ts';
import { restrictedUser } from '../../support/users.ts';

interface Counts {
  readonly depth: number;
  readonly seen: number;
  readonly chosen: number;
  readonly unsent: number;
  readonly moved: number;
  readonly doubled: number;
  readonly inBoth: number;
  readonly unknown: number;
  readonly stayed: Readonly<Record<string, number>>;
}

const BIN = fileURLToPath(new URL('../../../bin/rmq.js', import.meta.url));
const idsOf = (count: number): string[] => Array.from({ length: count }, (_, index) => `m${index}`);
const sumOf = ({ unsent, moved, inBoth, unknown, stayed }: Counts): number =>
  unsent + moved + inBoth + unknown + Object.values(stayed).reduce((sum, one) => sum + one, 0);

test('a journal that cannot be written is exit 74 before anything is sent', async (t) => {
  const { queue, depth } = await peer(t);
  const [dead, to] = [await queue({}, 'dead'), await queue()];
  await fill(brokerUrl(), dead, idsOf(50));
  const result = await rmq(['dlx', 'move', dead, to, '--journal', '/dev/full']);
  assert.equal(result.code, 74, result.stderr);
  assert.match(result.stderr, /cannot write the journal \/dev\/full/);
  assert.deepEqual([await depth(dead), await depth(to)], [50, 0]);
});

test('a journal whose disk becomes full: what arrived and could not be taken off is told, and all numbers add up', async (t) => {
  const { queue, depth } = await peer(t);
  const [dead, to] = [await queue({}, 'dead'), await queue()];
  await fill(brokerUrl(), dead, idsOf(3_000));
  const journal = join(await scratchDirectory(t), 'journal');
  // A file may have so many blocks of 512 bytes.
  const limited = ['-c', `trap '' XFSZ; ulimit -f 100; exec "$@"`, 'sh', process.execPath, BIN, 'dlx', 'move', dead, to, '--journal', journal, '--json'];
  const result = await promisify(execFile)('sh', limited).then(
    () => assert.fail('the journal had room for everything'),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
  assert.equal(result.code, 74, result.stderr);
  const counts = JSON.parse(result.stdout) as Counts;
  const [left, arrived] = [await depth(dead), await depth(to)];
  assert.ok(counts.moved > 0 && counts.inBoth > 0, JSON.stringify(counts));
  assert.deepEqual([counts.moved + counts.inBoth, counts.doubled, left], [arrived, 0, 3_000 - counts.moved]);
  assert.equal(sumOf(counts), counts.chosen);
});

test('a source that is deleted in the middle: what has arrived was moved, for its original is gone too', async (t) => {
  const { channel, queue, take } = await peer(t);
  const [dead, to] = [await queue({}, 'dead'), await queue()];
  await fill(brokerUrl(), dead, idsOf(5_000));
  const running = start(['dlx', 'move', dead, to, '--rate', '3000', '--json']);
  while ((await channel.checkQueue(to)).messageCount < 200) assert.equal(running.child.exitCode, null);
  await channel.deleteQueue(dead);
  const result = await running.result;
  assert.equal(result.code, 66, result.stderr);
  const counts = json<Counts>(result);
  assert.deepEqual([counts.moved, counts.doubled], [(await take(to)).length, 0]);
  assert.equal(sumOf(counts), counts.chosen);
});

test('a queue with a single active consumer that has one is given up, and left as it is', async (t) => {
  const { channel, queue, depth } = await peer(t);
  const [dead, to] = [await queue({ arguments: { 'x-single-active-consumer': true } }, 'dead'), await queue()];
  await channel.prefetch(1);
  await channel.consume(dead, () => undefined);
  await fill(brokerUrl(), dead, idsOf(5));
  const result = await inside(['dlx', 'move', dead, to, '--json']);
  assert.equal(result.code, 75, result.stderr);
  assert.match(result.stderr, /delivers none/);
  assert.deepEqual([json<Counts>(result).moved, await depth(to)], [0, 0]);
});

test('progress counts what is done, not what has only been fetched', async (t) => {
  const { queue } = await peer(t);
  const [dead, to] = [await queue({}, 'dead'), await queue()];
  await fill(brokerUrl(), dead, idsOf(500));
  const { session, until } = testSession(t);
  const isFar = (event: Event): event is Extract<Event, { kind: 'transferring' }> => event.kind === 'transferring' && event.moved > 20;
  const running = move(session, session, MoveConfig.parse({ queue: dead, toQueue: to, rate: 400 }));
  const { moved, seen } = await until(isFar);
  assert.equal(seen, moved);
  assert.equal((await running).counts.moved, 500);
});

test('without the permission to write, nothing is in doubt: everything stays, and it is exit 77', async (t) => {
  const { queue, depth } = await peer(t);
  const [dead, to] = [await queue({}, 'dead'), await queue()];
  await fill(brokerUrl(), dead, idsOf(3));
  const url = await restrictedUser(t, { configure: '', write: '', read: '.*' });
  const result = await inside(['dlx', 'move', dead, to, '--json', '-u', url]);
  assert.equal(result.code, 77, result.stderr);
  const { unknown, stayed } = json<Counts>(result);
  assert.deepEqual([unknown, stayed], [0, { refused: 3 }]);
  assert.deepEqual([await depth(dead), await depth(to)], [3, 0]);
});
