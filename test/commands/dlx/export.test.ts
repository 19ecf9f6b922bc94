import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { peer } from '../../support/broker.ts';
import { inside } from '../../support/inside.ts';
import { scratchDirectory } from '../../support/programs.ts';
import { json, jsonLines, rmq } from '../../support/rmq.ts';

interface Manifest {
  readonly queue: string;
  readonly messages: number;
  readonly files: readonly { readonly name: string; readonly messages: number; readonly sha256: string }[];
}

const manifestOf = async (directory: string): Promise<Manifest> => JSON.parse(await readFile(join(directory, 'manifest.json'), 'utf8')) as Manifest;

test('a bundle has every message in files of bounded size, and dlx import brings them back without loss', async (t) => {
  const { channel, queue, publish, depth } = await peer(t);
  const dead = await queue();
  const headers = {
    tenant: 'acme',
    n: { '!': 'int64', value: 7 },
    nested: { list: [1, 'a'] },
    'x-death': [{ queue: 'q', reason: 'rejected', count: 1, exchange: 'e', 'routing-keys': ['k'] }],
  };
  await publish(dead, [Buffer.from([0xff, 0x00, 0x80]), '', 'text'], {
    headers,
    messageId: 'id-1',
    priority: 3,
    correlationId: 'c',
    timestamp: 1_700_000_000,
    persistent: false,
  });
  await publish(
    dead,
    Array.from({ length: 40 }, (_, index) => `${index} ${'x'.repeat(100)}`),
  );
  const directory = join(await scratchDirectory(t), 'incident');
  const exported = await rmq(['dlx', 'export', dead, '-d', directory, '--file-size', '2kb']);
  assert.equal(exported.code, 0, exported.stderr);
  assert.match(exported.stderr, /exported 43 messages to .*incident \(\d files\); nothing was removed/);
  assert.equal(await depth(dead), 43);
  const manifest = await manifestOf(directory);
  assert.deepEqual([manifest.queue, manifest.messages], [dead, 43]);
  assert.equal(
    manifest.files.reduce((sum, { messages }) => sum + messages, 0),
    43,
  );
  assert.deepEqual((await readdir(directory)).sort(), ['manifest.json', ...manifest.files.map(({ name }) => name)].sort());
  const back = await queue();
  const imported = await rmq(['dlx', 'import', directory, '-q', back, '--json']);
  assert.equal(imported.code, 0, imported.stderr);
  assert.equal(json<{ confirmed: number }>(imported).confirmed, 43);
  for (let number = 0; number < 43; number++) {
    const [before, after] = [await channel.get(dead, { noAck: true }), await channel.get(back, { noAck: true })];
    if (before === false || after === false) assert.fail(`message ${number} is missing`);
    assert.deepEqual(after.content, before.content);
    assert.deepEqual(after.properties, before.properties);
  }
});

test('without a queue each goes to the exchange and with the key that it came with', async (t) => {
  const { channel, queue, exchange, take } = await peer(t);
  const [dead, dlx] = [await queue(), await exchange('direct')];
  await channel.bindQueue(dead, dlx, 'failed');
  channel.publish(dlx, 'failed', Buffer.from('a'), { headers: { CC: ['elsewhere'] } });
  while ((await channel.checkQueue(dead)).messageCount < 1);
  const directory = join(await scratchDirectory(t), 'incident');
  await inside(['dlx', 'export', dead, '-d', directory]);
  const imported = await inside(['dlx', 'import', directory]);
  assert.equal(imported.code, 0);
  assert.match(imported.stderr, new RegExp(`to their own destinations:\n *1 to exchange "${dlx}" with key "failed"\n`));
  const [first, second] = await take(dead);
  assert.deepEqual([second?.fields.exchange, second?.fields.routingKey, second?.content], [dlx, 'failed', first?.content]);
  // It would have gone to the copies once more.
  assert.deepEqual(second?.properties.headers?.['x-rmq-moved'], { headers: { CC: ['elsewhere'] } });
});

test('an import tells where the most messages went, and how many went elsewhere', async (t) => {
  const { channel, queue, exchange, depth } = await peer(t);
  const [dead, dlx] = [await queue(), await exchange('topic')];
  await channel.bindQueue(dead, dlx, '#');
  const keys = ['a', 'b', 'b', 'c', 'd', 'e', 'f', 'b', 'g'];
  for (const key of keys) channel.publish(dlx, key, Buffer.from(key));
  channel.sendToQueue(dead, Buffer.from('direct'));
  channel.sendToQueue(dead, Buffer.from('direct'));
  while ((await depth(dead)) < keys.length + 2);
  const directory = join(await scratchDirectory(t), 'incident');
  await inside(['dlx', 'export', dead, '-d', directory]);
  const { code, stderr } = await inside(['dlx', 'import', directory]);
  assert.equal(code, 0, stderr);
  const told = stderr.split('to their own destinations:\n')[1]?.trimEnd().split('\n') ?? [];
  assert.deepEqual(
    told.map((line) => line.trim()),
    [
      `3 to exchange "${dlx}" with key "b"`,
      `2 to the queue "${dead}"`,
      ...['a', 'c', 'd'].map((key) => `1 to exchange "${dlx}" with key "${key}"`),
      '3 messages elsewhere',
    ],
  );
  assert.doesNotMatch((await inside(['dlx', 'import', directory, '-q', dead])).stderr, /addressed/);
});

test('a bundle that was changed, or is not complete, is not published at all', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const [dead, back] = [await queue(), await queue()];
  await publish(dead, ['a', 'b']);
  const directory = join(await scratchDirectory(t), 'incident');
  await inside(['dlx', 'export', dead, '-d', directory]);
  const [file] = (await manifestOf(directory)).files;
  const path = join(directory, file?.name ?? assert.fail());
  const text = await readFile(path, 'utf8');
  await writeFile(path, text.replace('"body":"b"', '"body":"c"'));
  const changed = await inside(['dlx', 'import', directory, '-q', back]);
  assert.equal(changed.code, 65);
  assert.match(changed.stderr, /the checksum of messages-00001.ndjson differs/);
  await writeFile(path, text.slice(0, -1));
  assert.equal((await inside(['dlx', 'import', directory, '-q', back])).code, 65);
  const manifest = await readFile(join(directory, 'manifest.json'), 'utf8');
  await writeFile(join(directory, 'manifest.json'), manifest.replace('messages-00001.ndjson', '../secret'));
  assert.match((await inside(['dlx', 'import', directory, '-q', back])).stderr, /names a file that is not in the directory/);
  await writeFile(join(directory, 'manifest.json'), manifest);
  await rm(path);
  const gone = await inside(['dlx', 'import', directory, '-q', back]);
  assert.equal(gone.code, 65, gone.stderr);
  assert.match(gone.stderr, /is not as it was written: messages-00001.ndjson is missing/);
  assert.match(gone.stderr, /nothing was published/);
  await mkdir(path);
  assert.equal((await inside(['dlx', 'import', directory, '-q', back])).code, 65);
  const empty = await inside(['dlx', 'import', await scratchDirectory(t), '-q', back]);
  assert.equal(empty.code, 66);
  assert.match(empty.stderr, /is not a bundle/);
  assert.equal(await depth(back), 0);
});

test('an export needs somewhere to go, and never writes over anything', async (t) => {
  const { queue, publish } = await peer(t);
  const dead = await queue();
  await publish(dead, ['a', 'b']);
  const nowhere = await inside(['dlx', 'export', dead]);
  assert.equal(nowhere.code, 64);
  const directory = await scratchDirectory(t);
  await writeFile(join(directory, 'mine'), '');
  const taken = await inside(['dlx', 'export', dead, '-d', directory]);
  assert.equal(taken.code, 64);
  assert.match(taken.stderr, /is not empty/);
  const lines = await inside(['dlx', 'export', dead, '-o', 'json', '-n', '1']);
  assert.deepEqual(
    jsonLines<{ body: string }>(lines).map(({ body }) => body),
    ['a'],
  );
});

test('a directory that cannot be made ends the export, and one that stays empty is not left behind', async (t) => {
  const { queue, publish } = await peer(t);
  const dead = await queue();
  await publish(dead, ['a']);
  for (const place of ['/proc/rmq-bundle', '/proc/rmq/bundle', '/dev/null/bundle']) {
    const refused = await inside(['dlx', 'export', dead, '-d', place]);
    assert.equal(refused.code, 74, refused.stderr);
    assert.match(refused.stderr, new RegExp(`cannot write the bundle in ${place}`));
  }
  const scratch = await scratchDirectory(t);
  const missing = await inside(['dlx', 'export', `${dead}-missing`, '-d', join(scratch, 'a', 'b')]);
  assert.equal(missing.code, 66, missing.stderr);
  assert.deepEqual(await readdir(scratch), []);
  const deep = await inside(['dlx', 'export', dead, '-d', join(scratch, 'a', 'b')]);
  assert.equal(deep.code, 0, deep.stderr);
  assert.equal((await manifestOf(join(scratch, 'a', 'b'))).messages, 1);
});
