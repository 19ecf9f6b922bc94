import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { ConsumeMessage, Options as PublishOptions } from 'amqplib';
import { brokerUrl, type Peer, peer, unique } from '../support/broker.ts';
import { proxy } from '../support/faults.ts';
import { inside } from '../support/inside.ts';
import { linesOf } from '../support/programs.ts';
import { pythonWithPika } from '../support/python.ts';
import { jsonLines, type Running, start } from '../support/rmq.ts';

/** Generous: a slow machine must not fail a test. */
const TIMEOUT = 120_000;

interface Line {
  readonly properties: { readonly contentType?: string; readonly correlationId?: string; readonly headers?: Record<string, unknown> };
  readonly body: string;
}

/** A queue for requests that is deleted in the end, whoever declares it. */
async function serviceQueue(t: TestContext): Promise<{ readonly queue: string; readonly other: Peer }> {
  const other = await peer(t);
  const queue = unique('rpc');
  t.after(async () => (await peer(t)).channel.deleteQueue(queue));
  return { queue, other };
}

/** A server that has subscribed. */
async function serve(t: TestContext, queue: string, cmd: readonly string[], flags: readonly string[] = []): Promise<Running> {
  const server = start(['rpc', 'serve', queue, ...flags, '--', ...cmd], { timeout: TIMEOUT });
  t.after(async () => {
    server.child.kill('SIGTERM');
    await server.result.catch(() => undefined);
  });
  await server.until('stderr', `serving queue "${queue}"`);
  return server;
}

const call = (args: readonly string[], input: string | Buffer = '') => inside(['rpc', 'call', ...args], { input, timeout: TIMEOUT });

function directory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'rmq-rpc-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

type Send = (body: string | Buffer, properties?: PublishOptions.Publish) => void;

/** A server of the test's own: sees each request, and answers as often and as it likes. */
async function service(t: TestContext, on: (request: ConsumeMessage, send: Send) => void): Promise<string> {
  const { channel, queue } = await peer(t);
  const name = await queue({}, 'service');
  await channel.consume(name, (request) => {
    if (request === null) return;
    const { replyTo, correlationId } = request.properties;
    on(request, (body, properties = { correlationId }) => void channel.publish('', replyTo, Buffer.from(body as string), properties));
    channel.ack(request);
  });
  return name;
}

test('the reply is what the handler prints; how long it took is said on standard error', async (t) => {
  const { queue } = await serviceQueue(t);
  await serve(t, queue, ['tr', 'a-z', 'A-Z']);
  const result = await call([queue, 'hello']);
  assert.equal(result.code, 0, result.stderr);
  assert.equal(result.stdout, 'HELLO\n');
  assert.match(result.stderr, /^reply after \d+(\.\d+)? m?s\n$/);
  const quiet = await call([queue, '--quiet'], 'from standard input');
  assert.deepEqual([quiet.code, quiet.stdout, quiet.stderr], [0, 'FROM STANDARD INPUT\n', '']);
});

test('requests and replies are bytes, and may be empty', async (t) => {
  const { queue } = await serviceQueue(t);
  await serve(t, queue, ['cat'], ['--reply-content-type', 'application/octet-stream']);
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
  const raw = await call([queue, '-o', 'raw'], bytes);
  assert.deepEqual([raw.code, raw.output], [0, bytes], raw.stderr);
  const empty = await call([queue, '', '-o', 'json']);
  assert.equal(empty.code, 0, empty.stderr);
  const [line] = jsonLines<Line>(empty);
  assert.equal(line?.body, '');
  assert.equal(line?.properties.contentType, 'application/octet-stream');
});

test('10 MB go both ways', async (t) => {
  const { queue } = await serviceQueue(t);
  await serve(t, queue, ['cat']);
  const file = join(directory(t), 'body');
  const body = randomBytes(10_000_000);
  writeFileSync(file, body);
  const result = await call([queue, '-f', file, '-o', 'raw']);
  assert.equal(result.code, 0, result.stderr);
  assert.ok(result.output.equals(body));
});

test('many calls go over one connection, as many at a time as asked for, and replies come in the order of the requests', async (t) => {
  const { queue } = await serviceQueue(t);
  // The first is answered only after the last has been: neither side may go one by one.
  const script = 'read line; case $line in 1) until [ -e "$0/last" ]; do sleep 0.05; done;; 4) touch "$0/last";; esac; printf "reply %s" "$line"';
  await serve(t, queue, ['sh', '-c', script, directory(t)], ['--concurrency', '4']);
  const result = await call([queue, '--lines', '--concurrency', '4', '-v'], '1\n2\n3\n4\n5\n');
  assert.equal(result.code, 0, result.stderr);
  assert.equal(result.stdout, '1\n2\n3\n4\n5\n'.replace(/\d/g, 'reply $&'));
  assert.equal(result.stderr.match(/connected to/g)?.length, 1, result.stderr);
  assert.match(result.stderr, /made 5 calls to ".*" in .* s: 5 answered; round trip p50 .* m?s, p99 .* m?s, max .* m?s/);
});

test('no more calls are under way than asked for, and a lines that never ends is answered as it comes', async (t) => {
  const held: (() => void)[] = [];
  let most = 0;
  const queue = await service(t, (request, send) => {
    held.push(() => send(request.content));
    most = Math.max(most, held.length);
    if (held.length === 2) for (const release of held.splice(0)) release();
  });
  const run = start(['rpc', 'call', queue, '--lines', '--concurrency', '2'], { timeout: TIMEOUT });
  run.child.stdin.write('a\nb\nc\nd\n');
  await run.until('stdout', 'd\n');
  run.child.stdin.end('e\nf\n');
  const result = await run.result;
  assert.deepEqual([result.code, result.stdout, most], [0, 'a\nb\nc\nd\ne\nf\n', 2], result.stderr);
});

test('a handler that fails answers with its exit code, what it printed and the last lines of its standard error', async (t) => {
  const { queue } = await serviceQueue(t);
  await serve(t, queue, ['sh', '-c', 'echo partly; for i in 1 2 3; do echo "complaint $i" >&2; done; exit 42']);
  const result = await call([queue, 'x', '-o', 'raw']);
  assert.equal(result.code, 42);
  assert.equal(result.stdout, 'partly\n');
  assert.match(result.stderr, /error: the handler of ".*" failed: exit code 42\n.*complaint 1\n.*complaint 2\n.*complaint 3\n$/);
  const json = await call([queue, 'x', '-o', 'json', '--quiet']);
  assert.equal(json.code, 42);
  assert.deepEqual(jsonLines<Line>(json)[0]?.properties.headers, {
    'x-rmq-reason': 'exit code 42',
    'x-rmq-exit-code': 42,
    'x-rmq-stderr': 'complaint 1\ncomplaint 2\ncomplaint 3',
  });
  assert.match(json.stderr, /complaint 3/, 'a failure is told even when it is to be quiet');
});

test('a handler that fails without a word prints no line', async (t) => {
  const { queue } = await serviceQueue(t);
  await serve(t, queue, ['sh', '-c', 'kill -9 $$']);
  const result = await call([queue, 'x']);
  assert.deepEqual([result.code, result.stdout], [137, ''], result.stderr);
});

test('calls that fail stop no others; one kind of failure is the exit code, several are 3', async (t) => {
  const { queue } = await serviceQueue(t);
  await serve(t, queue, ['sh', '-c', 'read code; echo "said $code"; exit "$code"']);
  const same = await call([queue, '--lines', '-o', 'json'], '0\n7\n0\n7\n');
  assert.equal(same.code, 7, same.stderr);
  assert.deepEqual(
    jsonLines<Line>(same).map(({ body }) => body),
    ['said 0\n', 'said 7\n', 'said 0\n', 'said 7\n'],
  );
  assert.match(same.stderr, /call 2 failed: .*exit code 7/);
  assert.match(same.stderr, /made 4 calls .*: 2 answered, 2 answered with an error/);
  const various = await call([queue, '--lines'], '7\n8\n0\n');
  assert.equal(various.code, 3, various.stderr);
  assert.match(various.stderr, /1 call failed; the first one: .*exit code 7\n.*1 call failed; the first one: .*exit code 8/);
});

test('many calls have a line each, in the order of the requests, whatever came of them', async (t) => {
  const { queue } = await serviceQueue(t);
  const script = 'read word; case $word in quiet) exit 3;; loud) echo said; exit 3;; slow) sleep 60;; *) echo "$word";; esac';
  await serve(t, queue, ['sh', '-c', script], ['--handler-timeout', '2s', '--concurrency', '4']);
  const requests = 'one\nquiet\nloud\nslow\nfive\n\n';
  const plain = await call([queue, '--lines'], requests);
  assert.equal(plain.code, 3, plain.stderr);
  assert.equal(plain.stdout, 'one\n\nsaid\n\nfive\n\n');
  for (const [number, reason] of [
    [2, 'exit code 3'],
    [3, 'exit code 3'],
    [4, 'took longer than 2 s'],
  ])
    assert.match(plain.stderr, new RegExp(`call ${number} failed: .*${reason}`));
  const separated = await call([queue, '--lines', '-0', '--quiet'], requests);
  assert.equal(separated.stdout, 'one\n\0\0said\n\0\0five\n\0\n\0');
  const json = jsonLines<Line & { readonly call: number; readonly error?: { readonly exitCode: number; readonly reason: string } }>(
    await call([queue, '--lines', '-o', 'json'], requests),
  );
  assert.deepEqual(
    json.map((line) => [line.call, line.body, line.error?.exitCode]),
    [
      [1, 'one\n', undefined],
      [2, '', 3],
      [3, 'said\n', 3],
      [4, '', 124],
      [5, 'five\n', undefined],
      [6, '\n', undefined],
    ],
  );
  assert.match(json[3]?.error?.reason ?? '', /took longer than 2 s/);
});

test('a call of many that gets no reply has its line, too', async (t) => {
  const queue = await service(t, (request, send) => {
    if (String(request.content) !== 'never') send(request.content);
  });
  const plain = await call([queue, '--lines', '--timeout', '3s'], 'a\nnever\nc\n');
  assert.deepEqual([plain.code, plain.stdout], [124, 'a\n\nc\n'], plain.stderr);
  const json = await call([queue, '--lines', '--timeout', '3s', '--json'], 'a\nnever\nc\n');
  assert.deepEqual(
    jsonLines<{ readonly call: number; readonly body?: string; readonly error?: object }>(json).map(({ call: number, body, error }) => [number, body, error]),
    [
      [1, 'a', undefined],
      [2, undefined, { kind: 'deadline', reason: `no reply from "${queue}" within 3 s` }],
      [3, 'c', undefined],
    ],
  );
});

test('a reply of several lines is told of where lines are to tell replies apart', async (t) => {
  const queue = await service(t, (request, send) => send(`${request.content}\nand more\n`));
  const plain = await call([queue, '--lines'], 'a\nb\n');
  assert.equal(plain.stdout, 'a\nand more\nb\nand more\n');
  assert.equal(plain.stderr.match(/a reply has several lines/g)?.length, 1, plain.stderr);
  const single = await call([queue, 'a']);
  assert.equal(single.stdout, 'a\nand more\n');
  assert.doesNotMatch(single.stderr, /several lines/);
});

test('what many calls print can be published: the replies are messages', async (t) => {
  const queue = await service(t, (request, send) => send(request.content));
  const json = await call([queue, '--lines', '--json'], 'a\nb\n');
  const { queue: make, take } = await peer(t);
  const target = await make();
  const published = await inside(['publish', '-q', target, '--envelopes'], { input: json.stdout });
  assert.equal(published.code, 0, published.stderr);
  assert.deepEqual(
    (await take(target)).map(({ content }) => content.toString()),
    ['a', 'b'],
  );
});

test('a handler that takes too long is killed, its caller is told, and the server goes on', async (t) => {
  const { queue } = await serviceQueue(t);
  const server = await serve(
    t,
    queue,
    ['sh', '-c', 'read how; echo "was asked for $how" >&2; [ "$how" = quick ] || sleep 600; echo done'],
    ['--handler-timeout', '2s'],
  );
  const slow = await call([queue, 'slow\n', '--timeout', '100s']);
  assert.equal(slow.code, 124, slow.stderr);
  assert.match(slow.stderr, /failed: took longer than 2 s\n.*was asked for slow/);
  const quick = await call([queue, 'quick\n', '-o', 'raw']);
  assert.equal(quick.stdout, 'done\n', quick.stderr);
  server.child.kill('SIGTERM');
  assert.match((await server.result).stderr, /served 2 requests from ".*" in .* s: 1 answered, 1 answered with an error/);
});

test('a handler that prints without end is killed at --max-reply, and its caller is told', async (t) => {
  const { queue } = await serviceQueue(t);
  const server = await serve(t, queue, ['head', '-c', '100000000', '/dev/zero']);
  const result = await call([queue, 'x']);
  assert.deepEqual([result.code, result.stdout.length], [74, 0], result.stderr);
  assert.match(result.stderr, /printed more than 16 MiB/);
  server.child.kill('SIGTERM');
  assert.equal((await server.result).code, 0);
  await serve(t, queue, ['printf', '12345'], ['--max-reply', '5b']);
  const fits = await call([queue, 'x']);
  assert.deepEqual([fits.code, fits.stdout], [0, '12345\n'], fits.stderr);
});

test('when nobody serves, a call fails at once', async (t) => {
  const { queue } = await serviceQueue(t);
  const none = await call([queue, 'x', '--timeout', '100s']);
  assert.equal(none.code, 69);
  assert.match(none.stderr, /nobody serves ".*": there is no such queue\n.*rmq rpc serve/);
  const deserted = await (await peer(t)).queue();
  const idle = await call([deserted, 'x', '--timeout', '100s']);
  assert.equal(idle.code, 69);
  assert.match(idle.stderr, /nobody serves ".*": the queue has no consumers/);
  assert.equal(await (await peer(t)).depth(deserted), 0);
});

test('a queue that goes away between two calls means that nobody serves it any more', async (t) => {
  const { channel } = await peer(t);
  const queue = await service(t, (request, send) => void channel.deleteQueue(queue).then(() => send(request.content)));
  const run = start(['rpc', 'call', queue, '--lines', '--concurrency', '1', '--timeout', '100s'], { timeout: TIMEOUT, input: 'a\nb\n' });
  const result = await run.result;
  assert.deepEqual([result.code, result.stdout], [69, 'a\n\n'], result.stderr);
  assert.match(result.stderr, /there is no such queue/);
});

test('without a reply in time it is exit 124, and a request that was not served yet dies in the queue', async (t) => {
  const { channel, queue, depth } = await peer(t);
  const name = await queue();
  await channel.prefetch(1);
  let seen = 0;
  await channel.consume(name, () => {
    seen++;
  });
  const result = await call([name, '--lines', '--timeout', '1s'], 'a\nb\n');
  assert.equal(result.code, 124, result.stderr);
  assert.match(result.stderr, /no reply from ".*" within 1 s/);
  assert.equal(seen, 1);
  while ((await depth(name)) > 0);
});

test('a slow handler does not keep its caller beyond --timeout', async (t) => {
  const { queue } = await serviceQueue(t);
  const gone = directory(t);
  const server = await serve(t, queue, ['sh', '-c', 'echo began >&2; while [ -d "$0" ]; do sleep 0.1; done; echo late', gone]);
  const run = start(['rpc', 'call', queue, 'x', '--timeout', '3s'], { timeout: TIMEOUT });
  await server.until('stderr', 'began');
  assert.equal((await run.result).code, 124);
  rmSync(gone, { recursive: true });
});

test('a reply with an unknown correlation id, or none, is ignored, and settles nobody else’s call', async (t) => {
  const queue = await service(t, (request, send) => {
    const { correlationId } = request.properties;
    send('forged', { correlationId: `${correlationId}0` });
    send('forged', { correlationId: '' });
    send('forged', {});
    send(`genuine ${request.content}`);
    send('once more');
  });
  const result = await call([queue, '--lines', '-v', '--concurrency', '2'], 'a\nb\n');
  assert.deepEqual([result.code, result.stdout], [0, 'genuine a\ngenuine b\n'], result.stderr);
  assert.match(result.stderr, /ignored a reply with the unknown correlation id ".*0"/);
  assert.match(result.stderr, /ignored a reply without a correlation id/);
});

test('correlation ids cannot be guessed from others', async (t) => {
  const ids: string[] = [];
  const queue = await service(t, (request, send) => {
    ids.push(request.properties.correlationId);
    send('');
  });
  assert.equal((await call([queue, 'x', '-n', '200'])).code, 0);
  assert.equal(new Set(ids).size, 200);
  for (const length of [8, 16]) assert.equal(new Set(ids.map((id) => id.slice(0, length))).size, 200);
});

test('a request carries what flags and envelopes say, is transient, and expires with its timeout', async (t) => {
  const requests: ConsumeMessage[] = [];
  const queue = await service(t, (request, send) => {
    requests.push(request);
    send(request.content, { correlationId: request.properties.correlationId, headers: { answer: { '!': 'int64', value: 42 } } });
  });
  const envelope = { properties: { contentType: 'text/plain', type: 'question', correlationId: 'mine', replyTo: 'mine', headers: { a: 1, b: 2 } }, body: 'hi' };
  const result = await call([queue, '--envelopes', '--timeout', '50s', '-H', 'b=flag', '-o', 'json'], JSON.stringify(envelope));
  assert.equal(result.code, 0, result.stderr);
  assert.deepEqual(jsonLines<{ types: unknown }>(result)[0]?.types, { '/answer': 'int64' });
  const { properties, content } = requests[0] as ConsumeMessage;
  assert.equal(String(content), 'hi');
  assert.deepEqual([properties.contentType, properties.type, properties.headers], ['text/plain', 'question', { a: 1, b: 'flag' }]);
  assert.equal(properties.deliveryMode, 1);
  assert.match(properties.replyTo, /^amq\.rabbitmq\.reply-to\./);
  assert.notEqual(properties.correlationId, 'mine');
  assert.ok(Number(properties.expiration) > 0 && Number(properties.expiration) <= 50_000, properties.expiration);
  const short = await call([queue, 'x', '--ttl', '20s', '--message-id', 'm-1']);
  assert.equal(short.code, 0, short.stderr);
  assert.deepEqual([requests[1]?.properties.expiration, requests[1]?.properties.messageId], ['20000', 'm-1']);
});

test('flags that would lead the reply astray, and counts that make no sense, are refused', async () => {
  for (const flags of [['--correlation-id', 'x'], ['--reply-to', 'x'], ['--transient'], ['--concurrency', '0'], ['--timeout', '0s']]) {
    const result = await call(['q', 'x', ...flags]);
    assert.equal(result.code, 64, `${flags}: ${result.stderr}`);
  }
  for (const flags of [
    ['--concurrency', '0'],
    ['--concurrency', '5000'],
    ['--handler-timeout', '0s'],
    ['--max-reply', 'lots'],
  ]) {
    const result = await inside(['rpc', 'serve', 'q', ...flags, '--', 'cat']);
    assert.equal(result.code, 64, `${flags}: ${result.stderr}`);
  }
});

test('a server that is killed in the middle of a call loses nothing: the next server answers', async (t) => {
  const { queue } = await serviceQueue(t);
  const first = await serve(t, queue, ['sh', '-c', 'echo began >&2; while [ -d "$0" ]; do sleep 0.1; done', directory(t)]);
  const run = start(['rpc', 'call', queue, 'x', '--timeout', '100s'], { timeout: TIMEOUT });
  await first.until('stderr', 'began');
  first.child.kill('SIGKILL');
  await serve(t, queue, ['sh', '-c', 'echo "from the second, redelivered: $RMQ_REDELIVERED"']);
  const result = await run.result;
  assert.deepEqual([result.code, result.stdout], [0, 'from the second, redelivered: true\n'], result.stderr);
});

test('two servers share a queue', async (t) => {
  const { queue } = await serviceQueue(t);
  const shared = directory(t);
  // Each waits for the other: one server, which takes one request at a time, would wait for ever.
  const script = 'touch "$0/$1"; until [ -e "$0/$2" ]; do sleep 0.05; done; printf "%s" "$1"';
  await serve(t, queue, ['sh', '-c', script, shared, 'a', 'b']);
  await serve(t, queue, ['sh', '-c', script, shared, 'b', 'a']);
  const result = await call([queue, 'x', '-n', '2', '--timeout', '100s']);
  assert.equal(result.code, 0, result.stderr);
  assert.deepEqual(result.stdout.trim().split('\n').sort(), ['a', 'b']);
});

test('a server that is terminated finishes what it has begun, leaves the rest in the queue, and is no failure', async (t) => {
  const { queue, other } = await serviceQueue(t);
  const held = directory(t);
  const server = await serve(t, queue, ['sh', '-c', 'echo began >&2; while [ -d "$0" ]; do sleep 0.1; done; echo finished', held]);
  const first = start(['rpc', 'call', queue, 'x', '--timeout', '100s', '-o', 'raw'], { timeout: TIMEOUT });
  await server.until('stderr', 'began');
  const second = start(['rpc', 'call', queue, 'y', '--timeout', '100s', '-o', 'raw'], { timeout: TIMEOUT });
  while ((await other.depth(queue)) < 1);
  server.child.kill('SIGTERM');
  while ((await other.channel.checkQueue(queue)).consumerCount > 0);
  rmSync(held, { recursive: true });
  const ended = await server.result;
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stderr, /served 1 request from ".*" in .* s: 1 answered\n$/);
  assert.equal((await first.result).stdout, 'finished\n');
  await serve(t, queue, ['echo', 'later']);
  assert.equal((await second.result).stdout, 'later\n');
});

test('a handler that outlives the grace is killed, and its request goes to the next server', async (t) => {
  const { queue } = await serviceQueue(t);
  const server = await serve(t, queue, ['sh', '-c', 'echo began >&2; sleep 600; echo never'], ['--grace', '300ms']);
  const run = start(['rpc', 'call', queue, 'x', '--timeout', '100s', '-o', 'raw'], { timeout: TIMEOUT });
  await server.until('stderr', 'began');
  server.child.kill('SIGTERM');
  const ended = await server.result;
  assert.equal(ended.code, 143, ended.stderr);
  assert.match(ended.stderr, /served 1 request from ".*" in .* s: 1 returned to the queue/);
  await serve(t, queue, ['echo', 'from the next']);
  assert.equal((await run.result).stdout, 'from the next\n');
});

test('a handler that can no longer be run stops the server, and no request is lost', async (t) => {
  const { queue } = await serviceQueue(t);
  const [gone, barred] = ['gone', 'barred'].map((name) => join(directory(t), name)) as [string, string];
  for (const script of [gone, barred]) writeFileSync(script, '#!/bin/sh\n', { mode: 0o755 });
  const [missing, refused] = [await serve(t, queue, [gone]), await serve(t, queue, [barred])];
  rmSync(gone);
  chmodSync(barred, 0o644);
  const run = start(['rpc', 'call', queue, 'x', '--timeout', '100s', '-o', 'raw'], { timeout: TIMEOUT });
  const [unfound, unexecutable] = [await missing.result, await refused.result];
  assert.deepEqual([unfound.code, unexecutable.code], [127, 126], unfound.stderr + unexecutable.stderr);
  await serve(t, queue, ['echo', 'here']);
  assert.equal((await run.result).stdout, 'here\n');
  // The next start tells before a request comes.
  for (const [script, code] of [
    [gone, 127],
    [barred, 126],
  ] as const) {
    assert.equal((await inside(['rpc', 'serve', queue, '--', script])).code, code);
  }
});

test('a request without an address for the reply is handled all the same; the envelope is on descriptor 3', async (t) => {
  const { queue, other } = await serviceQueue(t);
  const server = await serve(t, queue, ['sh', '-c', 'cat <&3 >&2'], ['--fd3', '-n', '1', '--json']);
  await other.publish(queue, ['just do it']);
  const ended = await server.result;
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stderr, /"body":"just do it"/);
  assert.match(ended.stderr, /served 1 request from ".*" in .* s: 1 without a reply address/);
  assert.deepEqual(JSON.parse(ended.stdout), { received: 1, replied: 0, failed: 0, unaddressed: 1, unheard: 0, returned: 0, unknown: 0 });
  assert.equal(await other.depth(queue), 0);
});

test('a reply that reaches nobody counts as such: its caller has gone, or has no queue any more', async (t) => {
  const { queue, other } = await serviceQueue(t);
  const held = directory(t);
  const log = join(directory(t), 'log');
  const script = 'cat <&3 >> "$1"; while [ -d "$0" ]; do sleep 0.1; done; exit "$(cat)"';
  const server = await serve(t, queue, ['sh', '-c', script, held, log], ['-n', '6', '--concurrency', '6', '--fd3', '--json']);
  const caller = start(['rpc', 'call', queue, '0', '--timeout', '100s'], { timeout: TIMEOUT });
  const gone = start(['rpc', 'call', queue, '--lines', '--timeout', '100s'], { input: '0\n3\n', timeout: TIMEOUT });
  const [callbacks, deleted] = [await other.queue(), await other.queue()];
  await other.channel.deleteQueue(deleted);
  await other.publish(queue, ['0'], { replyTo: callbacks });
  await other.publish(queue, ['0', '3'], { replyTo: deleted });
  while ((await linesOf(log)).length < 6) await delay(20);
  gone.child.kill('SIGTERM');
  await gone.result;
  const failing = (await linesOf(log)).map((line) => JSON.parse(line)).find(({ body, properties }) => body === '3' && properties.replyTo !== deleted);
  const isThere = async (): Promise<boolean> => {
    const { channel } = await peer(t);
    channel.on('error', () => undefined);
    return channel.checkQueue(failing.properties.replyTo).then(
      () => true,
      () => false,
    );
  };
  while (await isThere()) await delay(20);
  rmSync(held, { recursive: true });
  const ended = await server.result;
  assert.equal((await caller.result).code, 0);
  assert.deepEqual(JSON.parse(ended.stdout), { received: 6, replied: 2, failed: 0, unaddressed: 0, unheard: 4, returned: 0, unknown: 0 });
  assert.match(ended.stderr, /2 answered, 4 answered when the caller had gone/);
  assert.equal((await other.take(callbacks)).length, 1);
});

test('a queue that exists is used as it is, unless the flags contradict it', async (t) => {
  const { queue } = await peer(t);
  const name = await queue({ durable: false, autoDelete: true, arguments: { 'x-max-length': 5 } });
  const server = await serve(t, name, ['cat']);
  assert.equal((await call([name, 'x'])).stdout, 'x\n');
  const contradicted = await inside(['rpc', 'serve', name, '--queue-type', 'quorum', '--', 'cat']);
  assert.equal(contradicted.code, 76, contradicted.stderr);
  assert.match(contradicted.stderr, /x-queue-type is "classic" there, you asked for "quorum"/);
  server.child.kill('SIGTERM');
  const stream = await queue({ arguments: { 'x-queue-type': 'stream' } });
  const refused = await inside(['rpc', 'serve', stream, '--', 'cat']);
  assert.equal(refused.code, 76, refused.stderr);
});

test('a connection that is lost before the reply leaves it unknown: exit 69', async (t) => {
  const faulty = await proxy(t, brokerUrl());
  const queue = await service(t, () => faulty.cut());
  const result = await call([queue, 'x', '--url', faulty.url, '--timeout', '100s']);
  assert.equal(result.code, 69, result.stderr);
  assert.match(result.stderr, /the request may or may not have been served/);
  assert.match(result.stderr, /--idempotent/);
});

test('a run that ends before its input does says from which line on nothing was sent; every line before has one in the output', async (t) => {
  for (const [flags, input, what] of [
    [['--lines'], Array.from({ length: 10 }, (_, index) => `request ${index + 1}`), 'line'],
    [['--envelopes'], Array.from({ length: 10 }, (_, index) => JSON.stringify({ body: `request ${index + 1}` })), 'line'],
    [['-n', '10'], ['request'], 'call'],
  ] as const) {
    let asked = 0;
    const queue = await service(t, ({ content }, send) => {
      if (++asked < 4) send(`answer to ${content}`);
      else through.refuse();
    });
    const through = await proxy(t, brokerUrl());
    const result = await call([queue, ...flags, '--concurrency', '1', '--max-reconnects', '2', '--url', through.url], input.join('\n'));
    assert.equal(result.code, 69, result.stderr);
    const next = Number(new RegExp(`from ${what} (\\d+) on nothing was sent`).exec(result.stderr)?.[1]);
    assert.ok(next > 4 && next <= 10, result.stderr);
    assert.equal(result.stdout.split('\n').length - 1, next - 1, result.stdout);
  }
});

test('--idempotent sends the request again after a reconnect, with the same message id', async (t) => {
  const faulty = await proxy(t, brokerUrl());
  const ids: string[] = [];
  const queue = await service(t, (request, send) => {
    ids.push(request.properties.messageId);
    if (ids.length === 1) faulty.cut();
    else send('served');
  });
  const result = await call([queue, 'x', '--idempotent', '--url', faulty.url, '--timeout', '100s']);
  assert.deepEqual([result.code, result.stdout], [0, 'served\n'], result.stderr);
  assert.equal(ids.length, 2);
  assert.equal(ids[0], ids[1]);
});

test('a server whose connection is lost while a handler runs answers once: when the request has come again', async (t) => {
  const { queue, other } = await serviceQueue(t);
  const faulty = await proxy(t, brokerUrl());
  const [held, callbacks] = [directory(t), await other.queue()];
  const script = 'if [ "$RMQ_REDELIVERED" = false ]; then echo began >&2; while [ -d "$0" ]; do sleep 0.1; done; fi; echo "redelivered: $RMQ_REDELIVERED"';
  const server = await serve(t, queue, ['sh', '-c', script, held], ['-n', '1', '--url', faulty.url]);
  await other.publish(queue, ['x'], { replyTo: callbacks, correlationId: 'c' });
  await server.until('stderr', 'began');
  faulty.cut();
  await server.until('stderr', `serving queue "${queue}" again`);
  rmSync(held, { recursive: true });
  const ended = await server.result;
  assert.equal(ended.code, 0, ended.stderr);
  const replies = await other.take(callbacks);
  assert.deepEqual(
    replies.map(({ content, properties }) => [String(content), properties.correlationId]),
    [['redelivered: true\n', 'c']],
  );
});

test('Ctrl-C ends a call that waits', async (t) => {
  let seen: () => void = () => undefined;
  const request = new Promise<void>((resolve) => {
    seen = resolve;
  });
  const queue = await service(t, () => seen());
  const run = start(['rpc', 'call', queue, 'x'], { timeout: TIMEOUT });
  await request;
  run.child.kill('SIGINT');
  assert.equal((await run.result).code, 130);
});

test('a reader that goes away ends many calls without a failure', async (t) => {
  const queue = await service(t, (request, send) => send(request.content));
  const run = start(['rpc', 'call', queue, '--lines'], { timeout: TIMEOUT });
  run.child.stdin.write('a\n');
  await run.until('stdout', 'a\n');
  run.child.stdout.destroy();
  run.child.stdin.write('b\nc\n');
  const [code] = await once(run.child, 'exit');
  assert.equal(code, 0);
});

test('a line that is no envelope ends the input; what stands before it is answered', async (t) => {
  const queue = await service(t, (request, send) => send(request.content));
  const result = await call([queue, '--envelopes'], '{"body":"a"}\nnonsense\n{"body":"c"}\n');
  assert.deepEqual([result.code, result.stdout], [65, 'a\n'], result.stderr);
  assert.match(result.stderr, /line 2/);
});

/** The tutorial's server and client, with the names made arguments. */
const PIKA_SERVER = `
import sys, pika
connection = pika.BlockingConnection(pika.URLParameters(sys.argv[1]))
channel = connection.channel()
channel.queue_declare(queue=sys.argv[2])
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
def on_request(ch, method, props, body):
    ch.basic_publish(exchange='', routing_key=props.reply_to, properties=pika.BasicProperties(correlation_id=props.correlation_id), body=str(fib(int(body))))
    ch.basic_ack(delivery_tag=method.delivery_tag)
channel.basic_qos(prefetch_count=1)
channel.basic_consume(queue=sys.argv[2], on_message_callback=on_request)
print('awaiting', flush=True)
channel.start_consuming()
`;
const PIKA_CLIENT = `
import sys, uuid, pika
class Client:
    def __init__(self, url, queue):
        self.queue = queue
        self.connection = pika.BlockingConnection(pika.URLParameters(url))
        self.channel = self.connection.channel()
        self.callback_queue = self.channel.queue_declare(queue='', exclusive=True).method.queue
        self.channel.basic_consume(queue=self.callback_queue, on_message_callback=self.on_response, auto_ack=True)
    def on_response(self, ch, method, props, body):
        if self.corr_id == props.correlation_id:
            self.response = (body.decode(), (props.headers or {}).get('x-rmq-exit-code'))
    def call(self, n):
        self.response = None
        self.corr_id = str(uuid.uuid4())
        self.channel.basic_publish(exchange='', routing_key=self.queue, body=str(n),
            properties=pika.BasicProperties(reply_to=self.callback_queue, correlation_id=self.corr_id))
        while self.response is None:
            self.connection.process_data_events(time_limit=60)
        return self.response
client = Client(sys.argv[1], sys.argv[2])
for n in sys.argv[3:]:
    print(*client.call(n))
`;

test('pika: the client of the tutorial calls rpc serve', async (t) => {
  const { queue } = await serviceQueue(t);
  await serve(t, queue, ['sh', '-c', 'read n; [ "$n" -lt 100 ] || exit 9; printf "%s" $((n * n))']);
  const { stdout } = await promisify(execFile)(await pythonWithPika(), ['-c', PIKA_CLIENT, brokerUrl(), queue, '6', '7', '100']);
  assert.equal(stdout, '36 None\n49 None\n 9\n');
});

test('pika: rpc call asks the server of the tutorial', async (t) => {
  const { queue } = await serviceQueue(t);
  const python = execFile(await pythonWithPika(), ['-c', PIKA_SERVER, brokerUrl(), queue]);
  t.after(() => python.kill('SIGKILL'));
  assert.ok(python.stdout);
  await once(python.stdout, 'data');
  const result = await call([queue, '--lines'], '10\n11\n12\n');
  assert.deepEqual([result.code, result.stdout], [0, '55\n89\n144\n'], result.stderr);
});
