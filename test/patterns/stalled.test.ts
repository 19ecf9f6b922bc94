import assert from 'node:assert/strict';
import { test } from '../support/at-once.ts';
import { brokerUrl, peer } from '../support/broker.ts';
import { deadPort, proxy, silentPort } from '../support/faults.ts';
import { rmq, start } from '../support/rmq.ts';

// A run that hangs is killed by its own time limit, which fails the test.
const timeout = 120_000;

test('Ctrl-C ends a consumer whose broker has gone silent, and so does --timeout', async (t) => {
  const { queue, publish } = await peer(t);
  for (const flags of [[], ['--timeout', '10s']]) {
    const name = await queue();
    await publish(name, ['one']);
    const between = await proxy(t, brokerUrl());
    const run = start(['consume', name, '--url', between.url, ...flags], { timeout });
    await run.until('stdout', 'one');
    between.stall();
    if (flags.length === 0) run.child.kill('SIGINT');
    const { code, stderr } = await run.result;
    assert.equal(code, flags.length === 0 ? 130 : 124, stderr);
  }
});

test('a consumer that cannot connect ends, whatever its limits', async () => {
  const url = `amqp://guest:guest@127.0.0.1:${await deadPort()}`;
  for (const flags of [['--idle', '1h'], ['--timeout', '1h'], ['--drain'], ['--expect', '0', '--timeout', '1h']]) {
    const { code, stderr } = await rmq(['consume', 'q', '--url', url, ...flags], { timeout });
    assert.equal(code, 69, stderr);
  }
});

test('--timeout is the whole run: connecting counts too', async (t) => {
  const { port } = await silentPort(t);
  const url = `amqp://guest:guest@127.0.0.1:${port}`;
  for (const line of [
    ['consume', 'q'],
    ['publish', '-q', 'q', 'x'],
  ]) {
    const { code, stderr } = await rmq([...line, '--url', url, '--wait', '1h', '--timeout', '500ms'], { timeout });
    assert.equal(code, 124, stderr);
  }
});

test('a connection that is cut again and again loses nothing, in either direction', async (t) => {
  const { queue, depth } = await peer(t);
  const name = await queue();
  const between = await proxy(t, brokerUrl());
  const bodies = Array.from({ length: 30_000 }, (_, index) => String(index));
  const publishing = start(['publish', '-q', name, '--lines', '--url', between.url], { input: bodies.join('\n'), timeout });
  for (let cut = 1; cut <= 3; cut++) {
    while (publishing.child.exitCode === null && (await depth(name)) < cut * 2_000);
    between.cut();
  }
  const published = await publishing.result;
  assert.equal(published.code, 0, published.stderr);
  const consuming = start(['consume', name, '--idle', '10s', '--url', between.url], { timeout });
  let written = 0;
  let cuts = 0;
  consuming.child.stdout.on('data', (chunk: Buffer) => {
    written += chunk.length;
    if (cuts < 3 && written > (cuts + 1) * 20_000) {
      cuts++;
      between.cut();
    }
  });
  const consumed = await consuming.result;
  assert.equal(consumed.code, 0, consumed.stderr);
  const seen = new Set(consumed.stdout.trimEnd().split('\n'));
  assert.ok(bodies.every((body) => seen.has(body)));
  assert.equal(seen.size, bodies.length);
  assert.equal(await depth(name), 0);
});
