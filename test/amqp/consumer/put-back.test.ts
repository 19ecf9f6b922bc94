import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WireDelivery } from '../../../src/amqp/consumer/delivery.ts';
import { PutBack } from '../../../src/amqp/consumer/put-back.ts';
import { Failure } from '../../../src/model/failure.ts';
import { brokerUrl, peer } from '../../support/broker.ts';
import { proxy } from '../../support/faults.ts';
import { testSession } from '../../support/session.ts';

const TRIES = 150;

test('whoever is stopped while it gets ready to put copies back does not begin; else copies arrive', async (t) => {
  const { queue } = await peer(t);
  const name = await queue();
  const delivery = { queue: name, exchange: '', routingKey: name, properties: {}, body: Buffer.from('a') } as WireDelivery;
  const { session } = testSession(t);
  const started = performance.now();
  await new PutBack(session).connect();
  const usual = performance.now() - started;
  const outcomes = new Set<boolean>();
  for (let round = 0; round < TRIES; round++) {
    const stop = new AbortController();
    const putBack = new PutBack({ ...session, signal: stop.signal });
    const timer = setTimeout(() => stop.abort(), (usual * 1.5 * round) / TRIES);
    const isReady = await putBack.connect().then(
      () => true,
      () => false,
    );
    outcomes.add(isReady);
    if (isReady) assert.equal(await putBack.copy(delivery), true);
    clearTimeout(timer);
    await putBack.close();
  }
  assert.deepEqual(outcomes, new Set([true, false]));
});

test('whoever is stopped waits for its copies as long as they arrive', async (t) => {
  const { queue } = await peer(t);
  const name = await queue();
  const slow = await proxy(t, brokerUrl());
  const { session, stop } = testSession(t, slow.url);
  const putBack = new PutBack(session);
  await putBack.connect();
  // All of them take longer than one may.
  slow.throttle(200_000);
  const delivery = { queue: name, exchange: '', routingKey: name, properties: {}, body: Buffer.alloc(20_000) } as WireDelivery;
  const copies = Array.from({ length: 70 }, () => putBack.copy(delivery));
  stop(new Failure('terminated', 'stopped'));
  assert.deepEqual(new Set(await Promise.all(copies)), new Set([true]));
  await putBack.close();
});
