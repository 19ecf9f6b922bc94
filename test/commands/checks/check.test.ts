import assert from 'node:assert/strict';
import { test } from '../../support/at-once.ts';
import { isSince, peer, unique } from '../../support/broker.ts';
import { deadPort } from '../../support/faults.ts';
import { inside } from '../../support/inside.ts';
import { jsonLines, rmq } from '../../support/rmq.ts';

interface Finding {
  readonly queue?: string;
  readonly reason?: string;
  readonly why?: string;
  readonly what: string;
  readonly status: string;
  readonly value: number | null;
}

const now = (): number => Math.floor(Date.now() / 1_000);

test('check queue is 0 while all limits hold, and 1 with a line for each that does not', async (t) => {
  const { queue, publish, channel } = await peer(t);
  const name = await queue();
  await publish(name, ['1', '2', '3']);
  const good = await rmq(['check', 'queue', name, '--max-depth', '3', '--min-depth', '3']);
  assert.equal(good.code, 0, good.stderr);
  assert.match(good.stdout, /^ok {7}queue ".*": depth 3\nok {7}queue ".*": consumers 0\n$/);
  const bad = await rmq(['check', 'queue', name, '--max-depth', '2', '--min-consumers', '1']);
  assert.equal(bad.code, 1, bad.stderr);
  assert.match(bad.stdout, /critical queue ".*": depth 3, more than --max-depth 2\ncritical queue ".*": consumers 0, less than --min-consumers 1\n/);
  assert.equal((await rmq(['check', 'queue', name, '--min-depth', '4'])).code, 1);
  await channel.consume(name, () => undefined);
  const findings = jsonLines<Finding>(await rmq(['check', 'queue', name, '--min-consumers', '1', '-o', 'json']));
  assert.deepEqual(
    findings.map(({ what, status, value }) => [what, status, value]),
    [
      ['depth', 'ok', 0],
      ['consumers', 'ok', 1],
    ],
  );
});

test('two formats that differ exclude each other', async () => {
  for (const json of [['-o', 'json'], ['--json']]) {
    const { code, stdout, stderr } = await inside(['check', 'queue', unique('absent'), ...json, '--format', 'nagios']);
    assert.equal(code, 64, stderr);
    assert.match(stderr, /-o json and --format nagios exclude each other/);
    assert.equal(stdout, '');
  }
  assert.equal((await inside(['check', 'broker', '-o', 'json', '--format', 'json'])).code, 0);
});

test('nagios gets one line with performance data, and 0 to 3: what is unknown is never in order', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue();
  await publish(name, ['1', '2', '3']);
  const nagios = (...args: string[]): ReturnType<typeof rmq> => inside(['check', 'queue', ...args, '--format', 'nagios']);
  const absent = unique('absent');
  for (const [args, code, line] of [
    [
      [name, '--max-depth', '3', '--warn-max-depth', '3'],
      0,
      `OK - queue "${name}": depth 3; queue "${name}": consumers 0 | '${name} depth'=3;3;3;0 '${name} consumers'=0;;;0\n`,
    ],
    [
      [name, '--max-depth', '3', '--warn-max-depth', '2'],
      1,
      `WARNING - queue "${name}": depth 3, more than --warn-max-depth 2 | '${name} depth'=3;2;3;0 '${name} consumers'=0;;;0\n`,
    ],
    [
      [name, '--max-depth', '2', '--warn-max-depth', '1'],
      2,
      `CRITICAL - queue "${name}": depth 3, more than --max-depth 2 | '${name} depth'=3;1;2;0 '${name} consumers'=0;;;0\n`,
    ],
    [
      [name, '--min-depth', '5', '--max-depth', '9'],
      2,
      `CRITICAL - queue "${name}": depth 3, less than --min-depth 5 | '${name} depth'=3;;5:9;0 '${name} consumers'=0;;;0\n`,
    ],
  ] as const) {
    const result = await nagios(...args);
    assert.equal(result.code, code, result.stderr);
    assert.equal(result.stdout, line);
  }
  const unknown = await nagios(name, absent);
  assert.equal(unknown.code, 3, unknown.stderr);
  assert.match(unknown.stdout, /^UNKNOWN - queue "test\.absent.*": depth unknown: .* \| .*'test\.absent[^']* depth'=U;;;0\n$/);
  // What is known to be wrong counts more.
  assert.equal((await nagios(absent, name, '--max-depth', '1')).code, 2);
  const dead = await nagios(name, '--url', `amqp://127.0.0.1:${await deadPort()}`);
  assert.equal(dead.code, 3, dead.stderr);
  assert.equal((await inside(['check', 'queue', absent])).code, 66);
});

test('prometheus gets a gauge for each value and status, junit a case', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue({}, 'q"uo\\te');
  await publish(name, ['1']);
  const prometheus = await inside(['check', 'queue', name, '--max-depth', '0', '--format', 'prometheus']);
  assert.equal(prometheus.code, 1, prometheus.stderr);
  const label = name.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
  assert.ok(prometheus.stdout.includes(`rmq_check_value{check="queue",queue="${label}",what="depth"} 1\n`), prometheus.stdout);
  assert.ok(prometheus.stdout.includes(`rmq_check_status{check="queue",queue="${label}",what="depth"} 2\n`), prometheus.stdout);
  const junit = await inside(['check', 'queue', name, unique('absent'), '--max-depth', '0', '--format', 'junit']);
  assert.equal(junit.code, 1, junit.stderr);
  assert.match(junit.stdout, /tests="3" failures="1" errors="1"[\s\S]*<failure message="queue &quot;.*more than --max-depth 0">[\s\S]*<error message="/);
});

test('--max-age looks at the oldest message, and leaves all of them where they are', async (t) => {
  const { queue, publish, take } = await peer(t);
  const name = await queue();
  await publish(name, ['old'], { timestamp: now() - 3_600 });
  await publish(name, ['new', 'newest'], { timestamp: now() });
  const aged = async (...args: string[]): Promise<Finding> =>
    jsonLines<Finding>(await inside(['check', 'queue', name, '-o', 'json', ...args])).find(({ what }) => what === 'age') ?? assert.fail();
  assert.equal((await aged('--max-age', '30m')).status, 'critical');
  assert.equal((await aged('--max-age', '2h', '--warn-max-age', '30m')).status, 'warning');
  const { status, value } = await aged('--max-age', '2h');
  assert.equal(status, 'ok');
  assert.ok((value ?? 0) >= 3_600_000);
  assert.deepEqual(
    (await take(name)).map(({ content }) => content.toString()),
    ['old', 'new', 'newest'],
  );
  assert.equal((await aged('--max-age', '1s')).status, 'ok');
  await publish(name, ['without a time']);
  const timeless = await inside(['check', 'queue', name, '--max-age', '1h', '--format', 'nagios']);
  assert.equal(timeless.code, 3, timeless.stdout);
});

test('the age of a message whose returns the queue counts is unknown: a check that comes again and again would move it', async (t) => {
  const { queue, publish, take, channel } = await peer(t);
  const name = await queue({ arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 2 } });
  await publish(name, ['a', 'b'], { timestamp: now() - 60 });
  const counted = !isSince(channel, '4.3');
  for (let round = 0; round < 4; round++) {
    const { code, stdout } = await inside(['check', 'queue', name, '--max-age', '1h', '--format', 'nagios']);
    assert.equal(code, counted ? 3 : 0, stdout);
  }
  const left = await take(name);
  assert.deepEqual(
    left.map(({ content }) => content.toString()),
    ['a', 'b'],
  );
});

test('check dlx counts dead letters, by their reason too, and knows where they arrive', async (t) => {
  const { queue, publish, channel, take } = await peer(t);
  const dead = await queue();
  const source = await queue({ arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead, 'x-message-ttl': 60_000 } });
  const short = await queue({ arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead, 'x-message-ttl': 1 } });
  assert.equal((await inside(['check', 'dlx', dead])).code, 0);
  await publish(source, ['a', 'b']);
  for (let count = 0; count < 2; count++) channel.reject((await channel.get(source)) || assert.fail(), false);
  await publish(short, ['c']);
  const waited = await inside(['wait', '--queue', dead, '--messages', '3']);
  assert.equal(waited.code, 0, waited.stderr);
  const none = await inside(['check', 'dlx', dead]);
  assert.equal(none.code, 1, none.stderr);
  assert.match(none.stdout, /critical queue ".*": dead letters 3, more than --max 0/);
  assert.equal((await inside(['check', 'dlx', dead, '--max', '3', '--max-age', '1h'])).code, 0);
  const byReason = await inside(['check', 'dlx', dead, '--by', 'reason', '--max', '1', '--max-age', '1h', '-o', 'json']);
  assert.equal(byReason.code, 1, byReason.stderr);
  const counted = jsonLines<Finding>(byReason).filter(({ what }) => what === 'depth');
  assert.deepEqual(counted.map(({ reason, value, status }) => [reason, value, status]).sort(), [
    ['expired', 1, 'ok'],
    ['rejected', 2, 'critical'],
  ]);
  for (const why of ['no such city', 'no such city', 'bad']) await publish(dead, ['d'], { headers: { 'x-rmq-reason': why } });
  const byWhy = jsonLines<Finding>(await inside(['check', 'dlx', dead, '--by', 'why', '--max', '1', '-o', 'json']));
  assert.deepEqual(byWhy.map(({ why, value, status }) => [why, value, status]).sort(), [
    ['bad', 1, 'ok'],
    ['no such city', 2, 'critical'],
    ['none', 3, 'critical'],
  ]);
  const all = jsonLines<Finding>(await inside(['check', 'dlx', '-o', 'json']));
  assert.deepEqual(
    all.filter((one) => one.queue === dead).map(({ value }) => value),
    [6],
  );
  assert.equal((await take(dead)).length, 6);
  const blind = await inside(['check', 'dlx', '--format', 'nagios', '--management-url', `http://127.0.0.1:${await deadPort()}`]);
  assert.equal(blind.code, 3, blind.stdout);
});

test('check broker says what is wrong: nobody there, a login that is refused', async () => {
  const good = await inside(['check', 'broker', '--format', 'nagios']);
  assert.equal(good.code, 0, good.stderr);
  assert.equal(good.stdout, "OK - the broker answers; the broker accepts messages | 'answers'=1;;;0 'accepts'=1;;;0\n");
  const url = `amqp://127.0.0.1:${await deadPort()}`;
  assert.equal((await inside(['check', 'broker', '--url', url])).code, 69);
  const dead = await inside(['check', 'broker', '--url', url, '--format', 'nagios']);
  assert.equal(dead.code, 2, dead.stdout);
  assert.match(dead.stdout, /^CRITICAL - the broker does not answer: .*\| 'answers'=U;;;0\n$/);
});
