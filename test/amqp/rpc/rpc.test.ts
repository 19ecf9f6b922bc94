import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConsumeMessage } from 'amqplib';
import { Requester } from '../../../src/amqp/rpc/requester.ts';
import type { Event } from '../../../src/model/event.ts';
import type { RpcReply } from '../../../src/model/rpc.ts';
import { peer } from '../../support/broker.ts';
import { testSession } from '../../support/session.ts';

const text = (reply: RpcReply): string => reply.body.toString();

test('a server that knows only its own request cannot answer another', async (t) => {
  const { channel, queue } = await peer(t);
  const name = await queue();
  const requests: ConsumeMessage[] = [];
  await channel.consume(name, (request) => {
    if (request === null) return;
    requests.push(request);
    if (requests.length < 2) return;
    const [first, second] = requests.map(({ properties }) => properties);
    // Both go to the one address that all requests of a client have.
    assert.equal(first?.replyTo, second?.replyTo);
    const forge = (correlationId: string, body: string): boolean => channel.publish('', second?.replyTo, Buffer.from(body), { correlationId });
    forge(String(Number.parseInt(first?.correlationId, 16) + 1), 'forged');
    forge(`${first?.correlationId} `, 'forged');
    forge('', 'forged');
    forge(second?.correlationId, 'second');
    forge(second?.correlationId, 'second once more');
    forge(first?.correlationId, 'first');
  });
  const { session, events } = testSession(t);
  const requester = new Requester(session, { queue: name, idempotent: false });
  await requester.connect();
  const replies = await Promise.all(['1', '2'].map((body) => requester.request({ body: Buffer.from(body), properties: {}, timeout: 60_000 })));
  await requester.close();
  assert.deepEqual(replies.map(text), ['first', 'second']);
  const ignored = events.filter((event) => event.kind === 'detail' && event.text.startsWith('ignored a reply'));
  assert.equal(ignored.length, 4);
});

test('a late reply is ignored, and the client goes on', async (t) => {
  const { channel, queue } = await peer(t);
  const name = await queue();
  let late: () => void = () => undefined;
  await channel.consume(name, (request) => {
    if (request === null) return;
    const { replyTo, correlationId } = request.properties;
    const answer = (): boolean => channel.publish('', replyTo, request.content, { correlationId });
    if (String(request.content) === 'slow') late = answer;
    else answer();
  });
  const { session, until } = testSession(t);
  const requester = new Requester(session, { queue: name, idempotent: false });
  await requester.connect();
  const request = (body: string, timeout: number): Promise<RpcReply> => requester.request({ body: Buffer.from(body), properties: {}, timeout });
  await assert.rejects(request('slow', 1_000), { kind: 'deadline' });
  late();
  await until(
    (event): event is Extract<Event, { kind: 'detail' }> => event.kind === 'detail' && event.text.startsWith('ignored a reply with the unknown correlation id'),
  );
  assert.equal(text(await request('quick', 60_000)), 'quick');
  await requester.close();
});

test('nothing is sent before it is known that somebody serves', async (t) => {
  const { queue, depth } = await peer(t);
  const name = await queue();
  const { session } = testSession(t);
  const requester = new Requester(session, { queue: name, idempotent: false });
  const connecting = assert.rejects(requester.connect(), { kind: 'unavailable' });
  const waiting = Array.from({ length: 50 }, () =>
    assert.rejects(requester.request({ body: Buffer.from('x'), properties: {}, timeout: 60_000 }), { kind: 'unavailable', message: /no consumers/ }),
  );
  await Promise.all([connecting, ...waiting]);
  await requester.close();
  assert.equal(await depth(name), 0);
});

test('requests wait while their time runs: one whose time is over is never sent', async (t) => {
  const { channel, queue } = await peer(t);
  const name = await queue();
  const seen: string[] = [];
  await channel.consume(name, (request) => {
    if (request === null) return;
    seen.push(String(request.content));
    channel.publish('', request.properties.replyTo, request.content, { correlationId: request.properties.correlationId });
  });
  const { session } = testSession(t);
  const requester = new Requester(session, { queue: name, idempotent: false });
  await assert.rejects(requester.request({ body: Buffer.from('early'), properties: {}, timeout: 50 }), { kind: 'deadline' });
  const waiting = requester.request({ body: Buffer.from('waits'), properties: {}, timeout: 60_000 });
  await requester.connect();
  assert.equal(text(await waiting), 'waits');
  await requester.close();
  assert.deepEqual(seen, ['waits']);
});
