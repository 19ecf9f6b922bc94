import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { killReplay } from '../../campaign/kills.ts';
import { fill } from '../../campaign/stage.ts';
import { brokerUrl, peer } from '../../support/broker.ts';
import { linesOf, scratchDirectory } from '../../support/programs.ts';
import { rmq, start } from '../../support/rmq.ts';

test('KILL at random moments: every message is in the source, in the target or in both, and the next run finishes', async (t) => {
  const { queue, take, depth } = await peer(t);
  const [source, target] = [await queue({}, 'dead'), await queue({}, 'target')];
  const journal = join(await scratchDirectory(t), 'journal');
  const ids = Array.from({ length: 3_000 }, (_, index) => `m${index}`);
  await fill(brokerUrl(), source, ids);
  const seen = await killReplay(ids, { url: brokerUrl(), source, target, journal, kills: 8, within: 15 });
  for (const { gone, unjournaled } of seen) assert.deepEqual({ gone, unjournaled }, { gone: 0, unjournaled: 0 });
  assert.ok(
    seen.some(({ inSource, inTarget }) => inSource > 0 && inTarget > 0),
    'no run was killed in the middle',
  );
  const last = await rmq(['dlx', 'replay', source, '--to-queue', target, '--journal', journal]);
  assert.equal(last.code, 0, last.stderr);
  assert.equal(await depth(source), 0);
  const arrived = await take(target);
  assert.deepEqual(new Set(arrived.map(({ properties }) => properties.messageId as string)), new Set(ids));
  // A KILL may cut the line that is being written; the next run begins a new one.
  const cut = (await linesOf(journal)).filter((line) => !isWhole(line));
  assert.ok(cut.length <= seen.length, cut.join('\n'));
});

test('the run after one that was killed says how many messages may be at the target twice, and the one after that nothing', async (t) => {
  const { queue, publish, take, depth } = await peer(t);
  const [source, target] = [await queue({}, 'dead'), await queue({}, 'target')];
  const journal = join(await scratchDirectory(t), 'journal');
  const ids = Array.from({ length: 1_000 }, (_, index) => `m${index}`);
  await fill(brokerUrl(), source, ids);
  const line = ['dlx', 'replay', source, '--to-queue', target, '--journal', journal];
  const running = start([...line, '--rate', '300']);
  const killed = running.result.catch(() => undefined);
  while ((await depth(target)) < 100);
  running.child.kill('SIGKILL');
  await killed;
  const next = await rmq(line);
  assert.equal(next.code, 0, next.stderr);
  assert.match(
    next.stderr,
    /an earlier run, of \d{4}-\S+Z, was interrupted, or still goes on: up to 50 messages that it had under way may be at the target twice/,
  );
  const twice = (await take(target)).length - ids.length;
  assert.ok(twice >= 0 && twice <= 50, `${twice} came twice`);
  await publish(source, ['more']);
  const last = await rmq(line);
  assert.equal(last.code, 0, last.stderr);
  assert.doesNotMatch(last.stderr, /earlier run/);
});

function isWhole(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}
