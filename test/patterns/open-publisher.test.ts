import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Event } from '../../src/model/event.ts';
import { Failure } from '../../src/model/failure.ts';
import { type OpenPublisher, OpenPublisherConfig, openPublisher } from '../../src/patterns/publish/open-publisher.ts';
import { brokerUrl, peer } from '../support/broker.ts';
import { BASIC_ACK, type FaultyProxy, proxy } from '../support/faults.ts';
import { type TestSession, testSession } from '../support/session.ts';

type Of<K extends Event['kind']> = Extract<Event, { readonly kind: K }>;

const is =
  <K extends Event['kind']>(kind: K) =>
  (event: Event): event is Of<K> =>
    event.kind === kind;

interface Through extends TestSession {
  readonly publisher: OpenPublisher;
  readonly between: FaultyProxy;
}

async function through(t: TestContext, config: Partial<OpenPublisherConfig> = {}, connection = {}): Promise<Through> {
  const between = await proxy(t, brokerUrl());
  const session = testSession(t, between.url, connection);
  const publisher = await openPublisher(session.session, OpenPublisherConfig.parse(config));
  t.after(() => publisher.close());
  return { ...session, publisher, between };
}

const bodies = (messages: readonly { content: Buffer }[]): string[] => messages.map(({ content }) => content.toString());

test('messages are sent in the order of the calls, however many there are at once and however small the window is', async (t) => {
  const { queue, take } = await peer(t);
  const name = await queue();
  const { publisher } = await through(t, { window: 10 });
  const numbers = Array.from({ length: 3_000 }, (_, index) => String(index));
  await Promise.all(numbers.map((body) => publisher.publish({ routingKey: name, body: Number(body) % 500 === 0 ? body.padEnd(1_100_000) : body })));
  assert.deepEqual(
    bodies(await take(name)).map((body) => body.trimEnd()),
    numbers,
  );
});

test('no more messages are in flight than the window lets through', async (t) => {
  const { queue, depth } = await peer(t);
  const name = await queue();
  const { publisher, between } = await through(t, { window: 10 });
  between.mute();
  const all = Promise.allSettled(Array.from({ length: 1_000 }, () => publisher.publish({ routingKey: name, body: 'x' })));
  while ((await depth(name)) < 10);
  await publisher.close();
  const outcomes = await all;
  assert.ok(outcomes.every(({ status }) => status === 'rejected'));
  assert.equal(await depth(name), 10);
});

test('rate spreads messages out', async (t) => {
  const { queue, depth } = await peer(t);
  const name = await queue();
  const { publisher } = await through(t, { rate: 50 });
  const began = performance.now();
  await Promise.all(Array.from({ length: 26 }, () => publisher.publish({ routingKey: name, body: 'x' })));
  // 25 pauses of 20 ms: sooner is too fast, whatever the machine does besides.
  assert.ok(performance.now() - began >= 470);
  assert.equal(await depth(name), 26);
});

const WAITS: Record<string, (publish: (options: object) => Promise<void>) => { done: Promise<void>; kind: string }> = {
  'the time of a message': (publish) => ({ done: publish({ timeout: 200 }), kind: 'deadline' }),
  'a signal with a timeout': (publish) => ({ done: publish({ signal: AbortSignal.timeout(200) }), kind: 'deadline' }),
  'a signal that is aborted': (publish) => {
    const stop = new AbortController();
    const done = publish({ signal: stop.signal });
    stop.abort();
    return { done, kind: 'interrupted' };
  },
  'a signal with a reason of its own': (publish) => {
    const stop = new AbortController();
    const done = publish({ signal: stop.signal });
    stop.abort(new Failure('terminated', 'enough'));
    return { done, kind: 'terminated' };
  },
  'a signal that was aborted before': (publish) => ({ done: publish({ signal: AbortSignal.abort() }), kind: 'interrupted' }),
};

test('a message that was not sent is withdrawn when its time is over or its signal is aborted, and never goes', async (t) => {
  const { queue, take } = await peer(t);
  const name = await queue();
  const { publisher, between, until } = await through(t);
  await publisher.publish({ routingKey: name, body: 'before' });
  await between.refuse();
  await until(is('reconnecting'));
  for (const [what, begin] of Object.entries(WAITS)) {
    const { done, kind } = begin((options) => publisher.publish({ routingKey: name, body: what }, options));
    await assert.rejects(done, { kind, message: /the message was not sent$/ }, what);
  }
  const waits = publisher.publish({ routingKey: name, body: 'waits' });
  await between.admit();
  await waits;
  await publisher.publish({ routingKey: name, body: 'after' });
  assert.deepEqual(bodies(await take(name)), ['before', 'waits', 'after']);
});

test('a message that was sent and has no confirm in its time is unknown, and is not sent again', async (t) => {
  const { queue, take } = await peer(t);
  const name = await queue();
  const { publisher, between } = await through(t, { timeout: 300 });
  const lost = Buffer.from('gets lost');
  const stalled = between.stallOn(lost);
  await assert.rejects(publisher.publish({ routingKey: name, body: lost }), {
    kind: 'unavailable',
    message: /the deadline of 300 ms passed; the broker may or may not/,
  });
  await stalled;
  between.cut();
  between.stallOn(Buffer.from('stalls no more'));
  await publisher.publish({ routingKey: name, body: 'after' }, { timeout: 60_000 });
  assert.deepEqual(bodies(await take(name)), ['after']);
});

test('a message whose confirm comes late counts as what it is, and is no silence of the broker', async (t) => {
  const { queue, take } = await peer(t);
  const name = await queue();
  const { publisher, between, events } = await through(t, { timeout: 100, confirmTimeout: 2_000 });
  between.delay(400);
  for (let count = 0; count < 8; count++) await assert.rejects(publisher.publish({ routingKey: name, body: String(count) }), { kind: 'unavailable' });
  between.delay(0);
  await publisher.publish({ routingKey: name, body: 'after' }, { timeout: 60_000 });
  assert.equal(events.filter(is('connected')).length, 1);
  assert.equal((await take(name)).length, 9);
});

test('more messages than the backlog has room for are refused at once, and those that wait go', async (t) => {
  const { queue, take } = await peer(t);
  const name = await queue();
  const { publisher, between, until } = await through(t, { backlog: 3 });
  await between.refuse();
  await until(is('reconnecting'));
  const waiting = ['a', 'b', 'c'].map((body) => publisher.publish({ routingKey: name, body }));
  for (const body of ['d', 'e']) {
    await assert.rejects(publisher.publish({ routingKey: name, body }), {
      kind: 'later',
      message: /^3 messages wait .* at most 3 messages may; this one was not sent$/,
    });
  }
  await between.admit();
  await Promise.all(waiting);
  assert.deepEqual(bodies(await take(name)), ['a', 'b', 'c']);
});

test('more bytes than may wait are refused at once; one message alone may wait whatever its size', async (t) => {
  const { publisher, between, until } = await through(t);
  await between.refuse();
  await until(is('reconnecting'));
  const body = Buffer.alloc(40 * 1_048_576);
  const large = publisher.publish({ routingKey: 'nowhere', body }, { timeout: 500 });
  await assert.rejects(publisher.publish({ routingKey: 'nowhere', body }), { kind: 'later', message: /at most 64(\.0)? MiB may/ });
  await assert.rejects(large, { kind: 'deadline' });
  await assert.rejects(publisher.publish({ routingKey: 'nowhere', body: Buffer.alloc(70 * 1_048_576) }, { timeout: 100 }), { kind: 'deadline' });
});

test('a publisher that may not connect again tells that it gave up, once, and every message at once why', async (t) => {
  const { queue } = await peer(t);
  const name = await queue();
  for (const connection of [{ reconnect: false }, { maxReconnects: 1, reconnectDelay: { from: 0, to: 1 } }]) {
    const { publisher, between, until, events } = await through(t, {}, connection);
    await publisher.publish({ routingKey: name, body: 'x' });
    await between.refuse();
    const { role, failure } = await until(is('lost'));
    assert.deepEqual([role, failure.kind], ['publisher', 'unavailable']);
    await between.admit();
    await pause(1_100);
    for (let times = 0; times < 3; times++) {
      await assert.rejects(publisher.publish({ routingKey: name, body: 'x' }), { kind: 'later', message: `${failure.message}; the message was not sent` });
    }
    assert.equal(events.filter(is('lost')).length, 1);
  }
});

test('a publisher that gave up over something else than the number of attempts tries again with the next message', async (t) => {
  const { queue, take } = await peer(t);
  const name = await queue();
  const { publisher, between, until } = await through(t, { confirmTimeout: 300 });
  await publisher.publish({ routingKey: name, body: 'before' });
  between.leaveOut(BASIC_ACK);
  between.cut();
  // Three connections in a row bring no confirm.
  await assert.rejects(publisher.publish({ routingKey: name, body: 'unknown' }), {
    kind: 'unavailable',
    message: /the broker may or may not have the message/,
  });
  await until(is('lost'));
  await assert.rejects(publisher.publish({ routingKey: name, body: 'at once' }), { kind: 'later', message: /confirmed nothing/ });
  between.leaveOut(BASIC_ACK, 0);
  for (let back = false; !back; ) {
    await pause(100);
    back = await publisher.publish({ routingKey: name, body: 'after' }).then(
      () => true,
      () => false,
    );
  }
  const got = bodies(await take(name));
  assert.ok(!got.includes('at once'));
  assert.deepEqual(
    got.filter((body) => body === 'before' || body === 'after'),
    ['before', 'after'],
  );
});

test('a publisher outlives an outage of any number of attempts', async (t) => {
  const { queue, take } = await peer(t);
  const name = await queue();
  const { publisher, between, until } = await through(t, {}, { reconnectDelay: { from: 0, to: 5 } });
  await between.refuse();
  await until((event): event is Of<'reconnecting'> => event.kind === 'reconnecting' && event.attempt === 30);
  const waits = publisher.publish({ routingKey: name, body: 'waits' });
  await between.admit();
  await waits;
  assert.deepEqual(bodies(await take(name)), ['waits']);
});

test('a publisher that is closed, or whose session is, is none that gave up, and what waits is told', async (t) => {
  const one = await through(t);
  await one.between.refuse();
  await one.until(is('reconnecting'));
  const waiting = assert.rejects(one.publisher.publish({ routingKey: 'x', body: 'x' }), { kind: 'unavailable', message: 'the publisher was closed' });
  await one.publisher.close();
  await waiting;
  await assert.rejects(one.publisher.publish({ routingKey: 'x', body: 'x' }), { kind: 'unavailable', message: 'the publisher was closed' });
  const other = await through(t);
  await other.session.close();
  await assert.rejects(other.publisher.publish({ routingKey: 'x', body: 'x' }));
  assert.ok(![...one.events, ...other.events].some(is('lost')));
});
