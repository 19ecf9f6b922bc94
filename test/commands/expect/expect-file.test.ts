import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from '../../support/at-once.ts';
import { brokerUrl, peer, unique } from '../../support/broker.ts';
import { deadPort, proxy } from '../../support/faults.ts';
import { inside } from '../../support/inside.ts';
import { scratchDirectory } from '../../support/programs.ts';
import { rmq, start } from '../../support/rmq.ts';

async function wanted(t: TestContext, lines: readonly unknown[]): Promise<string> {
  const file = join(await scratchDirectory(t), 'want.ndjson');
  await writeFile(file, lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'));
  return file;
}

const ids = (...numbers: number[]): string[] => numbers.map((id) => JSON.stringify({ id, more: 'x' }));

test('exactly the messages of a file come, in any order; what a line leaves out does not matter', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const name = await queue();
  await publish(name, ids(3, 1), { headers: { tenant: 'acme', n: 5 }, contentType: 'application/json' });
  await publish(name, ids(2));
  const file = await wanted(t, [
    { body: { id: 1 } },
    { body: '{"id":2,"more":"x"}', routingKey: name, exchange: '' },
    '',
    { bodyJson: { id: 3 }, properties: { headers: { tenant: 'acme', n: 5 }, contentType: 'application/json' } },
  ]);
  const { code, stdout, stderr } = await rmq(['consume', name, '--expect-file', file, '--timeout', '10s']);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, `${ids(3, 1, 2).join('\n')}\n`);
  assert.equal(await depth(name), 0);
});

test('a message that differs is told beside the line that it resembles most, and is printed and acknowledged like any other', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const name = await queue();
  await publish(name, ['{"id":1,"total":5,"items":[{"sku":"a"},{"sku":"b"}]}', '{"id":2,"total":7}'], { messageId: 'm' });
  const file = await wanted(t, [{ bodyJson: { id: 2, total: 7 } }, { bodyJson: { id: 1, total: 6, items: [{ sku: 'a' }, { sku: 'c' }], name: 'n' } }]);
  const { code, stdout, stderr } = await inside(['consume', name, '--expect-file', file, '--timeout', '10s']);
  assert.equal(code, 1, stderr);
  const told = [
    `${file}, line 2 did not come; the nearest is message 1 (id "m"):`,
    '  - bodyJson.total: 6',
    '  + bodyJson.total: 5',
    '  - bodyJson.items[1].sku: "c"',
    '  + bodyJson.items[1].sku: "b"',
    '  - bodyJson.name: "n"',
    '  + bodyJson.name: (none)',
  ];
  assert.ok(stderr.includes(told.join('\n')), stderr);
  assert.match(stderr, /error: 1 line of 2 of .* did not come, and 1 message of 2 is not expected/);
  assert.equal(stdout.split('\n').length, 3);
  assert.equal(await depth(name), 0);
  const colored = await inside(['consume', name, '--expect-file', file, '--idle', '100ms'], { env: { FORCE_COLOR: '1' } });
  assert.equal(colored.code, 1, colored.stderr);
  assert.match(colored.stderr, /\x1b\[32m {2}- \{"bodyJson"/);
});

test('lines that overlap are assigned so that every message finds one, whatever order they come in', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue();
  // Each message satisfies the first line, and most satisfy others: taking the first that fits would leave the last ones without.
  const file = await wanted(t, [{}, {}, { bodyJson: { a: 1 } }, { bodyJson: { a: 1, b: 1 } }, { bodyJson: { b: 1 } }, { bodyJson: { c: null } }]);
  const bodies = [{ a: 1, b: 1, c: null }, { a: 1, b: 1 }, { a: 1, b: 1 }, { a: 1, b: 1 }, { a: 1 }, { b: 1 }].map((body) => JSON.stringify(body));
  for (const order of [bodies, bodies.toReversed(), [...bodies.slice(3), ...bodies.slice(0, 3)]]) {
    await publish(name, order);
    const { code, stderr } = await inside(['consume', name, '--expect-file', file, '--timeout', '10s']);
    assert.equal(code, 0, stderr);
  }
  await publish(name, [...bodies.slice(1), bodies[1] ?? '']);
  const { code, stderr } = await inside(['consume', name, '--expect-file', file, '--timeout', '10s']);
  assert.equal(code, 1, stderr);
  assert.match(stderr, /line 6 did not come:\n {2}- \{"bodyJson":\{"c":null\}\}\nmessage \d is one more than expected, like line [\d, ]+\n/);
});

test('--in-order tells which line was due, and another order is fine without it', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue();
  await publish(name, ids(1, 3, 2));
  const file = await wanted(
    t,
    [1, 2, 3].map((id) => ({ bodyJson: { id } })),
  );
  const args = ['consume', name, '--expect-file', file, '--timeout', '10s', '--requeue'];
  assert.equal((await inside(args)).code, 0);
  const { code, stderr } = await inside([...args, '--in-order']);
  assert.equal(code, 1, stderr);
  assert.ok(stderr.includes(`${file}, line 2 was due when message 2 came:\n  - {"bodyJson":{"id":2}}\n  + what line 3 expects\n`), stderr);
  const sorted = await wanted(
    t,
    [1, 3, 2].map((id) => ({ bodyJson: { id } })),
  );
  assert.equal((await inside(['consume', name, '--expect-file', sorted, '--timeout', '10s', '--in-order'])).code, 0);
});

test('too few are 1 by silence and 124 by the deadline, with the lines that did not come; one more stays in the queue', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const name = await queue();
  const file = await wanted(
    t,
    [1, 2].map((id) => ({ bodyJson: { id } })),
  );
  for (const [flags, expected] of [
    [['--idle', '100ms'], 1],
    [['--drain'], 1],
    [['--timeout', '1s'], 124],
  ] as const) {
    await publish(name, ids(2));
    const { code, stderr } = await inside(['consume', name, '--expect-file', file, ...flags]);
    assert.equal(code, expected, stderr);
    assert.match(stderr, /line 1 did not come:\n {2}- \{"bodyJson":\{"id":1\}\}/);
  }
  await publish(name, ids(2, 1, 7));
  const { code, stderr } = await inside(['consume', name, '--expect-file', file, '--timeout', '10s']);
  assert.equal(code, 1, stderr);
  assert.match(stderr, /there are more: 1 message left in the queue/);
  assert.equal(await depth(name), 1);
});

test('numbers that a double does not hold, bytes, and types of headers are compared exactly', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue();
  await publish(name, ['{"n":9007199254740993}', Buffer.from([0xff, 0])], { headers: { at: { '!': 'timestamp', value: 1_700_000_000 } } });
  const good = [{ bodyJson: {}, properties: { headers: { at: { '!': 'timestamp', value: 1_700_000_000 } } } }, { bodyBase64: '/wA=' }];
  const run = async (lines: readonly unknown[]): Promise<number> =>
    (await inside(['consume', name, '--expect-file', await wanted(t, lines), '--idle', '200ms', '--requeue'])).code;
  assert.equal(await run(good), 0);
  assert.equal(await run(['{"bodyJson":{"n":9007199254740993}}', good[1]]), 0);
  assert.equal(await run(['{"bodyJson":{"n":9007199254740992}}', good[1]]), 1);
  assert.equal(await run([good[0], { bodyBase64: '/wE=' }]), 1);
  assert.equal(await run([{ ...good[0], properties: { headers: { at: { '!': 'timestamp', value: 1 } } } }, good[1]]), 1);
  assert.equal(await run([{ bodyJson: { constructor: {} } }, good[1]]), 1);
});

test('a broken line, an empty file and a missing one are told before anything is taken', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const name = await queue();
  await publish(name, ids(1));
  for (const [lines, code, text] of [
    [[{ bodyJson: { id: 1 } }, '{"bodyJson":'], 65, /line 2: not JSON/],
    [['', { rotingKey: 'x' }], 65, /line 2: unknown key "rotingKey"; did you mean "routingKey"/],
    [[{ properties: { contenttype: 'x' } }], 65, /line 1: unknown property "contenttype"/],
    [[{ properties: { priority: '5' } }], 65, /line 1: priority must be a whole number/],
    [[{ body: 1 }], 65, /line 1: body must be text.*\n.*bodyJson takes any JSON value/],
    [[{ body: null }], 65, /line 1: body must not be null/],
    [[{ body: { id: 1 }, bodyJson: 1 }], 65, /line 1: the key "bodyJson" stands twice/],
    [[{ body: 'x', bodyJson: 1 }], 65, /line 1: only one of/],
    [[{ bodyBase64: '%' }], 65, /line 1: bodyBase64 is not base64/],
    [[''], 65, /is empty/],
  ] as const) {
    const result = await inside(['consume', name, '--expect-file', await wanted(t, lines)]);
    assert.equal(result.code, code, result.stderr);
    assert.match(result.stderr, text);
  }
  const file = await wanted(t, [{ bodyJson: { id: 1 } }]);
  assert.equal((await inside(['consume', name, '--expect-file', '/nowhere/want.ndjson'])).code, 66);
  assert.equal((await inside(['consume', name, '--in-order', '--drain'])).code, 64);
  assert.equal((await inside(['consume', name, '--expect-file', file, '-n', '1'])).code, 64);
  assert.equal((await inside(['consume', name, '--expect-file', file, '--junit', '/nowhere/report.xml'])).code, 74);
  assert.equal((await inside(['consume', name, '--drain', '--junit', '/tmp/report.xml'])).code, 64);
  assert.equal(await depth(name), 1);
});

test('a report has a case for each line, and for what nothing expects; it is written when the run fails, too', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue();
  const report = join(await scratchDirectory(t), 'report.xml');
  const file = await wanted(t, [{ bodyJson: { id: 1 } }, { bodyJson: { id: 2, text: '<&"\u0001' } }]);
  const args = ['consume', name, '--expect-file', file, '--junit', report];
  await publish(name, ['{"id":1}', '{"id":2,"text":"<&\\"\\u0001"}']);
  assert.equal((await inside([...args, '--timeout', '10s'])).code, 0);
  const passed = await readFile(report, 'utf8');
  assert.match(passed, /<testsuite name="rmq consume [^"]*" tests="2" failures="0" errors="0" time="[\d.]+">/);
  assert.match(passed, /name="line 2: \{&quot;bodyJson&quot;:\{&quot;id&quot;:2,&quot;text&quot;:&quot;&lt;&amp;\\&quot;\\u0001&quot;\}\}"\/>/);
  await publish(name, ['{"id":1}', '\u0001{']);
  assert.equal((await inside([...args, '--timeout', '10s'])).code, 1);
  const failed = await readFile(report, 'utf8');
  assert.match(failed, /tests="2" failures="1" errors="0"/);
  assert.match(failed, /line 2 did not come; the nearest is message 2:">.*\n- bodyJson: .*\n\+ body: /);
  assert.doesNotMatch(failed, /[\0-\x08]/);
  assert.equal((await inside([...args, '--timeout', '200ms'])).code, 124);
  assert.match(await readFile(report, 'utf8'), /<testcase [^>]*name="the run">\n +<failure message="the deadline of 200 ms passed/);
});

test('a run that failed before it took anything is not judged, and its report says error', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue();
  await publish(name, ids(1));
  const file = await wanted(t, [{ bodyJson: { id: 1 } }]);
  const report = join(await scratchDirectory(t), 'report.xml');
  for (const [args, exit, why] of [
    [[name, '--expect', '2'], 64, /exclude/],
    [[unique('absent')], 66, /no queue/],
    [[name, '--url', `amqp://127.0.0.1:${await deadPort()}`], 69, /nothing is listening/],
    [[name, '--url', brokerUrl().replace('guest:guest', 'guest:wrong')], 77, /refused the user name or password/],
  ] as const) {
    const { code, stderr } = await inside(['consume', ...args, '--expect-file', file, '--match', 'true', '--drain', '--junit', report]);
    assert.equal(code, exit, stderr);
    assert.match(stderr, why);
    assert.doesNotMatch(stderr, /did not come/);
    const xml = await readFile(report, 'utf8');
    assert.match(xml, /tests="1" failures="0" errors="1"/);
    assert.match(xml, why);
  }
});

test('a message that comes again because its acknowledgement was lost counts once', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const name = await queue({ arguments: { 'x-queue-type': 'classic' } });
  const all = Array.from({ length: 2_000 }, (_, id) => id);
  await publish(name, ids(...all));
  const file = await wanted(
    t,
    all.map((id) => ({ bodyJson: { id } })),
  );
  const between = await proxy(t, brokerUrl());
  const run = start(['consume', name, '--expect-file', file, '--timeout', '50s', '--url', between.url]);
  let seen = 0;
  const printed = new Promise<void>((resolve) => {
    run.child.stdout.on('data', (chunk: Buffer) => {
      if (seen === 0) between.deafen();
      seen += chunk.toString().split('\n').length - 1;
      if (seen >= 1_000) resolve();
    });
  });
  await Promise.race([printed, run.result]);
  between.cut();
  const { code, stdout, stderr } = await run.result;
  assert.equal(code, 0, stderr);
  assert.ok(stdout.split('\n').length - 1 > 2_000, 'some came twice');
  assert.equal(await depth(name), 0);
});

test('ten thousand lines that overlap take no more than a few comparisons each', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue();
  const all = Array.from({ length: 10_000 }, (_, id) => id);
  await publish(
    name,
    all.map((id) => JSON.stringify({ a: id % 100, b: Math.floor(id / 100), c: 1 })),
  );
  // No scalar is rare: each stands in a hundred lines, and each message satisfies two more.
  const lines = all.map((id) => ({ bodyJson: id % 2 === 0 ? { a: id % 100, b: Math.floor(id / 100) } : id % 3 === 0 ? { c: 1 } : { a: id % 100 } }));
  const { code, stderr } = await inside(['consume', name, '--expect-file', await wanted(t, lines.toReversed()), '--timeout', '50s']);
  assert.equal(code, 0, stderr);
});
