import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import type { Event } from '../../src/model/event.ts';
import { Failure } from '../../src/model/failure.ts';
import type { Properties } from '../../src/model/message/message.ts';
import { RpcError } from '../../src/model/rpc.ts';
import { type RpcClient, RpcClientConfig, rpcClient } from '../../src/patterns/rpc/client.ts';
import { type RpcHandler, RpcServerConfig, rpcServer } from '../../src/patterns/rpc/server.ts';
import { brokerUrl, peer, unique } from '../support/broker.ts';
import { proxy } from '../support/faults.ts';
import { type TestSession, testSession } from '../support/session.ts';

type Note = Extract<Event, { readonly kind: 'subscribed' }>;
type ServerOptions = Omit<Parameters<typeof RpcServerConfig.parse>[0] & object, 'queue'>;

/** A server that has subscribed to a queue of its own, and is terminated in the end. */
async function serve(t: TestContext, handler: RpcHandler, options: ServerOptions = {}): Promise<TestSession & { readonly queue: string }> {
  const queue = unique('rpc');
  let end: () => Promise<unknown> = async () => undefined;
  // Before the session is closed.
  t.after(async () => {
    await end();
    await (await peer(t)).channel.deleteQueue(queue);
  });
  const server = testSession(t);
  const ended = rpcServer(server.session, RpcServerConfig.parse({ queue, ...options }), handler).catch(() => undefined);
  end = () => {
    server.stop(new Failure('terminated', 'the test is over'));
    return ended;
  };
  await server.until((event): event is Note => event.kind === 'subscribed' && event.text.startsWith('serving'));
  return { ...server, queue };
}

async function client(t: TestContext, queue: string, options: { timeout?: number; idempotent?: boolean } = {}, url = brokerUrl()): Promise<RpcClient> {
  const made = await rpcClient(testSession(t, url).session, RpcClientConfig.parse({ queue, ...options }));
  t.after(() => made.close());
  return made;
}

test('a call resolves with the reply, its properties and how long it took', async (t) => {
  const seen: Properties[] = [];
  const { queue } = await serve(t, async ({ body, properties }) => {
    seen.push(properties);
    return { body: `hello ${body}`, properties: { type: 'greeting', headers: { exact: { '!': 'int64', value: 5 } } } };
  });
  const { call } = await client(t, queue);
  const { body, properties, roundTrip } = await call('world', { properties: { headers: { tenant: 'acme' } } });
  assert.equal(body.toString(), 'hello world');
  assert.deepEqual([properties.type, properties.headers], ['greeting', { exact: { '!': 'int64', value: 5 } }]);
  assert.ok(roundTrip > 0);
  assert.deepEqual(seen[0]?.headers, { tenant: 'acme' });
  assert.equal(seen[0]?.messageId, seen[0]?.correlationId);
});

test('many calls at once each get their own reply', async (t) => {
  const { queue } = await serve(t, async ({ body }) => body, { concurrency: 50 });
  const { call } = await client(t, queue);
  const numbers = Array.from({ length: 2_000 }, (_, index) => String(index));
  const replies = await Promise.all(numbers.map((number) => call(number)));
  assert.deepEqual(
    replies.map(({ body }) => body.toString()),
    numbers,
  );
});

test('what a handler throws reaches the caller: an RpcError as it is, anything else with exit code 1', async (t) => {
  const { queue } = await serve(t, async ({ body }) => {
    if (body.toString() === 'known') throw new RpcError('no such customer', { exitCode: 3, stderr: 'looked\neverywhere', body: Buffer.from('{}') });
    throw new TypeError('undefined is not a function');
  });
  const { call } = await client(t, queue);
  const known = await call('known').catch((error: unknown) => error);
  assert.ok(known instanceof RpcError && known instanceof Failure);
  assert.deepEqual([known.exitCode, known.stderr, known.body.toString()], [3, 'looked\neverywhere', '{}']);
  assert.equal(known.message, `the handler of "${queue}" failed: no such customer`);
  assert.equal(known.reply?.properties.headers?.['x-rmq-exit-code'], 3);
  await assert.rejects(call('other'), { exitCode: 1, message: `the handler of "${queue}" failed: undefined is not a function` });
});

test('a handler is told when its time is over, and so is its caller', async (t) => {
  const reasons: unknown[] = [];
  const { queue } = await serve(
    t,
    async (_, { signal }) => {
      await once(signal, 'abort');
      reasons.push(signal.reason);
      return 'too late';
    },
    { handlerTimeout: 200 },
  );
  const { call } = await client(t, queue);
  await assert.rejects(call('x'), { exitCode: 124, message: `the handler of "${queue}" failed: took longer than 200 ms` });
  assert.equal(reasons.length, 1);
});

test('a reply that the broker cannot be given is an error reply', async (t) => {
  const { queue } = await serve(t, async () => ({ body: '', properties: { headers: { huge: 'x'.repeat(300_000) } } }));
  const { call } = await client(t, queue);
  await assert.rejects(call('x'), { exitCode: 76, message: /the properties and headers have \d+ bytes/ });
});

test('an exit code that no process has, and a reply that only looks like an error', async (t) => {
  const { queue } = await serve(t, async ({ body }) => {
    if (body.toString() === 'thrown') throw new RpcError('strange', { exitCode: 4_711 });
    return { body: '', properties: { headers: { 'x-rmq-exit-code': JSON.parse(body.toString()) } } };
  });
  const { call } = await client(t, queue);
  await assert.rejects(call('thrown'), { exitCode: 1 });
  await assert.rejects(call('300'), { exitCode: 1 });
  await assert.rejects(call('{"!":"int8","value":9}'), { exitCode: 9, message: `the handler of "${queue}" failed: exit code 9` });
  assert.equal((await call('0')).body.length, 0);
  assert.equal((await call('"none"')).body.length, 0);
});

test('a handler that cannot work at all stops the server, and the request stays in the queue', async (t) => {
  const { queue: declare, publish, depth } = await peer(t);
  const queue = await declare();
  await publish(queue, ['x']);
  const { session } = testSession(t);
  const stopping = rpcServer(session, RpcServerConfig.parse({ queue }), async () => {
    throw new Failure('unfound', 'there is no program');
  });
  await assert.rejects(stopping, { kind: 'unfound' });
  while ((await depth(queue)) === 0);
});

test('a client is refused when nobody serves', async (t) => {
  await assert.rejects(client(t, unique('nobody')), { kind: 'unavailable', message: /nobody serves/ });
});

test('calls without a reply fail when the client is closed, and so do later ones', async (t) => {
  const { queue } = await serve(t, () => new Promise(() => undefined), { grace: 0 });
  const { call, close } = await client(t, queue);
  const waiting = assert.rejects(call('x'), { kind: 'unavailable', message: 'the client was closed' });
  await close();
  await waiting;
  await assert.rejects(call('y'), { kind: 'unavailable' });
});

test('a request that cannot be encoded fails alone', async (t) => {
  const { queue } = await serve(t, async ({ body }) => body);
  const { call } = await client(t, queue);
  const broken = assert.rejects(call('x', { properties: { type: 'x'.repeat(300) } }), { kind: 'data' });
  assert.equal((await call('fine')).body.toString(), 'fine');
  await broken;
});

test('a request that the broker refuses fails alone: the others are served on another channel', async (t) => {
  const { queue } = await serve(t, async ({ body }) => body);
  const { call } = await client(t, queue, { idempotent: true });
  const refused = assert.rejects(call('x', { properties: { userId: 'somebody else' } }), { kind: 'refused', message: /user id "somebody else"/ });
  assert.equal((await call('fine')).body.toString(), 'fine');
  await refused;
});

test('a client that has lost its connection makes the next calls on another one', async (t) => {
  const faulty = await proxy(t, brokerUrl());
  const { queue } = await serve(t, async ({ body }) => {
    if (body.toString() === 'cut') faulty.cut();
    return body;
  });
  const { call } = await client(t, queue, {}, faulty.url);
  assert.equal((await call('before')).body.toString(), 'before');
  await assert.rejects(call('cut'), { kind: 'unavailable', message: /the request may or may not have been served/ });
  assert.equal((await call('after')).body.toString(), 'after');
});

test('a call that waits for a connection ends in its timeout', async (t) => {
  const faulty = await proxy(t, brokerUrl());
  const { queue } = await serve(t, async ({ body }) => body);
  const { session, until } = testSession(t, faulty.url);
  const { call, close } = await rpcClient(session, RpcClientConfig.parse({ queue, timeout: 1_000 }));
  t.after(close);
  await faulty.refuse();
  await until((event): event is Extract<Event, { kind: 'disconnected' }> => event.kind === 'disconnected');
  await assert.rejects(call('x'), { kind: 'deadline', message: /there was no connection/ });
});

test('a connection that carries nothing any more ends in the timeout', async (t) => {
  const faulty = await proxy(t, brokerUrl());
  const { queue } = await serve(t, async ({ body }) => body);
  const { call } = await client(t, queue, { timeout: 1_000 }, faulty.url);
  faulty.stall();
  await assert.rejects(call('x'), { kind: 'deadline', message: `no reply from "${queue}" within 1 s` });
});

test('a call without a reply has the connection tried, and the next one goes over another when nothing answers there', { timeout: 40_000 }, async (t) => {
  const faulty = await proxy(t, brokerUrl());
  const { queue } = await serve(t, async ({ body }) => body);
  const { session, until } = testSession(t, faulty.url, { answerTimeout: 1_000 });
  const { call, close } = await rpcClient(session, RpcClientConfig.parse({ queue, timeout: 1_000 }));
  t.after(close);
  faulty.stall();
  await assert.rejects(call('lost'), { kind: 'deadline' });
  await until((event): event is Extract<Event, { kind: 'disconnected' }> => event.kind === 'disconnected');
  assert.equal((await call('after', { timeout: 20_000 })).body.toString(), 'after');
});

test('a reply that waits for room is not sent any more once its request comes again: that one is answered', async (t) => {
  const { queue: make, publish, take } = await peer(t);
  const [queue, callbacks] = [await make(), await make()];
  await publish(queue, ['large', 'small'], { replyTo: callbacks });
  const faulty = await proxy(t, brokerUrl());
  faulty.stallOn(Buffer.from('stalls here'));
  let goOn: () => void = () => undefined;
  const largeIsAnswered = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  // A reply of more than 1 MB travels alone: the other one waits for it.
  const handler: RpcHandler = async ({ body, redelivered }) => {
    if (redelivered) return `${body} again`;
    if (body.toString() === 'large') {
      setImmediate(goOn);
      return Buffer.concat([Buffer.from('stalls here'), Buffer.alloc(2_000_000)]);
    }
    await largeIsAnswered;
    setImmediate(() => {
      faulty.stallOn(Buffer.from('stalls no more'));
      faulty.cut();
    });
    return 'small';
  };
  const counts = await rpcServer(testSession(t, faulty.url).session, RpcServerConfig.parse({ queue, concurrency: 2, idle: 1_000 }), handler);
  const replies = (await take(callbacks)).map(({ content }) => content.toString('latin1', 0, 11));
  assert.deepEqual(replies.filter((reply) => reply !== 'stalls here').sort(), ['large again', 'small again']);
  assert.equal(counts.received, 4);
});

test('a session that is stopped ends its calls with the reason', async (t) => {
  const { queue } = await serve(t, () => new Promise(() => undefined), { grace: 0 });
  const caller = testSession(t);
  const { call } = await rpcClient(caller.session, RpcClientConfig.parse({ queue }));
  const stopped = assert.rejects(call('x'), { kind: 'terminated' });
  caller.stop(new Failure('terminated', 'enough'));
  await stopped;
});

test('a client outlives an outage of any number of attempts', async (t) => {
  const faulty = await proxy(t, brokerUrl());
  const { queue } = await serve(t, async ({ body }) => body);
  const { session, until } = testSession(t, faulty.url, { reconnectDelay: { from: 0, to: 5 } });
  const { call, close } = await rpcClient(session, RpcClientConfig.parse({ queue }));
  t.after(close);
  await faulty.refuse();
  await until((event): event is Extract<Event, { kind: 'reconnecting' }> => event.kind === 'reconnecting' && event.attempt === 30);
  const reply = call('x');
  await faulty.admit();
  assert.equal((await reply).body.toString(), 'x');
});

test('a client that gave up tells so once, and every call at once why; one that is closed has not given up', async (t) => {
  const faulty = await proxy(t, brokerUrl());
  const { queue } = await serve(t, async ({ body }) => body);
  const { session, until, events } = testSession(t, faulty.url, { reconnect: false });
  const closed = await rpcClient(session, RpcClientConfig.parse({ queue }));
  await closed.close();
  const { call } = await rpcClient(session, RpcClientConfig.parse({ queue }));
  faulty.cut();
  const { role, failure } = await until((event): event is Extract<Event, { kind: 'lost' }> => event.kind === 'lost');
  assert.equal(role, 'rpc');
  await assert.rejects(call('x'), { kind: failure.kind, message: failure.message });
  assert.equal(events.filter(({ kind }) => kind === 'lost').length, 1);
});
