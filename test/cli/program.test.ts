import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import packageJson from '../../package.json' with { type: 'json' };
import { longName } from '../../src/commands/command.ts';
import { ELSEWHERE } from '../../src/commands/elsewhere.ts';
import { commands } from '../../src/commands/index.ts';
import { rmq } from '../support/rmq.ts';

/** Nothing listens there. */
const NO_BROKER = { RMQ_URL: 'amqp://127.0.0.1:1' };
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

for (const [line, flag] of [
  [['publish', '-q', 'a', '-q', 'b', 'x'], '--queue'],
  [['publish', '-q', 'a', '--queue', 'a', 'x'], '--queue'],
  [['-o', 'json', 'publish', '-q', 'a', '--output', 'text', 'x'], '--output'],
  [['consume', 'q', '-n', '1', '-n', '2'], '--count'],
  [['work', 'run', 'q', '--backoff', '1s', '--backoff', '2s', '--', 'true'], '--backoff'],
  [['work', 'run', 'q', '--on-exit', '1=ack', '--on-exit', '2=ack', '--', 'true'], '--on-exit'],
  [['dlx', 'inspect', 'q', '--where', 'true', '--where', 'false'], '--where'],
] as const) {
  test(`rmq ${line.join(' ')}: a flag of one value that is given twice is wrong usage, and is named`, async () => {
    const { code, stderr } = await rmq(line, { env: NO_BROKER });
    assert.equal(code, 64, stderr);
    assert.match(stderr, new RegExp(`${flag} is given twice`));
  });
}

test('a command that ignores --url refuses it', async () => {
  for (const [name, ...more] of [
    ['broker status'],
    ['broker start'],
    ['broker stop'],
    ['broker run', '--', 'true'],
    ['topic match', 'a', 'a'],
    ['completion', 'bash'],
  ] as const) {
    for (const [flag, value] of [
      ['-u', 'amqp://elsewhere'],
      ['--uri', 'amqp://elsewhere'],
      ['--url-file', '/dev/null'],
    ] as const) {
      const { code, stdout, stderr } = await rmq([flag, value, ...name.split(' '), ...more]);
      assert.equal(code, 64, `${name}: ${stderr}`);
      assert.equal(stdout, '');
      assert.ok(stderr.includes(`${flag === '--url-file' ? flag : '--url'} means nothing to rmq ${name}`), stderr);
    }
  }
});

for (const [line, named] of [
  [['list'], 'rmq dlx list'],
  [['ls'], 'rmq queue status'],
  [['peek', 'q'], 'rmq consume QUEUE --requeue'],
  [['get', 'q'], 'rmq consume QUEUE'],
  [['tail', 'q'], 'rmq consume QUEUE'],
  [['purge', 'q'], 'rmq dlx purge QUEUE'],
  [['bind', 'q'], 'rmq queue declare QUEUE --bind'],
  [['send', 'q'], 'rmq publish'],
  [['queue', 'list'], 'rmq queue status'],
  [['queue', 'purge', 'q'], 'rmq dlx purge QUEUE'],
  [['declare', 'q'], 'rmq queue declare'],
  [['dlx', 'peek', 'q'], 'rmq consume QUEUE --requeue'],
] as const) {
  test(`rmq ${line.join(' ')} names the command that does it`, async () => {
    const { code, stderr } = await rmq(line);
    assert.equal(code, 64);
    assert.match(stderr, /unknown command/);
    assert.ok(stderr.includes(named), stderr);
  });
}

test('what is named in place of an unknown command exists, with its flags', () => {
  for (const hint of Object.values(ELSEWHERE)) {
    const lines = hint.match(/\brmq [^;,:]*/g) ?? [];
    assert.ok(lines.length > 0, hint);
    for (const line of lines) {
      const command = commands.find(({ path }) => `${line} `.startsWith(`rmq ${path.join(' ')} `));
      assert.ok(command, line);
      const flags = Object.entries(command.inputs).flatMap(([key, input]) => (input.kind === 'flag' ? [longName(key, input), `-${input.short}`] : []));
      for (const flag of line.match(/(?<= )--?[a-z-]+/g) ?? []) assert.ok(flags.includes(flag), `${flag} of ${line}`);
    }
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
