import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import packageJson from '../../package.json' with { type: 'json' };
import { longName } from '../../src/commands/command.ts';
import { commands } from '../../src/commands/index.ts';
import { rmq } from '../support/rmq.ts';

const BIN = fileURLToPath(new URL('../../bin/rmq.js', import.meta.url));

test('--version prints the version, alone or behind other flags', async () => {
  for (const line of [['--version'], ['-V'], ['--quiet', '--version']]) {
    const { code, stdout } = await rmq(line);
    assert.deepEqual([code, stdout], [0, `${packageJson.version}\n`]);
  }
});

test('--help lists every command', async () => {
  const { code, stdout } = await rmq(['--help']);
  assert.equal(code, 0);
  for (const { path } of commands) assert.match(stdout, new RegExp(`^ +${path[0]} `, 'm'));
});

for (const { path, inputs, examples } of commands) {
  test(`rmq ${path.join(' ')} --help shows its flags, the global ones and examples`, async () => {
    const { code, stdout } = await rmq([...path, '--help']);
    assert.equal(code, 0);
    for (const [key, input] of Object.entries(inputs)) if (input.kind === 'flag') assert.ok(stdout.includes(longName(key, input)), longName(key, input));
    assert.match(stdout, /--url <URL>/);
    assert.ok(examples.length > 0);
    for (const [line] of examples) assert.ok(stdout.includes(line), line);
  });
}

test('global flags may stand before and after the command', async () => {
  for (const line of [
    ['--url', 'nonsense', 'consume', 'q'],
    ['consume', '--url', 'nonsense', 'q'],
    ['consume', 'q', '--uri', 'nonsense'],
  ]) {
    const { code, stderr } = await rmq(line);
    assert.equal(code, 64);
    assert.match(stderr, /amqp:\/\//);
  }
});

test('no command, an unknown one and an unknown flag are wrong usage, with a hint', async () => {
  for (const line of [[], ['frobnicate'], ['queue'], ['queue', 'frobnicate'], ['consume', 'q', '--frobnicate']]) {
    const { code, stdout, stderr } = await rmq(line);
    assert.equal(code, 64, line.join(' '));
    assert.equal(stdout, '');
    assert.match(stderr, /--help/);
  }
});

test('a help page that cannot be written is exit 74; a reader that went away is no error', async () => {
  for (const [redirect, code] of [
    ['> /dev/full', 74],
    ['| true', 0],
  ] as const) {
    const child = spawn('bash', ['-o', 'pipefail', '-c', `"$0" "$1" --help ${redirect}`, process.execPath, BIN], { stdio: 'ignore' });
    assert.deepEqual(await once(child, 'exit'), [code, null]);
  }
});
