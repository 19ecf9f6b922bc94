import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { parseAddress } from '../../../src/amqp/connection/address.ts';
import { backoff, openLink } from '../../../src/amqp/connection/reconnect.ts';
import type { Event } from '../../../src/model/event.ts';
import { Failure } from '../../../src/model/failure.ts';
import { brokerUrl } from '../../support/broker.ts';
import { deadPort, proxy, silentPort } from '../../support/faults.ts';
import { testSession } from '../../support/session.ts';

const attempts = fc.nat({ max: 1_000_000 });
const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

const usual = { from: 0, to: 30_000 };
const pauses = fc.tuple(fc.nat({ max: 60_000 }), fc.nat({ max: 60_000 })).map(([from, more]) => ({ from, to: from + more }));

test('a pause is a whole number of milliseconds, never below the shortest, never above the longest, whatever the attempt', () => {
  fc.assert(
    fc.property(attempts, pauses, chance, (attempt, { from, to }, random) => {
      const pause = backoff(attempt, { from, to }, () => random);
      assert.ok(Number.isInteger(pause) && pause >= from && pause <= to, String(pause));
    }),
  );
});

test('the bound of the pause above the shortest doubles from a quarter of a second, until it is the longest', () => {
  fc.assert(
    fc.property(fc.nat({ max: 40 }), pauses, (attempt, { from, to }) => {
      const bound = backoff(attempt, { from, to }, () => 1);
      assert.equal(bound, Math.min(to, from + 250 * 2 ** attempt));
    }),
  );
});

test('a pause grows with chance and with the attempt, and can be anything from the shortest on: clients do not return together', () => {
  fc.assert(
    fc.property(attempts, pauses, chance, chance, (attempt, between, one, other) => {
      const [low, high] = [Math.min(one, other), Math.max(one, other)];
      assert.ok(backoff(attempt, between, () => low) <= backoff(attempt, between, () => high));
      assert.ok(backoff(attempt, between, () => one) <= backoff(attempt + 1, between, () => one));
      assert.equal(
        backoff(attempt, between, () => 0),
        between.from,
      );
    }),
  );
  for (let round = 0; round < 1_000; round++) assert.ok(backoff(3, usual) <= 2_000);
});

const config = {
  maxReconnects: 12,
  reconnect: true,
  blockedTimeout: 1_000,
  answerTimeout: 30_000,
  maxMessageSize: 134_217_728,
  reconnectDelay: usual,
  insecure: false,
};
const never = new AbortController().signal;

function link(urls: readonly string[], more: Partial<Parameters<typeof openLink>[1]> = {}, seen: Event[] = []): ReturnType<typeof openLink> {
  return openLink('control', { ...config, addresses: urls.map(parseAddress), ...more }, (event) => seen.push(event));
}

const kind =
  (expected: Failure['kind']) =>
  (error: unknown): boolean =>
    error instanceof Failure && error.kind === expected;

test('a link connects, and connects again after its connection was lost', async (t) => {
  const through = await proxy(t, brokerUrl());
  const seen: Event[] = [];
  const one = link([through.url], {}, seen);
  t.after(() => one.close());
  const connection = await one.connect(never);
  assert.equal(connection.open, true);
  assert.match(connection.version, /^\d+\./);
  through.cut();
  const failure = await connection.lost;
  assert.deepEqual([failure.kind, failure.transient], ['unavailable', true]);
  assert.equal(connection.open, false);
  assert.equal((await one.connect(never)).open, true);
  assert.deepEqual(
    seen.map((event) => event.kind),
    ['connecting', 'connected', 'disconnected', 'reconnecting', 'connecting', 'connected'],
  );
});

test('a connection that is still open is closed before the next one is opened', async (t) => {
  const through = await proxy(t, brokerUrl());
  const one = link([through.url]);
  t.after(() => one.close());
  const first = await one.connect(never);
  await one.connect(never);
  assert.equal(first.open, false);
  assert.equal(through.open, 1);
});

test('after each outage the pauses begin anew, also when no connection in between was of any use', async (t) => {
  const through = await proxy(t, brokerUrl());
  const seen: Event[] = [];
  const one = link([through.url], { maxReconnects: 1_000_000 }, seen);
  t.after(() => one.close());
  let connection = await one.connect(never);
  for (let outage = 0; outage < 8; outage++) {
    seen.length = 0;
    await through.refuse();
    await connection.lost;
    const connecting = one.connect(never);
    while (seen.filter(({ kind }) => kind === 'reconnecting').length < 3) await pause(10);
    await through.admit();
    connection = await connecting;
    const delays = seen.flatMap((event) => (event.kind === 'reconnecting' ? [event.delay] : []));
    assert.ok(
      delays.every((delay, round) => delay <= 250 * 2 ** round),
      delays.join(', '),
    );
  }
});

test('a link that comes back for ever pauses no longer than half of the outage so far, or a second', async (t) => {
  const through = await proxy(t, brokerUrl());
  const seen: Extract<Event, { kind: 'reconnecting' }>[] = [];
  const one = openLink(
    'control',
    { ...config, maxReconnects: undefined, addresses: [parseAddress(through.url)] },
    (event) => event.kind === 'reconnecting' && seen.push(event),
    true,
  );
  t.after(() => one.close());
  const { lost } = await one.connect(never);
  await through.refuse();
  await lost;
  const connecting = one.connect(never);
  while (seen.length < 9) await pause(10);
  await through.admit();
  await connecting;
  assert.ok(
    seen.every(({ delay, since }) => delay <= Math.max(1_000, since / 2)),
    seen.map(({ delay, since }) => `${delay} after ${since}`).join(', '),
  );
});

test('connections that do not last are made after longer and longer pauses', async (t) => {
  const through = await proxy(t, brokerUrl());
  const seen: Event[] = [];
  const one = link([through.url], { maxReconnects: 1_000_000, reconnectDelay: { from: 0, to: 1_000 } }, seen);
  t.after(() => one.close());
  for (let times = 0; times < 10; times++) {
    const { lost } = await one.connect(never);
    through.cut();
    await lost;
  }
  // By chance all of them are short once in 30,000 times.
  assert.ok(seen.some((event) => event.kind === 'reconnecting' && event.delay > 250));
});

test('closing a link ends a connection attempt that is under way', async (t) => {
  const silent = await silentPort(t);
  const one = link([`amqp://127.0.0.1:${silent.port}`], { connectTimeout: 600_000 });
  const connecting = assert.rejects(one.connect(never), kind('unavailable'));
  await silent.visited();
  await one.close();
  await connecting;
  await assert.rejects(one.connect(never), kind('unavailable'));
});

test('closing a link ends its reconnecting', async (t) => {
  const through = await proxy(t, brokerUrl());
  const seen: Event[] = [];
  const one = link([through.url], { maxReconnects: 1_000_000 }, seen);
  const { lost } = await one.connect(never);
  await through.refuse();
  await lost;
  const connecting = assert.rejects(one.connect(never), kind('unavailable'));
  await one.close();
  await connecting;
});

test('a signal that was aborted carries its own failure out, before and during an attempt', async (t) => {
  const silent = await silentPort(t);
  const stop = new AbortController();
  const one = link([`amqp://127.0.0.1:${silent.port}`], { connectTimeout: 600_000 });
  const connecting = assert.rejects(one.connect(stop.signal), kind('interrupted'));
  await silent.visited();
  stop.abort(new Failure('interrupted', 'stopped'));
  await connecting;
  await assert.rejects(one.connect(stop.signal), kind('interrupted'));
});

test('a link that never connects leaves nothing behind, whatever it was pointed at', async () => {
  const port = await deadPort();
  await assert.rejects(
    link([`amqp://localhost:${port}`]).connect(never),
    (error) => error instanceof Failure && error.transient && /localhost/.test(error.message),
  );
  await assert.rejects(link([`amqps://localhost:${port}`], { cacert: '/nowhere/ca.pem' }).connect(never), kind('missing'));
});

test('once a session has been connected, a further connection that is refused is tried again as one that was lost', async (t) => {
  const faulty = await proxy(t, brokerUrl());
  const { session, until } = testSession(t, faulty.url);
  await session.open('consumer').connect(session.signal);
  await faulty.refuse();
  const publisher = session.open('publisher').connect(session.signal);
  await until((event): event is Extract<Event, { kind: 'reconnecting' }> => event.kind === 'reconnecting' && event.role === 'publisher');
  await faulty.admit();
  await publisher;
});
