import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../src/model/failure.ts';
import type { Delivery, FieldTable } from '../../src/model/message/message.ts';
import type { Judgement, Verdict } from '../../src/model/verdict.ts';
import { ConsumeConfig } from '../../src/patterns/consume/config.ts';
import { consume } from '../../src/patterns/consume/consume.ts';
import { FanoutWorkConfig, fanoutSubscription } from '../../src/patterns/subscribe/fanout.ts';
import { workOn } from '../../src/patterns/subscribe/subscription.ts';
import { WorkConfig, workQueue } from '../../src/patterns/work/work.ts';
import { brokerUrl, peer, unique } from '../support/broker.ts';
import { proxy } from '../support/faults.ts';
import { testSession } from '../support/session.ts';

const text = ({ body }: { readonly body: Buffer }): string => body.toString();

/** A work queue with dead letters of its own, all deleted in the end. */
async function workplace(t: Parameters<typeof peer>[0], options: { readonly type?: 'classic' | 'quorum'; readonly levels?: readonly number[] } = {}) {
  const other = await peer(t);
  const [dead, queue] = [await other.queue({}, 'dead'), unique('work')];
  await other.channel.assertQueue(queue, {
    durable: true,
    arguments: { 'x-queue-type': options.type ?? 'classic', 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead },
  });
  t.after(async () => {
    for (const name of [queue, ...(options.levels ?? []).map((pause) => `${queue}.retry.${pause}`)]) await (await peer(t)).channel.deleteQueue(name);
  });
  return { ...other, queue, dead };
}

test('each task goes to the handler once, and is acknowledged', async (t) => {
  const { queue, publish, depth } = await workplace(t);
  await publish(queue, ['a', 'b', 'c']);
  const { session } = testSession(t);
  const seen: string[] = [];
  const counts = await workQueue(session, WorkConfig.parse({ queue, drain: true }), async (delivery, { attempt }) => {
    seen.push(`${text(delivery)} ${attempt}`);
    return 'ack';
  });
  assert.deepEqual(seen, ['a 1', 'b 1', 'c 1']);
  assert.deepEqual(counts, { received: 3, acknowledged: 3, retried: 0, dead: 0, dropped: 0, requeued: 0, copiedBack: 0, unknown: 0, returned: 0 });
  assert.equal(await depth(queue), 0);
});

test('one worker takes one task at a time, so that a second worker gets the others', async (t) => {
  const { queue, publish } = await workplace(t);
  await publish(queue, ['slow', 'quick 1', 'quick 2', 'quick 3']);
  const [first, second] = [testSession(t), testSession(t)];
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  let began: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => {
    began = resolve;
  });
  const slow = workQueue(first.session, WorkConfig.parse({ queue, count: 1 }), async () => {
    began();
    await held;
    return 'ack';
  });
  await begun;
  const seen: string[] = [];
  await workQueue(second.session, WorkConfig.parse({ queue, count: 3 }), async (delivery) => {
    seen.push(text(delivery));
    return 'ack';
  });
  release();
  assert.equal((await slow).acknowledged, 1);
  assert.deepEqual(seen, ['quick 1', 'quick 2', 'quick 3']);
});

for (const type of ['classic', 'quorum'] as const) {
  test(`a task that keeps failing on a ${type} queue is tried again later, then dead-lettered with the reason, and nobody waits for it`, async (t) => {
    const { queue, dead, publish, take, depth } = await workplace(t, { type, levels: [40, 80] });
    await publish(queue, ['bad'], { messageId: 'the-bad-one' });
    await publish(queue, ['good']);
    const { session } = testSession(t);
    const seen: string[] = [];
    const config = WorkConfig.parse({ queue, retries: 2, backoff: { from: 40, to: 80 }, count: 4 });
    const counts = await workQueue(session, config, async (delivery, { attempt }) => {
      seen.push(`${text(delivery)} ${attempt}`);
      return text(delivery) === 'good' ? 'ack' : { verdict: 'retry', reason: 'no such customer', exitCode: 3, stderr: 'line 1\nline 2' };
    });
    assert.deepEqual(seen, ['bad 1', 'good 1', 'bad 2', 'bad 3']);
    assert.deepEqual(counts, {
      received: 4,
      acknowledged: 1,
      retried: 2,
      dead: 1,
      dropped: 0,
      requeued: 0,
      copiedBack: 0,
      unknown: 0,
      returned: 0,
      waiting: 0,
    });
    assert.equal(await depth(queue), 0);
    const letters = await take(dead);
    assert.deepEqual(
      letters.map(({ content }) => content.toString()),
      ['bad'],
    );
    const { headers, messageId, deliveryMode } = letters[0]?.properties ?? {};
    assert.equal(messageId, 'the-bad-one');
    assert.equal(deliveryMode, 2);
    assert.equal(headers?.['x-rmq-reason'], 'no such customer');
    assert.equal(headers?.['x-rmq-exit-code'], 3);
    assert.equal(headers?.['x-rmq-stderr'], 'line 1\nline 2');
    assert.equal(headers?.['x-rmq-attempt'], 3);
    const [death, ...more] = headers?.['x-death'] ?? [];
    assert.deepEqual(more, []);
    assert.deepEqual({ ...death, time: undefined }, { count: 1, reason: 'rejected', queue, exchange: '', 'routing-keys': [queue], time: undefined });
  });
}

test('each attempt sees the message as it was published', async (t) => {
  const { queue, channel, exchange } = await workplace(t, { levels: [20] });
  const [events, aside] = [await exchange('topic'), await (await peer(t)).queue({}, 'aside')];
  await channel.bindQueue(queue, events, '#');
  const headers = {
    tenant: 'acme',
    CC: [aside],
    'x-death': [{ count: 1, reason: 'expired', queue, time: { '!': 'timestamp', value: 1 }, exchange: '', 'routing-keys': ['k'] }],
  };
  channel.publish(events, 'order.eu', Buffer.from([0, 255, 1]), { headers, expiration: '600000', userId: 'guest', correlationId: 'c', type: 't', priority: 3 });
  const { session } = testSession(t);
  const seen: Delivery[] = [];
  await workQueue(session, WorkConfig.parse({ queue, retries: 1, backoff: { from: 20, to: 20 }, count: 2 }), async (delivery) => {
    seen.push(delivery);
    return seen.length === 1 ? 'retry' : 'ack';
  });
  const [first, second] = seen.map(({ exchange: from, routingKey, properties, body }) => ({ from, routingKey, properties, body: body.toString('hex') }));
  assert.deepEqual(second, first);
  assert.equal(first?.routingKey, 'order.eu');
  assert.equal(first?.properties.userId, 'guest');
});

test('a dead letter goes nowhere but to the dead letters, however it was addressed', async (t) => {
  const { queue, dead, publish, take, depth } = await workplace(t);
  const aside = await (await peer(t)).queue({}, 'aside');
  await publish(queue, ['x'], { CC: [aside], userId: 'guest', expiration: '600000' } as object);
  assert.equal((await take(aside)).length, 1);
  const { session } = testSession(t);
  await workQueue(session, WorkConfig.parse({ queue, count: 1 }), async () => 'dead');
  assert.equal(await depth(aside), 0);
  const [letter] = await take(dead);
  assert.equal(letter?.properties.expiration, undefined);
  assert.equal(letter?.properties.headers?.['x-death']?.[0]?.['original-expiration' as never], '600000');
  assert.deepEqual(letter?.properties.headers?.['x-death']?.[0]?.['routing-keys'], [queue, aside]);
  assert.deepEqual(letter?.properties.headers?.['x-rmq-origin'], { queue, exchange: '', routingKey: queue, userId: 'guest', headers: { CC: [aside] } });
});

test('a rejection that follows others keeps the history of the message, newest first', async (t) => {
  const { queue, dead, publish, take } = await workplace(t);
  const entry = (from: string, reason: string, count: number): FieldTable => ({
    count,
    reason,
    queue: from,
    time: { '!': 'timestamp', value: 7 },
    exchange: 'e',
    'routing-keys': ['k'],
  });
  await publish(queue, ['x'], { headers: { 'x-death': [entry('other', 'expired', 4), entry(queue, 'rejected', 2)], 'x-first-death-queue': 'other' } });
  const { session } = testSession(t);
  await workQueue(session, WorkConfig.parse({ queue, count: 1 }), async () => 'dead');
  const headers = (await take(dead))[0]?.properties.headers;
  assert.deepEqual(
    headers?.['x-death']?.map(({ queue: from, reason, count }) => [from, reason, count]),
    [
      [queue, 'rejected', 3],
      ['other', 'expired', 4],
    ],
  );
  assert.equal(headers?.['x-first-death-queue'], 'other');
  // As the broker has it, an entry tells of the first time: where the message had been published to at first.
  const [newest] = headers?.['x-death'] ?? [];
  assert.deepEqual([newest?.exchange, newest?.['routing-keys'], newest?.time], ['e', ['k'], { '!': 'timestamp', value: 7 }]);
});

test('a queue without a dead-letter exchange is not worked on, unless what fails may be dropped', async (t) => {
  const { queue: make, publish, depth, channel } = await peer(t);
  const queue = await make();
  await publish(queue, ['x']);
  const { session } = testSession(t);
  const refused = await workQueue(session, WorkConfig.parse({ queue, count: 1 }), async () => 'ack').catch((error) => error);
  assert.ok(refused instanceof Failure);
  assert.equal(refused.kind, 'usage');
  assert.match(`${refused.message} ${refused.hint}`, /would be lost.*dropDead/s);
  assert.equal(await depth(queue), 1);
  const counts = await workQueue(session, WorkConfig.parse({ queue, count: 1, dropDead: true }), async () => 'dead');
  assert.equal(counts.dropped, 1);
  assert.equal(await depth(queue), 0);
  const missing = unique('missing');
  await assert.rejects(
    workQueue(session, WorkConfig.parse({ queue: missing, count: 1 }), async () => 'ack'),
    /would be lost/,
  );
  await assert.rejects((await peer(t)).depth(missing), /404/);
  void channel;
});

test('what a queue is asked to be and is not is named, argument by argument', async (t) => {
  const { queue: make } = await peer(t);
  const queue = await make({ maxLength: 10, messageTtl: 60_000 });
  const { session } = testSession(t);
  const config = WorkConfig.parse({ queue, maxLength: 5, messageTtl: 60_000, maxPriority: 3, dropDead: true, count: 1 });
  const failure = await workQueue(session, config, async () => 'ack').catch((error) => error);
  assert.ok(failure instanceof Failure);
  assert.equal(failure.kind, 'refused');
  assert.match(failure.message, /x-max-length is 10 there, you asked for 5/);
  assert.match(failure.message, /x-max-priority is not set there, you asked for 3/);
  assert.doesNotMatch(failure.message, /x-message-ttl/);
});

test('a stream is no work queue', async (t) => {
  const { queue: make } = await peer(t);
  const queue = await make({ arguments: { 'x-queue-type': 'stream' } });
  const { session } = testSession(t);
  await assert.rejects(
    workQueue(session, WorkConfig.parse({ queue, dropDead: true }), async () => 'ack'),
    /is a stream/,
  );
});

test('dead letters that no queue takes stop the worker, and the message stays', async (t) => {
  const { channel, depth, publish, queue: make } = await peer(t);
  const exchange = unique('dlx');
  await channel.assertExchange(exchange, 'direct');
  t.after(async () => (await peer(t)).channel.deleteExchange(exchange));
  const queue = await make({ deadLetterExchange: exchange, deadLetterRoutingKey: 'failed' });
  await publish(queue, ['x']);
  const { session } = testSession(t);
  const failure = await workQueue(session, WorkConfig.parse({ queue }), async () => 'dead').catch((error) => error);
  assert.ok(failure instanceof Failure, String(failure));
  assert.equal(failure.kind, 'unroutable');
  assert.match(failure.message, new RegExp(exchange));
  assert.equal(await depth(queue), 1);
});

test('a stopped worker lets its handler finish, takes nothing more, and has not failed', async (t) => {
  const { queue, publish, depth } = await workplace(t);
  await publish(queue, ['a', 'b', 'c']);
  const { session, stop } = testSession(t);
  const counts = await workQueue(session, WorkConfig.parse({ queue, prefetch: 2 }), async (_, { signal }) => {
    stop(new Failure('terminated', 'terminated'));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(signal.aborted, false);
    return 'ack';
  });
  assert.deepEqual(counts, { received: 1, acknowledged: 1, retried: 0, dead: 0, dropped: 0, requeued: 0, copiedBack: 0, unknown: 0, returned: 1 });
  assert.equal(await depth(queue), 2);
});

test('a handler that goes on beyond the grace is told to give up, and its message goes back', async (t) => {
  const { queue, publish, take } = await workplace(t);
  await publish(queue, ['a']);
  const { session, stop } = testSession(t);
  const run = workQueue(session, WorkConfig.parse({ queue, grace: 20 }), async (_, { signal }) => {
    stop(new Failure('terminated', 'terminated'));
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    return 'dead';
  });
  await assert.rejects(run, { kind: 'terminated' });
  const [message] = await take(queue);
  assert.equal(message?.content.toString(), 'a');
  assert.equal(message?.fields.redelivered, true);
});

test('a handler that takes too long is told so, and counts as failed', async (t) => {
  const { queue, dead, publish, take } = await workplace(t);
  await publish(queue, ['a']);
  const { session } = testSession(t);
  const counts = await workQueue(session, WorkConfig.parse({ queue, count: 1, handlerTimeout: 30 }), async (_, { signal }) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    return 'ack';
  });
  assert.equal(counts.dead, 1);
  assert.match((await take(dead))[0]?.properties.headers?.['x-rmq-reason'], /took longer than 30 ms/);
});

test('a handler that throws counts as failed, with its message as the reason', async (t) => {
  const { queue, dead, publish, take } = await workplace(t);
  await publish(queue, ['a']);
  const { session } = testSession(t);
  await workQueue(session, WorkConfig.parse({ queue, count: 1 }), async () => {
    throw new Error('the card was declined');
  });
  assert.equal((await take(dead))[0]?.properties.headers?.['x-rmq-reason'], 'the card was declined');
});

test('a verdict without a reason is what a dead letter says of it, and a reason fits into its headers', async (t) => {
  const cases: readonly (readonly [Judgement | Verdict, string])[] = [
    ['dead', 'the handler rejected it'],
    [{ verdict: 'dead', reason: '' }, 'the handler rejected it'],
    ['retry', 'the handler asked for another attempt'],
    [{ verdict: 'dead', reason: 'no such customer' }, 'no such customer'],
    [{ verdict: 'dead', reason: 'x'.repeat(500_000) }, 'x'.repeat(4_096)],
  ];
  const { queue, dead, publish, take } = await workplace(t);
  await publish(queue, Object.keys(cases));
  const { session } = testSession(t);
  await workQueue(session, WorkConfig.parse({ queue, count: cases.length }), async (task) => cases[Number(text(task))]?.[0] ?? 'ack');
  assert.deepEqual(
    (await take(dead)).map(({ properties }) => properties.headers?.['x-rmq-reason']),
    cases.map(([, reason]) => reason),
  );
});

test('a message that is given back comes again, as the same attempt', async (t) => {
  const { queue, publish } = await workplace(t);
  await publish(queue, ['a']);
  const { session } = testSession(t);
  const attempts: number[] = [];
  const counts = await workQueue(session, WorkConfig.parse({ queue, count: 2, requeueDelay: 10 }), async (_, { attempt }) => {
    attempts.push(attempt);
    return attempts.length === 1 ? 'requeue' : 'ack';
  });
  assert.deepEqual(attempts, [1, 1]);
  assert.deepEqual([counts.requeued, counts.acknowledged], [1, 1]);
});

test('a verdict on a message whose connection is gone is dropped; the message comes once more, and only once', async (t) => {
  const { queue, dead, publish, depth, take } = await workplace(t, { levels: [10] });
  await publish(queue, ['a']);
  const relay = await proxy(t, brokerUrl());
  const { session, until } = testSession(t, relay.url);
  let runs = 0;
  const config = WorkConfig.parse({ queue, count: 1, retries: 1, backoff: { from: 10, to: 10 } });
  const counts = await workQueue(session, config, async () => {
    runs++;
    if (runs > 1) return 'ack';
    relay.cut();
    await until((event): event is Extract<typeof event, { kind: 'disconnected' }> => event.kind === 'disconnected' && event.role === 'consumer');
    return 'retry';
  });
  assert.equal(runs, 2);
  assert.deepEqual([counts.acknowledged, counts.retried], [1, 0]);
  assert.equal(await depth(queue), 0);
  assert.equal((await take(dead)).length, 0);
});

test('each message that was received is counted once, also when the connection is lost before its answer', async (t) => {
  const { queue, dead, publish, depth } = await workplace(t, { levels: [1] });
  await publish(queue, ['ack', 'retry', 'dead', 'requeue', 'late', 'later']);
  const relay = await proxy(t, brokerUrl());
  const { session, until } = testSession(t, relay.url);
  const lost = until((event): event is Extract<typeof event, { kind: 'disconnected' }> => event.kind === 'disconnected' && event.role === 'consumer');
  const seen = new Map<string, number>();
  const config = WorkConfig.parse({ queue, idle: 1_000, concurrency: 6, requeueDelay: 0, retries: 1, backoff: { from: 1, to: 1 } });
  const counts = await workQueue(session, config, async (delivery) => {
    const task = text(delivery);
    seen.set(task, (seen.get(task) ?? 0) + 1);
    if (task !== 'later' || seen.get(task) !== 1) {
      if (task === 'late' && seen.get(task) === 1) await lost;
      return seen.get(task) === 1 ? (task as 'ack') : 'ack';
    }
    // By then the answers to the others have been sent.
    while ((await depth(dead)) === 0) await new Promise((resolve) => setImmediate(resolve));
    relay.cut();
    await lost;
    return 'dead';
  });
  const { received, returned, ...others } = counts;
  assert.equal(
    received,
    [...seen.values()].reduce((sum, one) => sum + one),
  );
  assert.equal(
    Object.values(others).reduce((sum, one) => sum + one),
    received,
    JSON.stringify(counts),
  );
  assert.ok(others.unknown >= 2, JSON.stringify(counts));
  assert.equal(await depth(queue), 0);
});

test('a consumer that loses its connection counts each message once, too', async (t) => {
  const { queue, publish } = await workplace(t);
  await publish(queue, ['a', 'b']);
  const relay = await proxy(t, brokerUrl());
  const { session, until } = testSession(t, relay.url);
  let first = true;
  const counts = await consume(session, ConsumeConfig.parse({ queue, count: 2 }), async () => {
    if (first) relay.cut();
    first = false;
    await until((event): event is Extract<typeof event, { kind: 'disconnected' }> => event.kind === 'disconnected' && event.role === 'consumer');
    return 'ack';
  });
  assert.deepEqual(counts, { received: 4, acknowledged: 2, rejected: 0, requeued: 0, unknown: 2, returned: 0 });
});

test('a broker that comes back without its data gets again what the worker had declared', async (t) => {
  const { channel, take } = await peer(t);
  const [exchange, dead] = [unique('exchange'), unique('dead')];
  const queue = `${exchange}.service`;
  const remove = async (on = channel): Promise<void> => {
    for (const name of [queue, `${queue}.retry.1`, dead]) await on.deleteQueue(name);
    await on.deleteExchange(exchange);
  };
  t.after(async () => remove((await peer(t)).channel));
  const relay = await proxy(t, brokerUrl());
  const { session, events, until } = testSession(t, relay.url);
  const flags = { dlx: '', dlxRoutingKey: dead, queueType: 'quorum' as const };
  const config = FanoutWorkConfig.parse({ exchange, service: 'service', ...flags, retries: 1, backoff: { from: 1, to: 1 }, count: 2, maxLength: 7 });
  const subscriptions = (): number => events.filter((event) => event.kind === 'subscribed' && /^working (again )?on/.test(event.text)).length;
  const running = workOn(session, fanoutSubscription(config), config, async () => 'retry');
  await until((event): event is Extract<typeof event, { kind: 'subscribed' }> => subscriptions() === 1 && event.kind === 'subscribed');
  await relay.refuse();
  await remove();
  await relay.admit();
  await until((event): event is Extract<typeof event, { kind: 'subscribed' }> => subscriptions() === 2 && event.kind === 'subscribed');
  channel.publish(exchange, '', Buffer.from('a'));
  await running;
  assert.equal((await take(dead))[0]?.properties.headers?.['x-rmq-attempt'], 2);
  await channel.assertQueue(queue, {
    durable: true,
    arguments: { 'x-queue-type': 'quorum', 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead, 'x-max-length': 7 },
  });
});

test('a queue that was there before comes back as it was', async (t) => {
  const { channel, publish } = await peer(t);
  const { queue, dead } = await workplace(t, { type: 'quorum' });
  const relay = await proxy(t, brokerUrl());
  const { session, events, until } = testSession(t, relay.url);
  const subscriptions = (): number => events.filter((event) => event.kind === 'subscribed' && /^working (again )?on/.test(event.text)).length;
  const running = workQueue(session, WorkConfig.parse({ queue, count: 1 }), async () => 'ack');
  await until((event): event is Extract<typeof event, { kind: 'subscribed' }> => subscriptions() === 1 && event.kind === 'subscribed');
  await relay.refuse();
  await channel.deleteQueue(queue);
  await relay.admit();
  await until((event): event is Extract<typeof event, { kind: 'subscribed' }> => subscriptions() === 2 && event.kind === 'subscribed');
  await publish(queue, ['a']);
  await running;
  await channel.assertQueue(queue, {
    durable: true,
    arguments: { 'x-queue-type': 'quorum', 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead },
  });
});

test('a message that a handler had when it stopped the worker is counted as given back', async (t) => {
  const { queue, publish, depth } = await workplace(t);
  await publish(queue, ['a', 'b', 'c']);
  const { session, events } = testSession(t);
  const run = workQueue(session, WorkConfig.parse({ queue, prefetch: 2 }), async () => {
    throw new Failure('unfound', 'there is no such program');
  });
  await assert.rejects(run, { kind: 'unfound' });
  const worked = events.find((event) => event.kind === 'worked');
  // The one that waited for its turn has not had it.
  assert.deepEqual(worked?.counts, { received: 1, acknowledged: 0, retried: 0, dead: 0, dropped: 0, requeued: 1, copiedBack: 0, unknown: 0, returned: 1 });
  assert.equal(await depth(queue), 3);
});

test('a classic queue that refuses when it is full is not worked on with retries: what comes back could be lost', async (t) => {
  const { queue: make, publish, depth } = await peer(t);
  const queue = await make({ maxLength: 3, arguments: { 'x-overflow': 'reject-publish' } });
  await publish(queue, ['a']);
  const { session } = testSession(t);
  await assert.rejects(
    workQueue(session, WorkConfig.parse({ queue, dropDead: true, retries: 1, count: 1 }), async () => 'retry'),
    { kind: 'refused' },
  );
  assert.equal(await depth(queue), 1);
  assert.equal((await workQueue(session, WorkConfig.parse({ queue, dropDead: true, count: 1 }), async () => 'ack')).acknowledged, 1);
});
