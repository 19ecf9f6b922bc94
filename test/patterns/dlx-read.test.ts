import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Failure } from '../../src/model/failure.ts';
import { readThrough } from '../../src/patterns/dlx/read.ts';
import type { ReadOptions } from '../../src/patterns/dlx/read-options.ts';
import { brokerUrl, peer, unique } from '../support/broker.ts';
import { proxy } from '../support/faults.ts';
import { testSession } from '../support/session.ts';

const BODIES = Array.from({ length: 25 }, (_, index) => `m${index}`);

/** Reads a queue with a session of its own, so that everything is given back when it resolves. */
async function bodiesOf(t: TestContext, queue: string, options: ReadOptions = {}): Promise<string[]> {
  const { session } = testSession(t);
  const bodies: string[] = [];
  await readThrough(session, queue, options, ({ body }) => {
    bodies.push(body.toString());
    return undefined;
  });
  return bodies;
}

for (const type of ['classic', 'quorum']) {
  test(`a ${type} queue is read in order, in windows, and stays as it was`, async (t) => {
    const { queue, publish, take, depth } = await peer(t);
    const name = await queue({ arguments: { 'x-queue-type': type } });
    await publish(name, BODIES);
    assert.deepEqual(await bodiesOf(t, name, { window: 4 }), BODIES);
    assert.equal(await depth(name), BODIES.length);
    assert.deepEqual(await bodiesOf(t, name), BODIES);
    assert.deepEqual(
      (await take(name)).map(({ content }) => content.toString()),
      BODIES,
    );
    assert.deepEqual(await bodiesOf(t, name), []);
  });

  test(`what was chosen is taken off a ${type} queue, and the rest stays in order`, async (t) => {
    const { queue, publish, take } = await peer(t);
    const name = await queue({ arguments: { 'x-queue-type': type } });
    await publish(name, BODIES);
    const { session } = testSession(t);
    const told: number[] = [];
    const summary = await readThrough(
      session,
      name,
      { window: 10, take: async (chosen) => void told.push(chosen) },
      async (_, number) => number % 5 === 0 || number <= 10,
    );
    assert.deepEqual([summary.read, summary.chosen, told], [25, 13, [13]]);
    assert.deepEqual(
      (await take(name)).map(({ content }) => content.toString()),
      BODIES.filter((_, index) => index >= 10 && (index + 1) % 5 !== 0),
    );
  });
}

test('nothing is taken when writing it elsewhere has failed', async (t) => {
  const { queue, publish, take } = await peer(t);
  const name = await queue();
  await publish(name, BODIES);
  const { session } = testSession(t);
  const failing = readThrough(session, name, { take: () => Promise.reject(new Failure('io', 'the disk is full')) }, () => true);
  await assert.rejects(failing, /the disk is full/);
  assert.equal((await take(name)).length, BODIES.length);
});

test('a stream is read from its first message to the last that it has', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue({ arguments: { 'x-queue-type': 'stream' } });
  await publish(name, BODIES);
  assert.deepEqual(await bodiesOf(t, name), BODIES);
  assert.deepEqual(await bodiesOf(t, name), BODIES);
});

test('a quorum queue near its delivery limit is left alone, unless it is forced', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const name = await queue({ arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 3, 'x-max-length': 100 } });
  await publish(name, ['a', 'b']);
  assert.deepEqual(await bodiesOf(t, name), ['a', 'b']);
  assert.deepEqual(await bodiesOf(t, name), ['a', 'b']);
  await assert.rejects(bodiesOf(t, name), ({ kind, message }: Failure) => {
    assert.equal(kind, 'refused');
    assert.match(message, /near its delivery limit: looking costs each message of a quorum queue one of its 3 deliveries/);
    return true;
  });
  assert.equal(await depth(name), 2);
  // The refusal cost the first one an attempt, and put it behind the other; giving it back once more is one too many.
  assert.deepEqual(await bodiesOf(t, name, { force: true }), ['b', 'a']);
  assert.deepEqual(await bodiesOf(t, name, { force: true }), ['b']);
});

test('the order of a quorum queue survives looking at all of it and then at its first messages only', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue({ arguments: { 'x-queue-type': 'quorum' } });
  await publish(name, BODIES);
  await bodiesOf(t, name);
  let seen = 0;
  assert.deepEqual(await bodiesOf(t, name, { window: 5, enough: () => ++seen === 3 }), BODIES.slice(0, 3));
  assert.deepEqual(await bodiesOf(t, name), BODIES);
});

test('a queue that another consumer drains meanwhile ends the reading', async (t) => {
  const { queue, publish, channel, take } = await peer(t);
  const name = await queue();
  await publish(name, BODIES);
  const { session } = testSession(t);
  let stolen = false;
  const { read } = await readThrough(session, name, { window: 5 }, async (_, number) => {
    if (number < 5 || stolen) return undefined;
    stolen = true;
    await channel.purgeQueue(name);
    return undefined;
  });
  assert.equal(read, 5);
  assert.equal((await take(name)).length, 5);
});

test('a queue that does not exist is said to be missing', async (t) => {
  await assert.rejects(bodiesOf(t, unique('none')), ({ kind }: Failure) => kind === 'missing');
});

test('a connection that is lost, or a run that is stopped, ends the reading and leaves everything where it was', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const name = await queue();
  await publish(name, BODIES);
  const faulty = await proxy(t, brokerUrl());
  const { session } = testSession(t, faulty.url);
  const cut = readThrough(session, name, { window: 5, take: async () => undefined }, async (_, number) => {
    if (number === 7) faulty.cut();
    return true;
  });
  await assert.rejects(cut, ({ kind, message }: Failure) => kind === 'unavailable' && /connection was lost/.test(message));
  const other = testSession(t);
  const stopped = readThrough(other.session, name, { window: 5 }, async (_, number) => {
    if (number === 7) other.stop(new Failure('interrupted', 'stopped by SIGINT'));
    return undefined;
  });
  await assert.rejects(stopped, ({ kind }: Failure) => kind === 'interrupted');
  while ((await depth(name)) < BODIES.length);
  assert.deepEqual(await bodiesOf(t, name), BODIES);
});
