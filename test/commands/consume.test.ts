import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { test } from '../support/at-once.ts';
import { peer, unique } from '../support/broker.ts';
import { inside } from '../support/inside.ts';
import { jsonLines, rmq, start } from '../support/rmq.ts';

const BIN = fileURLToPath(new URL('../../bin/rmq.js', import.meta.url));
const numbers = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index));

interface Line {
  readonly queue: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly redelivered: boolean;
  readonly properties: Record<string, unknown>;
  readonly body?: string;
  readonly bodyBase64?: string;
  readonly bodyJson?: unknown;
}

for (const type of ['classic', 'quorum']) {
  test(`exactly as many messages as asked for leave a ${type} queue, and the others are untouched`, async (t) => {
    const { queue, publish, take } = await peer(t);
    const name = await queue({ arguments: { 'x-queue-type': type } });
    await publish(name, numbers(20));
    const result = await inside(['consume', name, '-n', '5']);
    assert.equal(result.code, 0, result.stderr);
    assert.equal(result.stdout, '0\n1\n2\n3\n4\n');
    const left = await take(name);
    assert.deepEqual(
      left.map(({ content }) => String(content)),
      numbers(20).slice(5),
    );
    assert.ok(
      left.every(({ fields }) => !fields.redelivered),
      'none was delivered and given back',
    );
  });

  test(`--requeue gives everything back to a ${type} queue, in order`, async (t) => {
    const { queue, publish, take } = await peer(t);
    const name = await queue({ arguments: { 'x-queue-type': type } });
    await publish(name, numbers(10));
    for (const limit of [['-n', '3'], []]) {
      const result = await inside(['consume', name, '--requeue', ...limit]);
      assert.equal(result.code, 0, result.stderr);
      assert.equal(result.stdout.trim().split('\n').length, limit.length === 0 ? 10 : 3);
    }
    assert.deepEqual(
      (await take(name)).map(({ content }) => String(content)),
      numbers(10),
    );
  });

  test(`--reject dead-letters what was printed from a ${type} queue, and nothing else`, async (t) => {
    const { queue, publish, take, depth } = await peer(t);
    const dead = await queue();
    const name = await queue({ deadLetterExchange: '', deadLetterRoutingKey: dead, arguments: { 'x-queue-type': type } });
    await publish(name, numbers(6));
    assert.equal((await inside(['consume', name, '--reject', '-n', '4'])).code, 0);
    const deadline = Date.now() + 5_000;
    while ((await depth(dead)) < 4 && Date.now() < deadline);
    assert.deepEqual(
      (await take(dead)).map(({ content }) => String(content)),
      numbers(4),
    );
    assert.deepEqual(
      (await take(name)).map(({ content }) => String(content)),
      ['4', '5'],
    );
  });
}

test('a stream is read from an offset', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue({ arguments: { 'x-queue-type': 'stream' } });
  await publish(name, numbers(10));
  const first = await rmq(['consume', name, '--offset', 'first', '-n', '10']);
  assert.equal(first.stdout, `${numbers(10).join('\n')}\n`, first.stderr);
  const later = await rmq(['consume', name, '--offset', '7', '-n', '2']);
  assert.equal(later.stdout, '7\n8\n', later.stderr);
});

test('--drain reads a stream to the end that it had at the start, at once after a publish and again later', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue({ arguments: { 'x-queue-type': 'stream' } });
  assert.deepEqual([(await inside(['consume', name, '--drain'])).stdout], ['']);
  await publish(name, numbers(300));
  for (const flags of [[], ['--offset', 'first'], ['--requeue']]) {
    const result = await inside(['consume', name, '--drain', ...flags], { timeout: 20_000 });
    assert.equal(result.stdout, `${numbers(300).join('\n')}\n`, result.stderr);
  }
  assert.equal((await inside(['consume', name, '--drain', '--offset', '297'])).stdout, '297\n298\n299\n');
  for (const beyond of ['300', 'next', '2099-01-01T00:00:00Z']) {
    const nothing = await inside(['consume', name, '--drain', '--offset', beyond], { timeout: 20_000 });
    assert.deepEqual([nothing.code, nothing.stdout], [0, ''], nothing.stderr);
  }
  assert.equal((await inside(['consume', name, '--reject', '-n', '1'])).code, 76);
});

test('--expect counts what a stream holds', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue({ arguments: { 'x-queue-type': 'stream' } });
  await publish(name, numbers(3));
  const expecting = async (count: string): Promise<number> => (await inside(['consume', name, '--offset', 'first', '--expect', count, '--timeout', '2s'])).code;
  assert.deepEqual([await expecting('3'), await expecting('2'), await expecting('4')], [0, 1, 124]);
});

test('a stream does not hand out messages without acknowledgements, and says so', async (t) => {
  const { queue } = await peer(t);
  const name = await queue({ arguments: { 'x-queue-type': 'stream' } });
  const result = await inside(['consume', name, '--no-ack', '--timeout', '5s']);
  assert.equal(result.code, 76, result.stderr);
});

test('--drain stops at the depth of the start, and at once when there is nothing', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const name = await queue();
  await publish(name, numbers(700));
  const result = await inside(['consume', name, '--drain']);
  assert.equal(result.code, 0, result.stderr);
  assert.equal(result.stdout, `${numbers(700).join('\n')}\n`);
  assert.equal(await depth(name), 0);
  const empty = await inside(['consume', name, '--drain']);
  assert.deepEqual([empty.code, empty.stdout], [0, '']);
  assert.doesNotMatch(empty.stderr, /is ready/);
});

test('--drain of a queue whose messages others hold says that these are not counted', async (t) => {
  const { queue, publish, channel } = await peer(t);
  const name = await queue();
  await publish(name, ['held']);
  await new Promise<void>((resolve) => void channel.consume(name, () => resolve()));
  const result = await inside(['consume', name, '--drain']);
  assert.deepEqual([result.code, result.stdout], [0, '']);
  assert.match(result.stderr, /nothing is ready in ".*"; what its 1 consumer may hold is not counted/);
});

test('--drain ends although another consumer took part of it', async (t) => {
  const { queue, publish, channel } = await peer(t);
  const name = await queue();
  await publish(name, numbers(10));
  // Held by another consumer: counted as depth no more, and never to come.
  const run = start(['consume', name, '--drain', '--prefetch', '1', '-v'], { timeout: 30_000 });
  await run.until('stderr', 'connected');
  await channel.prefetch(3);
  await channel.consume(name, () => undefined);
  const result = await run.result;
  assert.equal(result.code, 0, result.stderr);
});

test('--idle ends after silence', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue();
  await publish(name, ['only']);
  const result = await inside(['consume', name, '--idle', '1s']);
  assert.deepEqual([result.code, result.stdout], [0, 'only\n']);
});

test('--timeout is exit 124', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const name = await queue();
  await publish(name, ['only']);
  const result = await inside(['consume', name, '-n', '2', '--timeout', '2s']);
  assert.deepEqual([result.code, result.stdout], [124, 'only\n']);
  assert.match(result.stderr, /1 message of 2/);
  assert.equal(await depth(name), 0, 'what was printed is acknowledged');
});

test('--expect is 0 for as many, 124 for fewer, 1 for more', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const name = await queue();
  await publish(name, ['a', 'b']);
  assert.equal((await inside(['consume', name, '--expect', '3', '--timeout', '300ms'])).code, 124);
  // In so short a time it may not have come to any.
  await inside(['consume', name, '--drain']);
  await publish(name, ['a', 'b']);
  assert.equal((await inside(['consume', name, '--expect', '2', '--timeout', '10s'])).code, 0);
  await publish(name, ['a', 'b', 'c']);
  assert.equal((await inside(['consume', name, '--expect', '2', '--timeout', '10s'])).code, 1);
  assert.equal(await depth(name), 1, 'what was not expected stays');
  assert.equal((await inside(['consume', name, '--expect', '0', '--timeout', '30s'])).code, 1);
  await inside(['consume', name, '--drain']);
  assert.equal((await inside(['consume', name, '--expect', '0', '--timeout', '2s'])).code, 0);
  assert.equal((await inside(['consume', name, '--expect', '0', '--idle', '300ms'])).code, 0);
});

for (const type of ['classic', 'quorum', 'stream']) {
  test(`--expect waits for a surplus of a ${type} queue, for as long as --settle says`, async (t) => {
    const { queue, publish } = await peer(t);
    const name = await queue({ arguments: { 'x-queue-type': type } });
    await publish(name, numbers(3));
    const offset = type === 'stream' ? ['--offset', 'first'] : [];
    const run = start(['consume', name, '--expect', '3', '--settle', '50s', '--timeout', '55s', ...offset]);
    await run.until('stdout', '2\n');
    // Later than a run that does not wait would look: nothing tells when it has.
    await Promise.race([run.result, pause(1_000)]);
    await publish(name, ['one too many']);
    const { code, stdout, stderr } = await run.result;
    assert.equal(code, 1, stderr);
    assert.equal(stdout, '0\n1\n2\n');
    assert.match(stderr, /expected 3 messages, and there are more: 1 message left/);
  });
}

/** Nothing listens there. */
const NO_MANAGEMENT = { env: { RABBITMQ_MANAGEMENT_URL: 'http://127.0.0.1:1' } };
const UNSEEN = /unacknowledged messages are not counted/;

test('--expect 0 sees what others hold where the management API tells, and says where it does not', async (t) => {
  const { queue, publish, channel } = await peer(t);
  const name = await queue();
  for (const how of [['--drain'], ['--drain', '--timeout', '30s'], ['--idle', '500ms']]) {
    const [seeing, blind] = [await inside(['consume', name, '--expect', '0', ...how]), await inside(['consume', name, '--expect', '0', ...how], NO_MANAGEMENT)];
    assert.deepEqual([seeing.code, blind.code], [0, 0], seeing.stderr);
    assert.doesNotMatch(seeing.stderr, UNSEEN);
    assert.match(blind.stderr, UNSEEN);
  }
  // Of a new quorum queue the API has no statistics yet: it answers, nevertheless.
  const fresh = await queue({ arguments: { 'x-queue-type': 'quorum' } });
  assert.doesNotMatch((await rmq(['consume', fresh, '--expect', '0', '--idle', '300ms'])).stderr, /only the management API/);
  await publish(name, ['a', 'b']);
  for (const _ of ['a', 'b']) assert.ok(await channel.get(name));
  for (const how of [['--drain'], ['--timeout', '2s']]) {
    const { code, stderr } = await inside(['consume', name, '--expect', '0', ...how]);
    assert.equal(code, 1, stderr);
    assert.match(stderr, /expected 0 messages, and consumers hold some: 2 not acknowledged yet/);
    assert.match((await inside(['consume', name, '--expect', '0', ...how], NO_MANAGEMENT)).stderr, UNSEEN);
  }
  channel.nackAll(true);
  assert.equal((await inside(['consume', name, '--expect', '0', '--drain'])).code, 1);
  const asked = await inside(['consume', name, '--expect', '0', '--drain', '--management-url', 'http://127.0.0.1:1']);
  assert.equal(asked.code, 1, asked.stderr);
  // Nobody is asked for anything else.
  assert.doesNotMatch((await inside(['consume', name, '--drain'], NO_MANAGEMENT)).stderr, UNSEEN);
});

test('--expect 0 does not take what is held in a quorum queue for what was held some seconds ago', async (t) => {
  const { queue, publish, channel } = await peer(t);
  const name = await queue({ arguments: { 'x-queue-type': 'quorum' } });
  await publish(name, ['a']);
  assert.ok(await channel.get(name));
  while (!/ 1 unacknowledged/.test((await inside(['queue', 'status', name])).stdout));
  const waited = await inside(['consume', name, '--expect', '0', '--drain']);
  assert.equal(waited.code, 1, waited.stderr);
  assert.match(waited.stderr, /1 not acknowledged yet/);
  const hurried = await inside(['consume', name, '--expect', '0', '--timeout', '2s']);
  assert.equal(hurried.code, 0, hurried.stderr);
  assert.match(hurried.stderr, /1 message was not acknowledged yet, as the management API told some seconds ago/);
});

test('--settle ends with --timeout and with a signal, and 0s waits for nothing', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const name = await queue();
  await publish(name, ['a', 'b', 'c']);
  assert.equal((await inside(['consume', name, '--expect', '3', '--settle', '1h', '--timeout', '2s'])).code, 0);
  await publish(name, ['a']);
  const run = start(['consume', name, '--expect', '1', '--settle', '1h']);
  await run.until('stdout', 'a\n');
  run.child.kill('SIGTERM');
  assert.equal((await run.result).code, 143);
  assert.equal(await depth(name), 0);
  await publish(name, ['a']);
  assert.equal((await inside(['consume', name, '--expect', '1', '--settle', '0s'])).code, 0);
});

test('--no-ack with a limit takes no more than that', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const name = await queue();
  await publish(name, numbers(10));
  assert.equal((await inside(['consume', name, '--no-ack', '-n', '4'])).stdout, '0\n1\n2\n3\n');
  assert.equal(await depth(name), 6);
});

test('an envelope tells everything, and publish reads it back without loss', async (t) => {
  const { queue, channel, take } = await peer(t);
  const [from, to] = [await queue(), await queue()];
  const headers = {
    text: 'ü',
    n: 5,
    big: { '!': 'int64', value: 7 },
    half: 0.5,
    whole: { '!': 'double', value: 2 },
    when: { '!': 'timestamp', value: 1_700_000_000 },
    no: false,
    none: null,
    deep: { list: [1, { x: 'y' }] },
  };
  const properties = {
    contentType: 'application/octet-stream',
    messageId: 'id',
    correlationId: 'c',
    replyTo: 'r',
    type: 't',
    appId: 'a',
    priority: 3,
    timestamp: 1_700_000_001,
    expiration: '100000',
    headers,
  };
  channel.sendToQueue(from, Buffer.from([0xff, 0x00]), { persistent: true, ...properties });
  channel.sendToQueue(from, Buffer.from('text\n'), {});
  const exported = await inside(['consume', from, '-n', '2', '-o', 'json']);
  const [first, second] = jsonLines<Line>(exported);
  assert.deepEqual([first?.queue, first?.exchange, first?.routingKey, first?.redelivered, first?.bodyBase64], [from, '', from, false, '/wA=']);
  assert.ok(first !== undefined);
  assert.equal((first.properties['headers'] as Record<string, unknown>)['n'], 5);
  assert.equal(second?.body, 'text\n');
  const imported = await inside(['publish', '--envelopes', '-q', to], { input: exported.output });
  assert.equal(imported.code, 0, imported.stderr);
  const again = await inside(['consume', to, '-n', '2', '-o', 'json', '--requeue']);
  const where = (line: Line): Line => ({ ...line, queue: '', routingKey: '' });
  assert.deepEqual(jsonLines<Line>(again).map(where), jsonLines<Line>(exported).map(where));
  const [message] = await take(to);
  assert.ok(message?.content.equals(Buffer.from([0xff, 0x00])));
  assert.equal(message?.properties.expiration, '100000');
});

test('--json-body embeds bodies that are JSON', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue();
  await publish(name, ['{"a":[1,2]}', 'no json']);
  const lines = jsonLines<Line>(await inside(['consume', name, '--drain', '-o', 'json', '--json-body']));
  assert.deepEqual(
    lines.map(({ bodyJson, body }) => bodyJson ?? body),
    [{ a: [1, 2] }, 'no json'],
  );
});

test('-o raw prints bytes only, -0 ends each body with NUL', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue();
  await publish(name, [Buffer.from([1, 0xfe]), Buffer.from([2])]);
  assert.deepEqual([...(await inside(['consume', name, '--requeue', '-o', 'raw'])).output], [1, 0xfe, 2]);
  assert.deepEqual([...(await inside(['consume', name, '--requeue', '-0'])).output], [1, 0xfe, 0, 2, 0]);
});

test('a queue that does not exist is exit 66, and named', async () => {
  const nowhere = unique('nowhere');
  for (const flags of [[], ['--drain'], ['--expect', '0', '--timeout', '30s']]) {
    const result = await inside(['consume', nowhere, ...flags]);
    assert.equal(result.code, 66, result.stderr);
    assert.doesNotMatch(result.stderr, /consumed/);
    assert.match(result.stderr, new RegExp(nowhere));
  }
});

test('a queue that is deleted under a consumer ends it with 66', async (t) => {
  const { queue, channel } = await peer(t);
  const name = await queue();
  const run = start(['consume', name, '-v']);
  await run.until('stderr', 'connected');
  while ((await channel.checkQueue(name)).consumerCount === 0);
  await channel.deleteQueue(name);
  assert.equal((await run.result).code, 66);
});

test('a full disk on standard output is exit 74, and nothing is acknowledged that was not written', async (t) => {
  const { queue, publish, take } = await peer(t);
  const name = await queue();
  await publish(name, numbers(100));
  const child = spawn(process.execPath, [BIN, 'consume', name], { stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'] });
  const [code] = (await once(child, 'exit')) as [number];
  assert.equal(code, 74);
  assert.deepEqual(
    (await take(name)).map(({ content }) => String(content)),
    numbers(100),
  );
});

test('a standard output that is closed is exit 74, before anything is taken', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const name = await queue();
  await publish(name, numbers(3));
  const shell = async (redirect: string): Promise<number> => {
    const child = spawn('sh', ['-c', `"$0" "$1" consume ${name} --drain ${redirect}`, process.execPath, BIN], { stdio: ['ignore', 'pipe', 'inherit'] });
    child.stdout.resume();
    const [code] = (await once(child, 'exit')) as [number];
    return code;
  };
  assert.deepEqual([await shell('>&-'), await depth(name)], [74, 3]);
  assert.deepEqual([await shell('-o json >&- <&-'), await depth(name)], [74, 3]);
  assert.deepEqual([await shell('> /dev/null'), await depth(name)], [0, 0]);
});

/** A consumer whose standard output is a pipe that this test reads itself. */
function piped(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [BIN, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
}

test('a reader that goes away is exit 0, and what it could not get stays in the queue', async (t) => {
  const { queue, publish, take } = await peer(t);
  const name = await queue();
  const bodies = numbers(3_000).map((number) => number.padEnd(1_000, '.'));
  await publish(name, bodies);
  const child = piped(['consume', name]);
  let seen = Buffer.alloc(0);
  for await (const chunk of child.stdout ?? []) {
    seen = Buffer.concat([seen, chunk as Buffer]);
    if (seen.length > 100_000) break;
  }
  const [code] = (await once(child, 'exit')) as [number];
  assert.equal(code, 0);
  const left = (await take(name)).map(({ content }) => String(content));
  // The pipe itself holds up to 64 KiB that were written and that nobody will read.
  assert.deepEqual(left, bodies.slice(bodies.length - left.length));
  assert.ok(left.length > 2_500, `${left.length} left`);
});

test('a receiver that dies makes the sender stop, which says what may be lost; a move between queues loses nothing', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const [from, to] = [await queue(), await queue()];
  const bodies = numbers(3_000).map((number) => number.padEnd(1_000, '.'));
  await publish(from, bodies);
  // More than the prefetch lets through before the first acknowledgement.
  const line = `"$0" "$1" consume ${from} --drain -o json | head -c 2000000`;
  const child = spawn('bash', ['-c', line, process.execPath, BIN], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  for await (const chunk of child.stderr) said += chunk;
  assert.match(said, /the reader of standard output went away: messages in the pipe that it did not read/);
  const left = await depth(from);
  assert.ok(left > 500, `${left} left`);
  const moved = await inside(['dlx', 'move', from, to]);
  assert.equal(moved.code, 0, moved.stderr);
  assert.deepEqual([await depth(from), await depth(to)], [0, left]);
});

test('a reader that goes away ends a consumer that has nothing to write', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue();
  await publish(name, ['one']);
  const child = spawn('sh', ['-c', `"$0" "$1" consume ${name} | head -1; echo ended`, process.execPath, BIN], { stdio: ['ignore', 'pipe', 'inherit'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), 30_000);
  let output = '';
  for await (const chunk of child.stdout) output += chunk;
  clearTimeout(timer);
  assert.equal(output, 'one\nended\n');
});

test('Ctrl-C and TERM end a consumer with 130 and 143, everything written acknowledged', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const name = await queue();
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    await publish(name, ['x']);
    const run = start(['consume', name]);
    await run.until('stdout', 'x\n');
    run.child.kill(signal);
    const result = await run.result;
    assert.equal(result.code, code, result.stderr);
    assert.equal(await depth(name), 0);
  }
});

test('a consumer that is killed loses nothing', async (t) => {
  const { queue, publish, channel, take } = await peer(t);
  const name = await queue();
  const bodies = numbers(20_000);
  await publish(name, bodies);
  const seen = new Set<string>();
  for (let round = 0; round < 3; round++) {
    const run = start(['consume', name]);
    let rest = '';
    run.child.stdout.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) seen.add(line);
    });
    while (seen.size < (round + 1) * 2_000) await once(run.child.stdout, 'data');
    run.child.kill('SIGKILL');
    assert.equal((await run.result).code, 137);
    while ((await channel.checkQueue(name)).consumerCount > 0);
  }
  for (const { content } of await take(name)) seen.add(String(content));
  assert.equal(seen.size, bodies.length);
});

const usage: readonly (readonly [line: string, names: RegExp])[] = [
  ['consume', /QUEUE/],
  ['consume q -n 0', /--count/],
  ['consume q -n x', /--count/],
  ['consume q --prefetch 70000', /--prefetch/],
  ['consume q --requeue --reject', /--reject/],
  ['consume q --expect 0', /--expect/],
  ['consume q --timeout 0s', /--timeout/],
  ['consume q -0 -o raw', /-0.* -o raw exclude/],
  ['consume q --json --null', /-0.* -o json exclude/],
  ['consume q --offset tomorrow', /--offset/],
  ['consume q --offset 0s', /--offset/],
  [`consume ${'q'.repeat(300)}`, /255 bytes/],
  ['consume q extra', /argument/],
];
for (const [line, names] of usage) {
  test(`rmq ${line} is wrong usage, and says of what`, async () => {
    const result = await inside(line.split(' '));
    assert.equal(result.code, 64, result.stderr);
    assert.match(result.stderr, names);
  });
}

test('a reader that has stopped reading holds up neither TERM nor what was not printed', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const name = await queue();
  await publish(
    name,
    Array.from({ length: 2_000 }, (_, index) => String(index).padEnd(1_000, '.')),
  );
  // The shell that reads says who writes, then never reads.
  const reader = spawn('sh', ['-c', `"$0" "$1" consume ${name} | { read -r line; echo "$line"; exec sleep 60; }`, process.execPath, BIN], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  t.after(() => process.kill(-(reader.pid ?? 0), 'SIGKILL'));
  await once(reader.stdout, 'data');
  const found = await promisify(execFile)('pgrep', ['-f', `${BIN} consume ${name}$`]);
  const writer = Number(found.stdout.trim().split('\n').at(-1));
  process.kill(writer, 'SIGTERM');
  const gone = async (): Promise<boolean> =>
    promisify(execFile)('kill', ['-0', String(writer)]).then(
      () => false,
      () => true,
    );
  const deadline = Date.now() + 20_000;
  while (!(await gone())) assert.ok(Date.now() < deadline, 'still there');
  assert.ok((await depth(name)) > 1_000);
});
