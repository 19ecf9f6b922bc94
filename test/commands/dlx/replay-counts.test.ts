import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peer } from '../../support/broker.ts';
import { json, rmq, start } from '../../support/rmq.ts';

const ROUNDS = 8;

test('what arrived before its exchange was deleted, and was not confirmed any more, is told: moved, in both places or unknown', async (t) => {
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
    const { moved, inBoth, unknown } = json<{ moved: number; inBoth: number; unknown: number }>(result);
    const [arrived, left] = [(await take(to)).length, (await take(dead)).length];
    assert.equal(moved + left, 2_000);
    assert.ok(arrived <= moved + inBoth + unknown, `round ${round}: ${arrived} arrived, ${moved} moved, ${inBoth} in both places, ${unknown} unknown`);
  }
});

test('the progress of a replay that looks for a few among many never sees more than there are, nor a time that is over', async (t) => {
  const { queue, publish } = await peer(t);
  const [dead, to] = [await queue(), await queue()];
  await publish(
    dead,
    Array.from({ length: 600 }, (_, index) => `${index % 60 === 0 ? 'wanted' : 'other'} ${index}`),
  );
  const { code, stdout } = await rmq(['dlx', 'move', dead, to, '-n', '10', '--where', 'body.startsWith("wanted")', '--rate', '5', '-y'], { terminal: true });
  assert.equal(code, 0, stdout);
  const shown = [...stdout.matchAll(/seen ([\d,]+) of ([\d,]+)(?:, [\d,]+\/s, (\S+ \S+) left)?/g)];
  assert.ok(shown.length > 0, stdout);
  for (const [text, seen = '', total = '', left = ''] of shown) {
    assert.ok(Number(seen.replace(',', '')) <= Number(total.replace(',', '')), text);
    assert.doesNotMatch(left, /^-/, text);
  }
});
