import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import packageJson from '../../package.json' with { type: 'json' };
import { longName } from '../../src/commands/command.ts';
import { ELSEWHERE } from '../../src/commands/help/elsewhere.ts';
import { commands, groups, sections } from '../../src/commands/index.ts';
import { commandsUnder } from '../../src/commands/words.ts';
import { peer } from '../support/broker.ts';
import { inside } from '../support/inside.ts';
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

test('each first word has all of its commands', async () => {
  for (const word of sections.flatMap(({ words }) => words)) {
    const found = await commandsUnder(word);
    const under = ({ path }: { readonly path: readonly string[] }): boolean => path[0] === word;
    assert.deepEqual(found.commands.filter(under), commands.filter(under), word);
    assert.deepEqual(found.groups.filter(under), groups.filter(under), word);
    assert.ok(found.commands.length < commands.length, word);
  }
  for (const word of [undefined, '--quiet', 'toString']) assert.equal((await commandsUnder(word)).commands, commands);
});

test('an unknown word in a group is told to be a command of another one', async () => {
  assert.match((await inside(['queue', 'replay'])).stderr, /did you mean rmq dlx replay\?/);
});

test('an unknown flag is told with the one that is like it', async () => {
  assert.match((await rmq(['publish', '--quueue', 'a'])).stderr, /unknown option '--quueue'\n *\(Did you mean --queue\?\)/);
  assert.match((await inside(['publish', '--n', '3'])).stderr, /did you mean -n\?/);
  assert.match((await inside(['peek', 'q', '--offset=3'])).stderr, /--offset is one of rmq consume,/);
});

test('global flags may stand before and after the command', async () => {
  for (const line of [
    ['--url', 'nonsense', 'consume', 'q'],
    ['consume', '--url', 'nonsense', 'q'],
    ['consume', 'q', '--uri', 'nonsense'],
  ]) {
    const { code, stderr } = await inside(line);
    assert.equal(code, 64);
    assert.match(stderr, /amqp:\/\//);
  }
});

test('no command, an unknown one and an unknown flag are wrong usage, with a hint', async () => {
  for (const line of [[], ['frobnicate'], ['queue'], ['queue', 'frobnicate'], ['consume', 'q', '--frobnicate']]) {
    const { code, stdout, stderr } = await inside(line);
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
    const { code, stderr } = await inside(line, { env: NO_BROKER });
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
      const { code, stdout, stderr } = await inside([flag, value, ...name.split(' '), ...more]);
      assert.equal(code, 64, `${name}: ${stderr}`);
      assert.equal(stdout, '');
      assert.ok(stderr.includes(`${flag === '--url-file' ? flag : '--url'} has no effect on rmq ${name}`), stderr);
    }
  }
});

for (const [line, named] of [
  [['list'], 'rmq queue list'],
  [['ls'], 'rmq queue list'],
  [['browse', 'q'], 'rmq peek QUEUE'],
  [['get', 'q'], 'rmq peek QUEUE'],
  [['tail', 'q'], 'rmq consume QUEUE'],
  [['purge', 'q'], 'rmq queue purge QUEUE'],
  [['bind', 'q'], 'rmq queue bind QUEUE'],
  [['send', 'q'], 'rmq publish'],
  [['amqp-publish', '-q', 'q'], 'rmq publish'],
  [['amqp-consume', 'q'], 'rmq work run QUEUE -- CMD'],
  [['rabbitmqadmin', 'list', 'queues'], 'rmq help other-tools'],
  [['rabtap', 'tap'], 'rmq help other-tools'],
  [['list_queues'], 'rmq queue list'],
  [['subscribe', 'x'], 'rmq topic subscribe'],
  [['help', 'purge'], 'rmq queue purge QUEUE'],
  [['queue', 'send', 'q'], 'rmq publish'],
  [['declare', 'q'], 'rmq queue declare'],
  [['dlx', 'peek', 'q'], 'rmq peek'],
] as const) {
  test(`rmq ${line.join(' ')} names the command that does it`, async () => {
    const { code, stderr } = await inside(line);
    assert.equal(code, 64);
    assert.match(stderr, /unknown command|no help about/);
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
      for (const flag of line.match(/(?<= )--?[a-z][a-z-]*/g) ?? []) assert.ok(flags.includes(flag), `${flag} of ${line}`);
    }
  }
});

/** Runs a command line with standard output as a shell redirects it. */
async function redirected(
  line: string,
  redirection: string,
  stdout: 'pipe' | 'ignore' = 'pipe',
): Promise<{ readonly code: number | null; readonly stderr: string }> {
  const child = spawn('bash', ['-o', 'pipefail', '-c', `"$0" "$1" ${line} ${redirection}`, process.execPath, BIN], { stdio: ['ignore', stdout, 'pipe'] });
  child.stdout?.resume();
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += String(chunk);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stderr };
}

test('a result, a help page or a version that cannot be written is exit 74, and says why', async (t) => {
  const { queue } = await peer(t);
  const name = await queue();
  for (const line of ['--help', '--version', 'dlx --help', 'topic match a a', 'completion bash', `queue status ${name}`, `publish -q ${name} x --json`]) {
    for (const [redirection, why] of [
      ['>/dev/full', /^error: cannot write to standard output: the disk is full$/m],
      ['>&-', /^error: cannot write to standard output: it is closed$/m],
    ] as const) {
      const { code, stderr } = await redirected(line, redirection);
      assert.equal(code, 74, `${line} ${redirection}: ${stderr}`);
      assert.match(stderr, why);
    }
    assert.deepEqual((await redirected(line, '| true')).code, 0, line);
  }
});

test('a standard output that a program has opened as /dev/null, for reading and writing, is no closed one', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const name = await queue();
  for (const line of [['--help'], ['queue', 'status', name], ['consume', name, '-n', '1']]) {
    await publish(name, ['x']);
    const byNode = spawn(process.execPath, [BIN, ...line], { stdio: ['ignore', 'ignore', 'inherit'] });
    assert.deepEqual(await once(byNode, 'exit'), [0, null], line.join(' '));
    await publish(name, ['x']);
    const call = 'import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode)';
    const byPython = spawn('python3', ['-c', call, process.execPath, BIN, ...line], { stdio: ['ignore', 'pipe', 'inherit'] });
    assert.deepEqual(await once(byPython, 'exit'), [0, null], line.join(' '));
    assert.equal((await redirected(line.join(' '), '', 'ignore')).code, 0, 'a shell that has it itself');
  }
  assert.equal(await depth(name), 3);
});
