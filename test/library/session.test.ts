import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import * as rmq from 'rmq';
import { brokerUrl, peer, unique } from '../support/broker.ts';
import { BASIC_ACK, deadPort, type FaultyProxy, proxy } from '../support/faults.ts';

interface Service {
  readonly session: rmq.Session;
  readonly events: readonly rmq.SessionEvent[];
  readonly relay: FaultyProxy;
  /** Resolves with the first event, past or future, of this kind that is like this. */
  readonly until: <K extends rmq.Event['kind']>(
    kind: K,
    isIt?: (event: rmq.SessionEvent & { readonly kind: K }) => boolean,
  ) => Promise<rmq.SessionEvent & { readonly kind: K }>;
}

async function service(t: TestContext, options: Partial<rmq.SessionOptions> = {}): Promise<Service> {
  const relay = await proxy(t, brokerUrl());
  const events: rmq.SessionEvent[] = [];
  const watchers = new Set<() => void>();
  const onEvent = (event: rmq.SessionEvent): void => {
    events.push(event);
    for (const watch of watchers) watch();
  };
  const session = rmq.openSession({ url: relay.url, onEvent, ...options });
  t.after(() => session.close());
  return {
    session,
    events,
    relay,
    until: (kind, isIt = () => true) =>
      new Promise((resolve) => {
        const watch = (): void => {
          const found = events.find((event) => event.kind === kind && isIt(event as never));
          if (found === undefined) return;
          watchers.delete(watch);
          resolve(found as never);
        };
        watchers.add(watch);
        watch();
      }),
  };
}

const states = (session: rmq.Session): unknown[] => session.status().map(({ role, queue, state, attempt }) => [role, queue, state, attempt > 0]);

test('status tells of every connection: that it is there, that it is tried again while the broker is away, and that it is there again', async (t) => {
  const { queue } = await peer(t);
  const name = await queue();
  const { session, relay, until, events } = await service(t);
  const worker = rmq.workQueue(session, { queue: name, dropDead: true }, async () => 'ack');
  await worker.ready;
  const publisher = await rmq.openPublisher(session);
  const up = [
    ['consumer', name, 'connected', false],
    ['publisher', undefined, 'connected', false],
  ];
  assert.deepEqual(states(session), up);
  await relay.refuse();
  await until('reconnecting', (event) => event.role === 'consumer' && event.attempt > 1);
  await until('reconnecting', (event) => event.role === 'publisher' && event.attempt > 1);
  assert.deepEqual(states(session), [
    ['consumer', name, 'reconnecting', true],
    ['publisher', undefined, 'reconnecting', true],
  ]);
  assert.ok(session.status().every(({ failure }) => failure instanceof rmq.Failure && failure.kind === 'unavailable'));
  const published = publisher.publish({ routingKey: name, body: 'while it was away' });
  await relay.admit();
  await published;
  await until('subscribed', (event) => events.indexOf(event) > events.findIndex(({ kind }) => kind === 'disconnected'));
  assert.deepEqual(states(session), up);
  await session.close();
  assert.deepEqual(session.status(), []);
});

test('what is opened while the broker is away waits for it, unless the session or the call has a limit', async () => {
  const url = `amqp://127.0.0.1:${await deadPort()}`;
  const session = rmq.openSession({ url, onEvent: () => undefined });
  await assert.rejects(rmq.openPublisher(session, {}, { signal: AbortSignal.timeout(300) }), { kind: 'deadline' });
  await assert.rejects(rmq.queueStatus(session, { queue: 'q' }, { signal: AbortSignal.timeout(300) }), { kind: 'deadline' });
  const worker = rmq.workQueue(session, { queue: 'q', dropDead: true }, async () => 'ack');
  const opening = assert.rejects(rmq.openPublisher(session), { kind: 'interrupted' });
  await session.close();
  await opening;
  await assert.rejects(worker.ready, { kind: 'interrupted' });
  assert.equal((await worker.done).received, 0);
  await assert.rejects(rmq.openPublisher(session), { kind: 'unavailable', message: 'the session is closed' });
  const limited = rmq.openSession({ url, connectAttempts: 2, reconnectDelay: { from: 0, to: 10 } });
  await assert.rejects(rmq.openPublisher(limited), { kind: 'unavailable', hint: 'is the broker running? wait keeps trying' });
  await limited.close();
});

test('a worker that can go on no longer is lost: its event, status and done say so, with its queue', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue();
  const { session, until } = await service(t);
  const consumer = rmq.consume(session, { queue: name }, async () => {
    throw new Error('no');
  });
  await consumer.ready;
  await publish(name, ['a']);
  const { queue: of, failure } = await until('lost');
  assert.deepEqual([of, failure.kind, failure.message], [name, 'io', 'the handler failed: no']);
  await assert.rejects(consumer.done, failure);
  assert.deepEqual(
    session.status().map(({ queue: lost, state }) => [lost, state]),
    [[name, 'lost']],
  );
});

test('a publisher that gives up is lost, and no longer once it has come back', async (t) => {
  const { queue } = await peer(t);
  const name = await queue();
  const { session, relay, until } = await service(t);
  const publisher = await rmq.openPublisher(session, { confirmTimeout: 300 });
  await publisher.publish({ routingKey: name, body: 'x' });
  relay.leaveOut(BASIC_ACK);
  relay.cut();
  // Three connections in a row bring no confirm.
  await assert.rejects(publisher.publish({ routingKey: name, body: 'x' }), { kind: 'unavailable' });
  await until('lost');
  assert.deepEqual(
    session.status().map(({ role, state }) => [role, state]),
    [['publisher', 'lost']],
  );
  relay.leaveOut(BASIC_ACK, 0);
  const again = async (): Promise<void> => {
    await pause(100);
    await publisher.publish({ routingKey: name, body: 'x' }).catch(again);
  };
  await again();
  assert.deepEqual(
    session.status().map(({ role, state }) => [role, state]),
    [['publisher', 'connected']],
  );
});

test('stop lets handlers finish, tells those to give up that do not, and is over within its bound; what is unfinished is back in its queue', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const name = await queue();
  await publish(name, ['quick', 'listens', 'later']);
  const { session } = await service(t);
  const begun: string[] = [];
  const told: string[] = [];
  let finish: () => void = () => undefined;
  let both: () => void = () => undefined;
  const running = new Promise<void>((resolve) => {
    both = resolve;
  });
  const worker = rmq.workQueue(session, { queue: name, dropDead: true, concurrency: 2, grace: 100 }, async ({ body }, { signal }) => {
    begun.push(String(body));
    if (begun.length === 2) both();
    await new Promise<void>((resolve) => {
      if (String(body) === 'quick') finish = resolve;
      else signal.addEventListener('abort', () => resolve(void told.push(String(body))));
    });
  });
  await running;
  const stopped = worker.stop();
  finish();
  const counts = await stopped;
  assert.deepEqual([begun, told, counts.acknowledged], [['quick', 'listens'], ['listens'], 1]);
  while ((await depth(name)) !== 2);
  assert.equal(await worker.done, counts);
  assert.equal(await worker.stop(), counts);
});

test('a signal stops what it was given to, and the signal of the session all of it', async (t) => {
  const { queue } = await peer(t);
  const all = new AbortController();
  const { session } = await service(t, { signal: all.signal });
  const one = new AbortController();
  const start = async (signal?: AbortSignal): Promise<rmq.Running<rmq.ConsumeCounts>> => {
    const consumer = rmq.consume(session, { queue: await queue() }, async () => 'ack', signal === undefined ? {} : { signal });
    await consumer.ready;
    return consumer;
  };
  const [first, second] = [await start(one.signal), await start()];
  one.abort();
  await first.done;
  assert.equal(session.status().length, 1);
  all.abort();
  await second.done;
  await session.close();
  assert.deepEqual(session.status(), []);
});

test('what is left is closed at the end of its block', async (t) => {
  const { queue, depth } = await peer(t);
  const name = await queue();
  const session = rmq.openSession({ url: brokerUrl() });
  const publisher = await rmq.openPublisher(session);
  const worker = rmq.consume(session, { queue: name, prefetch: 1 }, async () => 'ack');
  const requests = unique('rpc');
  t.after(async () => (await peer(t)).channel.deleteQueue(requests));
  const server = rmq.rpcServer(session, { queue: requests }, async () => '');
  await Promise.all([worker.ready, server.ready]);
  // It waits for the confirm.
  const published = publisher.publish({ routingKey: name, body: 'x' });
  for (const one of [publisher, worker, server, session]) await one[Symbol.asyncDispose]();
  await published;
  assert.ok((await depth(name)) <= 1);
});

test('an array is read in batches, which share their writes', async (t) => {
  const { queue, depth } = await peer(t);
  const name = await queue();
  const { session } = await service(t);
  let read = 0;
  function* messages(): Generator<rmq.Outgoing> {
    for (; read < 1_000; read++) yield { routingKey: name, body: String(read) };
  }
  const publishing = rmq.publishMessages(session, { window: 1 }, messages());
  while ((await depth(name)) === 0);
  const atFirst = read;
  await publishing;
  assert.ok(atFirst >= 499, String(atFirst));
});
