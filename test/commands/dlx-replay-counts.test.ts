import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peer } from '../support/broker.ts';
import { json, start } from '../support/rmq.ts';

const ROUNDS = 8;

test('what arrived before its exchange was deleted, and was not confirmed any more, is told: moved, doubled or unknown', async (t) => {
  const { channel, publish, queue, exchange, take, depth } = await peer(t);
  for (let round = 1; round <= ROUNDS; round++) {
    // A quorum queue confirms later than a classic one: more is on its way.
    const [dead, to, by] = [await queue({}, 'dead'), await queue({ arguments: { 'x-queue-type': 'quorum' } }), await exchange('fanout')];
    await channel.bindQueue(to, by, '');
    await publish(
      dead,
      Array.from({ length: 2_000 }, (_, index) => String(index)),
    );
    const run = start(['dlx', 'replay', dead, '--to-exchange', by, '-r', 'k', '--rate', '3000', '--json']);
    while ((await depth(to)) < 20) assert.equal(run.child.exitCode, null);
    await channel.deleteExchange(by);
    const result = await run.result;
    assert.equal(result.code, 3, result.stderr);
    const { moved, doubled, unknown } = json<{ moved: number; doubled: number; unknown: number }>(result);
    const [arrived, left] = [(await take(to)).length, (await take(dead)).length];
    assert.equal(moved + left, 2_000);
    assert.ok(arrived <= moved + doubled + unknown, `round ${round}: ${arrived} arrived, ${moved} moved, ${doubled} doubled, ${unknown} unknown`);
  }
});
