import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { brokerUrl, peer, unique } from '../support/broker.ts';
import { proxy } from '../support/faults.ts';
import { inside } from '../support/inside.ts';
import { scratchDirectory } from '../support/programs.ts';
import { json, rmq, start } from '../support/rmq.ts';

interface Returned {
  readonly exchange: string;
  readonly routingKey: string;
  readonly body?: string;
  readonly error: { readonly kind: string; readonly reason: string; readonly line?: number; readonly file?: string };
}

const linesOf = async (file: string): Promise<Returned[]> =>
  (await readFile(file, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Returned);

test('a message that comes back is named by its line', async (t) => {
  const { queue } = await peer(t);
  const [name, nowhere] = [await queue(), unique('nowhere')];
  const lines = await rmq(['publish', '-q', nowhere, '--lines'], { input: 'a\nb\n' });
  assert.equal(lines.code, 67, lines.stderr);
  assert.match(lines.stderr, /^warning: line 1 \(id ".*-1"\) was returned/m);
  assert.match(lines.stderr, /^warning: line 2 \(id ".*-2"\) was returned/m);
  const input = [name, undefined, nowhere].map((routingKey) => (routingKey === undefined ? '' : JSON.stringify({ routingKey, body: 'x' }))).join('\n');
  const envelopes = await rmq(['publish', '--envelopes'], { input });
  assert.match(envelopes.stderr, /^warning: line 3 was returned/m);
  const directory = await scratchDirectory(t);
  const [one, two] = [join(directory, 'one'), join(directory, 'two')];
  await writeFile(one, JSON.stringify({ routingKey: name, body: 'x' }));
  await writeFile(two, JSON.stringify({ routingKey: nowhere, body: 'x' }));
  const files = await rmq(['publish', '--envelopes', '-f', one, '-f', two]);
  assert.ok(files.stderr.includes(`warning: ${two}, line 1 was returned`), files.stderr);
});

test('a message that a full queue refuses is named by its line', async (t) => {
  const { queue } = await peer(t);
  const name = await queue({ arguments: { 'x-max-length': 1, 'x-overflow': 'reject-publish' } });
  const { code, stderr } = await inside(['publish', '-q', name, '--lines', '--window', '1'], { input: 'a\nb\n' });
  assert.equal(code, 75, stderr);
  assert.match(stderr, /line 2 \(id ".*-2"\) to queue/);
});

test('--returned keeps every message that comes back, and publish --envelopes sends the same again', async (t) => {
  const { queue, take, depth } = await peer(t);
  const [name, nowhere] = [await queue(), unique('nowhere')];
  const file = join(await scratchDirectory(t), 'returned');
  await writeFile(file, `${JSON.stringify({ routingKey: name, body: 'was there' })}\n`);
  const count = 3_000;
  const bodies = Array.from({ length: count }, (_, index) => String(index));
  const headers = ['-H', 'n:={"!":"int64","value":"9007199254740993"}', '-H', 'text=a', '--priority', '3'];
  const some = bodies.map((body, index) => JSON.stringify({ exchange: '', routingKey: index % 3 === 0 ? name : nowhere, body })).join('\n');
  const result = await inside(['publish', '--envelopes', ...headers, '--returned', file, '--json'], { input: some });
  assert.equal(result.code, 67, result.stderr);
  assert.equal(json<{ returned: number }>(result).returned, 2_000);
  assert.match(result.stderr, /has what was returned: rmq publish --envelopes/);
  const [before, ...kept] = await linesOf(file);
  assert.equal(before?.body, 'was there');
  const wanted = bodies.map((body, index) => [body, index + 1] as const).filter((_, index) => index % 3 !== 0);
  assert.deepEqual(
    kept.map(({ exchange, routingKey, body, error }) => [exchange, routingKey, body, error]),
    wanted.map(([body, line]) => ['', nowhere, body, { kind: 'unroutable', reason: 'NO_ROUTE', line }]),
  );
  assert.equal(await depth(name), 1_000);
  await take(name);
  const again = await inside(['publish', '--envelopes', '-f', file, '-q', name]);
  assert.equal(again.code, 0, again.stderr);
  const [, first, ...more] = await take(name);
  assert.equal(more.length, 1_999);
  assert.deepEqual([String(first?.content), first?.properties.priority, first?.properties.headers?.['text']], ['1', 3, 'a']);
  const envelope = (await readFile(file, 'utf8')).split('\n')[1] ?? '';
  assert.match(envelope, /"n":\{"!":"int64","value":"9007199254740993"\}/);
});

test('bytes that are no text come back as they were', async (t) => {
  const { queue, take } = await peer(t);
  const name = await queue();
  const file = join(await scratchDirectory(t), 'returned');
  const body = Buffer.from([0, 255, 254, 10]);
  assert.equal((await inside(['publish', '-q', unique('nowhere'), '--returned', file], { input: body })).code, 67);
  assert.equal((await inside(['publish', '--envelopes', '-f', file, '-q', name])).code, 0);
  assert.ok((await take(name))[0]?.content.equals(body));
});

test('every publishing command keeps what comes back', async (t) => {
  const { exchange, queue, publish } = await peer(t);
  const directory = await scratchDirectory(t);
  const [fanout, topic, dead, bundle] = [await exchange('fanout'), await exchange('topic'), await queue(), join(directory, 'bundle')];
  await publish(dead, ['x']);
  assert.equal((await inside(['dlx', 'export', dead, '-d', bundle])).code, 0);
  const lines = [
    ['fanout', 'publish', fanout, 'x'],
    ['topic', 'publish', topic, 'key', 'x'],
    ['dlx', 'import', bundle, '-q', unique('nowhere')],
  ];
  for (const [index, line] of lines.entries()) {
    const file = join(directory, String(index));
    const result = await inside([...line, '--returned', file]);
    assert.equal(result.code, 67, result.stderr);
    const [one, ...more] = await linesOf(file);
    assert.deepEqual([one?.body, one?.error.reason, one?.error.line, more.length], ['x', 'NO_ROUTE', line[0] === 'dlx' ? 1 : undefined, 0]);
  }
});

test('a file of returned messages that cannot be written is exit 74, before anything is sent where that can be known', async (t) => {
  const { queue, depth } = await peer(t);
  const name = await queue();
  const directory = await scratchDirectory(t);
  for (const file of [directory, join(directory, 'no', 'such'), '/proc/nothing']) {
    const result = await inside(['publish', '-q', name, 'x', '--returned', file]);
    assert.equal(result.code, 74, result.stderr);
    assert.ok(result.stderr.includes(file), result.stderr);
  }
  assert.equal(await depth(name), 0);
  const full = await inside(['publish', '-q', unique('nowhere'), 'x', '--returned', '/dev/full']);
  assert.equal(full.code, 74, full.stderr);
  assert.match(full.stderr, /cannot write the file of returned messages \/dev\/full/);
});

test('--returned refuses the file that is read, and flags under which nothing is kept', async (t) => {
  const file = join(await scratchDirectory(t), 'envelopes');
  await writeFile(file, `${JSON.stringify({ routingKey: unique('nowhere'), body: 'x' })}\n`);
  for (const more of [['-f', file], ['--no-confirm'], ['--allow-unroutable']]) {
    const { code, stderr } = await inside(['publish', '--envelopes', '--returned', file, ...more]);
    assert.equal(code, 64, stderr);
    assert.match(stderr, /--returned/);
  }
  assert.equal((await linesOf(file)).length, 1);
});

test('a message that was returned for a queue that is there by now is sent again: the return is the older of the two', async (t) => {
  const { channel, queue, take } = await peer(t);
  const [late, there] = [unique('queue'), await queue()];
  const faulty = await proxy(t, brokerUrl());
  // The queue comes between the return and the question about it: that question reaches a queue that exists.
  const declaration = Buffer.concat([Buffer.from([0, 50, 0, 10, 0, 0, late.length]), Buffer.from(late)]);
  faulty.spoil('client', (bytes) => {
    const at = bytes.indexOf(declaration);
    if (at >= 0) bytes.write(there, at + 7);
    return bytes;
  });
  const flags = ['--url', faulty.url, '--reconnect-delay', '0s..50ms', '--max-reconnects', '1000', '--json'];
  const run = start(['publish', '-q', late, '--lines', ...flags], { input: 'a\nb\n' });
  await run.until('stderr', 'attempt 1 ');
  await channel.assertQueue(late);
  const { code, stdout, stderr } = await run.result;
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^(1 message is|2 messages are) sent again over a new connection, and may be there twice$/m);
  const { published, confirmed, returned } = JSON.parse(stdout);
  assert.deepEqual([published, confirmed, returned], [2, 2, 0]);
  assert.deepEqual((await take(late)).map(({ content }) => String(content)).sort(), ['a', 'b']);
  await channel.deleteQueue(late);
});
