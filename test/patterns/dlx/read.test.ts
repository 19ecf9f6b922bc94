import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Failure } from '../../../src/model/failure.ts';
import type { ReadOptions } from '../../../src/patterns/look/options.ts';
import { readThrough } from '../../../src/patterns/look/read.ts';
import { brokerUrl, peer, unique } from '../../support/broker.ts';
import { proxy } from '../../support/faults.ts';
import { testSession } from '../../support/session.ts';

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
    assert.deepEqual(await bodiesOf(t, name), BODIES);
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
    const summary = await readThrough(session, name, { take: async (chosen) => void told.push(chosen) }, async (_, number) => number % 5 === 0 || number <= 10);
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

test('the order of a quorum queue survives looking at all of it and then at its first messages only', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue({ arguments: { 'x-queue-type': 'quorum' } });
  await publish(name, BODIES);
  await bodiesOf(t, name);
  let seen = 0;
  assert.deepEqual(await bodiesOf(t, name, { enough: () => ++seen === 3 }), BODIES.slice(0, 3));
  assert.deepEqual(await bodiesOf(t, name), BODIES);
});

test('a queue that another consumer drains meanwhile ends the reading', async (t) => {
  const { queue, publish, channel, take } = await peer(t);
  const name = await queue();
  await publish(
    name,
    Array.from({ length: 500 }, (_, index) => `m${index}`),
  );
  const { session } = testSession(t);
  // The first window is full when the others go.
  const { read } = await readThrough(session, name, {}, async (_, number) => {
    if (number === 50) await channel.purgeQueue(name);
    return undefined;
  });
  assert.equal(read, 50);
  assert.equal((await take(name)).length, 50);
});

test('a queue that does not exist is said to be missing', async (t) => {
  await assert.rejects(bodiesOf(t, unique('none')), ({ kind }: Failure) => kind === 'missing');
});

test('a connection that is lost comes back: every message is handed out once, and the chosen ones are removed', async (t) => {
  const { queue, publish, take } = await peer(t);
  const name = await queue();
  const all = Array.from({ length: 500 }, (_, index) => `m${index}`);
  await publish(name, [...all, 'm7']);
  const faulty = await proxy(t, brokerUrl());
  const { session } = testSession(t, faulty.url);
  const bodies: string[] = [];
  const summary = await readThrough(session, name, { take: async () => undefined }, async ({ body }, number) => {
    bodies.push(body.toString());
    if (number === 20 || number === 200) faulty.cut();
    return body.toString().endsWith('7');
  });
  assert.deepEqual(bodies.toSorted(), [...all, 'm7'].toSorted());
  assert.deepEqual([summary.read, summary.chosen], [501, 51]);
  assert.deepEqual(
    (await take(name)).map(({ content }) => content.toString()),
    all.filter((body) => !body.endsWith('7')),
  );
});

test('a reading that begins anew after a lost connection hands out everything again', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const name = await queue();
  const all = Array.from({ length: 500 }, (_, index) => `m${index}`);
  await publish(name, all);
  const faulty = await proxy(t, brokerUrl());
  const { session } = testSession(t, faulty.url);
  let [bodies, restarts]: [string[], number] = [[], 0];
  const restart = (): void => {
    bodies = [];
    restarts++;
  };
  await readThrough(session, name, { restart }, ({ body }) => {
    bodies.push(body.toString());
    if (bodies.length === 20 && restarts === 0) faulty.cut();
    return undefined;
  });
  assert.deepEqual([bodies, restarts], [all, 1]);
  assert.equal(await depth(name), all.length);
});

test('a run that is stopped ends the reading and leaves everything where it was', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue();
  await publish(name, BODIES);
  const other = testSession(t);
  const stopped = readThrough(other.session, name, {}, async (_, number) => {
    if (number === 7) other.stop(new Failure('interrupted', 'stopped by SIGINT'));
    return undefined;
  });
  await assert.rejects(stopped, ({ kind }: Failure) => kind === 'interrupted');
  assert.deepEqual(await bodiesOf(t, name), BODIES);
});
