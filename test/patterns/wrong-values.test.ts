import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import * as rmq from 'rmq';
import { brokerUrl, peer, unique } from '../support/broker.ts';
import { closingPort, proxy } from '../support/faults.ts';

// What a program gives away that has no types, or an `any`, such as one from JSON.parse.
const any = (value: unknown): never => value as never;

interface Library {
  readonly session: rmq.Session;
  readonly events: readonly rmq.Event[];
}

function library(t: TestContext, url = brokerUrl()): Library {
  const events: rmq.Event[] = [];
  const session = rmq.openSession({ url, onEvent: (event) => events.push(event) });
  t.after(() => session.close());
  return { session, events };
}

const isFailure =
  (...kinds: rmq.FailureKind[]) =>
  (error: unknown): boolean =>
    error instanceof rmq.Failure && kinds.includes(error.kind);

const notText = fc.oneof(fc.integer(), fc.boolean(), fc.constant(null), fc.bigInt(), fc.array(fc.integer()), fc.object(), fc.constant(Symbol('text')));
const longText = fc.constant('é'.repeat(128));
const halfPair = fc.constant('half \ud800 a pair');
const wrongText = fc.oneof(notText, longText, halfPair);
const wrongBody = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.bigInt(),
  fc.date(),
  fc.array(fc.integer()),
  fc.object(),
  halfPair,
  fc.constantFrom<unknown>(undefined, null, () => 'body', Symbol('body'), new ArrayBuffer(3), new Map([['a', 1]]), Promise.resolve('body')),
);
const wrongField = fc.oneof(
  fc.bigInt(),
  halfPair,
  fc.constantFrom<unknown>(
    Number.NaN,
    Number.POSITIVE_INFINITY,
    2 ** 60,
    new Date(0),
    new Map([['a', 1]]),
    new Set([1]),
    Buffer.from('bytes'),
    /a pattern/,
    () => 1,
    Symbol('field'),
    [undefined],
    // biome-ignore lint/suspicious/noSparseArray: a hole is what is tried
    [1, , 3],
    { '!': 'int8', value: 1_000 },
    { '!': 'nothing', value: 1 },
    { '!': 'int8' },
    Object.defineProperty({}, 'throws', { enumerable: true, get: () => assert.fail('looked at') }),
  ),
);
const wrongHeaders = fc.oneof(
  fc.constantFrom<unknown>(null, 5, 'text', [1], new Map([['a', 1]]), { ['n'.repeat(256)]: 1 }),
  wrongField.map((field) => ({ field })),
  wrongField.map((field) => ({ list: [1, { deep: field }] })),
);
const wrongProperties = fc.oneof(
  fc.constantFrom<unknown>(null, 5, 'text', [1], new Map([['type', 'a']]), { persistent: true }, { priority: 256 }, { priority: '1' }, { deliveryMode: 3 }),
  fc.constantFrom<unknown>({ expiration: 1_000 }, { expiration: 'soon' }, { timestamp: new Date() }, { timestamp: -1 }, { timestamp: 1.5 }),
  fc
    .record({ name: fc.constantFrom('contentType', 'correlationId', 'replyTo', 'messageId', 'type', 'userId', 'appId'), text: wrongText })
    .map(({ name, text }) => ({ [name]: text })),
  wrongHeaders.map((headers) => ({ headers })),
);
const wrongMessage = fc.oneof(
  wrongBody.map((body) => ({ body })),
  wrongText.map((routingKey) => ({ routingKey })),
  wrongText.map((exchange) => ({ exchange })),
  wrongProperties.map((properties) => ({ properties })),
  fc.constantFrom<unknown>({ rountingKey: 'x' }, { routingKey: undefined }, { header: {} }),
);

test('a message with any wrong value is refused as data, no byte of it is sent, and the next one on the same connection goes', async (t) => {
  const { queue, depth } = await peer(t);
  const name = await queue();
  const between = await proxy(t, brokerUrl());
  const publisher = await rmq.openPublisher(library(t, between.url).session);
  const good = { routingKey: name, body: 'good', properties: { messageId: 'good' } };
  const cost = async (): Promise<number> => {
    const before = between.sent;
    await publisher.publish(good);
    return between.sent - before;
  };
  await cost();
  const alone = await cost();
  const before = between.sent;
  await fc.assert(
    fc.asyncProperty(wrongMessage, async (wrong) => {
      await assert.rejects(publisher.publish(any({ ...good, ...(wrong as object) })), isFailure('data'));
    }),
    { numRuns: 500 },
  );
  for (const nothing of [undefined, null, 'text', 5, [], new Map(), () => good]) await assert.rejects(publisher.publish(any(nothing)), isFailure('data'));
  await publisher.publish(good);
  assert.equal(between.sent - before, alone);
  await publisher.close();
  assert.equal(await depth(name), 3);
});

test('whatever the headers are, a message is confirmed or refused as data, and the connection lives', async (t) => {
  const { queue } = await peer(t);
  const name = await queue();
  const { session, events } = library(t);
  const publisher = await rmq.openPublisher(session);
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withTypedArray: true,
    withSparseArray: true,
    withNullPrototype: true,
  });
  await fc.assert(
    fc.asyncProperty(anything, anything, async (headers, body) => {
      const given = { routingKey: name, body: typeof body === 'object' ? 'text' : body, properties: { headers } };
      await publisher.publish(any(given)).catch((error) => assert.ok(isFailure('data')(error), String(error)));
      await publisher.publish({ routingKey: name, body: 'good' });
    }),
    { numRuns: 300 },
  );
  await publisher.close();
  assert.equal(events.filter(({ kind }) => kind === 'connected').length, 1);
});

test('publishMessages sends what is a message, and tells of what is none', async (t) => {
  const { queue, take } = await peer(t);
  const name = await queue();
  const { session } = library(t);
  const send = (messages: unknown): Promise<rmq.PublishCounts> => rmq.publishMessages(session, {}, any(messages));
  const good = { routingKey: name, body: 'good' };
  await assert.rejects(send([good, { ...good, body: { a: 1 } }, good]), isFailure('data'));
  await assert.rejects(
    send(
      (async function* () {
        yield [good, { ...good, properties: { headers: { when: new Date() } } }];
        yield good;
      })(),
    ),
    isFailure('data'),
  );
  for (const nothing of [undefined, 5, 'text', good]) await assert.rejects(send(nothing), isFailure('usage'));
  const taken = await take(name);
  assert.deepEqual(
    taken.map(({ content, properties: { deliveryMode } }) => [content.toString(), deliveryMode]),
    Array.from({ length: 3 }, () => ['good', 2]),
  );
});

const bytes = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZ');
/** Parts of a larger buffer. */
const VIEWS: Record<string, NodeJS.ArrayBufferView> = {
  Buffer: bytes.subarray(3, 19),
  Uint8Array: new Uint8Array(bytes).subarray(3, 19),
  Uint16Array: new Uint16Array(new Uint8Array(bytes).buffer, 4, 8),
  Float64Array: new Float64Array(new Uint8Array(bytes).buffer, 8, 2),
  DataView: new DataView(new Uint8Array(bytes).buffer, 3, 16),
  'an empty one': new Uint8Array(8).subarray(4, 4),
  'a large one': new Uint8Array(300_000).fill(7).subarray(100_000),
};

test('every view of bytes is a body wherever a Buffer is', async (t) => {
  const { queue, take } = await peer(t);
  const name = await queue();
  const { session } = library(t);
  const requests = unique('rpc');
  t.after(async () => (await peer(t)).channel.deleteQueue(requests));
  await rmq.declareWorkQueue(session, { queue: requests });
  const server = rmq.rpcServer(session, { queue: requests, grace: 0 }, async ({ properties, body }) => {
    const view = new Uint8Array(body);
    if (properties.type === 'fails') throw new rmq.RpcError('no', { body: view });
    return properties.type === 'plain' ? view : { body: view };
  });
  const publisher = await rmq.openPublisher(session);
  await server.ready;
  const client = await rmq.rpcClient(session, { queue: requests });
  for (const [what, body] of Object.entries(VIEWS)) {
    const wanted = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    await publisher.publish({ routingKey: name, body });
    await rmq.publishMessages(session, {}, [{ routingKey: name, body }]);
    const replies = [await client.call(body, { properties: { type: 'plain' } }), await client.call(body)];
    const error = await client.call(body, { properties: { type: 'fails' } }).catch((failure: unknown) => failure);
    assert.ok(error instanceof rmq.RpcError, String(error));
    const taken = (await take(name)).map(({ content }) => content);
    for (const got of [...taken, ...replies.map((reply) => reply.body), error.body]) assert.ok(wanted.equals(got), what);
    assert.equal(taken.length, 2, what);
  }
  await client.close();
  await publisher.close();
  await server.stop();
});

test('an rpc handler that answers with what is no answer costs that request, and the server goes on', async (t) => {
  const { session } = library(t);
  const queue = unique('rpc');
  t.after(async () => (await peer(t)).channel.deleteQueue(queue));
  await rmq.declareWorkQueue(session, { queue });
  const { proxy: revoked, revoke } = Proxy.revocable({}, {});
  revoke();
  const ANSWERS: readonly unknown[] = [
    undefined,
    null,
    5,
    10n,
    Symbol('answer'),
    true,
    [],
    {},
    { a: 1 },
    { body: { a: 1 } },
    { body: 'x', headers: {} },
    { body: 'x', properties: { headers: { when: new Date() } } },
    { body: 'x', properties: 5 },
    new Date(),
    new Map(),
    () => 'body',
    new ArrayBuffer(3),
    revoked,
  ];
  const THROWN: readonly unknown[] = [undefined, null, 'text', Symbol('thrown'), Object.create(null), Object.assign(new Error('x'), { message: { a: 1 } })];
  const handler = ({ body }: rmq.Delivery): unknown => {
    const [what = '', index = ''] = body.toString().split(' ');
    if (what === 'answer') return ANSWERS[Number(index)];
    if (what === 'throw') throw THROWN[Number(index)];
    return 'fine';
  };
  const server = rmq.rpcServer(session, { queue }, any(handler));
  await server.ready;
  const client = await rmq.rpcClient(session, { queue, timeout: 10_000 });
  const bodies = [...ANSWERS.map((_, index) => `answer ${index}`), ...THROWN.map((_, index) => `throw ${index}`)];
  for (const body of bodies) {
    await assert.rejects(client.call(body), (error) => error instanceof rmq.RpcError && error.exitCode === 1, body);
    assert.equal((await client.call('?')).body.toString(), 'fine');
  }
  for (const wrong of [undefined, { a: 1 }, 5]) await assert.rejects(client.call(any(wrong)), isFailure('data'));
  for (const wrong of [{ replyTo: 'x' }, { correlationId: 'x' }, { type: 5 }, { persistent: true }])
    await assert.rejects(client.call('?', any({ properties: wrong })), isFailure('data'));
  for (const wrong of [5, { timeout: 0 }, { signal: {} }, { propertys: {} }]) await assert.rejects(client.call('?', any(wrong)), isFailure('usage'));
  await client.close();
  const counts = await server.stop();
  assert.deepEqual([counts.replied, counts.failed], [bodies.length, bodies.length]);
});

const WRONG_VERDICTS: readonly unknown[] = [null, 0, true, 'acknowledge', 'ACK', {}, { settlement: 'ack' }, { verdict: 'yes' }, [], Symbol('ack'), () => 'ack'];

test('a consume handler that returns nothing acknowledges', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const name = await queue();
  await publish(name, ['a', 'b', 'c']);
  const { session } = library(t);
  const seen: string[] = [];
  const counts = await rmq.consume(session, { queue: name, count: 2 }, async ({ body }) => {
    seen.push(body.toString());
  }).done;
  assert.deepEqual([seen, counts.acknowledged], [['a', 'b'], 2]);
  // A handler that is no async function.
  await rmq.consume(
    session,
    { queue: name, count: 1 },
    any(() => undefined),
  ).done;
  assert.equal(await depth(name), 0);
});

test('a consume handler that returns what is no verdict, or throws at once, ends the run, and its message goes back', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const name = await queue();
  await publish(name, ['a']);
  const { session } = library(t);
  for (const verdict of WRONG_VERDICTS) {
    const run = rmq.consume(
      session,
      { queue: name, count: 1 },
      any(() => verdict),
    ).done;
    await assert.rejects(run, { kind: 'data', message: /^the handler returned .*; it must return "ack"/ });
  }
  for (const thrown of [new Error('no'), 'no', Symbol('no'), Object.create(null)]) {
    const run = rmq.consume(
      session,
      { queue: name, count: 1 },
      any(() => {
        throw thrown;
      }),
    ).done;
    await assert.rejects(run, isFailure('io'));
  }
  while ((await depth(name)) !== 1);
});

test('a worker that returns nothing acknowledges; one that returns what is no verdict has failed, and the others go on', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const name = await queue();
  const { session, events } = library(t);
  await publish(name, ['fine', ...WRONG_VERDICTS.map((_, index) => String(index)), 'fine']);
  const config = { queue: name, dropDead: true, count: WRONG_VERDICTS.length + 2 };
  const counts = await rmq.workQueue(
    session,
    config,
    any(({ body }: rmq.Delivery) => (String(body) === 'fine' ? undefined : WRONG_VERDICTS[Number(body)])),
  ).done;
  assert.deepEqual([counts.acknowledged, counts.dropped], [2, WRONG_VERDICTS.length]);
  assert.ok(events.every((event) => event.kind !== 'dead' || /^the handler returned /.test(event.reason)));
  assert.equal(await depth(name), 0);
  await publish(name, ['x', 'y', 'z']);
  const judged: readonly unknown[] = [
    { verdict: 'dead', reason: { a: 1 } },
    { verdict: 'dead', stderr: 5 },
    { verdict: 'dead', exitCode: 'one' },
  ];
  let call = 0;
  const again = await rmq.workQueue(
    session,
    { queue: name, dropDead: true, count: 3 },
    any(async () => judged[call++]),
  ).done;
  assert.equal(again.dropped, 3);
});

test('an inspection goes on whatever its listener returns', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const name = await queue();
  await publish(name, ['a', 'b']);
  const { session } = library(t);
  const seen: string[] = [];
  const { read } = await rmq.inspectDeadLetters(
    session,
    { queue: name },
    any(({ body }: rmq.Delivery) => seen.push(String(body))),
  );
  assert.deepEqual([read, seen], [2, ['a', 'b']]);
  while ((await depth(name)) !== 2);
});

test('an expression is read where it is awaited: a config takes any, and a wrong one rejects before anything connects', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue();
  await publish(name, ['{"total":5}', '{"total":50}']);
  const { session } = library(t);
  const inspected = await rmq.inspectDeadLetters(session, { queue: name, where: 'json.total > 7' }, () => undefined);
  assert.equal(inspected.matched, 1);
  const nobody = await closingPort(t);
  const { session: nowhere } = library(t, `amqp://127.0.0.1:${nobody.port}`);
  let visits = 0;
  void nobody.visited().then(() => visits++);
  const where = 'json.total >';
  const wrong = { kind: 'usage', message: /Unexpected token: EOF, at character 13/ };
  await assert.rejects(
    rmq.inspectDeadLetters(nowhere, { queue: name, where }, () => undefined),
    wrong,
  );
  await assert.rejects(rmq.replayDeadLetters(nowhere, { queue: name, where }), wrong);
  await assert.rejects(rmq.moveMessages(nowhere, { queue: name, toQueue: 'other', where }), wrong);
  assert.equal(visits, 0);
});

test('wrong options of every function are wrong usage, before anything connects', async (t) => {
  const nobody = await closingPort(t);
  const url = `amqp://127.0.0.1:${nobody.port}`;
  let visits = 0;
  void nobody.visited().then(() => visits++);
  const { session } = library(t, url);
  const handler = async (): Promise<'ack'> => 'ack';
  const emit = (): void => undefined;
  /** Each with its options, the name of a required one where there is one, and what else it needs. */
  const CALLS: Record<string, (session: never, options: never, more?: never) => unknown> = {
    consume: (s, o, h = any(handler)) => rmq.consume(s, o, h),
    workQueue: (s, o, h = any(handler)) => rmq.workQueue(s, o, h),
    workFanout: (s, o, h = any(handler)) => rmq.workFanout(s, o, h),
    workTopic: (s, o, h = any(handler)) => rmq.workTopic(s, o, h),
    subscribeFanout: (s, o, h = any(handler)) => rmq.subscribeFanout(s, o, h),
    subscribeTopic: (s, o, h = any(handler)) => rmq.subscribeTopic(s, o, h),
    rpcServer: (s, o, h = any(handler)) => rmq.rpcServer(s, o, h),
    rpcClient: (s, o) => rmq.rpcClient(s, o),
    openPublisher: (s, o) => rmq.openPublisher(s, o),
    publishMessages: (s, o) => rmq.publishMessages(s, o, []),
    inspectDeadLetters: (s, o, h = any(emit)) => rmq.inspectDeadLetters(s, o, h),
    replayDeadLetters: (s, o) => rmq.replayDeadLetters(s, o),
    moveMessages: (s, o) => rmq.moveMessages(s, o),
    setupDeadLetters: (s, o) => rmq.setupDeadLetters(s, o),
    declareQueue: (s, o) => rmq.declareQueue(s, o),
    removeQueue: (s, o) => rmq.removeQueue(s, o),
    queueStatus: (s, o) => rmq.queueStatus(s, o),
    publishFanout: (s, o) => rmq.publishFanout(s, o, []),
    publishTopic: (s, o) => rmq.publishTopic(s, o, []),
    exportDeadLetters: (s, o) => rmq.exportDeadLetters(s, o),
    importDeadLetters: (s, o) => rmq.importDeadLetters(s, o),
    purgeDeadLetters: (s, o) => rmq.purgeDeadLetters(s, o),
    listDeadLetters: (s, o) => rmq.listDeadLetters(s, o),
    declareExchange: (s, o) => rmq.declareExchange(s, o),
    declareWorkQueue: (s, o) => rmq.declareWorkQueue(s, o),
  };
  const GOOD: Record<string, object> = {
    openPublisher: {},
    publishMessages: {},
    workTopic: { pattern: ['#'] },
    subscribeTopic: { pattern: ['#'] },
    workFanout: {},
    subscribeFanout: {},
    moveMessages: { queue: 'q', toQueue: 'p' },
    declareExchange: { exchange: 'e', type: 'topic' },
    importDeadLetters: { directory: 'd' },
    exportDeadLetters: { queue: 'q', directory: 'd' },
    listDeadLetters: {},
    publishFanout: {},
    publishTopic: {},
  };
  const HANDLED = new Set(['consume', 'workQueue', 'workFanout', 'workTopic', 'subscribeFanout', 'subscribeTopic', 'rpcServer', 'inspectDeadLetters']);
  const fails = async (call: () => unknown, what: string): Promise<void> => {
    await assert.rejects(async () => call(), isFailure('usage'), what);
  };
  for (const [name, call] of Object.entries(CALLS)) {
    const good = GOOD[name] ?? { queue: 'q' };
    const wrongs: unknown[] = [null, 5, 'text', [], new Map(), { ...good, queue: 5, pattern: 5, window: 0, exchange: 5 }];
    if (name !== 'declareWorkQueue') wrongs.push({ ...good, noSuchOption: 1 });
    for (const wrong of wrongs) await fails(() => call(any(session), any(wrong)), name);
    for (const none of [undefined, null, {}, 'session']) await fails(() => call(any(none), any(good)), `${name} without a session`);
    for (const none of HANDLED.has(name) ? [null, 5, {}] : []) await fails(() => call(any(session), any(good), any(none)), `${name} without a handler`);
  }
  await fails(() => rmq.openSession(any({ url: 5 })), 'openSession');
  await fails(() => rmq.openSession(any({ url, heartbeats: 1 })), 'openSession');
  await fails(() => rmq.openSession({ url, onEvent: any(5) }), 'openSession');
  await fails(() => rmq.openSession({ url, signal: any({}) }), 'openSession');
  await fails(() => rmq.openSession({ url, managementUrl: any(5) }), 'openSession');
  await fails(() => rmq.openSession({ url: 'http://localhost' }), 'openSession');
  await fails(() => rmq.queueStatus(session, { queue: 'q' }, any({ signal: 5 })), 'queueStatus');
  await fails(() => rmq.replayDeadLetters(session, { queue: 'q', target: any({}) }), 'replayDeadLetters');
  await fails(() => rmq.matchTopic(any(5), 'x'), 'matchTopic');
  await fails(() => rmq.explainMatch('x', any(5)), 'explainMatch');
  assert.equal(visits, 0);
});

test('options need not be parsed: what is left out has its default, and what is wrong is named', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const name = await queue();
  await publish(name, ['a']);
  const { session } = library(t);
  const counts = await rmq.consume(session, { queue: name, count: 1 }, handlerOf('ack')).done;
  assert.equal(counts.acknowledged, 1);
  assert.equal(await depth(name), 0);
  const wrong = (options: object, message: string): void =>
    assert.throws(() => rmq.consume(session, any(options), handlerOf('ack')), { kind: 'usage', message });
  wrong({ queue: name, prefetsh: 5 }, 'there is no option "prefetsh"; did you mean "prefetch"?');
  wrong({ queue: name, prefetch: 0 }, 'prefetch must be at least 1');
  wrong({}, 'queue is missing');
  wrong({ queue: '' }, 'queue must not be empty');
  wrong({ queue: name, expect: 1, count: 1 }, 'expect and count exclude each other: expect stops by itself');
  const work = (options: object, message: string): void =>
    assert.throws(() => rmq.workQueue(session, any(options), any(handlerOf('ack'))), { kind: 'usage', message });
  work({ queue: name, dlxRoutingKey: 'x' }, 'dlxRoutingKey needs dlx');
  await assert.rejects(rmq.workQueue(session, { queue: name }, handlerOf('ack')).ready, {
    kind: 'usage',
    hint: 'send them to dlx, use policyDlx when a policy of the broker dead-letters it, or drop such messages with dropDead',
  });
  assert.throws(() => rmq.openSession({ url: brokerUrl(), heartbeat: 1 }), {
    message: 'heartbeat must be whole seconds from 1s to 65535s, or 0s to turn it off',
  });
});

function handlerOf(verdict: 'ack'): () => Promise<'ack'> {
  return async () => verdict;
}

test('a failure names options as a program gives them, never as flags', async (t) => {
  const { session } = library(t);
  const says = (message: string) => (error: unknown) => error instanceof rmq.Failure && error.message === message;
  await assert.rejects(rmq.removeQueue(session, any({ queue: 'q', force: true })), says('force needs ifEmpty'));
  await assert.rejects(rmq.removeQueue(session, any({ queue: 'q'.repeat(256) })), says('queue must have at most 255 bytes'));
  await assert.rejects(
    rmq.declareQueue(session, any({ queue: 'q', queueType: 'classic', argument: { 'x-queue-type': 'quorum' } })),
    says('queueType sets the argument x-queue-type'),
  );
  assert.throws(
    () => rmq.consume(session, any({ queue: 'q', requeue: true, ack: false }), handlerOf('ack')),
    says('requeue, reject and ack: false exclude each other'),
  );
  assert.throws(
    () => rmq.openSession(any({ url: ['amqp://localhost'], heartbeat: 1 })),
    says('heartbeat must be whole seconds from 1s to 65535s, or 0s to turn it off'),
  );
});
