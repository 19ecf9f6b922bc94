import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { peer } from '../../support/broker.ts';
import { inside } from '../../support/inside.ts';
import { scratchDirectory } from '../../support/programs.ts';
import { json, rmq, start } from '../../support/rmq.ts';

const BIN = fileURLToPath(new URL('../../../bin/rmq.js', import.meta.url));

test('without a terminal nothing is purged unless --yes says so', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const dead = await queue();
  await publish(dead, ['a', 'b', 'c']);
  const refused = await rmq(['dlx', 'purge', dead]);
  assert.equal(refused.code, 64);
  assert.match(refused.stderr, /cannot be undone, and cannot be confirmed/);
  assert.equal(await depth(dead), 3);
  const purged = await rmq(['dlx', 'purge', dead, '--yes', '--json']);
  assert.equal(purged.code, 0, purged.stderr);
  assert.deepEqual(json(purged), { purged: 3 });
  assert.equal(await depth(dead), 0);
});

for (const type of ['classic', 'quorum']) {
  test(`filters choose what a ${type} queue loses, and the rest stays in order`, async (t) => {
    const { queue, publish, take } = await peer(t);
    const dead = await queue({ arguments: { 'x-queue-type': type } });
    await publish(dead, ['a'], { headers: { tenant: 'acme' } });
    await publish(dead, ['b', 'c']);
    await publish(dead, ['d'], { headers: { tenant: 'acme' } });
    await publish(dead, ['e'], { headers: { tenant: 'acme' } });
    const directory = join(await scratchDirectory(t), 'incident');
    const purged = await inside(['dlx', 'purge', dead, '-H', 'tenant=acme', '-n', '2', '--export-to', directory, '-y']);
    assert.equal(purged.code, 0, purged.stderr);
    assert.match(purged.stderr, /removed 2 messages from ".*"; .*incident has them/);
    assert.equal((JSON.parse(await readFile(join(directory, 'manifest.json'), 'utf8')) as { messages: number }).messages, 2);
    assert.deepEqual(
      (await take(dead)).map(({ content }) => content.toString()),
      ['b', 'c', 'e'],
    );
  });
}

test('what cannot be exported is not removed', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const dead = await queue();
  await publish(dead, ['a', 'b']);
  const directory = await scratchDirectory(t);
  await writeFile(join(directory, 'file'), '');
  const impossible = await inside(['dlx', 'purge', dead, '--export-to', join(directory, 'file', 'incident'), '-y']);
  assert.equal(impossible.code, 74);
  assert.equal(await depth(dead), 2);
  const full = join(directory, 'full');
  await mkdir(full);
  await writeFile(join(full, 'mine'), '');
  assert.equal((await inside(['dlx', 'purge', dead, '--export-to', full, '-y'])).code, 64);
  assert.equal(await depth(dead), 2);
});

test('a stream keeps what it has', async (t) => {
  const { queue, publish } = await peer(t);
  const stream = await queue({ arguments: { 'x-queue-type': 'stream' } });
  await publish(stream, ['a']);
  const bundle = join(await scratchDirectory(t), 'bundle');
  for (const flags of [['-y'], ['-n', '1', '-y'], ['--export-to', bundle, '-y']]) {
    const refused = await inside(['dlx', 'purge', stream, ...flags]);
    assert.equal(refused.code, 76);
    assert.match(refused.stderr, /^error: ".*" is a stream: it keeps its messages, and none can be removed$/m);
    assert.doesNotMatch(refused.stderr, /connection/);
  }
  // On a terminal, nobody is asked for what is refused anyway.
  const asked = await rmq(['dlx', 'purge', stream], { terminal: true, input: '' });
  assert.equal(asked.code, 76, asked.stdout);
  assert.doesNotMatch(asked.stdout, /Type the name/);
});

test('before a purge by filters the filters are named, and that nobody has counted', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const dead = await queue();
  await publish(dead, ['a', 'b']);
  for (const [flags, said] of [
    [['-n', '1'], `This removes at most 1 of the 2 messages in "${dead}" for good.`],
    [
      ['--from-queue', 'orders', '-n', '1'],
      `at most 1 of those of the 2 messages in "${dead}" that match the filters (--from-queue; their number is not known yet) for good.`,
    ],
    [
      ['--where', 'true', '--id', 'x'],
      `This removes those of the 2 messages in "${dead}" that match the filters (--id, --where; their number is not known yet) for good.`,
    ],
  ] as const) {
    const { child, until, result } = start(['dlx', 'purge', dead, ...flags], { terminal: true, columns: 200 });
    await until('stdout', said);
    child.stdin.write('no\n');
    assert.equal((await result).code, 1);
  }
  assert.equal(await depth(dead), 2);
});

test('on a terminal the name of the queue has to be typed', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const dead = await queue();
  await publish(dead, ['a', 'b']);
  const directory = await scratchDirectory(t);
  const onTerminal = async (typed: string): Promise<string> => {
    const command = `"${process.execPath}" "${BIN}" dlx purge ${dead}; echo "code $?"`;
    const child = spawn('script', ['-qec', command, '/dev/null'], { cwd: directory, env: { ...process.env, TERM: 'dumb' } });
    let shown = '';
    child.stdout.on('data', (chunk: Buffer) => {
      const asked = shown.includes('to continue:');
      shown += chunk.toString();
      if (!asked && shown.includes('to continue:')) child.stdin.write(`${typed}\n`);
    });
    await once(child, 'close');
    return shown;
  };
  assert.match(await onTerminal('yes'), /This removes the 2 messages in ".*" for good[\s\S]*nothing was removed[\s\S]*code 1/);
  assert.equal(await depth(dead), 2);
  assert.match(await onTerminal(dead), /removed 2 messages from[\s\S]*code 0/);
  assert.equal(await depth(dead), 0);
});
