import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { DecodedDeath } from '../../../src/text/dead-letter-story.ts';
import { textWidth } from '../../../src/text/width.ts';
import { type Peer, peer, unique } from '../../support/broker.ts';
import { inside } from '../../support/inside.ts';
import { jsonLines, rmq, start } from '../../support/rmq.ts';

interface Envelope {
  readonly queue: string;
  readonly body: string;
  readonly properties: { readonly headers?: object };
  readonly death: DecodedDeath;
}

interface Morgue extends Peer {
  readonly work: string;
  readonly dead: string;
  /** Publishes to the work queue through the exchange of the test, and rejects. */
  readonly kill: (bodies: readonly string[], key: string, headers?: object) => Promise<void>;
}

/** A work queue behind an exchange, and its dead letters. */
async function morgue(t: TestContext, type = 'classic'): Promise<Morgue> {
  const other = await peer(t);
  const { channel, queue, exchange } = other;
  const dead = await queue({ arguments: { 'x-queue-type': type } }, 'dead');
  const work = await queue({ deadLetterExchange: '', deadLetterRoutingKey: dead }, 'work');
  const orders = await exchange('topic');
  await channel.bindQueue(work, orders, '#');
  const kill = async (bodies: readonly string[], key: string, headers: object = {}): Promise<void> => {
    for (const body of bodies) channel.publish(orders, key, Buffer.from(body), { headers, persistent: true });
    for (const _ of bodies) {
      let message = await channel.get(work);
      while (message === false) message = await channel.get(work);
      channel.reject(message, false);
    }
    while ((await channel.checkQueue(dead)).messageCount < bodies.length);
  };
  return { ...other, work, dead, kill };
}

for (const type of ['classic', 'quorum']) {
  test(`a table tells how each message of a ${type} queue died, and the queue stays as it was`, async (t) => {
    const { work, dead, kill, take } = await morgue(t, type);
    await kill(['first \u001b[2Jbody\nof two lines', 'second'], 'order.placed', { 'x-rmq-replays': 40_000 });
    const shown = await inside(['dlx', 'inspect', dead]);
    assert.equal(shown.code, 0, shown.stderr);
    const [head, first, second, ...more] = shown.stdout.split('\n');
    assert.match(head ?? '', /^#\s+AGE\s+DIED\s+IN QUEUE\s+EXCHANGE\s+KEY\s+SIZE\s+REPLAYED\s+BODY$/);
    assert.match(
      first ?? '',
      new RegExp(`^1 .* rejected +${work.slice(0, 30)}.* test\\.exchange\\.\\w+ +order\\.placed +27 B +40,000  first \\\\x1b\\[2Jbody\\\\nof two lines$`),
    );
    assert.match(second ?? '', /^2 .* second$/);
    assert.deepEqual(more, ['']);
    assert.match(shown.stderr, /2 messages in ".*"; nothing was removed/);
    const again = await inside(['dlx', 'inspect', dead, '-n', '1']);
    assert.match(again.stderr, /1 message in ".*"; 1 more was not looked at/);
    assert.deepEqual(
      (await take(dead)).map(({ content }) => content.toString()),
      ['first \u001b[2Jbody\nof two lines', 'second'],
    );
  });
}

test('on a terminal each dead letter is one line of its width, whatever characters it has', async (t) => {
  const { dead, kill } = await morgue(t);
  await kill(['\u001b[2J日本語のとても長い本文です日本語のとても長い本文です'], `order.placed.${'k'.repeat(60)}`);
  await kill(['{"id":1}'], `order.paid.${'k'.repeat(60)}`);
  const { stdout } = await start(['dlx', 'inspect', dead, '--quiet'], { terminal: true, columns: 80 }).result;
  const [head = '', first = '', second = '', same = '', ...more] = stdout.trimEnd().split('\r\n');
  assert.deepEqual(more, [], stdout);
  assert.match(head, /^# +AGE +DIED +KEY +SIZE {2}BODY$/);
  assert.match(same, /^all: in queue test\.work\.\w+, exchange test\.exchange\.\w+$/);
  const lines = [head, first, second];
  for (const line of lines) assert.ok(textWidth(line) <= 80, line);
  const columns = lines.map((line) => textWidth(line.slice(0, line.search(/BODY|\{|\\x1b/))));
  assert.equal(new Set(columns).size, 1, stdout);
});

test('on a terminal the body keeps its room, and columns that are the same everywhere give theirs', async (t) => {
  const { channel, dead, kill, publish, queue } = await morgue(t);
  const body = 'a body that tells messages apart';
  await kill(
    Array.from({ length: 3 }, (_, index) => `${index} ${body}`),
    'k'.repeat(70),
  );
  const looked = async (columns?: number): Promise<string> =>
    (await start(['dlx', 'inspect', dead, '--quiet'], { terminal: true, ...(columns && { columns }) }).result).stdout;
  const narrow = await looked(80);
  for (const index of [0, 1, 2]) assert.match(narrow, new RegExp(`^${index + 1} .*  ${index} ${body}\r$`, 'm'));
  assert.match(narrow, /^# +AGE +DIED +SIZE {2}BODY\r\n[\s\S]*^all: in queue test\.work\.\w+, exchange test\.exchange\.\w+, key k{31}…\r$/m);
  assert.match(await looked(200), /IN QUEUE +EXCHANGE +KEY +SIZE {2}BODY\r\n(?![\s\S]*all:)/);
  const other = await queue({ deadLetterExchange: '', deadLetterRoutingKey: dead }, `another.${'q'.repeat(30)}`);
  await publish(other, [`3 ${body}`]);
  let message = await channel.get(other);
  while (message === false) message = await channel.get(other);
  channel.reject(message, false);
  while ((await channel.checkQueue(dead)).messageCount < 4);
  const mixed = await looked(80);
  for (const index of [0, 1, 2, 3]) assert.match(mixed, new RegExp(`^${index + 1} .*  ${index} ${body.slice(0, 17)}.*\r$`, 'm'));
  for (const line of mixed.trimEnd().split('\r\n')) assert.ok(textWidth(line) <= 80, line);
});

test('what another consumer holds is not there to be seen, and that is said', async (t) => {
  const { channel, queue, publish } = await peer(t);
  const dead = await queue();
  await publish(dead, ['held']);
  await channel.get(dead);
  const looked = await inside(['dlx', 'inspect', dead]);
  assert.equal(looked.code, 0);
  assert.match(looked.stderr, /^0 messages in ".*" \(messages that another consumer holds are not counted\); nothing was removed$/m);
});

test('with -o json each is an envelope with a decoded death, which publish --envelopes reads', async (t) => {
  const { work, dead, kill, queue, take } = await morgue(t);
  await kill(['{"id":1}'], 'order.placed', { tenant: 'acme' });
  const shown = await inside(['dlx', 'inspect', dead, '-o', 'json']);
  assert.equal(shown.code, 0, shown.stderr);
  const [envelope] = jsonLines<Envelope>(shown);
  assert.equal(envelope?.body, '{"id":1}');
  const { death } = envelope ?? assert.fail();
  assert.deepEqual([death.first?.queue, death.first?.routingKey, death.replays, death.malformed], [work, 'order.placed', 0, 0]);
  assert.deepEqual([death.deaths[0]?.reason, death.deaths[0]?.count, death.deaths[0]?.routingKeys], ['rejected', 1, ['order.placed']]);
  assert.match(death.deaths[0]?.time ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  const copies = await queue();
  const published = await inside(['publish', '--envelopes', '--keep-broker-headers', '-q', copies], { input: shown.stdout });
  assert.equal(published.code, 0, published.stderr);
  const [copy] = await take(copies);
  assert.equal(copy?.properties.headers?.['tenant'], 'acme');
  assert.equal(copy?.properties.headers?.['x-death']?.[0]?.queue, work);
});

test('groups count what messages have in common, the largest first', async (t) => {
  const { work, dead, kill, publish, depth } = await morgue(t);
  await kill(['a', 'b'], 'order.placed', { tenant: 'acme' });
  await kill(['c'], 'order.cancelled', { tenant: 'other' });
  await publish(dead, ['stray']);
  const grouped = await inside(['dlx', 'inspect', dead, '--group-by', 'reason,queue,routingKey', '-o', 'json']);
  assert.equal(grouped.code, 0, grouped.stderr);
  assert.deepEqual(
    jsonLines<Record<string, unknown>>(grouped).map(({ count, reason, queue, routingKey }) => [count, reason, queue, routingKey]),
    [
      [2, 'rejected', work, 'order.placed'],
      [1, 'rejected', work, 'order.cancelled'],
      [1, null, null, dead],
    ],
  );
  const table = await inside(['dlx', 'inspect', dead, '--group-by', 'header:tenant', '--reason', 'rejected']);
  assert.match(table.stdout, /^COUNT {2}HEADER:TENANT {2}OLDEST .*NEWEST\n +2 {2}acme .*\n +1 {2}other .*\n$/);
  assert.match(table.stderr, /3 of 4 messages in/);
  assert.equal(await depth(dead), 4);
  const wrong = await inside(['dlx', 'inspect', dead, '--group-by', 'colour']);
  assert.equal(wrong.code, 64);
  assert.match(wrong.stderr, /--group-by takes reason, queue/);
});

test('filters choose by reason, header, age and id', async (t) => {
  const { dead, kill } = await morgue(t);
  await kill(['a'], 'k', { tenant: 'acme' });
  await kill(['b'], 'k', { tenant: 'other' });
  const bodies = async (...flags: string[]): Promise<string[]> =>
    jsonLines<Envelope>(await inside(['dlx', 'inspect', dead, '-o', 'json', ...flags])).map(({ body }) => body);
  assert.deepEqual(await bodies('-H', 'tenant=other'), ['b']);
  assert.deepEqual(await bodies('--reason', 'expired', '--reason', 'maxlen'), []);
  assert.deepEqual(await bodies('--reason', 'expired, rejected'), ['a', 'b']);
  assert.deepEqual(await bodies('--newer-than', '1h', '-n', '1'), ['a']);
  assert.deepEqual(await bodies('--older-than', '1h'), []);
  assert.deepEqual(await bodies('--id', 'none'), []);
});

test('a filter that can mean nothing is refused before anything connects', async () => {
  const refusal = async (...flags: string[]): Promise<string> => {
    const { code, stderr } = await inside(['dlx', 'inspect', 'q', '-u', 'amqp://127.0.0.1:1', ...flags]);
    assert.equal(code, 64, stderr);
    return stderr;
  };
  assert.match(
    await refusal('--reason', 'reject'),
    /--reason must be one of rejected, expired, maxlen, delivery_limit, not "reject": did you mean "rejected"\?/,
  );
  assert.match(await refusal('--reason', 'expired,Maxlen'), /not "Maxlen": did you mean "maxlen"\?/);
  assert.match(await refusal('--reason', 'whim'), /--reason must be one of rejected, .*, not "whim"$/m);
  assert.match(await refusal('-H', 'k:=1', '-H', 'k:=2'), /the header "k" is given twice/);
  assert.match(await refusal('--older-than', '2h', '--newer-than', '10m'), /no death is more than 2 h and less than 10 min ago/);
});

test('one message is shown whole, with the story of its deaths', async (t) => {
  const { channel, queue, publish, take, depth } = await peer(t);
  const dead = await queue({}, 'dead');
  const work = await queue({ deadLetterExchange: '', deadLetterRoutingKey: dead }, 'work');
  const wait = await queue({ messageTtl: 1, deadLetterExchange: '', deadLetterRoutingKey: work }, 'wait');
  await publish(wait, ['the body'], { expiration: 60_000 });
  let message = await channel.get(work);
  while (message === false) message = await channel.get(work);
  channel.reject(message, false);
  while ((await depth(dead)) < 1);
  const shown = await inside(['dlx', 'inspect', dead, '--show', '1']);
  assert.equal(shown.code, 0, shown.stderr);
  const lines = shown.stdout.split('\n');
  assert.equal(lines[0], 'message 1');
  assert.match(
    lines[1] ?? '',
    new RegExp(`^1\\. Published to the queue "${wait}", it expired in "${wait}", .* ago\\); it carried an expiration of 60000 ms\\.$`),
  );
  assert.match(lines[2] ?? '', new RegExp(`^2\\. Published to the queue "${work}", it was rejected in "${work}", .* ago\\)\\.$`));
  assert.equal(lines[3], `Then it came into "${dead}", published to the queue "${dead}".`);
  assert.equal(lines.at(-3), 'the body');
  const beyond = await inside(['dlx', 'inspect', dead, '--show', '2']);
  assert.equal(beyond.code, 66);
  assert.match(beyond.stderr, /there is no message 2: ".*" holds 1 message/);
  assert.equal((await take(dead)).length, 1);
});

test('--show counts among those that the filters let through, as the table does', async (t) => {
  const { queue, publish } = await peer(t);
  const dead = await queue();
  await publish(dead, ['red 1', 'blue 1', 'red 2', 'blue 2', 'blue 3']);
  const filter = ['--where', 'body.startsWith("blue")'];
  const table = (await inside(['dlx', 'inspect', dead, ...filter])).stdout.split('\n').slice(1, 4);
  assert.deepEqual(
    table.map((line) => /^ *(\d+) .*(blue \d)/.exec(line)?.slice(1)),
    [
      ['1', 'blue 1'],
      ['2', 'blue 2'],
      ['3', 'blue 3'],
    ],
  );
  const second = await inside(['dlx', 'inspect', dead, ...filter, '--show', '2']);
  assert.equal(second.code, 0, second.stderr);
  assert.match(second.stdout, /^message 2\n/);
  assert.match(second.stdout, /blue 2/);
  const [envelope] = jsonLines<Envelope>(await inside(['dlx', 'inspect', dead, ...filter, '--show', '3', '-o', 'json']));
  assert.equal(envelope?.body, 'blue 3');
  const beyond = await inside(['dlx', 'inspect', dead, ...filter, '--show', '4']);
  assert.equal(beyond.code, 66);
  assert.match(beyond.stderr, /there is no message 4: 3 messages of the 5 in ".*" match/);
  assert.match((await inside(['dlx', 'inspect', dead, '--show', '3'])).stdout, /red 2/);
});

test('one message is shown with its properties and headers also where there is no terminal', async (t) => {
  const { queue, publish } = await peer(t);
  const dead = await queue();
  await publish(dead, ['{"id":1}'], { messageId: 'order-7', contentType: 'application/json', headers: { tenant: 'acme' } });
  const { stdout } = await inside(['dlx', 'inspect', dead, '--show', '1']);
  for (const [label, value] of [
    ['messageId', 'order-7'],
    ['contentType', 'application/json'],
    ['header tenant', 'acme'],
  ]) {
    assert.match(stdout, new RegExp(`^${label} +${value}$`, 'm'));
  }
  assert.match(stdout, /\n\n\{\n {2}"id": 1\n\}\n/);
});

test('failures with the same exit code are told apart by the last line of the error, and a reason of its own is kept', async (t) => {
  const { queue, publish, dead } = await morgue(t);
  const name = await queue({ deadLetterExchange: '', deadLetterRoutingKey: dead });
  await publish(name, ['no stock', 'bad address', 'bad address', '']);
  const worked = await rmq(['work', 'run', name, '-n', '4', '--', 'sh', '-c', 'echo working >&2; cat >&2; exit 65']);
  assert.equal(worked.code, 0, worked.stderr);
  await publish(dead, ['late'], { headers: { 'x-rmq-reason': 'took longer than 5s', 'x-rmq-stderr': 'working' } });
  const groups = jsonLines<{ count: number; why: string }>(await inside(['dlx', 'inspect', dead, '--group-by', 'why', '-o', 'json']));
  assert.deepEqual(Object.fromEntries(groups.map(({ count, why }) => [why, count])), {
    'bad address': 2,
    'no stock': 1,
    working: 1,
    'took longer than 5s': 1,
  });
});

test('what a worker said stands in a column, and can be counted; the default exchange has a name', async (t) => {
  const { channel, queue, publish, kill, dead } = await morgue(t);
  await kill(['a'], 'key', { 'x-rmq-reason': 'exit code 7', 'x-rmq-stderr': 'reading\nno such order\n\n' });
  await kill(['b'], 'key', { 'x-rmq-stderr': 'starting\nout of \u001b[31mmemory\n' });
  const table = await inside(['dlx', 'inspect', dead]);
  assert.match(table.stdout, /^# .* REPLAYED +WHY +BODY\n1 .* no such order +a\n2 .* out of \\x1b\[31mmemory +b\n$/);
  const terminal = await start(['dlx', 'inspect', dead], { terminal: true }).result;
  assert.match(terminal.stdout, /WHY +BODY\r\n/);
  await channel.purgeQueue(dead);
  await kill(['c'], 'key');
  assert.doesNotMatch((await inside(['dlx', 'inspect', dead])).stdout, /WHY/);
  const other = await queue();
  await publish(other, ['a', 'b'], { headers: { 'x-rmq-reason': 'exit code 7' } });
  await publish(other, ['c']);
  const groups = await inside(['dlx', 'inspect', other, '--group-by', 'why,exchange']);
  assert.match(groups.stdout, /^COUNT {2}WHY +EXCHANGE .*\n +2 {2}exit code 7 +\(default\) .*\n +1 {2}\? +\(default\) .*\n$/);
});

test('a forged death is shown as what it is', async (t) => {
  const { queue, publish } = await peer(t);
  const dead = await queue();
  await publish(dead, ['a'], { headers: { 'x-death': 'none', 'x-rmq-replays': 'many' } });
  await publish(dead, ['b'], {
    headers: {
      'x-death': [
        { queue: 7, reason: { a: [] } },
        { count: -1, queue: '\u001b[31mq', reason: 'evil\n', exchange: '', 'routing-keys': [], time: 1e300 },
      ],
    },
  });
  const table = await inside(['dlx', 'inspect', dead]);
  assert.equal(table.code, 0, table.stderr);
  assert.match(table.stdout, /evil\\n +\\x1b\[31mq/);
  assert.match((await inside(['dlx', 'inspect', dead, '--show', '1'])).stdout, /Nothing tells that it died.*\n1 entry of x-death is not what a broker writes/);
  const [, second] = jsonLines<Envelope>(await inside(['dlx', 'inspect', dead, '-o', 'json']));
  assert.deepEqual([second?.death.malformed, second?.death.deaths.length, second?.death.deaths[0]?.time], [1, 1, undefined]);
});

test('a stream can be looked at', async (t) => {
  const { queue, publish } = await peer(t);
  const stream = await queue({ arguments: { 'x-queue-type': 'stream' } });
  await publish(stream, ['a', 'b']);
  assert.match((await inside(['dlx', 'inspect', stream])).stdout, / a\n.* b\n$/);
  assert.match((await inside(['dlx', 'inspect', stream])).stderr, /^2 messages in ".*"; nothing was removed$/m);
  await publish(stream, ['c', 'd', 'e']);
  const few = await inside(['dlx', 'inspect', stream, '-n', '2']);
  assert.match(few.stderr, /^2 messages in ".*"; about 3 more were not looked at \(-n N\); nothing was removed$/m);
  assert.match((await inside(['dlx', 'inspect', stream, '-n', '4', '-o', 'json'])).stderr, /; about 1 more was not looked at/);
  assert.equal((await inside(['dlx', 'inspect', unique('none')])).code, 66);
});
