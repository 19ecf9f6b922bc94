import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WireDelivery } from '../../../src/amqp/consumer/delivery.ts';
import { Repeats } from '../../../src/amqp/consumer/repeats.ts';

const delivery = (tag: number, body: string, redelivered = false): WireDelivery => ({ tag, body: Buffer.from(body), redelivered }) as WireDelivery;

/** What a run saw on a channel that is lost now: handlers got the first bodies, the others waited. */
function lost(begun: readonly string[], waiting: readonly string[] = []): Repeats {
  const repeats = new Repeats();
  for (const [index, body] of [...begun, ...waiting].entries()) repeats.opened(delivery(index + 1, body));
  for (const index of begun.keys()) assert.equal(repeats.begin(index + 1), false);
  repeats.lose(false, (tag) => tag > begun.length);
  return repeats;
}

/** Whether each body, delivered again, is a repeat. */
function again(repeats: Repeats, bodies: readonly string[], redelivered = true): boolean[] {
  return bodies.map((body, index) => {
    repeats.opened(delivery(index + 1, body, redelivered));
    return repeats.begin(index + 1);
  });
}

test('what a handler got is a repeat when it comes again, and what stays away is counted', () => {
  const repeats = lost(['a', 'b', 'c'], ['d']);
  assert.equal(repeats.away, 3);
  assert.deepEqual(again(repeats, ['b', 'd', 'e']), [true, false, false]);
  assert.equal(repeats.away, 2);
});

test('a message that was never delivered before is no repeat, whatever its body', () => {
  const repeats = lost(['a']);
  assert.deepEqual(again(repeats, ['a'], false), [false]);
  assert.equal(repeats.away, 1);
});

test('of messages that are alike, those come again for certain that no handler got', () => {
  const repeats = lost(['a', 'a'], ['a']);
  assert.deepEqual(again(repeats, ['a', 'a', 'a']), [false, true, true]);
  assert.equal(repeats.away, 0);
});

test('proven answers leave nothing that could come again', () => {
  const repeats = new Repeats();
  for (const tag of [1, 2, 3]) repeats.opened(delivery(tag, `${tag}`));
  repeats.prove([2, 1]);
  repeats.lose(false, () => false);
  assert.equal(repeats.away, 1);
  assert.deepEqual(again(repeats, ['1', '3']), [false, true]);
});

test('a queue that is deleted with its connection sends nothing again', () => {
  const repeats = new Repeats();
  repeats.opened(delivery(1, 'a'));
  repeats.lose(true, () => false);
  assert.equal(repeats.away, 0);
});

test('long bodies are told apart by their ends', () => {
  const long = 'x'.repeat(10_000);
  const repeats = lost([`${long}1`, `2${long}`]);
  assert.deepEqual(again(repeats, [`${long}3`, `2${long}`, `${long}1`]), [false, true, true]);
});
