import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peer } from '../support/broker.ts';
import { json, rmq } from '../support/rmq.ts';
import { policyFor } from '../support/users.ts';

test('a queue that only a policy dead-letters is worked on with --policy-dlx', async (t) => {
  const { queue, publish, take } = await peer(t);
  const [q, dead] = [await queue(), await queue()];
  await policyFor(t, q, { 'dead-letter-exchange': '', 'dead-letter-routing-key': dead });
  await publish(q, ['a']);
  const refused = await rmq(['work', 'run', q, '--', 'false']);
  assert.equal(refused.code, 64, refused.stderr);
  assert.match(refused.stderr, /--policy-dlx/);
  const worked = await rmq(['work', 'run', q, '-n', '1', '--policy-dlx', '--json', '--', 'false']);
  assert.equal(worked.code, 0, worked.stderr);
  assert.equal(json<{ dead: number }>(worked).dead, 1);
  const [letter] = await take(dead);
  assert.equal(letter?.properties.headers?.['x-death']?.[0]?.reason, 'rejected');
});
