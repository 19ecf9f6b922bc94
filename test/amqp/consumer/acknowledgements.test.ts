import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Answers, Ledger } from '../../../src/amqp/consumer/acknowledgements.ts';
import type { WireDelivery } from '../../../src/amqp/consumer/delivery.ts';
import { labelled, type Settlement } from '../../../src/model/verdict.ts';

function ledgerOf(count: number): Ledger {
  const ledger = new Ledger();
  for (let tag = 1; tag <= count; tag++) ledger.opened(tag);
  return ledger;
}

test('a prefix in which everything is acknowledged is told as one', () => {
  const ledger = ledgerOf(4);
  for (const tag of [2, 1, 3]) ledger.settle(tag, labelled('ack'));
  assert.deepEqual(ledger.take(10), { refused: [], upTo: 3, single: [], tags: [1, 2, 3], settled: new Map([[labelled('ack'), 3]]) });
});

test('what lies beyond an open delivery is told one by one', () => {
  const ledger = ledgerOf(4);
  for (const tag of [1, 3, 4]) ledger.settle(tag, labelled('ack'));
  assert.deepEqual(ledger.take(10), { refused: [], upTo: 1, single: [3, 4], tags: [1, 3, 4], settled: new Map([[labelled('ack'), 3]]) });
});

test('no more is told than allowed, and the rest later', () => {
  const ledger = ledgerOf(3);
  for (const tag of [1, 2, 3]) ledger.settle(tag, labelled('ack'));
  assert.deepEqual(ledger.take(2), { refused: [], upTo: 2, single: [], tags: [1, 2], settled: new Map([[labelled('ack'), 2]]) });
  assert.deepEqual(ledger.take(2), { refused: [], upTo: 3, single: [], tags: [3], settled: new Map([[labelled('ack'), 1]]) });
});

test('whatever is decided in whatever order, each delivery is told exactly once, as decided, and nothing undecided ever', () => {
  const verdict = fc.constantFrom<Settlement>('ack', 'dead', 'requeue', 'hold');
  const step = fc.record({ tag: fc.integer({ min: 1, max: 30 }), verdict, take: fc.option(fc.integer({ min: 0, max: 10 })) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const ledger = ledgerOf(30);
      const decided = new Map<number, Settlement>();
      const told = new Map<number, string>();
      const tell = (tag: number, how: string): void => {
        assert.ok(!told.has(tag), `${tag} is told twice`);
        assert.equal(decided.get(tag), how);
        told.set(tag, how);
      };
      const take = (most: number): void => {
        const before = told.size;
        const { refused, upTo, single, settled } = ledger.take(most);
        const count = (one: Settlement): number => settled.get(labelled(one)) ?? 0;
        for (const { tag, requeue } of refused) tell(tag, requeue ? 'requeue' : 'dead');
        if (upTo !== undefined) for (let tag = 1; tag <= upTo; tag++) if (!told.has(tag)) tell(tag, 'ack');
        for (const tag of single) tell(tag, 'ack');
        assert.equal(told.size - before, count('ack') + count('dead') + count('requeue'));
        assert.equal(refused.length, count('dead') + count('requeue'));
        assert.ok(told.size - before <= most);
      };
      for (const { tag, verdict: one, take: most } of steps) {
        if ((decided.get(tag) ?? 'hold') === 'hold') decided.set(tag, one);
        ledger.settle(tag, labelled(one));
        if (most !== null) take(most);
      }
      take(100);
      const final = [...decided].filter(([, one]) => one !== 'hold');
      assert.equal(told.size, final.length);
      assert.equal(ledger.held, decided.size - final.length);
    }),
    { numRuns: 2_000 },
  );
});

test('of what goes back to the queue, only what a handler got is a repeat when it comes again', () => {
  const answers = new Answers(true);
  const arrive = (tag: number, body: string, redelivered: boolean): void => answers.opened({ tag, body: Buffer.from(body), redelivered } as WireDelivery);
  arrive(1, 'handled', false);
  arrive(2, 'waiting', false);
  answers.begin(1);
  answers.giveBack({} as never, '4.0.5');
  answers.lose();
  arrive(1, 'handled', true);
  arrive(2, 'waiting', true);
  assert.deepEqual([answers.begin(1), answers.begin(2)], [true, false]);
});
