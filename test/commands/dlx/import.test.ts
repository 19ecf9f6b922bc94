import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Peer, peer } from '../../support/broker.ts';
import { inside } from '../../support/inside.ts';
import { scratchDirectory } from '../../support/programs.ts';
import { json, rmq, start } from '../../support/rmq.ts';

interface File {
  name: string;
  messages: number;
  bytes: number;
  sha256: string;
}
interface Manifest {
  messages: number;
  files: File[];
}

const BIN = fileURLToPath(new URL('../../../bin/rmq.js', import.meta.url));
const RECORD = 'imported.ndjson';

/** A bundle of so many messages, in two files, and a queue to import it to. */
async function bundle(t: TestContext, messages = 40): Promise<Peer & { readonly directory: string; readonly back: string }> {
  const other = await peer(t);
  const [dead, back] = [await other.queue(), await other.queue()];
  await other.publish(
    dead,
    Array.from({ length: messages }, (_, index) => `${index} ${'x'.repeat(100)}`),
  );
  const directory = join(await scratchDirectory(t), 'incident');
  const exported = await inside(['dlx', 'export', dead, '-d', directory, '--file-size', `${messages * 180}b`]);
  assert.equal(exported.code, 0, exported.stderr);
  return { ...other, directory, back };
}

async function editManifest(directory: string, edit: (manifest: Manifest) => void): Promise<void> {
  const path = join(directory, 'manifest.json');
  const manifest = JSON.parse(await readFile(path, 'utf8')) as Manifest;
  edit(manifest);
  await writeFile(path, JSON.stringify(manifest));
}

const first = ({ files: [file] }: Manifest): File => file ?? assert.fail('the bundle has no files');

const EDITS: readonly (readonly [what: string, edit: (manifest: Manifest) => void, why: RegExp])[] = [
  ['lacks a file', (manifest) => manifest.files.pop(), /counts 40 messages, and its files have \d+/],
  ['has a file twice', (manifest) => manifest.files.push(first(manifest)), /names messages-00001.ndjson twice/],
  ['has a file twice, with a sum to match', (manifest) => (manifest.messages += manifest.files.push(first(manifest)) && first(manifest).messages), /twice/],
  ['counts one message more', (manifest) => [first(manifest).messages++, manifest.messages++], /messages-00001.ndjson has \d+ messages, not \d+/],
  ['counts messages below zero', (manifest) => manifest.files.push({ ...first(manifest), messages: -1 }), /is not one of rmq dead letters/],
  ['names itself', (manifest) => (first(manifest).name = 'manifest.json'), /names manifest.json, which holds no messages/],
  ['names nothing', (manifest) => (first(manifest).name = ''), /is not one of rmq dead letters/],
  ['leads out of its directory', (manifest) => (first(manifest).name = '../secret'), /names a file that is not in the directory/],
];

for (const [what, edit, why] of EDITS) {
  test(`nothing is published of a bundle whose manifest ${what}`, async (t) => {
    const { directory, back, depth } = await bundle(t);
    await editManifest(directory, edit);
    const imported = await inside(['dlx', 'import', directory, '-q', back]);
    assert.equal(imported.code, 65, imported.stderr);
    assert.match(imported.stderr, why);
    assert.match(imported.stderr, /nothing was published/);
    assert.equal(await depth(back), 0);
  });
}

for (const name of ['messages-00001.ndjson', 'manifest.json', RECORD]) {
  test(`a bundle whose ${name} is a pipe or a link is refused at once`, async (t) => {
    const { directory, back, depth } = await bundle(t);
    const path = join(directory, name);
    const elsewhere = join(await scratchDirectory(t), 'elsewhere');
    if (name === RECORD) await writeFile(elsewhere, '');
    else await rename(path, elsewhere);
    await symlink(elsewhere, path);
    const linked = await inside(['dlx', 'import', directory, '-q', back, '--again']);
    assert.equal(linked.code, 65, linked.stderr);
    await rm(path);
    await promisify(execFile)('mkfifo', [path]);
    const piped = await inside(['dlx', 'import', directory, '-q', back], { timeout: 20_000 });
    assert.equal(piped.code, 65, piped.stderr);
    assert.equal(await depth(back), 0);
  });
}

test('a second import to the same place is refused, and another place or --again is not', async (t) => {
  const { directory, back, queue, depth } = await bundle(t);
  const imported = await rmq(['dlx', 'import', directory, '-q', back]);
  assert.equal(imported.code, 0, imported.stderr);
  const twice = await rmq(['dlx', 'import', directory, '-q', back]);
  assert.equal(twice.code, 64, twice.stderr);
  assert.match(twice.stderr, new RegExp(`is in queue "${back}" of this broker already: all of its 40 messages, since \\d{4}-`));
  assert.match(twice.stderr, /nothing was published; --again publishes them once more/);
  assert.equal(await depth(back), 40);
  const other = await queue();
  assert.equal((await rmq(['dlx', 'import', directory, '-q', other])).code, 0);
  assert.equal(await depth(other), 40);
  const again = await rmq(['dlx', 'import', directory, '-q', back, '--again']);
  assert.equal(again.code, 0, again.stderr);
  assert.equal(await depth(back), 80);
  assert.equal((await rmq(['dlx', 'import', directory, '-q', back])).code, 64);
});

test('the record goes along with a copy of the bundle, and says nothing about another bundle', async (t) => {
  const { directory, back, depth } = await bundle(t);
  const other = await bundle(t);
  assert.equal((await inside(['dlx', 'import', directory, '-q', back])).code, 0);
  const copy = `${directory}-copy`;
  await cp(directory, copy, { recursive: true });
  assert.equal((await inside(['dlx', 'import', copy, '-q', back])).code, 64);
  await cp(join(directory, RECORD), join(other.directory, RECORD));
  assert.equal((await inside(['dlx', 'import', other.directory, '-q', back])).code, 0);
  assert.equal(await depth(back), 80);
});

test('an import that was stopped goes on where it stopped', async (t) => {
  const { directory, back, take } = await bundle(t, 300);
  const running = start(['dlx', 'import', directory, '-q', back, '--rate', '100', '--window', '10']);
  const { channel } = await peer(t);
  while ((await channel.checkQueue(back)).messageCount < 20);
  running.child.kill('SIGTERM');
  assert.equal((await running.result).code, 143);
  const rest = await inside(['dlx', 'import', directory, '-q', back, '--json']);
  assert.equal(rest.code, 0, rest.stderr);
  assert.match(rest.stderr, /an earlier import, of .*, brought \d+ of 300 messages to queue ".*" of this broker: this one sends the others/);
  assert.ok(json<{ published: number }>(rest).published <= 280);
  const numbers = (await take(back)).map(({ content }) => Number.parseInt(String(content), 10));
  assert.deepEqual(
    numbers,
    Array.from({ length: 300 }, (_, index) => index),
  );
  assert.equal((await inside(['dlx', 'import', directory, '-q', back])).code, 64);
});

test('an import after one that was killed says how many messages may be there twice, and one after --again does not', async (t) => {
  const { directory, back, channel, depth } = await bundle(t, 300);
  const running = start(['dlx', 'import', directory, '-q', back, '--rate', '100', '--window', '10']);
  const killed = running.result.catch(() => undefined);
  while ((await depth(back)) < 20);
  running.child.kill('SIGKILL');
  await killed;
  assert.doesNotMatch(await readFile(join(directory, RECORD), 'utf8'), /arrived/, 'the record has more than its first line');
  const rest = await inside(['dlx', 'import', directory, '-q', back]);
  assert.equal(rest.code, 0, rest.stderr);
  assert.match(
    rest.stderr,
    /an earlier import, of .*, was interrupted.*: 0 of 300 messages are known to be in queue ".*" of this broker; .* up to 300 of them may be there twice/,
  );
  assert.ok((await depth(back)) > 300);
  // What is unknown of one run is told until another one brings everything anew.
  await channel.purgeQueue(back);
  const anew = start(['dlx', 'import', directory, '-q', back, '--again', '--rate', '100', '--window', '10']);
  while ((await depth(back)) < 20);
  anew.child.kill('SIGTERM');
  assert.equal((await anew.result).code, 143);
  const last = await inside(['dlx', 'import', directory, '-q', back]);
  assert.equal(last.code, 0, last.stderr);
  assert.match(last.stderr, /brought \d+ of 300 messages/);
  assert.doesNotMatch(last.stderr, /twice/);
});

test('a message that no queue takes is not in the record, and comes with the next import alone', async (t) => {
  const { channel, queue, exchange, publish, depth, take } = await peer(t);
  const [dead, dlx, good] = [await queue(), await exchange('direct'), await queue()];
  await channel.bindQueue(dead, dlx, 'good');
  await channel.bindQueue(dead, dlx, 'bad');
  for (const key of ['good', 'bad', 'good']) channel.publish(dlx, key, Buffer.from(key));
  await publish(dead, []);
  while ((await depth(dead)) < 3);
  const directory = join(await scratchDirectory(t), 'incident');
  assert.equal((await inside(['dlx', 'export', dead, '-d', directory])).code, 0);
  await channel.bindQueue(good, dlx, 'good');
  await channel.deleteQueue(dead);
  assert.equal((await inside(['dlx', 'import', directory])).code, 67);
  await channel.bindQueue(good, dlx, 'bad');
  const rest = await inside(['dlx', 'import', directory, '--json']);
  assert.equal(rest.code, 0, rest.stderr);
  assert.equal(json<{ published: number }>(rest).published, 1);
  assert.deepEqual(
    (await take(good)).map(({ content }) => String(content)),
    ['good', 'good', 'bad'],
  );
});

test('a line that an older version could not write exactly stops no other', async (t) => {
  const { directory, back, depth } = await bundle(t);
  const path = join(directory, 'messages-00001.ndjson');
  const text = (await readFile(path, 'utf8')).replace('"properties":{', '"properties":{"timestamp":18446744011573955000,');
  await writeFile(path, text);
  await editManifest(directory, (manifest) => Object.assign(first(manifest), { bytes: text.length, sha256: createHash('sha256').update(text).digest('hex') }));
  const imported = await inside(['dlx', 'import', directory, '-q', back]);
  assert.equal(imported.code, 65, imported.stderr);
  assert.match(imported.stderr, /messages-00001.ndjson, line 1: timestamp must be whole seconds/);
  assert.equal(await depth(back), 39);
});

test('where the bundle cannot be written to, that an import will not be known of is said', async (t) => {
  const { directory, back, depth } = await bundle(t);
  // No file may grow: not even for root, to whom no permission is denied.
  const command = ['-c', `trap '' XFSZ; ulimit -f 0; exec "$@"`, 'sh', process.execPath, BIN, 'dlx', 'import', directory, '-q', back];
  const { stderr } = await promisify(execFile)('sh', command);
  assert.match(stderr, /this import is not recorded in the bundle, and a second one would not be noticed: /);
  assert.equal(await depth(back), 40);
});
