import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { brokerUrl, peer, unique } from '../support/broker.ts';
import { BASIC_PUBLISH, proxy } from '../support/faults.ts';
import { inside } from '../support/inside.ts';
import { json, rmq, start } from '../support/rmq.ts';

const BIN = fileURLToPath(new URL('../../bin/rmq.js', import.meta.url));

interface Summary {
  readonly published: number;
  readonly confirmed: number;
  readonly returned: number;
  readonly nacked: number;
  readonly unknown: number;
  readonly seconds: number;
}

/** The counts of a summary, without the time. */
const counts = ({ seconds, ...rest }: Summary): Omit<Summary, 'seconds'> => {
  assert.equal(typeof seconds, 'number');
  return rest;
};

for (const type of ['classic', 'quorum', 'stream']) {
  test(`a body reaches a ${type} queue, confirmed`, async (t) => {
    const { queue, take, depth } = await peer(t);
    const name = await queue({ arguments: { 'x-queue-type': type } });
    const result = await inside(['publish', '-q', name, 'hello', '--json']);
    assert.equal(result.code, 0, result.stderr);
    assert.deepEqual(counts(json(result)), { published: 1, confirmed: 1, returned: 0, nacked: 0, unknown: 0 });
    if (type === 'stream') return;
    assert.equal(await depth(name), 1);
    const [message] = await take(name);
    assert.equal(message?.content.toString(), 'hello');
    assert.equal(message?.properties.deliveryMode, 2);
    assert.match(String(message?.properties.messageId), /.-1$/);
  });
}

test('every property and typed header that a flag sets arrives', async (t) => {
  const { queue, take } = await peer(t);
  const name = await queue();
  const flags = [
    '--content-type',
    'text/plain',
    '--content-encoding',
    'identity',
    '--priority',
    '7',
    '--correlation-id',
    'c-1',
    '--reply-to',
    'r',
    '--ttl',
    '1h',
  ];
  const more = ['--message-id', 'm-1', '--timestamp', '1700000000', '--type', 'greeting', '--user-id', 'guest', '--app-id', 'test', '--transient'];
  const headers = [
    '-H',
    'text=a=b',
    '-H',
    'number:=5',
    '-H',
    'yes:=true',
    '--header',
    'none:=null',
    '-H',
    'when:={"!":"timestamp","value":1700000000}',
    '-H',
    'list:=[1,"two"]',
  ];
  const result = await rmq(['publish', '-q', name, ...flags, ...more, ...headers, 'body']);
  assert.equal(result.code, 0, result.stderr);
  const [message] = await take(name);
  const given = Object.fromEntries(Object.entries(message?.properties ?? {}).filter(([, value]) => value !== undefined));
  assert.deepEqual(given, {
    contentType: 'text/plain',
    contentEncoding: 'identity',
    priority: 7,
    correlationId: 'c-1',
    replyTo: 'r',
    expiration: '3600000',
    messageId: 'm-1',
    timestamp: 1_700_000_000,
    type: 'greeting',
    userId: 'guest',
    appId: 'test',
    deliveryMode: 1,
    headers: { text: 'a=b', number: 5, yes: true, none: null, when: { '!': 'timestamp', value: 1_700_000_000 }, list: [1, 'two'] },
  });
});

test('standard input is one message, byte for byte', async (t) => {
  const { queue, take } = await peer(t);
  const name = await queue();
  const body = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 256));
  assert.equal((await inside(['publish', '-q', name], { input: body })).code, 0);
  const [message] = await take(name);
  assert.ok(message?.content.equals(body));
});

/** Runs the command with standard input as a shell redirects it. */
async function redirected(redirection: string, args: readonly string[]): Promise<{ readonly code: number; readonly stderr: string }> {
  const child = spawn('bash', ['-c', `"$0" "$@" ${redirection}`, process.execPath, BIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.resume();
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number];
  return { code, stderr };
}

for (const command of ['publish -q', 'work publish', 'fanout publish', 'topic publish', 'rpc call']) {
  test(`${command}: an empty or closed standard input is bad data, and no message`, async (t) => {
    const { queue, exchange, channel, depth } = await peer(t);
    const name = await queue();
    const bound = command.startsWith('fanout') || command.startsWith('topic');
    const to = bound ? await exchange(command.startsWith('fanout') ? 'fanout' : 'topic') : name;
    if (bound) await channel.bindQueue(name, to, '#');
    if (command === 'rpc call') await channel.consume(name, () => assert.fail('a request came'));
    const args = [...command.split(' '), to, ...(command === 'topic publish' ? ['key'] : [])];
    for (const redirection of ['< /dev/null', '<&-', "< <(printf '')"]) {
      const { code, stderr } = await redirected(redirection, args);
      assert.equal(code, 65, `${redirection}: ${stderr}`);
      assert.match(stderr, /standard input is empty: there is nothing to send/);
      assert.match(stderr, /--allow-empty/);
    }
    assert.equal((await redirected('< /dev/null', [...args, '-f', '-'])).code, 65);
    assert.equal(await depth(name), 0);
  });
}

test('an empty message is sent where that is asked for: --allow-empty, an empty BODY', async (t) => {
  const { queue, take } = await peer(t);
  const name = await queue();
  for (const more of [['--allow-empty'], ['']]) {
    const result = await inside(['publish', '-q', name, ...more]);
    assert.equal(result.code, 0, result.stderr);
  }
  assert.deepEqual(
    (await take(name)).map(({ content }) => content.length),
    [0, 0],
  );
});

test('no lines are no messages, and no mistake', async (t) => {
  const { queue, depth } = await peer(t);
  const name = await queue();
  for (const flag of ['--lines', '--envelopes']) {
    assert.equal((await redirected('< /dev/null', ['publish', '-q', name, flag])).code, 0);
    assert.equal((await redirected('<&-', ['publish', '-q', name, flag])).code, 0);
  }
  assert.equal(await depth(name), 0);
});

test('--chomp drops one newline at the end of standard input and of files, and no other byte', async (t) => {
  const { queue, take } = await peer(t);
  const name = await queue();
  const directory = await mkdtemp(join(tmpdir(), 'rmq-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, 'body');
  await writeFile(file, '\nfile\n');
  for (const input of ['a\n', 'b\n\n', 'c', 'd\r\n']) assert.equal((await inside(['publish', '-q', name, '--chomp'], { input })).code, 0);
  assert.equal((await inside(['publish', '-q', name, '--chomp', '-f', file])).code, 0);
  assert.equal((await inside(['publish', '-q', name], { input: 'as it is\n' })).code, 0);
  assert.deepEqual(
    (await take(name)).map(({ content }) => content.toString()),
    ['a', 'b\n', 'c', 'd\r', '\nfile', 'as it is\n'],
  );
  const nothing = await inside(['publish', '-q', name, '--chomp'], { input: '\n' });
  assert.equal(nothing.code, 65, nothing.stderr);
  assert.match(nothing.stderr, /empty but for a newline/);
  for (const more of [['body'], ['--lines'], ['--envelopes']])
    assert.equal((await inside(['publish', '-q', name, '--chomp', ...more], { input: 'x' })).code, 64);
});

test('-f may be repeated: a message each, or the lines of each, in their order', async (t) => {
  const { queue, take } = await peer(t);
  const name = await queue();
  const directory = await mkdtemp(join(tmpdir(), 'rmq-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const [one, two] = [join(directory, 'one'), join(directory, 'two')];
  await writeFile(one, '1\n2\n');
  await writeFile(two, '3\n4');
  const bodies = async (): Promise<string[]> => (await take(name)).map(({ content }) => content.toString());
  const sent = await inside(['publish', '-q', name, '-f', one, '--file', '-', '-f', two], { input: 'between' });
  assert.equal(sent.code, 0, sent.stderr);
  assert.deepEqual(await bodies(), ['1\n2\n', 'between', '3\n4']);
  assert.equal((await inside(['publish', '-q', name, '--lines', '-f', one, '-f', two, '-n', '3'])).code, 0);
  assert.deepEqual(await bodies(), ['1', '2', '3']);
  const missing = await inside(['publish', '-q', name, '-f', one, '-f', join(directory, 'none')]);
  assert.equal(missing.code, 66, missing.stderr);
  for (const more of [
    ['-f', '-', '-f', '-'],
    ['-f', one, '-f', two, '-n', '2'],
  ])
    assert.equal((await inside(['publish', '-q', name, ...more])).code, 64);
  assert.deepEqual(await bodies(), []);
  await writeFile(one, '{"body":"fine"}\n');
  const broken = await inside(['publish', '-q', name, '--envelopes', '-f', one, '-f', two]);
  assert.equal(broken.code, 65, broken.stderr);
  assert.ok(broken.stderr.includes(`${two}, line 1: `), broken.stderr);
});

test('with a body argument standard input is never read', async (t) => {
  const { queue, take } = await peer(t);
  const name = await queue();
  // Its standard input stays open: a command that read it would not end.
  const { result } = start(['publish', '-q', name, 'argument'], { timeout: 20_000 });
  assert.equal((await result).code, 0);
  assert.deepEqual(
    (await take(name)).map(({ content }) => String(content)),
    ['argument'],
  );
});

test('with --lines each line is a message, empty ones and a last one without a newline too', async (t) => {
  const { queue, take } = await peer(t);
  const name = await queue();
  const result = await inside(['publish', '-q', name, '--lines', '--json'], { input: 'one\n\nthree\r\nfo\u00fcr' });
  assert.equal(json<Summary>(result).confirmed, 4);
  const messages = await take(name);
  assert.deepEqual(
    messages.map(({ content }) => String(content)),
    ['one', '', 'three\r', 'fo\u00fcr'],
  );
  assert.equal(new Set(messages.map(({ properties }) => properties.messageId)).size, 4);
});

test('a line leaves as soon as it has been read, while the input stays open', async (t) => {
  const { queue, channel } = await peer(t);
  const name = await queue();
  const arrived = new Promise<string>((resolve) => {
    void channel.consume(name, (message) => resolve(String(message?.content)));
  });
  const run = start(['publish', '-q', name, '--lines']);
  run.child.stdin.write('first\n');
  assert.equal(await arrived, 'first');
  run.child.stdin.end();
  assert.equal((await run.result).code, 0);
});

test('--count repeats a body, and takes the first lines', async (t) => {
  const { queue, take } = await peer(t);
  const name = await queue();
  assert.equal((await inside(['publish', '-q', name, '-n', '300', 'again'])).code, 0);
  assert.equal((await take(name)).length, 300);
  assert.equal((await inside(['publish', '-q', name, '-n', '2', '--lines'], { input: 'a\nb\nc\n' })).code, 0);
  assert.deepEqual(
    (await take(name)).map(({ content }) => String(content)),
    ['a', 'b'],
  );
});

test('a file is published whole; a missing one is named', async (t) => {
  const { queue, take } = await peer(t);
  const directory = await mkdtemp(join(tmpdir(), 'rmq-'));
  t.after(() => rm(directory, { recursive: true }));
  const file = join(directory, 'body.bin');
  await writeFile(file, Buffer.from([0, 255, 10]));
  const name = await queue();
  assert.equal((await inside(['publish', '-q', name, '-f', file])).code, 0);
  assert.deepEqual(
    (await take(name)).map(({ content }) => [...content]),
    [[0, 255, 10]],
  );
  const missing = await inside(['publish', '-q', name, '-f', join(directory, 'none')]);
  assert.equal(missing.code, 66);
  assert.match(missing.stderr, /none/);
});

test('an exchange and a routing key lead to the queues that are bound', async (t) => {
  const { queue, exchange, channel, take } = await peer(t);
  const [name, events] = [await queue(), await exchange('topic')];
  await channel.bindQueue(name, events, 'order.*');
  assert.equal((await inside(['publish', '-e', events, '-r', 'order.created', 'x'])).code, 0);
  const [message] = await take(name);
  assert.deepEqual([message?.fields.exchange, message?.fields.routingKey], [events, 'order.created']);
});

test('an unroutable message is exit 67, named, and the others still arrive', async (t) => {
  const { queue, take } = await peer(t);
  const name = await queue();
  const nowhere = unique('nowhere');
  const lines = [name, nowhere, name].map((routingKey, index) => JSON.stringify({ routingKey, body: String(index) }));
  const result = await inside(['publish', '--envelopes', '--json'], { input: lines.join('\n') });
  assert.equal(result.code, 67);
  assert.deepEqual(counts(json(result)), { published: 3, confirmed: 2, returned: 1, nacked: 0, unknown: 0 });
  assert.match(result.stderr, new RegExp(nowhere));
  assert.match(result.stderr, /declare the queue, or bind one .* --allow-unroutable/);
  assert.deepEqual(
    (await take(name)).map(({ content }) => String(content)),
    ['0', '2'],
  );
});

test('--allow-unroutable accepts that nothing is bound', async () => {
  assert.equal((await inside(['publish', '-q', unique('nowhere'), '--allow-unroutable', 'x'])).code, 0);
});

test('an exchange that does not exist is exit 66, and named', async () => {
  const nowhere = unique('nowhere');
  for (const confirm of [[], ['--no-confirm']]) {
    const result = await inside(['publish', '-e', nowhere, '-r', 'k', 'x', ...confirm]);
    assert.equal(result.code, 66, result.stderr);
    assert.doesNotMatch(result.stderr, /nacked/);
    assert.match(result.stderr, new RegExp(nowhere));
  }
});

test('a queue that rejects when it is full is exit 75, with exact counts', async (t) => {
  const { queue, depth } = await peer(t);
  const name = await queue({ maxLength: 3, overflow: 'reject-publish' });
  const result = await inside(['publish', '-q', name, '--lines', '--json'], { input: 'x\n'.repeat(10) });
  assert.equal(result.code, 75);
  assert.deepEqual(counts(json(result)), { published: 10, confirmed: 3, returned: 0, nacked: 7, unknown: 0 });
  assert.equal(await depth(name), 3);
});

test('a user id that the broker does not take is refused, and the others still go', async (t) => {
  const { queue, take } = await peer(t);
  const name = await queue();
  const lines = ['a', 'b', 'c'].map((body) => JSON.stringify({ properties: body === 'b' ? { userId: 'somebody' } : {}, body }));
  const result = await inside(['publish', '-q', name, '--envelopes', '--json'], { input: lines.join('\n') });
  assert.equal(result.code, 76, result.stderr);
  assert.match(result.stderr, /somebody/);
  const said = await inside(['publish', '-q', name, '--envelopes'], { input: lines.join('\n') });
  assert.match(said.stderr, /line 2 was refused: /);
  assert.match(said.stderr, /published 2 of 3 messages to queue ".*": 2 confirmed, 1 refused, in/);
  assert.deepEqual(counts(json(result)), { published: 3, confirmed: 2, returned: 0, nacked: 1, unknown: 0 });
  const bodies = (await take(name)).map(({ content }) => String(content));
  assert.deepEqual([...new Set(bodies)], ['a', 'c']);
});

test('messages of a kind that was refused before take no place among those that the broker confirms', async (t) => {
  const { queue, take } = await peer(t);
  const name = await queue();
  const lines = Array.from({ length: 300 }, (_, index) => JSON.stringify({ properties: index % 2 === 0 ? { userId: 'somebody' } : {}, body: String(index) }));
  const result = await inside(['publish', '-q', name, '--envelopes', '--window', '10', '--json'], { input: lines.join('\n'), timeout: 20_000 });
  assert.equal(result.code, 76, result.stderr);
  assert.deepEqual(counts(json(result)), { published: 300, confirmed: 150, returned: 0, nacked: 150, unknown: 0 });
  const bodies = (await take(name)).map(({ content }) => Number(content));
  assert.deepEqual(
    bodies,
    Array.from({ length: 150 }, (_, index) => index * 2 + 1),
  );
});

test('a broken envelope is exit 65 with its line, and the others are sent', async (t) => {
  const { queue, take } = await peer(t);
  const name = await queue();
  const result = await inside(['publish', '-q', name, '--envelopes', '--json'], { input: '{"body":"a"}\n{"body":"b"}\n{"boody":"c"}\n{"body":"d"}\n' });
  assert.equal(result.code, 65);
  assert.match(result.stderr, /line 3: unknown key "boody"; did you mean "body"\?/);
  assert.deepEqual(counts(json(result)), { published: 3, confirmed: 3, returned: 0, nacked: 0, unknown: 0 });
  assert.deepEqual(
    (await take(name)).map(({ content }) => String(content)),
    ['a', 'b', 'd'],
  );
});

test('an input that is no envelopes names the first few lines, and how many there were', async (t) => {
  const { queue, depth } = await peer(t);
  const name = await queue();
  const input = `${'no envelope\n'.repeat(50)}{"body":"one"}\n{"body":""}\n`;
  const result = await inside(['publish', '--envelopes'], { input });
  assert.equal(result.code, 65, result.stderr);
  assert.match(result.stderr, /52 lines could not be sent; the first one: line 1: not JSON/);
  assert.ok(result.stderr.split('\n').length < 20, result.stderr);
  const some = await inside(['publish', '--envelopes', '-q', name], { input });
  assert.equal(some.code, 65);
  assert.match(some.stderr, /50 lines could not be sent; the first one: line 1: not JSON/);
  assert.equal(await depth(name), 2);
});

test('an explicit flag wins over the envelope, and headers are merged one by one', async (t) => {
  const { queue, take } = await peer(t);
  const [name, other] = [await queue(), await queue()];
  const envelope = JSON.stringify({
    exchange: 'nowhere',
    routingKey: other,
    properties: { type: 'old', appId: 'kept', headers: { a: 'old', b: 'kept' } },
    bodyJson: { n: 1 },
  });
  const result = await inside(['publish', '-q', name, '--envelopes', '--type', 'new', '-H', 'a=new', '-H', 'c:=1'], { input: envelope });
  assert.equal(result.code, 0, result.stderr);
  const [message] = await take(name);
  assert.equal(String(message?.content), '{"n":1}');
  assert.deepEqual([message?.properties.type, message?.properties.appId], ['new', 'kept']);
  assert.deepEqual(message?.properties.headers, { a: 'new', b: 'kept', c: 1 });
});

test('without confirms everything has left before the command ends', async (t) => {
  const { queue, depth } = await peer(t);
  const name = await queue();
  const result = await inside(['publish', '-q', name, '--lines', '--no-confirm', '--json'], { input: 'x\n'.repeat(5_000) });
  assert.equal(result.code, 0, result.stderr);
  assert.deepEqual(counts(json(result)), { published: 5_000, confirmed: 0, returned: 0, nacked: 0, unknown: 0 });
  // The channel has read everything; the queue counts it a moment later.
  const deadline = Date.now() + 5_000;
  while ((await depth(name)) < 5_000 && Date.now() < deadline);
  assert.equal(await depth(name), 5_000);
});

test('--rate spreads the messages', async (t) => {
  const { queue } = await peer(t);
  const result = await inside(['publish', '-q', await queue(), '-n', '6', '--rate', '20', 'x', '--json']);
  assert.ok(json<Summary>(result).seconds >= 0.24, result.stdout);
});

test('a window of one still gets everything across', async (t) => {
  const { queue, take } = await peer(t);
  const name = await queue();
  const input = Array.from({ length: 200 }, (_, index) => String(index)).join('\n');
  assert.equal((await inside(['publish', '-q', name, '--lines', '--window', '1'], { input })).code, 0);
  assert.deepEqual((await take(name)).map(({ content }) => String(content)).join('\n'), input);
});

test('a body of 10 MB goes through in frames', async (t) => {
  const { queue, take } = await peer(t);
  const name = await queue();
  const body = Buffer.alloc(10_000_000, 'abcdefg');
  assert.equal((await inside(['publish', '-q', name], { input: body })).code, 0);
  const [message] = await take(name);
  assert.ok(message?.content.equals(body));
});

test('Ctrl-C in the middle of a large publish is exit 130, and the counts are right', async (t) => {
  const { queue, depth } = await peer(t);
  const name = await queue();
  const run = start(['publish', '-q', name, '--lines', '--json']);
  const line = `${'x'.repeat(99)}\n`;
  const feed = (): void => {
    while (run.child.stdin.writable && run.child.stdin.write(line.repeat(100)));
  };
  run.child.stdin.on('drain', feed);
  feed();
  while ((await depth(name)) === 0);
  run.child.kill('SIGINT');
  const result = await run.result;
  assert.equal(result.code, 130, result.stderr);
  const { published, confirmed, unknown } = json<Summary>(result);
  assert.equal(published, confirmed + unknown);
  assert.equal(unknown, 0);
  assert.equal(await depth(name), confirmed);
});

test('Ctrl-C ends a publish whose input is silent', async (t) => {
  const { queue } = await peer(t);
  const run = start(['publish', '-v', '-q', await queue(), '--lines']);
  await run.until('stderr', 'connected');
  run.child.kill('SIGTERM');
  assert.equal((await run.result).code, 143);
});

test('--timeout ends a run that takes too long, with 124', async (t) => {
  const { queue } = await peer(t);
  const run = start(['publish', '-q', await queue(), '--lines', '--timeout', '2s', '--json']);
  run.child.stdin.write('one\n');
  const result = await run.result;
  assert.equal(result.code, 124, result.stderr);
  assert.equal(json<Summary>(result).confirmed, 1);
  assert.match(result.stderr, /the deadline passed before the input ended/);
});

test('--timeout says when it was the rate that took too long', async (t) => {
  const { queue } = await peer(t);
  const result = await inside(['publish', '-q', await queue(), '-n', '1000', '--rate', '1', '--timeout', '500ms', 'x']);
  assert.equal(result.code, 124, result.stderr);
  assert.match(result.stderr, /the deadline passed before everything was sent/);
});

test('a header name that does not fit is wrong usage in a flag, and bad data in an envelope', async (t) => {
  const { queue, depth } = await peer(t);
  const [name, long] = [await queue(), 'ü'.repeat(128)];
  for (const given of [`${long}=x`, `${long}:=1`]) {
    const flag = await inside(['publish', '-q', name, '-H', given, 'x']);
    assert.equal(flag.code, 64, flag.stderr);
    assert.match(flag.stderr, /--header: the name .* has 256 bytes/);
  }
  const envelope = await inside(['publish', '-q', name, '--envelopes'], { input: JSON.stringify({ properties: { headers: { [long]: 'x' } }, body: '' }) });
  assert.equal(envelope.code, 65, envelope.stderr);
  assert.equal(await depth(name), 0);
});

test('an envelope for an exchange that does not exist is left out, and the others still go', async (t) => {
  const { queue, take } = await peer(t);
  const name = await queue();
  const nowhere = unique('nowhere');
  const lines = ['a', 'b', 'c'].map((body) => JSON.stringify(body === 'b' ? { exchange: nowhere, routingKey: '', body } : { routingKey: name, body }));
  const result = await inside(['publish', '--envelopes', '--json'], { input: lines.join('\n') });
  assert.equal(result.code, 66, result.stderr);
  assert.deepEqual(counts(json(result)), { published: 3, confirmed: 2, returned: 0, nacked: 1, unknown: 0 });
  assert.deepEqual([...new Set((await take(name)).map(({ content }) => String(content)))], ['a', 'c']);
});

test('an input that cannot be read is no empty message', async (t) => {
  const { queue, depth } = await peer(t);
  const name = await queue();
  for (const flags of [[], ['--lines']]) {
    const child = spawn('sh', ['-c', `"$0" "$1" publish -q ${name} ${flags.join(' ')} < /`, process.execPath, BIN], { stdio: 'ignore' });
    assert.deepEqual(await once(child, 'exit'), [74, null]);
  }
  assert.equal(await depth(name), 0);
});

test('a header that the broker could not read is refused at once', async (t) => {
  const { queue } = await peer(t);
  const name = await queue();
  for (const value of ['1e400', '{"!":"double","value":"Infinity"}', '9007199254740993', '{"!":"nonsense","value":1}']) {
    const result = await inside(['publish', '-q', name, '-H', `a:=${value}`, 'x']);
    assert.ok([64, 65].includes(result.code), `${value}: ${result.code} ${result.stderr}`);
  }
});

const usage: readonly (readonly [line: string, names: RegExp])[] = [
  ['publish hi', /--queue/],
  ['publish -q q -e x hi', /--queue excludes/],
  ['publish -q q -f x hi', /--file exclude/],
  ['publish -q q --lines hi', /BODY/],
  ['publish -q q --lines --envelopes', /--envelopes exclude/],
  ['publish -q q --priority 256 hi', /--priority/],
  ['publish -q q --count 0 hi', /--count/],
  ['publish -q q --rate 0 hi', /--rate must be more than 0/],
  ['publish -q q\nq hi', /--queue must not hold line breaks/],
  ['publish -q q --timeout 0s hi', /--timeout must be at least 1 ms/],
  ['publish -q q --window x hi', /--window/],
  ['publish -q q --ttl 5 hi', /--ttl/],
  ['publish -q q -H novalue hi', /--header/],
  ['publish -q q -H k:={ hi', /--header.*"k".*not JSON/],
  ['publish -q q -H a=1 -H b=2 -H a:=3 hi', /--header: the name "a" is given twice/],
  ['publish -q q -n 99999999999999999999 hi', /--count: expected a whole number from -9007199254740991 to 9007199254740991/],
  ['publish -q q --frobnicate hi', /--frobnicate/],
  ['publish -q q --heartbeat 1500ms hi', /--heartbeat/],
  ['publish -q q --url nonsense hi', /amqp:\/\//],
];
for (const [line, names] of usage) {
  test(`rmq ${line} is wrong usage, and says of what`, async () => {
    const result = await inside(line.split(' '));
    assert.equal(result.code, 64, result.stderr);
    assert.match(result.stderr, names);
    assert.doesNotMatch(result.stderr, /^ +at /m);
  });
}

test('messages that are sent again over another connection are told of: they may be there twice', async (t) => {
  const { queue, take } = await peer(t);
  const name = await queue();
  const between = await proxy(t, brokerUrl());
  const stalled = between.stallOn(BASIC_PUBLISH, 1);
  const run = start(['publish', '-q', name, '--lines', '--url', between.url], { input: 'a\nb\n' });
  await stalled;
  between.cut();
  const { code, stderr } = await run.result;
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^2 messages are sent again over a new connection, and may be there twice$/m);
  assert.deepEqual(
    (await take(name)).map(({ content }) => String(content)),
    ['a', 'b'],
  );
});
