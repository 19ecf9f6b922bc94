import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { isAlive, markProcess } from '../../src/broker/node/process.ts';
import { type BackgroundState, backgroundNode, statePaths } from '../../src/broker/state.ts';
import { processesOf, rmq, STAND_IN, stateHome, until } from './rmq.ts';

const json = async (home: string, command: string, env = {}): Promise<{ code: number | null; result: Record<string, unknown>; stderr: string }> => {
  const { code, stdout, stderr } = await rmq(home, ['broker', command, '--json'], env).ended;
  return { code, result: stdout === '' ? {} : JSON.parse(stdout), stderr };
};

const remembered = (home: string): BackgroundState => JSON.parse(readFileSync(statePaths({ XDG_STATE_HOME: home }).state, 'utf8'));

test('broker start, status and stop: one node, found by later commands, gone afterwards', async (t) => {
  const home = stateHome(t);
  const env = { XDG_STATE_HOME: home };

  assert.equal((await json(home, 'status')).code, 1, 'nothing runs yet');
  assert.equal(backgroundNode(env), undefined);

  // Two at once: one of them starts it, the other waits and finds it.
  const [one, two] = await Promise.all([json(home, 'start'), json(home, 'start')]);
  assert.deepEqual([one.code, two.code], [0, 0], one.stderr + two.stderr);
  assert.deepEqual([one.result['started'], two.result['started']].sort(), [false, true]);
  assert.equal(one.result['url'], two.result['url']);
  assert.deepEqual(backgroundNode(env), { url: one.result['url'], managementUrl: one.result['managementUrl'] });
  assert.equal(processesOf(home).filter((line) => line.includes('beam')).length, 1);

  const status = await json(home, 'status');
  assert.equal(status.code, 0, status.stderr);
  assert.equal(status.result['accepting'], true);
  assert.equal(status.result['url'], one.result['url']);

  const again = await rmq(home, ['broker', 'start']).ended;
  assert.equal(again.code, 0);
  assert.equal(again.stdout.trim(), one.result['url']);
  assert.match(again.stderr, /already running/);

  assert.deepEqual((await json(home, 'stop')).result, { stopped: true });
  assert.deepEqual(processesOf(home), []);
  assert.equal(backgroundNode(env), undefined);
  const idle = await json(home, 'stop');
  assert.equal(idle.code, 0);
  assert.deepEqual(idle.result, { stopped: false });
});

test('broker start where the disk is full is exit 74', async (t) => {
  const home = stateHome(t);
  const full = await rmq(home, ['broker', 'start'], {}, 'full disk').ended;
  assert.equal(full.code, 74, full.stderr);
  assert.match(full.stderr, /EFBIG/);
  assert.deepEqual(processesOf(home), []);
});

test('a home where nothing can be made is refused at once, and named', async (t) => {
  const home = stateHome(t);
  for (const env of [{ HOME: '/proc/nope', XDG_STATE_HOME: '' }, { XDG_STATE_HOME: '/proc' }, { XDG_STATE_HOME: '/dev/null' }]) {
    const { code, stderr } = await rmq(home, ['broker', 'start'], env).ended;
    assert.equal(code, 74, stderr);
    assert.match(stderr, /cannot make \/(proc|dev)\//);
    assert.match(stderr, /XDG_STATE_HOME/);
  }
});

test('a broker that died is noticed and replaced by the next start; broker stop ends it where the disk is full, and where its directory takes no lock', async (t) => {
  const home = stateHome(t);
  const start = () => json(home, 'start', STAND_IN);
  const first = await start();
  assert.equal(first.code, 0, first.stderr);
  const pid = remembered(home).nodes[0]?.process?.pid as number;
  process.kill(pid, 'SIGKILL');
  await until(() => !isAlive({ pid }), 'the node is dead');

  assert.equal(backgroundNode({ XDG_STATE_HOME: home }), undefined);
  const status = await rmq(home, ['broker', 'status']).ended;
  assert.equal(status.code, 1);
  assert.match(status.stderr, /has ended by itself/);
  assert.deepEqual(processesOf(home), [], 'its epmd is gone too');

  const second = await start();
  assert.equal(second.code, 0, second.stderr);
  assert.equal(second.result['started'], true);

  assert.notDeepEqual(processesOf(home), []);
  const stopped = await rmq(home, ['broker', 'stop'], {}, 'full disk').ended;
  assert.equal(stopped.code, 0, stopped.stderr);
  assert.deepEqual(processesOf(home), []);

  assert.equal((await start()).code, 0);
  // A directory in its place: no lock can be made.
  mkdirSync(statePaths({ XDG_STATE_HOME: home }).lock);
  const locked = await rmq(home, ['broker', 'stop']).ended;
  assert.deepEqual(processesOf(home), [], locked.stderr);
});

test('a process that got the number of a dead node is neither taken for it nor killed by stop', async (t) => {
  const home = stateHome(t);
  const env = { XDG_STATE_HOME: home };
  const paths = statePaths(env);
  mkdirSync(paths.data, { recursive: true });
  const other = { ...markProcess(process.pid), started: '1' };
  const state: BackgroundState = {
    url: 'amqp://127.0.0.1:1/',
    managementUrl: 'http://127.0.0.1:2',
    version: '3',
    startedAt: new Date(0).toISOString(),
    nodes: [{ name: 'rmq-1@localhost', port: 1, process: other }],
    companions: [other],
  };
  writeFileSync(paths.state, JSON.stringify(state));

  assert.equal(backgroundNode(env), undefined);
  assert.deepEqual((await json(home, 'stop')).result, { stopped: true });
  assert.equal((await json(home, 'status')).code, 1);
});

test('a state file that makes no sense counts as no broker', async (t) => {
  const home = stateHome(t);
  const env = { XDG_STATE_HOME: home };
  mkdirSync(statePaths(env).base, { recursive: true });
  for (const nonsense of ['', '{', 'null', '{"url":1}', '{"url":"a","managementUrl":"b","nodes":[{}],"companions":[]}']) {
    writeFileSync(statePaths(env).state, nonsense);
    assert.equal(backgroundNode(env), undefined, nonsense);
  }
  assert.equal((await json(home, 'stop')).code, 0);
});

test('broker start on a port in use gives 69 and names the port', async (t) => {
  const home = stateHome(t);
  const { createServer } = await import('node:net');
  const server = createServer().listen(0, '127.0.0.1');
  t.after(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  const { code, stderr } = await rmq(home, ['broker', 'start', '--port', String(port)]).ended;
  assert.equal(code, 69);
  assert.match(stderr, new RegExp(`port ${port} is in use`));
  assert.equal(backgroundNode({ XDG_STATE_HOME: home }), undefined);
});
