import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { GetMessage } from 'amqplib';
import { type Peer, peer, unique } from '../../support/broker.ts';
import { inside } from '../../support/inside.ts';
import { isRunning, linesOf, program, scratchDirectory } from '../../support/programs.ts';
import { json, rmq, start } from '../../support/rmq.ts';

interface Summary {
  readonly depth: number;
  readonly seen: number;
  readonly chosen: number;
  readonly moved: number;
  readonly stayed: Readonly<Record<string, number>>;
}

interface Ward extends Peer {
  readonly work: string;
  readonly dead: string;
  /** Rejects as many messages of a queue, so that the broker dead-letters them. */
  readonly reject: (queue: string, messages: number) => Promise<void>;
}

/** A work queue and the queue of its dead letters. */
async function ward(t: TestContext, options: object = {}): Promise<Ward> {
  const other = await peer(t);
  const dead = await other.queue(options, 'dead');
  const work = await other.queue({ arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead } }, 'work');
  const reject = async (queue: string, messages: number): Promise<void> => {
    const { channel } = await peer(t);
    await new Promise<void>((resolve) => {
      let seen = 0;
      void channel.consume(queue, () => {
        if (++seen === messages) resolve();
      });
    });
    channel.nackAll(false);
    await channel.close();
  };
  return { ...other, work, dead, reject };
}

const bodies = (messages: readonly GetMessage[]): string[] => messages.map(({ content }) => content.toString());
const numbers = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index));
const headersOf = (message: GetMessage | undefined): Record<string, unknown> => (message?.properties.headers ?? {}) as Record<string, unknown>;

test('dlx replay sends each dead letter back to its exchange with its own key, in order, as a message that begins anew', async (t) => {
  const { channel, exchange, queue, work, dead, reject, take, depth } = await ward(t);
  const [events, aside] = [await exchange('topic'), await queue()];
  await channel.bindQueue(work, events, 'order.#');
  for (const key of ['order.one', 'order.two', 'order.three']) {
    channel.publish(events, key, Buffer.from(key), {
      persistent: true,
      messageId: key,
      contentType: 'text/x',
      headers: { tenant: 'acme', BCC: [aside] },
      expiration: '600000',
    });
  }
  await reject(work, 3);
  await take(aside);
  const replayed = await rmq(['dlx', 'replay', dead]);
  assert.equal(replayed.code, 0, replayed.stderr);
  assert.match(replayed.stderr, /replayed 3 of 3 messages in ".*", in/);
  assert.equal(await depth(dead), 0);
  const back = await take(work);
  assert.deepEqual(bodies(back), ['order.one', 'order.two', 'order.three']);
  assert.deepEqual(
    back.map(({ fields }) => [fields.exchange, fields.routingKey]),
    ['order.one', 'order.two', 'order.three'].map((key) => [events, key]),
  );
  const { properties } = back[0] as GetMessage;
  assert.deepEqual([properties.messageId, properties.contentType, properties.deliveryMode, properties.expiration], ['order.one', 'text/x', 2, undefined]);
  const { 'x-rmq-replayed': kept, ...headers } = headersOf(back[0]);
  assert.deepEqual(headers, { tenant: 'acme', 'x-rmq-replays': 1 });
  const { queue: from, headers: left } = kept as { queue: string; headers: Record<string, unknown> };
  assert.equal(from, dead);
  // From 3.13 on the broker also tells of the last death.
  const told = Object.keys(left).filter((name) => !name.startsWith('x-last-death-'));
  assert.deepEqual(told.sort(), ['x-death', 'x-first-death-exchange', 'x-first-death-queue', 'x-first-death-reason']);
  assert.equal(await depth(aside), 0);
});

test('what the filters leave out, and what has no origin or a forged one, stays in its order', async (t) => {
  const { work, dead, reject, publish, take } = await ward(t);
  await publish(work, ['a', 'b'], { headers: { tenant: 'acme' } });
  await publish(work, ['c'], { headers: { tenant: 'umbrella' } });
  await reject(work, 3);
  await publish(dead, ['never died'], { headers: { tenant: 'acme' } });
  const forged = ['text', [1, { queue: {} }], [{ queue: work, reason: 'rejected', exchange: '', 'routing-keys': [{ table: 1 }] }], [null], {}];
  for (const death of forged) await publish(dead, ['forged'], { headers: { tenant: 'acme', 'x-death': death } });
  const replayed = await inside(['dlx', 'replay', dead, '-H', 'tenant=acme', '--json']);
  assert.equal(replayed.code, 3, replayed.stderr);
  assert.match(replayed.stderr, /1 stays: the headers name no origin/);
  const { seconds: _, ...summary } = json<Summary & { seconds: number }>(replayed);
  assert.deepEqual(summary, {
    queue: dead,
    depth: 9,
    seen: 9,
    chosen: 8,
    unsent: 0,
    moved: 2,
    doubled: 0,
    inBoth: 0,
    resent: 0,
    unknown: 0,
    stayed: { originless: 1, malformed: 5 },
    copiedBack: 0,
    stranded: 0,
  } as object);
  assert.deepEqual(bodies(await take(work)), ['a', 'b']);
  assert.deepEqual(bodies(await take(dead)), ['c', 'never died', 'forged', 'forged', 'forged', 'forged', 'forged']);
});

for (const type of ['classic', 'quorum']) {
  test(`many that are not chosen are held, more than a channel may have, and are back in order: ${type}`, async (t) => {
    const { dead, publish, take } = await ward(t, { arguments: { 'x-queue-type': type } });
    const to = await (await peer(t)).queue();
    const all = numbers(6_000);
    for (let from = 0; from < all.length; from += 1_000) {
      await publish(dead, all.slice(from, from + 999), { headers: { odd: false } });
      await publish(dead, all.slice(from + 999, from + 1_000), { headers: { odd: true } });
    }
    await publish(dead, ['the last one'], { headers: { odd: true } });
    const replayed = await inside(['dlx', 'replay', dead, '-H', 'odd:=true', '--to-queue', to, '--json']);
    assert.equal(replayed.code, 0, replayed.stderr);
    assert.deepEqual([json<Summary>(replayed).moved, json<Summary>(replayed).seen], [7, 6_001]);
    assert.deepEqual(bodies(await take(to)), ['999', '1999', '2999', '3999', '4999', '5999', 'the last one']);
    assert.deepEqual(
      bodies(await take(dead)),
      all.filter((body) => Number(body) % 1_000 !== 999),
    );
  });
}

test('to the queue that it died in first: other queues of its exchange do not get it again', async (t) => {
  const { channel, exchange, queue, work, dead, reject, depth, take } = await ward(t);
  const [events, other] = [await exchange('fanout'), await queue()];
  for (const one of [work, other]) await channel.bindQueue(one, events, '');
  channel.publish(events, 'order.placed', Buffer.from('an order'), { persistent: true });
  await reject(work, 1);
  assert.equal((await inside(['dlx', 'replay', dead, '--to-origin-queue', '--to-queue', 'x'])).code, 64);
  const replayed = await inside(['dlx', 'replay', dead, '--to-origin-queue']);
  assert.equal(replayed.code, 0, replayed.stderr);
  assert.deepEqual([bodies(await take(work)), await depth(other), await depth(dead)], [['an order'], 1, 0]);
});

test('a replay is one pass: what dies again at once stays until the next, and after three of them for good', async (t) => {
  const { work, dead, reject, publish, depth, take } = await ward(t);
  await publish(work, ['poison', 'poison', 'poison']);
  await reject(work, 3);
  const { channel } = await peer(t);
  await channel.consume(work, (message) => message && channel.reject(message, false));
  for (let pass = 1; pass <= 3; pass++) {
    const replayed = await inside(['dlx', 'replay', dead, '--json']);
    assert.equal(replayed.code, 0, replayed.stderr);
    assert.equal(json<Summary>(replayed).moved, 3);
    while ((await depth(dead)) < 3);
  }
  const refused = await inside(['dlx', 'replay', dead]);
  assert.equal(refused.code, 3);
  assert.match(refused.stderr, /3 stay: replayed too often already \(--max-replays\)/);
  const [message] = await take(dead);
  assert.equal(headersOf(message)['x-rmq-replays'], 3);
});

for (const type of ['classic', 'quorum']) {
  test(`what a replay held is back in a ${type} queue when it ends: who looks next finds all of it`, async (t) => {
    const { dead, publish, queue, depth } = await ward(t, { arguments: { 'x-queue-type': type } });
    const to = await queue();
    await publish(dead, numbers(30_000));
    const held = await inside(['dlx', 'replay', dead, '--id', 'nobody', '--to-queue', to, '--json']);
    assert.equal(await depth(dead), 30_000);
    assert.equal(json<Summary>(held).seen, 30_000);
  });
}

test('replays that another client has counted count, whatever integer it wrote', async (t) => {
  const { work, dead, publish, queue, depth } = await ward(t);
  const to = await queue();
  // amqplib writes a small number as one byte.
  await publish(dead, ['a'], { headers: { 'x-rmq-replays': 3 } });
  await publish(dead, ['b'], { headers: { 'x-rmq-replays': { '!': 'int64', value: 2 } } });
  const replayed = await inside(['dlx', 'replay', dead, '--to-queue', to, '--json']);
  assert.equal(replayed.code, 3, replayed.stderr);
  assert.deepEqual([json<Summary>(replayed).moved, json<Summary>(replayed).stayed], [1, { exhausted: 1 }]);
  assert.deepEqual([await depth(work), await depth(dead), await depth(to)], [0, 1, 1]);
});

test('a dry run says what would go where and changes nothing', async (t) => {
  const { work, dead, reject, publish, take } = await ward(t);
  await publish(work, ['1', '2']);
  await reject(work, 2);
  await publish(dead, ['3']);
  const dry = await inside(['dlx', 'replay', dead, '--dry-run']);
  assert.equal(dry.code, 0, dry.stderr);
  assert.match(dry.stdout, new RegExp(`2 {2}queue "${work}"\n {2}1 stays: the headers name no origin`));
  const told = json<{ would: number; destinations: unknown }>(await inside(['dlx', 'replay', dead, '--dry-run', '-o', 'json']));
  assert.deepEqual([told.would, told.destinations], [2, [{ exchange: '', routingKey: work, messages: 2 }]]);
  assert.deepEqual(bodies(await take(dead)), ['1', '2', '3']);
  assert.deepEqual(await take(work), []);
});

test('a dry run tells which targets do not exist, and what it did not look at', async (t) => {
  const { channel, exchange, work, dead, reject, publish } = await ward(t);
  const [gone, kept] = [await exchange('fanout'), await exchange('fanout')];
  for (const one of [gone, kept]) await channel.bindQueue(work, one, '');
  const shortLived = unique('short-lived');
  await channel.assertQueue(shortLived, { arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead } });
  await publish(shortLived, ['1', '2', '3']);
  await reject(shortLived, 3);
  for (const one of [gone, gone, kept]) channel.publish(one, 'key', Buffer.from('x'), { persistent: true });
  await reject(work, 3);
  await publish(dead, ['long'], { headers: { 'x-rmq-attempt': 1, 'x-rmq-origin': { exchange: '', routingKey: 'k'.repeat(300) } } });
  await channel.deleteExchange(gone);
  await channel.deleteQueue(shortLived);
  const dry = await inside(['dlx', 'replay', dead, '--dry-run', '--trust-origin']);
  assert.equal(dry.code, 0, dry.stderr);
  assert.match(dry.stdout, new RegExp(`^ +3 {2}queue "${shortLived}": there is no such queue: they would stay$`, 'm'));
  assert.match(dry.stdout, new RegExp(`^ +2 {2}exchange "${gone}" with key "key": there is no such exchange: they would stay$`, 'm'));
  assert.match(dry.stdout, new RegExp(`^ +1 {2}exchange "${kept}" with key "key"$`, 'm'));
  assert.match(dry.stdout, /^ +1 {2}queue "k{300}" \(claimed\): there is no such queue: it would stay$/m);
  const { destinations } = json<{ destinations: readonly { exchange: string; missing?: boolean }[] }>(
    await inside(['dlx', 'replay', dead, '--dry-run', '--trust-origin', '-o', 'json']),
  );
  assert.deepEqual(
    destinations.map(({ missing }) => missing),
    destinations.map(({ exchange: name }) => (name === kept ? undefined : true)),
  );
  const some = await inside(['dlx', 'replay', dead, '--dry-run', '-n', '1', '--where', `exchange == "${gone}"`]);
  assert.match(some.stdout, /^ {2}3 not chosen\n {2}3 not looked at\n$/m);
  const none = await inside(['dlx', 'replay', dead, '--dry-run', '--id', 'none']);
  assert.equal(none.stdout, `nothing would be sent from "${dead}"\n  7 not chosen\n`);
});

test('--copy leaves the originals, -n takes the first ones, and no other is touched', async (t) => {
  const { dead, publish, queue, take } = await ward(t);
  const to = await queue();
  await publish(dead, numbers(10));
  const copied = await inside(['dlx', 'replay', dead, '--copy', '-n', '3', '--to-queue', to]);
  assert.equal(copied.code, 0, copied.stderr);
  assert.match(copied.stderr, /copied 3 of 10 messages/);
  assert.deepEqual(bodies(await take(to)), ['0', '1', '2']);
  const left = await take(dead);
  assert.deepEqual(bodies(left), numbers(10));
  assert.deepEqual(
    left.map(({ fields }) => fields.redelivered),
    numbers(10).map((body) => Number(body) < 3),
  );
});

test('what a worker added and a user id are taken off: it is the first attempt again, where the message came from', async (t) => {
  const { channel, dead, work, publish, take } = await ward(t);
  channel.publish('', work, Buffer.from('x'), { persistent: true, messageId: 'x', userId: 'guest' });
  await publish(work, ['y']);
  const worked = await rmq(['work', 'run', work, '--drain', '--', 'sh', '-c', 'echo cannot >&2; exit 65']);
  assert.equal(worked.code, 0, worked.stderr);
  const replayed = await inside(['dlx', 'replay', dead]);
  assert.equal(replayed.code, 0, replayed.stderr);
  const [x] = await take(work);
  assert.equal(x?.properties.userId, undefined);
  const { 'x-rmq-replayed': kept, ...headers } = headersOf(x);
  assert.deepEqual(headers, { 'x-rmq-replays': 1 });
  const left = (kept as { headers: Record<string, unknown> }).headers;
  assert.deepEqual([left['x-rmq-stderr'], (left['x-rmq-origin'] as { userId: string }).userId], ['cannot', 'guest']);
});

test('the same queue as source and target is refused, also through the origin of a message', async (t) => {
  const { dead, publish, take } = await ward(t);
  const same = await inside(['dlx', 'replay', dead, '--to-queue', dead]);
  assert.equal(same.code, 64);
  assert.equal((await inside(['dlx', 'replay', dead, '--to-exchange', '', '-r', dead])).code, 64);
  assert.equal((await inside(['dlx', 'move', dead, dead])).code, 64);
  await publish(dead, ['a'], { headers: { 'x-death': [{ queue: dead, reason: 'expired', exchange: '', 'routing-keys': [dead], count: 1 }] } });
  const origin = await inside(['dlx', 'replay', dead]);
  assert.equal(origin.code, 64, origin.stderr);
  assert.match(origin.stderr, /1 stays: the destination is this same queue/);
  assert.deepEqual(bodies(await take(dead)), ['a']);
});

test('a queue or target that is not there is told before anything is touched', async (t) => {
  const { dead, publish, depth } = await ward(t);
  await publish(dead, ['a']);
  assert.equal((await inside(['dlx', 'replay', unique('missing')])).code, 66);
  assert.equal((await inside(['dlx', 'replay', dead, '--to-queue', unique('missing')])).code, 66);
  const missing = await inside(['dlx', 'replay', dead, '--to-exchange', unique('missing'), '-r', 'x']);
  assert.equal(missing.code, 66, missing.stderr);
  assert.equal(await depth(dead), 1);
});

test('an origin that is gone, or where no queue is bound, keeps its messages: the exit code says which', async (t) => {
  const { channel, exchange, work, dead, reject, publish, take } = await ward(t);
  const [gone, unbound] = [await exchange('direct'), await exchange('direct')];
  for (const name of [gone, unbound]) await channel.bindQueue(work, name, 'k');
  channel.publish(unbound, 'k', Buffer.from('unbound'), { messageId: '1' });
  await reject(work, 1);
  await channel.unbindQueue(work, unbound, 'k');
  const unroutable = await inside(['dlx', 'replay', dead]);
  assert.equal(unroutable.code, 67, unroutable.stderr);
  channel.publish(gone, 'k', Buffer.from('gone'));
  await reject(work, 1);
  await channel.deleteExchange(gone);
  await publish(work, ['fine']);
  await reject(work, 1);
  const partial = await inside(['dlx', 'replay', dead, '--json']);
  assert.equal(partial.code, 3, partial.stderr);
  assert.match(partial.stderr, /no exchange '/);
  assert.deepEqual(json<Summary>(partial).stayed, { unroutable: 1, refused: 1 });
  assert.deepEqual(bodies(await take(work)), ['fine']);
  assert.deepEqual(bodies(await take(dead)), ['unbound', 'gone']);
});

test('a target that is full refuses, and what it refused stays in order', async (t) => {
  const { dead, publish, queue, take } = await ward(t);
  const full = await queue({ arguments: { 'x-max-length': 2, 'x-overflow': 'reject-publish' } });
  await publish(dead, numbers(50));
  const first = await inside(['dlx', 'move', dead, full, '--rate', '200', '--json']);
  assert.equal(first.code, 3, first.stderr);
  const { moved, stayed } = json<Summary>(first);
  assert.deepEqual([moved + (stayed['nacked'] ?? 0), await take(full).then(({ length }) => length)], [50, moved]);
  await publish(full, ['x', 'y']);
  const second = await inside(['dlx', 'move', dead, full]);
  assert.equal(second.code, 75, second.stderr);
  const left = bodies(await take(dead)).map(Number);
  assert.deepEqual(
    left,
    left.toSorted((a, b) => a - b),
  );
  assert.equal(left.length, stayed['nacked']);
});

test('dlx move takes messages as they are to another queue, and what cannot travel in a header', async (t) => {
  const { channel, work, dead, reject, queue, publish, take, depth } = await ward(t);
  const [to, aside] = [await queue(), await queue()];
  channel.publish('', work, Buffer.from('x'), { persistent: true, userId: 'guest', expiration: '60000', headers: { deep: { a: 1 } } });
  await reject(work, 1);
  await publish(dead, ['y'], { expiration: '60000', headers: { CC: [aside] } });
  await take(aside);
  const moved = await inside(['dlx', 'move', dead, to]);
  assert.equal(moved.code, 0, moved.stderr);
  const [message, second] = await take(to);
  const headers = headersOf(message);
  assert.equal((headers['x-death'] as { queue: string }[])[0]?.queue, work);
  assert.deepEqual(headers['deep'], { a: 1 });
  assert.deepEqual(headers['x-rmq-moved'], { userId: 'guest' });
  assert.deepEqual([second?.properties.expiration, headersOf(second)], ['60000', { 'x-rmq-moved': { headers: { CC: [aside] } } }]);
  assert.equal(await depth(aside), 0);
});

test('--edit sends bodies through a program; where it fails, the message stays', async (t) => {
  const { dead, queue, publish, take } = await ward(t);
  const to = await queue();
  await publish(dead, ['one', 'bad', 'three']);
  const directory = await scratchDirectory(t);
  const edit = await program(directory, 'edit', '#!/bin/sh\nread -r body\n[ "$body" = bad ] && exit 1\necho "$body" | tr a-z A-Z\n');
  const edited = await inside(['dlx', 'replay', dead, '--to-queue', to, '--edit', '--', edit]);
  assert.equal(edited.code, 3, edited.stderr);
  assert.match(edited.stderr, /1 stays: the program that edits it failed/);
  assert.deepEqual(bodies(await take(to)), ['ONE', 'THREE']);
  assert.deepEqual(bodies(await take(dead)), ['bad']);
  assert.equal((await inside(['dlx', 'replay', dead, '--edit'])).code, 64);
  await publish(dead, ['four']);
  assert.equal((await inside(['dlx', 'replay', dead, '--to-queue', to, '--edit', '--', '/nowhere'])).code, 127);
  assert.deepEqual(bodies(await take(dead)), ['four']);
});

test('--edit loses no body to a program that prints nothing, and adds no newline', async (t) => {
  const { dead, queue, publish, take } = await ward(t);
  const to = await queue();
  const directory = await scratchDirectory(t);
  const edit = await program(directory, 'edit', "#!/bin/sh\ngrep -v -e secret -e '^$' | sed -e 's/blank//' -e 's/two/2\\n/'\ntrue\n");
  await publish(dead, ['the secret'], { messageId: 'order-7' });
  await publish(dead, ['', 'blank', 'plain', 'line\n', 'two', 'a\nb']);
  const edited = await inside(['dlx', 'replay', dead, '--to-queue', to, '--edit', '--', edit]);
  assert.equal(edited.code, 3, edited.stderr);
  assert.match(edited.stderr, /the message "order-7" stays: the program that edits it printed nothing$/m);
  assert.match(edited.stderr, /a message stays: the program that edits it printed nothing but a newline$/m);
  assert.match(edited.stderr, /2 stay: the program that edits it failed/);
  assert.deepEqual(bodies(await take(to)), ['', 'plain', 'line\n', '2\n\n', 'a\nb']);
  const stayed = json<Summary>(await inside(['dlx', 'replay', dead, '--to-queue', to, '--edit', '-o', 'json', '--', 'true'])).stayed;
  assert.deepEqual(stayed, { unedited: 2 });
  assert.deepEqual(bodies(await take(dead)), ['the secret', 'blank']);
});

test('--edit kills a program that takes too long, with all that it has started, and the message stays', async (t) => {
  const { dead, queue, publish, take } = await ward(t);
  const to = await queue();
  const directory = await scratchDirectory(t);
  const pids = join(directory, 'pids');
  const hang = `trap '' TERM; sleep 9999 & echo $$ $! > ${pids}; wait`;
  const edit = await program(directory, 'edit', `#!/bin/sh\nread -r body\nif [ "$body" = slow ]; then ${hang}; fi\necho "$body"\n`);
  await publish(dead, ['slow', 'quick'], { messageId: 'order-7' });
  const edited = await inside(['dlx', 'replay', dead, '--to-queue', to, '--edit', '--handler-timeout', '1s', '--', edit]);
  assert.equal(edited.code, 3, edited.stderr);
  assert.match(edited.stderr, /the message "order-7" stays: the program that edits it took longer than 1 s \(--handler-timeout\)/);
  for (const pid of (await linesOf(pids)).join(' ').split(' ')) assert.equal(await isRunning(pid), false, pid);
  assert.deepEqual(bodies(await take(to)), ['quick']);
  assert.deepEqual(bodies(await take(dead)), ['slow']);
  for (const flags of [
    ['--handler-timeout', '0s', '--edit', '--', 'cat'],
    ['--handler-timeout', '1s'],
  ])
    assert.equal((await inside(['dlx', 'replay', dead, ...flags])).code, 64, flags.join(' '));
});

test('the journal says of each message what is known and when, and no line is spoilt by one that another run left unfinished', async (t) => {
  const { work, dead, reject, publish } = await ward(t);
  const directory = await scratchDirectory(t);
  const journal = join(directory, 'journal');
  await program(directory, 'journal', '{"unfinish', 0o600);
  for (const messageId of ['a', 'b']) await publish(work, [messageId], { messageId });
  await reject(work, 2);
  await publish(dead, ['c'], { messageId: 'c' });
  assert.equal((await inside(['dlx', 'replay', dead, '--journal', journal])).code, 3);
  const [begun, ...others] = (await linesOf(journal)).slice(1).map((line) => JSON.parse(line) as Record<string, unknown>);
  const ended = others.pop();
  assert.deepEqual([begun?.['outcome'], ended?.['outcome'], ended?.['moved'], ended?.['stayed']], ['begun', 'ended', 2, { originless: 1 }]);
  assert.equal(begun?.['run'], ended?.['run']);
  assert.deepEqual(others.map(({ messageId, outcome, reason, routingKey }) => [messageId, outcome, reason, routingKey]).toSorted(), [
    ['a', 'confirmed', undefined, work],
    ['a', 'moved', undefined, undefined],
    ['b', 'confirmed', undefined, work],
    ['b', 'moved', undefined, undefined],
    ['c', 'stays', 'originless', undefined],
  ]);
  assert.equal((await inside(['dlx', 'replay', dead, '--journal', join(directory, 'no', 'journal')])).code, 66);
});

test('TERM stops it: what is confirmed is acknowledged, the rest stays in order, and the counts are right', async (t) => {
  const { dead, publish, queue, take, depth } = await ward(t);
  const to = await queue();
  await publish(dead, numbers(500));
  const run = start(['dlx', 'replay', dead, '--to-queue', to, '--rate', '200', '--json']);
  while ((await depth(to)) < 20) assert.equal(run.child.exitCode, null);
  run.child.kill('SIGTERM');
  const result = await run.result;
  assert.equal(result.code, 143, result.stderr);
  const [arrived, left] = [bodies(await take(to)), bodies(await take(dead))];
  assert.deepEqual([...arrived, ...left], numbers(500));
  assert.equal(json<Summary>(result).moved, arrived.length);
});

test('another consumer that drains the queue meanwhile only takes its share: the run ends when nothing is left', async (t) => {
  const { dead, publish, queue, take } = await ward(t);
  const to = await queue();
  await publish(dead, numbers(2_000));
  const { channel } = await peer(t);
  const stolen: string[] = [];
  const run = start(['dlx', 'replay', dead, '--to-queue', to, '--rate', '1000', '--json']);
  await channel.prefetch(10);
  await channel.consume(dead, (message) => {
    if (message === null) return;
    stolen.push(message.content.toString());
    channel.ack(message);
  });
  const result = await run.result;
  assert.equal(result.code, 0, result.stderr);
  const arrived = bodies(await take(to));
  assert.equal(json<Summary>(result).moved, arrived.length);
  assert.deepEqual(
    [...arrived, ...stolen].map(Number).toSorted((a, b) => a - b),
    numbers(2_000).map(Number),
  );
});

test('wrong combinations are refused', async () => {
  for (const flags of [['--to-queue', 'a', '--to-exchange', 'b'], ['-r', 'key'], ['-n', '0'], ['--max-replays', '0'], ['--edit'], ['--rate', '0']]) {
    assert.equal((await inside(['dlx', 'replay', 'dead', ...flags])).code, 64, flags.join(' '));
  }
  assert.equal((await inside(['dlx', 'replay', 'dead', '--', 'cat'])).code, 64);
});
