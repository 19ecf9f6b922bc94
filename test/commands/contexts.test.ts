import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { STAND_IN } from '../broker/rmq.ts';
import { brokerUrl, peer, unique } from '../support/broker.ts';
import { inside } from '../support/inside.ts';
import { json, jsonLines, type Options, type Result, rmq, start } from '../support/rmq.ts';
import { restrictedUser } from '../support/users.ts';

/** A home of its own for contexts. */
function home(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'rmq-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const env = { XDG_CONFIG_HOME: directory, RMQ_CONTEXT: undefined };
  return {
    directory,
    env,
    file: join(directory, 'rmq', 'contexts.json'),
    run: (args: readonly string[], { env: more = {} }: Options = {}): Promise<Result> => inside(args, { env: { ...env, ...more } }),
  };
}

const NOWHERE = 'amqp://nobody@127.0.0.1:1/';

test('contexts are added, listed, used, shown and removed, in a file of the user alone', async (t) => {
  const { run, file } = home(t);
  const added = await run(['context', 'add', 'production', '-u', 'amqps://user@host/vhost', '--protected', '--password-command', 'pass show x']);
  assert.equal(added.code, 0, added.stderr);
  assert.equal((await run(['context', 'add', 'local', '-u', brokerUrl()])).code, 0);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal((await run(['context', 'use', 'local'])).code, 0);
  assert.equal((await run(['context', 'list'])).stdout, `  production (protected) amqps://user@host/vhost\n* local ${brokerUrl().replace(':guest@', '@')}\n`);
  const rows = jsonLines<{ name: string; protected: boolean; current: boolean }>(await run(['context', 'list', '-o', 'json']));
  assert.deepEqual(
    rows.map(({ name, protected: isProtected, current }) => [name, isProtected, current]),
    [
      ['production', true, false],
      ['local', false, true],
    ],
  );
  assert.match(
    (await run(['context', 'show', 'production'])).stdout,
    /^production \(protected\) amqps:\/\/user@host\/vhost\n {2}--password-command pass show x\n$/,
  );
  assert.equal((await run(['context', 'add', 'guest', '-u', 'amqp://guest:guest@host/', '--management-url', 'http://guest:guest@host:1'])).code, 0);
  for (const line of [
    ['context', 'list', '--json'],
    ['context', 'show', 'guest'],
    ['context', 'show', 'guest', '--json'],
  ]) {
    const { stdout } = await run(line);
    assert.match(stdout, /guest@host/);
    assert.doesNotMatch(stdout, /guest:/);
  }
  const again = await run(['context', 'add', 'local', '-u', NOWHERE]);
  assert.equal(again.code, 64, again.stderr);
  assert.equal((await run(['context', 'remove', 'local'])).code, 0);
  assert.equal((await run(['context', 'show'])).code, 66);
  for (const verb of ['use', 'show', 'remove']) assert.equal((await run(['context', verb, 'local'])).code, 66);
});

test('contexts that are added at the same time are all there', async (t) => {
  const { run, env, directory } = home(t);
  const names = Array.from({ length: 16 }, (_, index) => `c${10 + index}`);
  const runs = await Promise.all(names.map((name) => rmq(['context', 'add', name, '-u', NOWHERE], { env })));
  for (const { code, stderr } of runs) assert.equal(code, 0, stderr);
  const rows = jsonLines<{ name: string }>(await run(['context', 'list', '-o', 'json']));
  assert.deepEqual(rows.map(({ name }) => name).sort(), names);
  assert.deepEqual(readdirSync(join(directory, 'rmq')), ['contexts.json']);
});

test('no password gets into the file', async (t) => {
  const { run, file } = home(t);
  const refused = await run(['context', 'add', 'x', '-u', 'amqp://user:hunter2@host/']);
  assert.equal(refused.code, 64, refused.stderr);
  assert.match(refused.stderr, /--url must not hold a password: leave it out of the URL, and name a command that prints it with --password-command/);
  assert.doesNotMatch(refused.stderr, /hunter2/);
  assert.equal(existsSync(file), false);
});

test('a context stands between the URL flags and the environment', async (t) => {
  const { run } = home(t);
  for (const name of ['flag', 'variable', 'current']) await run(['context', 'add', name, '-u', `amqp://${name}@127.0.0.1:1/`]);
  const from = async (args: readonly string[], env: Record<string, string> = {}): Promise<string> =>
    (await run(['publish', '-q', 'q', 'x', '-v', ...args], { env: { RMQ_URL: 'amqp://environment@127.0.0.1:1/', ...env } })).stderr;
  assert.match(await from([]), /connecting to amqp:\/\/environment@/);
  await run(['context', 'use', 'current']);
  assert.match(await from([]), /broker URL from the context current\n[\s\S]*connecting to amqp:\/\/current@/);
  assert.match(await from([], { RMQ_CONTEXT: 'variable' }), /connecting to amqp:\/\/variable@/);
  assert.match(await from(['-c', 'flag'], { RMQ_CONTEXT: 'variable' }), /connecting to amqp:\/\/flag@/);
  assert.match(await from(['-u', 'amqp://url@127.0.0.1:1/']), /connecting to amqp:\/\/url@/);
  assert.match(await from([], { RMQ_CONTEXT: '' }), /connecting to amqp:\/\/environment@/);
  await run(['context', 'use', '--none']);
  assert.match(await from([]), /connecting to amqp:\/\/environment@/);
  const both = await run(['publish', '-q', 'q', 'x', '-c', 'flag', '-u', NOWHERE]);
  assert.equal(both.code, 64, both.stderr);
  const missing = await run(['publish', '-q', 'q', 'x', '-c', 'nope']);
  assert.equal(missing.code, 66, missing.stderr);
  assert.match(missing.stderr, /flag, variable, current/);
});

const broken: readonly (readonly [text: string, mode: number, says: RegExp])[] = [
  ['{"contexts":{}}', 0o644, /open to other users[\s\S]*chmod 600/],
  ['{"contexts":', 0o600, /is not JSON/],
  ['{"contexts":{"x":{"url":["amqp://a"],"colour":"red"}}}', 0o600, /"colour"/],
  ['{"contexts":{"x":{}}}', 0o600, /"x" needs either a URL or a file/],
  ['{"contexts":{"x":{"url":["amqp://a:secret@b"]}}}', 0o600, /must not hold a password/],
  ['{"current":"gone","contexts":{}}', 0o600, /"gone" is not there/],
];
test('a contexts file that is open to others or broken is 78, and only for commands that connect', async (t) => {
  const { run, file, directory } = home(t);
  mkdirSync(join(directory, 'rmq'));
  for (const [text, mode, says] of broken) {
    writeFileSync(file, text);
    chmodSync(file, mode);
    const result = await run(['publish', '-q', 'q', 'x', '-c', 'x']);
    assert.equal(result.code, 78, `${text} ${result.stderr}`);
    assert.match(result.stderr, says);
    assert.doesNotMatch(result.stderr, /secret|^ +at /m);
  }
  assert.equal((await run(['publish', '-q', 'q', 'x'])).code, 78);
  assert.equal((await run(['topic', 'match', 'a', 'a'])).code, 0);
  assert.equal((await run(['publish', '-q', 'q', 'x', '-u', NOWHERE])).code, 69);
});

test('a context brings its password command and its management API, and not that of the environment', async (t) => {
  const { queue } = await peer(t);
  const name = await queue();
  const { run, directory } = home(t);
  const url = new URL(await restrictedUser(t, { configure: '.*', write: '.*', read: '.*', tags: 'management', password: 'hunter2 x' }));
  url.password = '';
  writeFileSync(join(directory, 'secret'), 'hunter2 x\n');
  const management = new URL(process.env['RABBITMQ_MANAGEMENT_URL'] ?? '').origin;
  const command = `cat '${directory}/secret'`;
  await run(['context', 'add', 'ours', '-u', url.href, '--password-command', command, '--management-url', management]);
  const env = { RABBITMQ_MANAGEMENT_URL: 'http://127.0.0.1:1' };
  const status = await run(['queue', 'status', name, '--json', '-c', 'ours'], { env });
  assert.equal(status.code, 0, status.stderr);
  assert.equal(json<{ unacked: number | null }>(status).unacked, 0, status.stdout);
});

test('a protected context needs its name to be confirmed, and --yes is not enough', async (t) => {
  const { queue, publish, depth, exchange, channel } = await peer(t);
  const [name, other, gone] = [await queue(), await queue(), await exchange('fanout')];
  await publish(name, ['a', 'b']);
  await channel.bindQueue(name, gone, '');
  const { run } = home(t);
  await run(['context', 'add', 'production', '-u', brokerUrl(), '--protected']);
  await run(['context', 'add', 'staging', '-u', brokerUrl()]);
  const bundle = join(tmpdir(), unique('bundle'));
  t.after(() => rmSync(bundle, { recursive: true, force: true }));
  assert.equal((await run(['dlx', 'export', name, '-d', bundle, '-c', 'staging'])).code, 0);
  const lines = [
    ['queue', 'delete', name],
    ['queue', 'purge', name],
    ['queue', 'unbind', name, gone],
    ['exchange', 'delete', gone],
    ['dlx', 'purge', name],
    ['dlx', 'move', name, other],
    ['dlx', 'replay', name, '--to-queue', other],
    ['dlx', 'import', bundle, '-q', other],
  ];
  for (const line of lines) {
    const refused = await run([...line, '-y', '-c', 'production']);
    assert.equal(refused.code, 64, `${line.join(' ')} ${refused.stderr}`);
    assert.match(refused.stderr, /--confirm production[\s\S]*production \(protected\) amqp:\/\/guest@/);
    const wrong = await run([...line, '-y', '-c', 'staging', '--confirm', 'production']);
    assert.equal(wrong.code, 64, wrong.stderr);
    assert.match(wrong.stderr, /the context is staging/);
  }
  assert.equal((await run(['dlx', 'replay', name, '--to-queue', other, '--dry-run', '-c', 'production'])).code, 0);
  assert.deepEqual([await depth(name), await depth(other)], [2, 0]);
  const confirmed = ['-c', 'production', '--confirm', 'production'];
  assert.equal((await run(['dlx', 'move', name, other, '-n', '1', ...confirmed])).code, 0);
  assert.deepEqual([await depth(name), await depth(other)], [1, 1]);
  for (const line of [
    ['dlx', 'purge', name],
    ['queue', 'purge', name],
    ['queue', 'unbind', name, gone],
    ['queue', 'delete', name],
    ['exchange', 'delete', gone],
  ]) {
    const result = await run([...line, ...confirmed]);
    assert.equal(result.code, 0, result.stderr);
  }
});

test('on a terminal the target is shown, and in a protected context its name is typed', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const [name, other] = [await queue(), await queue()];
  await publish(name, ['a']);
  const { run, env } = home(t);
  await run(['context', 'add', 'production', '-u', brokerUrl(), '--protected']);
  const moving = async (answer: string): Promise<Result> => {
    const { child, until, result } = start(['dlx', 'move', name, other, '-y', '-c', 'production'], { terminal: true, env });
    await until('stdout', 'Type the name of the context to continue:');
    child.stdin.write(`${answer}\n`);
    return result;
  };
  const refused = await moving(name);
  assert.equal(refused.code, 1, refused.stdout);
  assert.ok(refused.stdout.includes(`production (protected) ${brokerUrl().replace(':guest@', '@')}`), refused.stdout);
  assert.equal(await depth(name), 1);
  const done = await moving('production');
  assert.equal(done.code, 0, done.stdout);
  assert.equal(await depth(other), 1);
});

test('a command that connects to no broker refuses a context, and one in a private broker uses none', async (t) => {
  const { run, env } = home(t);
  await run(['context', 'add', 'x', '-u', NOWHERE]);
  await run(['context', 'use', 'x']);
  const refused = await run(['topic', 'match', 'a', 'a', '-c', 'x']);
  assert.equal(refused.code, 64, refused.stderr);
  assert.match(refused.stderr, /--context has no effect on rmq topic match/);
  const inside = await rmq(['broker', 'run', '--', 'sh', '-c', 'env | grep ^RMQ_CONTEXT='], { env: { ...env, ...STAND_IN }, timeout: 120_000 });
  assert.equal(inside.stdout, 'RMQ_CONTEXT=\n', inside.stderr);
  assert.match(readFileSync(join(env.XDG_CONFIG_HOME, 'rmq', 'contexts.json'), 'utf8'), /"current": "x"/);
});
