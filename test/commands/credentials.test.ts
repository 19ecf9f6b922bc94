import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { isAlive } from '../../src/broker/node/process.ts';
import { brokerUrl, peer, unique } from '../support/broker.ts';
import { proxy } from '../support/faults.ts';
import { rmq, start } from '../support/rmq.ts';
import { changePassword, restrictedUser } from '../support/users.ts';

const ALL = { configure: '.*', write: '.*', read: '.*' };
const PASSWORD = 'c0rrect horse';
const hidden = (text: string): void => assert.doesNotMatch(text, /c0rrect|c0rrect%20horse|s3cond/);

/** A user of its own, the URL without its password, and a program that prints that from a file and counts how often. */
async function secretUser(t: TestContext, tags = '') {
  const given = new URL(await restrictedUser(t, { ...ALL, tags, password: PASSWORD }));
  const url = new URL(given);
  url.password = '';
  const directory = mkdtempSync(join(tmpdir(), 'rmq-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const [file, calls] = [join(directory, 'password'), join(directory, 'calls')];
  writeFileSync(file, `${PASSWORD}\n`);
  return {
    user: given.username,
    url: url.href,
    directory,
    command: `echo >> '${calls}'; cat '${file}'`,
    store: (password: string) => writeFileSync(file, password),
    calls: () => readFileSync(calls, 'utf8').length,
  };
}

test('the output of --password-command is the password, and it runs once for all connections of a run', async (t) => {
  const { queue, depth } = await peer(t);
  const name = await queue();
  const { user, url, command, calls } = await secretUser(t);
  const sent = await rmq(['publish', '-q', name, 'x', '-u', url, '--password-command', command, '-v']);
  assert.equal(sent.code, 0, sent.stderr);
  assert.equal(await depth(name), 1);
  assert.equal(calls(), 1);
  assert.match(sent.stderr, new RegExp(`amqp://${user}@`));
  hidden(sent.stdout + sent.stderr);
  // The task is copied to its retry queue over a connection of its own.
  const worked = await rmq(['work', 'run', name, '--retries', '1', '--drop-dead', '-n', '1', '-u', url, '--password-command', command, '--', 'false']);
  assert.equal(worked.code, 0, worked.stderr);
  assert.equal(calls(), 2);
  await rmq(['queue', 'delete', name, '-y', '--retries']);
});

test('neither a handler nor its dead letter nor the output sees the password', async (t) => {
  const { queue, publish, take } = await peer(t);
  const dead = await queue();
  const work = await queue({ arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead } });
  await publish(work, ['task']);
  const { url, command, directory } = await secretUser(t);
  const seen = join(directory, 'seen');
  const say = [
    'sh',
    '-c',
    `{ env; tr '\\0' ' ' < /proc/$PPID/cmdline; tr '\\0' ' ' < /proc/$PPID/environ; } > '${seen}'; cat '${directory}/password' >&2; exit 65`,
  ];
  const run = await rmq(['work', 'run', work, '-n', '1', '-v', '-u', url, '--password-command', command, '--', ...say]);
  assert.equal(run.code, 0, run.stderr);
  hidden(readFileSync(seen, 'utf8') + run.stdout + run.stderr);
  const [letter] = await take(dead);
  assert.equal(letter?.properties.headers?.['x-rmq-stderr'], '***');
  hidden(JSON.stringify(letter.properties.headers));
});

test('the management API is asked with the same password', async (t) => {
  const { queue } = await peer(t);
  const name = await queue();
  const { url, command, calls } = await secretUser(t, 'management');
  const managementUrl = new URL(process.env['RABBITMQ_MANAGEMENT_URL'] ?? '').origin;
  const status = await rmq(['queue', 'status', name, '--json', '-v', '-u', url, '--management-url', managementUrl, '--password-command', command]);
  assert.equal(status.code, 0, status.stderr);
  assert.equal(calls(), 1);
  hidden(status.stdout + status.stderr);
});

const failing: readonly (readonly [command: string, says: RegExp])[] = [
  ['echo the vault is sealed >&2; exit 3', /--password-command ended with 3: the vault is sealed/],
  ['true', /--password-command gave nothing/],
  ['echo', /--password-command gave nothing/],
  ['rmq-no-such-program', /--password-command ended with 127: .*not found/],
  ['printf "one\\ntwo\\n"', /--password-command gave more than one line/],
  ['yes', /--password-command printed more than 64 KiB/],
];
for (const [command, says] of failing) {
  test(`--password-command '${command}' is an invalid configuration`, async () => {
    const run = await rmq(['publish', '-q', 'nowhere', 'x', '-u', brokerUrl(), '--wait', '60s', '--password-command', command]);
    assert.equal(run.code, 78, run.stderr);
    assert.match(run.stderr, says);
    assert.doesNotMatch(run.stderr, /^ +at /m);
  });
}

test('a --password-command that hangs ends with all that it has started', async (t) => {
  const { directory } = await secretUser(t);
  const file = join(directory, 'pid');
  const hangs = `trap '' TERM; sleep 1000 & echo $! > '${file}'; wait`;
  const run = await rmq(['publish', '-q', 'nowhere', 'x', '-u', brokerUrl(), '--connect-timeout', '1s', '--password-command', hangs]);
  assert.equal(run.code, 78, run.stderr);
  assert.match(run.stderr, /--password-command: nothing came within 1 s/);
  const pid = Number(readFileSync(file, 'utf8'));
  assert.ok(pid > 1);
  while (isAlive({ pid })) await pause(20);
});

test('a password that is wrong is refused at once, and asked for once', async (t) => {
  const { url, command, store, calls } = await secretUser(t);
  store('s3cond');
  const run = await rmq(['publish', '-q', 'nowhere', 'x', '-u', url, '--password-command', command]);
  assert.equal(run.code, 77, run.stderr);
  assert.equal(calls(), 1);
  hidden(run.stderr);
});

test('a reconnect asks for the password again when the known one is refused, and only then', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue();
  const { user, url, command, store, calls } = await secretUser(t);
  const faulty = await proxy(t, url);
  const through = new URL(url);
  through.port = String(faulty.port);
  const run = start(['consume', name, '-v', '-u', through.href, '--password-command', command]);
  t.after(() => run.child.kill('SIGKILL'));
  const received = async (body: string): Promise<void> => {
    await publish(name, [body]);
    await run.until('stdout', body);
  };
  await received('first');
  faulty.cut();
  await received('known');
  assert.equal(calls(), 1);
  await changePassword(user, 's3cond');
  store('s3cond');
  faulty.cut();
  await received('changed');
  assert.equal(calls(), 2);
  run.child.kill('SIGTERM');
  const { stdout, stderr } = await run.result;
  hidden(stdout + stderr);
});

test('a password is not sent to the broker of --to-url', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const [from, to] = [await queue(), await queue()];
  await publish(from, ['x']);
  const { url, command } = await secretUser(t);
  const moved = await rmq(['dlx', 'move', from, to, '-u', url, '--to-url', url, '--password-command', command]);
  assert.equal(moved.code, 77, moved.stderr);
  assert.equal(await depth(from), 1);
});

test('--password-command and --token-command exclude each other, and neither runs where nothing is connected', async (t) => {
  const { command, directory } = await secretUser(t);
  const both = await rmq(['publish', '-q', unique('q'), 'x', '--password-command', command, '--token-command', command]);
  assert.equal(both.code, 64);
  assert.match(both.stderr, /--password-command and --token-command exclude each other/);
  assert.equal((await rmq(['topic', 'match', 'a.*', 'a.b', '--password-command', command])).code, 64);
  assert.ok(!existsSync(join(directory, 'calls')));
});
