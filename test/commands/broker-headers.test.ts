import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Peer, peer } from '../support/broker.ts';
import { inside } from '../support/inside.ts';
import { scratchDirectory } from '../support/programs.ts';
import { jsonLines, rmq } from '../support/rmq.ts';

interface Line {
  readonly properties: { readonly headers?: Readonly<Record<string, unknown>> };
}

const COUNTS = /^x-(delivery-count|acquired-count)$/;
const HISTORY = /^x-(death|first-death-\w+|last-death-\w+)$/;

/** A dead letter that its queue has handed out before and got back: the broker writes how it died, and how often it was handed out. */
async function morgue(t: TestContext): Promise<Peer & { readonly work: string; readonly dead: string; readonly bury: (body: string) => Promise<void> }> {
  const other = await peer(t);
  const quorum = { arguments: { 'x-queue-type': 'quorum' } };
  const dead = await other.queue(quorum, 'dead');
  const work = await other.queue({ ...quorum, deadLetterExchange: '', deadLetterRoutingKey: dead }, 'work');
  const { channel, publish } = other;
  const handOut = async (queue: string, requeue: boolean): Promise<void> => {
    const delivered = new Promise<void>((resolve) => {
      const consuming = channel.consume(queue, (message) => {
        assert.ok(message);
        channel.nack(message, false, requeue);
        void consuming.then(({ consumerTag }) => channel.cancel(consumerTag)).then(() => resolve());
      });
    });
    await channel.prefetch(1);
    await delivered;
  };
  const bury = async (body: string): Promise<void> => {
    await publish(work, [body], { messageId: body, headers: { tenant: 'acme' } });
    await handOut(work, false);
    await handOut(dead, true);
    while ((await other.depth(dead)) < 1);
  };
  return { ...other, work, dead, bury };
}

const headersOf = async ({ take }: Peer, queue: string): Promise<Readonly<Record<string, unknown>>> => (await take(queue))[0]?.properties.headers ?? {};
/** Whether there are headers of such names. A count of 0 is what a quorum queue of RabbitMQ 3 says itself of a first delivery. */
const named = (headers: Readonly<Record<string, unknown>>, ...patterns: readonly RegExp[]): boolean[] =>
  patterns.map((pattern) => Object.entries(headers).some(([name, value]) => pattern.test(name) && value !== 0 && (value as { value?: unknown }).value !== 0));

test('an envelope shows what the broker wrote, and publishing it again leaves that out unless it is asked for', async (t) => {
  const place = await morgue(t);
  await place.bury('a');
  const shown = await rmq(['consume', place.dead, '-n', '1', '-o', 'json']);
  const [envelope] = jsonLines<Line>(shown);
  assert.ok(envelope?.properties.headers);
  assert.deepEqual(named(envelope.properties.headers, COUNTS, HISTORY), [true, true]);
  const copies = await place.queue();
  const published = await rmq(['publish', '--envelopes', '-q', copies], { input: shown.output });
  assert.equal(published.code, 0, published.stderr);
  assert.match(published.stderr, /1 envelope had headers that a broker wrote, such as x-death: they were removed/);
  assert.deepEqual(await headersOf(place, copies), { tenant: 'acme' });
  const kept = await rmq(['publish', '--envelopes', '-q', copies, '--keep-broker-headers'], { input: shown.output });
  assert.equal(kept.code, 0, kept.stderr);
  assert.doesNotMatch(kept.stderr, /removed/);
  const [again] = jsonLines<Line>(await rmq(['consume', copies, '-n', '1', '-o', 'json']));
  assert.deepEqual(again?.properties.headers, envelope.properties.headers);
});

test('a dead letter that was moved has still died where it died, and is not taken for one that was handed out before', async (t) => {
  const place = await morgue(t);
  await place.bury('a');
  const parked = await place.queue();
  const moved = await inside(['dlx', 'move', place.dead, parked]);
  assert.equal(moved.code, 0, moved.stderr);
  const inspected = await inside(['dlx', 'inspect', parked, '-o', 'json']);
  const [line] = jsonLines<Line & { death: { first?: { queue: string } } }>(inspected);
  assert.ok(line?.properties.headers);
  assert.deepEqual(named(line.properties.headers, COUNTS, HISTORY), [false, true]);
  assert.equal(line.death.first?.queue, place.work);
  const replayed = await inside(['dlx', 'replay', parked]);
  assert.equal(replayed.code, 0, replayed.stderr);
  const headers = await headersOf(place, place.work);
  assert.deepEqual(named(headers, COUNTS, HISTORY, /^tenant$/), [false, false, true]);
});

test('--keep-broker-headers of move and replay publishes what the broker wrote', async (t) => {
  const place = await morgue(t);
  await place.bury('a');
  const [parked, back] = [await place.queue(), await place.queue()];
  assert.equal((await inside(['dlx', 'move', place.dead, parked, '--keep-broker-headers', '--copy'])).code, 0);
  assert.deepEqual(named(await headersOf(place, parked), COUNTS, HISTORY), [true, true]);
  assert.equal((await inside(['dlx', 'replay', place.dead, '--to-queue', back, '--keep-broker-headers'])).code, 0);
  assert.deepEqual(named(await headersOf(place, back), COUNTS, HISTORY), [true, true]);
});

test('a bundle keeps all of it, and an import publishes the history, and the counts only when asked', async (t) => {
  const place = await morgue(t);
  await place.bury('a');
  const directory = join(await scratchDirectory(t), 'bundle');
  assert.equal((await inside(['dlx', 'export', place.dead, '-d', directory])).code, 0);
  const [plain, full] = [await place.queue(), await place.queue()];
  assert.equal((await inside(['dlx', 'import', directory, '-q', plain])).code, 0);
  assert.deepEqual(named(await headersOf(place, plain), COUNTS, HISTORY), [false, true]);
  assert.equal((await inside(['dlx', 'import', directory, '-q', full, '--keep-broker-headers'])).code, 0);
  assert.deepEqual(named(await headersOf(place, full), COUNTS, HISTORY), [true, true]);
});

test('the copies of a worker do not carry how often their original was handed out', async (t) => {
  const place = await morgue(t);
  const { channel, work, dead, publish } = place;
  const waiting = `${work}.retry.60000`;
  t.after(async () => (await peer(t)).channel.deleteQueue(waiting));
  await publish(work, ['a'], { headers: { tenant: 'acme' } });
  const message = await channel.get(work);
  assert.ok(message);
  channel.nack(message, false, true);
  const fail = (...flags: readonly string[]) => rmq(['work', 'run', work, ...flags, '-n', '1', '--', 'sh', '-c', 'env | grep RMQ_HEADER; exit 1']);
  const retried = await fail('--retries', '1', '--backoff', '60s');
  assert.equal(retried.code, 0, retried.stderr);
  assert.match(retried.stdout, /RMQ_HEADER_X_(DELIVERY|ACQUIRED)_COUNT=/);
  assert.deepEqual(named(await headersOf(place, waiting), COUNTS, /^tenant$/), [false, true]);
  await publish(work, ['b']);
  const second = await channel.get(work);
  assert.ok(second);
  channel.nack(second, false, true);
  const died = await fail();
  assert.match(died.stdout, /RMQ_HEADER_X_(DELIVERY|ACQUIRED)_COUNT=/, died.stderr);
  assert.deepEqual(named(await headersOf(place, dead), COUNTS, HISTORY), [false, true]);
});

test('the offset in a stream is not published again', async (t) => {
  const { queue, publish, take } = await peer(t);
  const [stream, copies] = [await queue({ arguments: { 'x-queue-type': 'stream' } }), await queue()];
  await publish(stream, ['a']);
  const shown = await inside(['consume', stream, '--offset', 'first', '-n', '1', '-o', 'json']);
  assert.match(shown.stdout, /x-stream-offset/);
  assert.equal((await inside(['publish', '--envelopes', '-q', copies], { input: shown.output })).code, 0);
  const [copy] = await take(copies);
  assert.deepEqual(copy?.properties.headers ?? {}, {});
});

test('--keep-broker-headers without envelopes is refused', async () => {
  const result = await inside(['publish', '-q', 'q', 'x', '--keep-broker-headers']);
  assert.equal(result.code, 64);
  assert.match(result.stderr, /--keep-broker-headers is for --envelopes/);
});
