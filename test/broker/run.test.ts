import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { findServer } from '../../src/broker/node/find.ts';
import { isAlive } from '../../src/broker/node/process.ts';
import { onTerminal, processesOf, remains, rmq, STAND_IN, scratch, until } from './rmq.ts';

const NOTHING = { files: [], processes: [] };

/** Speaks to the broker in its environment, prints what it finds, and ends with 7. */
const ASK = `
  const { RABBITMQ_URL, RABBITMQ_MANAGEMENT_URL, RMQ_URL } = process.env;
  const { username, password, origin } = new URL(RABBITMQ_MANAGEMENT_URL);
  const answer = await fetch(origin + '/api/nodes', { headers: { authorization: 'Basic ' + btoa(username + ':' + password) } });
  const running = (await answer.json()).filter((node) => node.running).map((node) => node.name);
  console.log(JSON.stringify({ urls: RABBITMQ_URL.split(','), running, other: RMQ_URL ?? null }));
  process.exitCode = 7;
`;

test('broker run --nodes 2 gives the command a cluster of two', async (t) => {
  const home = scratch(t);
  const { code, stdout } = await rmq(home, ['broker', 'run', '--nodes', '2', '--boot-timeout', '2m', '--', process.execPath, '--input-type=module', '-e', ASK])
    .ended;
  const { urls, running } = JSON.parse(stdout);
  assert.equal(code, 7);
  assert.equal(new Set(urls).size, 2);
  assert.equal(running.length, 2);
  assert.deepEqual(remains(home), NOTHING);
});

test('a command that does not exist gives 127, one that cannot be executed 126, and no broker is started for them', async (t) => {
  const home = scratch(t);
  const plain = join(home, 'plain');
  writeFileSync(plain, 'not a program');
  const none = { RMQ_RABBITMQ_SERVER: '/nonexistent' };
  for (const [command, expected, says] of [
    ['no-such-command', 127, /no-such-command: command not found/],
    ['/no/such/command', 127, /no such file/],
    [plain, 126, /is not executable/],
    [home, 126, /is a directory/],
  ] as const) {
    const { code, stderr } = await rmq(home, ['broker', 'run', '--', command], none).ended;
    assert.equal(code, expected, command);
    assert.match(stderr, says);
  }
});

test('a command whose interpreter is missing gives 126 and leaves no broker', async (t) => {
  const home = scratch(t);
  const directory = join(home, 'bin');
  mkdirSync(directory);
  writeFileSync(join(directory, 'script'), '#!/no/such/interpreter\n');
  chmodSync(join(directory, 'script'), 0o755);
  const { code, stderr } = await rmq(home, ['broker', 'run', '--', 'script'], { ...STAND_IN, PATH: `${directory}:${process.env['PATH']}` }).ended;
  assert.equal(code, 126, stderr);
  assert.deepEqual(remains(home), { files: ['bin'], processes: [] });
});

test('SIGTERM reaches the command and its children; rmq waits for them, then ends with 143', async (t) => {
  const home = scratch(t);
  const file = join(home, 'said');
  const run = rmq(
    home,
    ['broker', 'run', '--', 'sh', '-c', `trap 'sleep 0.3; echo goodbye > ${file}; exit 0' TERM; sleep 300 & echo "child $!"; wait`],
    STAND_IN,
  );
  await run.printed('child');
  run.kill('SIGTERM');
  const { code, stdout } = await run.ended;
  assert.equal(code, 143);
  assert.equal(readFileSync(file, 'utf8'), 'goodbye\n');
  assert.equal(isAlive({ pid: Number(/child (\d+)/.exec(stdout)?.[1]) }), false);
  assert.deepEqual(remains(home), { files: ['said'], processes: [] });
});

test('a command that a signal ends gives 128 and its number; what it leaves running in its process group is told to end before the broker goes', async (t) => {
  const home = scratch(t);
  const file = join(home, 'said');
  const left = `sh -c 'trap "rmq_gone=1; echo goodbye > ${file}; exit" TERM; echo "left $$"; while :; do sleep 0.05; done' & sleep 0.3; kill -KILL $$`;
  const { code, stdout } = await rmq(home, ['broker', 'run', '--', 'sh', '-c', left], STAND_IN).ended;
  assert.equal(code, 137);
  assert.equal(isAlive({ pid: Number(/left (\d+)/.exec(stdout)?.[1]) }), false);
  assert.equal(readFileSync(file, 'utf8'), 'goodbye\n');
  assert.deepEqual(remains(home), { files: ['said'], processes: [] });
});

test('with a terminal too, what the command leaves running is ended', async (t) => {
  const home = scratch(t);
  const { stdout } = await onTerminal(home, ['broker', 'run', '--', 'sh', '-c', 'sleep 290 & echo "left $!"'], STAND_IN);
  const pid = Number(/left (\d+)/.exec(stdout)?.[1]);
  assert.ok(pid > 1, stdout);
  assert.equal(isAlive({ pid }), false);
  assert.deepEqual(remains(home), NOTHING);
});

test('SIGINT that ends the command gives 130 and leaves nothing behind', async (t) => {
  const home = scratch(t);
  const program = 'process.on("SIGINT", () => { console.log("interrupted"); process.exit(0); }); console.log("ready"); setInterval(() => {}, 1000)';
  const run = rmq(home, ['broker', 'run', '--', process.execPath, '-e', program], STAND_IN);
  await run.printed('ready');
  run.kill('SIGINT');
  const { code, stdout } = await run.ended;
  assert.equal(code, 130);
  assert.equal(stdout, 'ready\ninterrupted\n');
  assert.deepEqual(remains(home), NOTHING);
});

test('SIGINT while the node boots gives 130 and leaves nothing behind', async (t) => {
  const home = scratch(t);
  const run = rmq(home, ['broker', 'run', '--', 'true']);
  await until(() => processesOf(home).some((line) => line.includes('beam')), 'the Erlang VM runs');
  run.kill('SIGINT');
  assert.equal((await run.ended).code, 130);
  assert.deepEqual(remains(home), NOTHING);
});

test('when rmq itself is killed, node, epmd, files and command go too', async (t) => {
  const home = scratch(t);
  const run = rmq(home, ['broker', 'run', '--', 'sh', '-c', 'echo "command $$"; exec sleep 300']);
  const command = Number(/command (\d+)\n/.exec(await run.printed('\n'))?.[1]);
  assert.notDeepEqual(processesOf(home), []);
  run.kill('SIGKILL');
  await until(() => remains(home).files.length === 0, 'the files are gone');
  assert.deepEqual(processesOf(home), []);
  await until(() => !isAlive({ pid: command }), 'the command has ended');
});

test('a node that does not start gives 69 with what it said, and leaves nothing behind', async (t) => {
  const home = scratch(t);
  const bin = join(home, 'bin');
  mkdirSync(bin);
  const server = join(bin, 'rabbitmq-server');
  writeFileSync(server, '#!/bin/sh\necho "the moon is in the wrong phase" >&2\nexit 1\n');
  chmodSync(server, 0o755);
  const { code, stderr } = await rmq(home, ['broker', 'run', '--', 'true'], { RMQ_RABBITMQ_SERVER: server }).ended;
  assert.equal(code, 69);
  assert.match(stderr, /the moon is in the wrong phase/);
  assert.deepEqual(remains(home), { files: ['bin'], processes: [] });
});

test('broker run gives the command a broker, ends with its exit code, and leaves nothing behind; ports that are taken meanwhile cost another attempt', async (t) => {
  const home = scratch(t);
  const bin = join(home, 'bin');
  mkdirSync(bin);
  const server = join(bin, 'rabbitmq-server');
  const real = findServer(process.env);
  assert.equal(real?.kind, 'script');
  const failing = (tried: string, says: string): string => `[ -e ${bin}/${tried} ] || { touch ${bin}/${tried}; echo '${says}'; exit 1; }`;
  const lines = [
    '#!/bin/sh',
    failing('once', 'Failed to start Ranch listener: eaddrinuse (address already in use)'),
    failing('twice', 'reason: {dist_port_already_used,25238,not_erlang,"localhost"}'),
    `exec ${real.path}`,
  ];
  writeFileSync(server, lines.join('\n'));
  chmodSync(server, 0o755);
  const args = ['broker', 'run', '--', process.execPath, '--input-type=module', '-e', ASK];
  const { code, stdout, stderr } = await rmq(home, args, { RMQ_RABBITMQ_SERVER: server, RMQ_URL: 'amqp://elsewhere/' }).ended;
  assert.equal(code, 7, stderr);
  const { urls, running, other } = JSON.parse(stdout);
  assert.match(urls[0], /^amqp:\/\/guest:guest@127\.0\.0\.1:\d+\/$/);
  assert.equal(running.length, 1);
  assert.equal(other, null, 'RMQ_URL would lead an rmq inside to another broker');
  assert.deepEqual(remains(home), { files: ['bin'], processes: [] });
});

test('a directory for temporary files that is missing, or takes no file, gives 74 and names it', async (t) => {
  const home = scratch(t);
  const missing = await rmq(home, ['broker', 'run', '--', 'true'], { TMPDIR: join(home, 'nowhere') }).ended;
  assert.equal(missing.code, 74, missing.stderr);
  assert.match(missing.stderr, /cannot make a directory for the node in .*nowhere: ENOENT/);
  const full = await rmq(home, ['broker', 'run', '--', 'true'], {}, 'full disk').ended;
  assert.equal(full.code, 74, full.stderr);
  assert.match(full.stderr, /cannot prepare a node in .*: EFBIG/);
  assert.deepEqual(remains(home), NOTHING);
});

test('a node that takes longer than --boot-timeout gives 69 and leaves nothing behind', async (t) => {
  const home = scratch(t);
  const { code, stderr } = await rmq(home, ['broker', 'run', '--boot-timeout', '500ms', '--', 'true']).ended;
  assert.equal(code, 69);
  assert.match(stderr, /did not accept connections within 500 ms/);
  assert.deepEqual(remains(home), NOTHING);
});

test('an RMQ_RABBITMQ_SERVER that names nothing to execute gives 69 and says so', async (t) => {
  const { code, stderr } = await rmq(scratch(t), ['broker', 'run', '--', 'true'], { RMQ_RABBITMQ_SERVER: '/nonexistent' }).ended;
  assert.equal(code, 69);
  assert.match(stderr, /RMQ_RABBITMQ_SERVER names \/nonexistent, which is not an executable file/);
});
