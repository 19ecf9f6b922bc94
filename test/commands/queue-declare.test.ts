import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peer, unique } from '../support/broker.ts';
import { inside } from '../support/inside.ts';
import { queueExists } from '../support/names.ts';
import { rmq } from '../support/rmq.ts';

const KEPT = ['--argument', 'x-max-length:=5', '--argument', 'x-dead-letter-exchange=dead'];

test('queue declare names every argument in which a queue that exists differs', async (t) => {
  const { queue } = await peer(t);
  const name = await queue({
    arguments: { 'x-queue-type': 'classic', 'x-max-length': 5, 'x-dead-letter-exchange': 'dead', 'x-message-ttl': 60_000, 'x-max-priority': 4 },
  });
  const same = await rmq(['queue', 'declare', name, ...KEPT, '--argument', 'x-message-ttl:=60000', '--argument', 'x-max-priority:=4']);
  assert.equal(same.code, 0, same.stderr);
  const other = await rmq([
    'queue',
    'declare',
    name,
    '--argument',
    'x-max-length:=10',
    '--argument',
    'x-overflow=reject-publish',
    '--argument',
    'x-max-priority:=9',
  ]);
  assert.equal(other.code, 76, other.stderr);
  for (const difference of [
    'x-max-length is 5 there, you asked for 10',
    'x-overflow is not set there, you asked for "reject-publish"',
    'x-dead-letter-exchange is "dead" there, you asked for none',
    'x-message-ttl is 60000 there, you asked for none',
    'x-max-priority is 4 there, you asked for 9',
  ]) {
    assert.ok(other.stderr.includes(difference), `${difference}\n${other.stderr}`);
  }
  assert.doesNotMatch(other.stderr, /x-queue-type/);
});

test('queue declare names another type and another lifetime', async (t) => {
  const { queue } = await peer(t);
  const [quorum, passing] = [await queue({ arguments: { 'x-queue-type': 'quorum' } }), await queue({ durable: false })];
  const typed = await inside(['queue', 'declare', quorum, '--argument', 'x-max-length:=10']);
  assert.equal(typed.code, 76, typed.stderr);
  assert.match(typed.stderr, /x-max-length is not set there, you asked for 10/);
  assert.match(typed.stderr, /x-queue-type is "quorum" there, you asked for none/);
  const transient = await inside(['queue', 'declare', passing]);
  assert.equal(transient.code, 76, transient.stderr);
  assert.match(transient.stderr, /durable is false there, you asked for true/);
});

test('a queue is not declared when an exchange that it is to be bound to is missing, and the hint says how to come by one', async (t) => {
  const { queue } = await peer(t);
  const name = `${await queue()}.unborn`;
  const result = await inside(['queue', 'declare', name, '--bind', 'no.such.exchange:k']);
  assert.equal(result.code, 66, result.stderr);
  assert.match(result.stderr, /no exchange 'no\.such\.exchange'/);
  assert.match(result.stderr, /nothing was declared/);
  assert.doesNotMatch(result.stderr, /publish and consume declare nothing/);
  assert.equal(await queueExists(name), false);
});

test('the hints for what cannot be deleted do not speak of something else', async () => {
  for (const kind of ['queue', 'exchange']) {
    const result = await inside([kind, 'delete', 'no.such.thing', '-y']);
    assert.equal(result.code, 66, result.stderr);
    assert.match(result.stderr, /check the name, and the vhost of the URL/);
    assert.doesNotMatch(result.stderr, /declare/);
  }
});

test('a name that the broker keeps for itself is told of as such', async () => {
  const { code, stderr } = await inside(['queue', 'declare', unique('amq').replace(/^test\./, '')]);
  assert.equal(code, 77, stderr);
  assert.match(stderr, /names that begin with "amq\." are the broker's own/);
  assert.equal((await inside(['queue', 'declare', 'q', '--argument', 'x-max-length:=1', '--argument', 'x-max-length:=2'])).code, 64);
});
