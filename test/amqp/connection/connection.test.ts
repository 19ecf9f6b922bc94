import assert from 'node:assert/strict';
import { after, before, type TestContext, test } from 'node:test';
import { connect } from 'amqplib';
import { startBroker, type TestBroker } from 'rmq/testing';
import { brokerUrl, peer } from '../../support/broker.ts';
import { CONNECTION_CLOSE, closingPort, deadPort, type FaultyProxy, httpPort, proxy, silentPort } from '../../support/faults.ts';
import { createUser, manage } from '../../support/management.ts';
import { json, type Result, type Running, rmq, start } from '../../support/rmq.ts';

interface Summary {
  readonly published: number;
  readonly confirmed: number;
  readonly unknown: number;
}

/** A password that must not be seen anywhere. */
const SECRET = 'hunter2';

let broker: TestBroker;
before(async () => {
  broker = await startBroker({ bootTimeout: 300_000 });
});
after(() => broker.stop());

/** The URL of the broker, with another login or vhost. */
function urlWith(login: string, vhost = ''): string {
  return `amqp://${login}@127.0.0.1:${new URL(broker.url).port}/${vhost}`;
}

/** Publishes one message; a hang fails the test. */
async function publishTo(urls: string | readonly string[], ...more: string[]): Promise<Result> {
  const flags = [urls].flat().flatMap((url) => ['--url', url]);
  const result = await rmq(['publish', '-q', 'q', 'hello', ...flags, ...more], { timeout: 40_000 });
  assert.ok(!`${result.stdout}${result.stderr}`.includes(SECRET), result.stderr);
  return result;
}

/** Checks how a run failed: the exit code, and a message for people without a stack trace. */
function assertFails(result: Result, code: number, ...says: readonly RegExp[]): void {
  assert.equal(result.code, code, result.stderr);
  assert.match(result.stderr, /^error: /m);
  assert.match(result.stderr, /^ {2}→ /m);
  assert.doesNotMatch(result.stderr, /^ +at |Expected Connection|maxFrameSize|\.c:\d+/m);
  for (const pattern of says) assert.match(result.stderr, pattern);
}

/** A queue in the vhost `/` of the private broker, and a look at what is in it. */
async function ownQueue(t: TestContext): Promise<{ name: string; depth: () => Promise<number>; bodies: () => Promise<string[]> }> {
  const { queue, take, depth } = await peer(t, broker.url);
  const name = await queue();
  return { name, depth: () => depth(name), bodies: async () => (await take(name)).map(({ content }) => String(content)) };
}

// Logins

test('a wrong password is exit 77, and never shown', async () => {
  for (const verbose of [[], ['-v']]) {
    const result = await rmq(['publish', '-q', 'q', 'x', '--url', urlWith(`guest:${SECRET}`), ...verbose]);
    assert.equal(result.code, 77, result.stderr);
    assert.match(result.stderr, /amqp:\/\/guest@127\.0\.0\.1:\d+\/ refused the user name or password/);
    assert.ok(!result.stderr.includes(SECRET), result.stderr);
  }
});

test('an unknown user is exit 77', async () => {
  assertFails(await publishTo(urlWith(`nobody:${SECRET}`)), 77, /nobody@.* refused the user name or password/);
});

test('a vhost that does not exist is exit 77, and named', async () => {
  assertFails(await publishTo(urlWith('guest:guest', 'a%2Fb')), 77, /there is no vhost "a\/b"/, /%2F/);
});

test('a vhost that the user has no permission for is exit 77, in words of its own', async () => {
  await createUser(broker, 'stranger', SECRET, []);
  assertFails(await publishTo(urlWith(`stranger:${SECRET}`)), 77, /does not let this user into the vhost "\/"/, /refused for user 'stranger'/);
});

test('a connection limit of the vhost is exit 75, and --wait waits for a place', async () => {
  await createUser(broker, 'limited', SECRET, ['limited']);
  await manage(broker, 'PUT', 'vhost-limits/limited/max-connections', { value: 1 });
  const url = urlWith(`limited:${SECRET}`, 'limited');
  const holder = await connect(url);
  await (await holder.createChannel()).assertQueue('q');
  assertFails(await publishTo(url), 75, /a connection limit is reached/);
  const run = start(['publish', '-q', 'q', 'x', '--url', url, '--wait', '60s']);
  await run.until('stderr', 'attempt 1');
  await holder.close();
  const result = await run.result;
  assert.equal(result.code, 0, result.stderr);
});

const logins: readonly (readonly [user: string, password: string, vhost: string])[] = [
  ['plain', 'p', 'a/b'],
  ['späte', 'pässwörd', 'ü'],
  ['at@home', 'p@ss/w?r#d%20:', '%2F'],
  ['日本', '語 语', ' '],
];
for (const [user, password, vhost] of logins) {
  test(`the user ${JSON.stringify(user)} with the password ${JSON.stringify(password)} gets into the vhost ${JSON.stringify(vhost)}`, async (t) => {
    await createUser(broker, user, password, [vhost]);
    // amqplib takes such a login only apart.
    const url = urlWith(`${encodeURIComponent(user)}:${encodeURIComponent(password)}`, encodeURIComponent(vhost));
    await manage(broker, 'PUT', `permissions/${encodeURIComponent(vhost)}/guest`, { configure: '.*', write: '.*', read: '.*' });
    const { channel, take } = await peer(t, urlWith('guest:guest', encodeURIComponent(vhost)));
    await channel.assertQueue('q');
    const result = await publishTo(url, '-v');
    assert.equal(result.code, 0, result.stderr);
    assert.equal((await take('q')).length, 1);
    assert.ok(!result.stderr.includes(password) || password.length < 3, result.stderr);
  });
}

test('an IPv6 address works where the machine has one, and is named where not', async (t) => {
  const through = await proxy(t, broker.url, { host: '::1' }).catch(() => undefined);
  const { name, bodies } = await ownQueue(t);
  const result = await rmq(['publish', '-q', name, 'x', '--url', through?.url ?? 'amqp://guest:guest@[::1]:1/']);
  if (through === undefined) assertFails(result, 69, /amqp:\/\/guest@\[::1\]:1\//);
  else {
    assert.equal(result.code, 0, result.stderr);
    assert.deepEqual(await bodies(), ['x']);
  }
});

test('the broker shows the name of a connection, and what it belongs to', async (t) => {
  const { name } = await ownQueue(t);
  const expected = ['rmq publisher', 'nightly import'];
  const runs = [[], ['--name', 'nightly import']].map((flags) => start(['publish', '-q', name, '--lines', '-v', '--url', broker.url, ...flags]));
  await Promise.all(runs.map((run) => run.until('stderr', 'connected to')));
  let shown: (Record<string, unknown> | undefined)[] = [];
  // The management plugin learns of a connection a while after it is there.
  while (shown.filter((one) => one !== undefined).length < expected.length) {
    const all = (await manage(broker, 'GET', 'connections')) as { client_properties?: Record<string, unknown> }[];
    shown = expected.map((wanted) => all.find(({ client_properties: own }) => own?.['connection_name'] === wanted)?.client_properties);
  }
  for (const properties of shown) assert.deepEqual([properties?.['product'], properties?.['version']], ['rmq', undefined]);
  for (const run of runs) run.child.stdin.end();
  for (const run of runs) assert.equal((await run.result).code, 0);
});

// Ports where there is no broker

test('nothing listening is exit 69, and every address that was tried is named', async () => {
  const [first, second, third] = [await deadPort(), await deadPort(), await deadPort()];
  const of = (port: number): string => `amqp://user:${SECRET}@127.0.0.1:${port}`;
  const one = await publishTo(of(first));
  assertFails(one, 69, new RegExp(`amqp://user@127\\.0\\.0\\.1:${first}/: nothing is listening there`), /--wait/);
  const all = await publishTo([`${of(first)},${of(second)}`, of(third)]);
  assertFails(all, 69);
  for (const port of [first, second, third]) assert.match(all.stderr, new RegExp(`user@127\\.0\\.0\\.1:${port}/: nothing is listening`));
});

test('an unknown host is exit 69', async () => {
  assertFails(await publishTo('amqp://host.invalid'), 69, /amqp:\/\/host\.invalid:5672\/: the host name (is not known|could not be looked up)/);
});

test('a port that accepts and never speaks is exit 69 after --connect-timeout, in plain and in TLS', async (t) => {
  const { port } = await silentPort(t);
  for (const scheme of ['amqp', 'amqps']) {
    const result = await publishTo(`${scheme}://127.0.0.1:${port}`, '--connect-timeout', '300ms');
    assertFails(result, 69, /did not let us in within 300 ms/, /--connect-timeout/);
  }
  assertFails(await publishTo(`amqp://127.0.0.1:${port}?connection_timeout=200`), 69, /within 200 ms/);
});

test('--connect-timeout is for the whole login: a broker that is alive but slow runs into it too', async (t) => {
  const slow = await proxy(t, broker.url);
  slow.delay(150);
  const { name, bodies } = await ownQueue(t);
  assertFails(await publishTo(slow.url, '--connect-timeout', '400ms'), 69, /did not let us in within 400 ms/);
  assert.equal((await rmq(['publish', '-q', name, 'x', '--url', slow.url])).code, 0);
  assert.deepEqual(await bodies(), ['x']);
});

test('a port that speaks HTTP does not speak AMQP: exit 69', async (t) => {
  const { port } = await httpPort(t);
  assertFails(await publishTo(`amqp://127.0.0.1:${port}`), 69, /does not speak AMQP/, /5672/);
  assertFails(await publishTo(`amqps://127.0.0.1:${port}`), 69, /does not speak TLS/);
});

test('a port that closes at once is exit 69', async (t) => {
  const { port } = await closingPort(t);
  assertFails(await publishTo(`amqp://127.0.0.1:${port}`), 69, /before the login was done/);
  assertFails(await publishTo(`amqps://127.0.0.1:${port}`), 69, /before the login was done/);
});

test('TLS on a plain port is exit 69, with the scheme that would work', async () => {
  assertFails(await publishTo(`amqps://127.0.0.1:${new URL(broker.url).port}`), 69, /does not speak TLS/, /amqp:\/\//);
});

// Several addresses

test('of several addresses the first that works is used', async (t) => {
  const { name, bodies } = await ownQueue(t);
  const urls = [`amqp://127.0.0.1:${await deadPort()}`, `amqp://127.0.0.1:${(await closingPort(t)).port}`, broker.url].join(',');
  // The order is a matter of chance: whichever comes first, it must work.
  for (let round = 0; round < 5; round++) assert.equal((await rmq(['publish', '-q', name, String(round), '--url', urls])).code, 0);
  assert.equal((await bodies()).length, 5);
});

test('a refused login among several addresses is what the exit code says', async () => {
  const result = await publishTo([`amqp://127.0.0.1:${await deadPort()}`, urlWith(`guest:${SECRET}`)]);
  assertFails(result, 77, /nothing is listening/, /refused the user name or password/);
});

test('a run that loses its broker goes on with the other one', async (t) => {
  const other = await proxy(t, brokerUrl());
  const { channel, take } = await peer(t, broker.url);
  const there = await peer(t);
  const name = await there.queue({}, 'failover');
  await channel.assertQueue(name);
  // The proxy that refuses makes sure that the run begins with the broker that it will lose.
  const spare = await proxy(t, broker.url, { admitting: false });
  const run = start(['publish', '-q', name, '--lines', '--json', '-v', '--url', other.url, '--url', spare.url]);
  await run.until('stderr', 'connected to');
  run.child.stdin.write('before\n');
  while ((await there.depth(name)) === 0);
  await spare.admit();
  await other.refuse();
  run.child.stdin.end('after\n');
  const result = await run.result;
  assert.equal(result.code, 0, result.stderr);
  assert.equal(json<Summary>(result).confirmed, 2);
  assert.ok((await take(name)).some(({ content }) => String(content) === 'after'));
});

// Waiting for the first success

test('--wait goes on until the broker is up', async (t) => {
  const late = await proxy(t, broker.url, { admitting: false });
  const { name, bodies } = await ownQueue(t);
  const run = start(['publish', '-q', name, 'x', '--wait', '60s', '--url', late.url]);
  await run.until('stderr', 'attempt 2');
  await late.admit();
  const result = await run.result;
  assert.equal(result.code, 0, result.stderr);
  assert.deepEqual(await bodies(), ['x']);
});

test('--wait with a wrong password fails at once', async () => {
  for (const urls of [urlWith(`guest:${SECRET}`), [urlWith(`guest:${SECRET}`), `amqp://127.0.0.1:${await deadPort()}`]]) {
    const result = await publishTo(urls, '--wait', '1h');
    assertFails(result, 77);
    assert.doesNotMatch(result.stderr, /attempt/);
  }
});

test('--wait that passes is exit 69', async () => {
  assertFails(await publishTo(`amqp://127.0.0.1:${await deadPort()}`, '--wait', '300ms'), 69, /nothing is listening/);
});

test('without --wait there is one attempt', async () => {
  const result = await publishTo(`amqp://127.0.0.1:${await deadPort()}`);
  assert.doesNotMatch(result.stderr, /attempt/);
});

// Being stopped

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  for (const scheme of ['amqp', 'amqps']) {
    test(`${signal} during the login at a silent ${scheme} port ends the run at once: exit ${code}`, async (t) => {
      const silent = await silentPort(t);
      // Were the connection left alone, the run would go on for an hour.
      const run = start(['publish', '-q', 'q', 'x', '--url', `${scheme}://127.0.0.1:${silent.port}`, '--connect-timeout', '1h'], { timeout: 20_000 });
      await silent.visited();
      run.child.kill(signal);
      const result = await run.result;
      assert.equal(result.code, code, result.stderr);
      assert.doesNotMatch(result.stderr, /^ +at /m);
    });
  }
}

test('Ctrl-C while waiting for the first success ends the run at once', async () => {
  const run = start(['publish', '-q', 'q', 'x', '--url', `amqp://127.0.0.1:${await deadPort()}`, '--wait', '1h'], { timeout: 40_000 });
  await run.until('stderr', 'attempt 3');
  run.child.kill('SIGINT');
  assert.equal((await run.result).code, 130);
});

test('Ctrl-C while reconnecting ends the run at once, with the counts', async (t) => {
  const { run, through } = await publishing(t);
  await through.refuse();
  await run.until('stderr', 'attempt 3');
  run.child.kill('SIGINT');
  const result = await run.result;
  assert.equal(result.code, 130, result.stderr);
  const { published, confirmed, unknown } = json<Summary>(result);
  assert.deepEqual([published, confirmed + unknown], [1, 1]);
});

test('a first signal waits for confirms that a stalled connection never brings; the second one leaves at once', async (t) => {
  const { run, through } = await publishing(t, '--heartbeat', '0s');
  through.stall();
  const stalled = new Promise<void>((resolve) => run.child.stdin.write('line 1\n', () => resolve()));
  await stalled;
  // Two different signals, because the second of two alike may be lost; which of them comes first is open.
  run.child.kill('SIGINT');
  run.child.kill('SIGTERM');
  const result = await run.result;
  assert.ok(result.code === 130 || result.code === 143, result.stderr);
  // Left to the first one, the run would have said what became of its messages.
  assert.equal(result.stdout, '');
});

// Losing a connection

/** A run that publishes lines through a proxy and has had its first one confirmed. */
async function publishing(t: TestContext, ...flags: string[]): Promise<{ run: Running; through: FaultyProxy; bodies: () => Promise<string[]> }> {
  const through = await proxy(t, broker.url);
  const { name, depth, bodies } = await ownQueue(t);
  const run = start(['publish', '-q', name, '--lines', '--json', '-v', '--url', through.url, ...flags]);
  run.child.stdin.write('line 0\n');
  while ((await depth()) === 0);
  return { run, through, bodies };
}

for (const [flags, because] of [
  [['--no-reconnect'], /reconnecting is off \(--no-reconnect\)/],
  [['--max-reconnects', '0'], /reconnecting is off \(--max-reconnects 0\)/],
] as const) {
  test(`with ${flags.join(' ')} a connection that is cut is exit 69, with the counts so far`, async (t) => {
    const { run, through } = await publishing(t, ...flags);
    through.cut();
    const result = await run.result;
    assert.equal(result.code, 69, result.stderr);
    assert.match(result.stderr, because);
    assert.match(result.stderr, /the connection was lost/);
    assert.doesNotMatch(result.stderr, /attempt/);
    const { published, confirmed, unknown } = json<Summary>(result);
    assert.equal(published, 1);
    assert.equal(confirmed + unknown, 1);
  });
}

test('--max-reconnects 1 allows one attempt', async (t) => {
  const { run, through } = await publishing(t, '--max-reconnects', '1');
  await through.refuse();
  const result = await run.result;
  assert.equal(result.code, 69, result.stderr);
  assert.match(result.stderr, /gave up after 1 attempt to reconnect/);
});

test('a run whose connection is cut again and again gets every line across', async (t) => {
  const { run, through, bodies } = await publishing(t);
  const lines = Array.from({ length: 4_000 }, (_, index) => `line ${index}`);
  for (let part = 0; part < 4; part++) {
    run.child.stdin.write(lines.slice(part * 1_000, (part + 1) * 1_000).join('\n'));
    run.child.stdin.write('\n');
    through.cut();
    await through.visited(part + 2);
  }
  run.child.stdin.end();
  const result = await run.result;
  assert.equal(result.code, 0, result.stderr);
  const { published, confirmed, unknown } = json<Summary>(result);
  assert.deepEqual([published, confirmed, unknown], [4_001, 4_001, 0]);
  const seen = new Set(await bodies());
  assert.ok(lines.every((line) => seen.has(line)));
});

test('a refusal in the middle of reconnecting is not waited out', async (t) => {
  const { run, through } = await publishing(t);
  await through.refuse();
  await run.until('stderr', 'attempt 1');
  await httpPort(t, through.port);
  const result = await run.result;
  assert.equal(result.code, 69, result.stderr);
  assert.match(result.stderr, /does not speak AMQP/);
});

test('a connection that stalls is noticed by its heartbeat, and the run goes on with another', async (t) => {
  const { run, through, bodies } = await publishing(t, '--heartbeat', '1s');
  through.stall();
  run.child.stdin.write('line 1\n');
  await run.until('stderr', 'two heartbeat intervals');
  run.child.stdin.end('line 2\n');
  const result = await run.result;
  assert.equal(result.code, 0, result.stderr);
  assert.equal(json<Summary>(result).confirmed, 3);
  assert.deepEqual([...new Set(await bodies())], ['line 0', 'line 1', 'line 2']);
});

test('a connection that stalls with reconnecting off is exit 69, and the open messages are unknown', async (t) => {
  const { run, through } = await publishing(t, '--heartbeat', '1s', '--no-reconnect');
  through.stall();
  run.child.stdin.end('line 1\n');
  const result = await run.result;
  assert.equal(result.code, 69, result.stderr);
  const { published, unknown } = json<Summary>(result);
  assert.equal(published, 2);
  assert.ok(unknown >= 1);
});

test('a broker that never confirms the end of a connection does not keep a run from ending, with the truth', async (t) => {
  const through = await proxy(t, broker.url);
  through.stallOn(CONNECTION_CLOSE);
  const { name, bodies } = await ownQueue(t);
  const result = await rmq(['publish', '-q', name, 'x', '--json', '--url', through.url], { timeout: 20_000 });
  assert.equal(result.code, 0, result.stderr);
  assert.equal(json<Summary>(result).confirmed, 1);
  assert.deepEqual(await bodies(), ['x']);
  assert.equal((await rmq(['consume', name, '--drain', '--url', through.url], { timeout: 20_000 })).code, 0);
});

test('a run that is stopped by --timeout while it reconnects ends then', async (t) => {
  const { run, through } = await publishing(t, '--timeout', '3s');
  await through.refuse();
  run.child.stdin.write('line 1\n');
  await run.until('stderr', 'attempt 1');
  const result = await run.result;
  assert.equal(result.code, 124, result.stderr);
});
