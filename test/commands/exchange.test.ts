import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peer } from '../support/broker.ts';
import { rmq } from '../support/rmq.ts';

test('exchange delete deletes an exchange, one that is used only without --if-unused, and 66 is for one that is not there', async (t) => {
  const { exchange, queue, channel } = await peer(t);
  const [name, bound] = [await exchange('fanout'), await queue()];
  await channel.bindQueue(bound, name, '');
  const used = await rmq(['exchange', 'delete', name, '--if-unused', '-y']);
  assert.equal(used.code, 76, used.stderr);
  await channel.checkExchange(name);
  const deleted = await rmq(['exchange', 'delete', name, '--json', '-y']);
  assert.equal(deleted.code, 0, deleted.stderr);
  assert.deepEqual(JSON.parse(deleted.stdout), { exchange: name });
  const missing = await rmq(['exchange', 'delete', name, '-y']);
  assert.equal(missing.code, 66, missing.stderr);
  const reserved = await rmq(['exchange', 'delete', 'amq.topic', '-y']);
  assert.equal(reserved.code, 77, reserved.stderr);
  assert.match(reserved.stderr, /names that begin with "amq\." are the broker's own/);
});
