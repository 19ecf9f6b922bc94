import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { test } from '../support/at-once.ts';
import { brokerUrl, peer } from '../support/broker.ts';
import { proxy } from '../support/faults.ts';

const BIN = fileURLToPath(new URL('../../bin/rmq.js', import.meta.url));
const MESSAGES = 250;
const SIZE = 1_048_576;
const MOST = 250;
/** Longer than the broker's silence after which a connection with a heartbeat of a second counts as lost. */
const SEVERAL_HEARTBEATS = 5_000;

/** The most memory that a process has had so far, in megabytes; 0 once it has gone. */
function peakOf(pid: number | undefined): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024;
  } catch {
    return 0;
  }
}

for (const more of [['-n', String(MESSAGES)], ['--drain'], ['--no-ack', '--idle', '2s']]) {
  test(`consume ${more.join(' ')}: large messages wait with the broker while the reader is slow, and the connection stays`, async (t) => {
    const { queue, publish, depth } = await peer(t);
    const name = await queue();
    const body = Buffer.alloc(SIZE, 'x');
    for (let sent = 0; sent < MESSAGES; sent += 50) await publish(name, Array(50).fill(body));
    const child = spawn(process.execPath, [BIN, 'consume', name, ...more, '--heartbeat', '1s'], { stdio: ['ignore', 'pipe', 'pipe'] });
    let [bytes, peak, stderr] = [0, 0, ''];
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += String(chunk);
    });
    await once(child.stdout, 'readable');
    await pause(SEVERAL_HEARTBEATS);
    peak = peakOf(child.pid);
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (Math.floor(bytes / SIZE) > Math.floor((bytes - chunk.length) / SIZE)) peak = Math.max(peak, peakOf(child.pid));
    });
    const [code] = (await once(child, 'close')) as [number];
    assert.equal(code, 0, stderr);
    assert.equal(bytes, MESSAGES * (SIZE + 1));
    assert.doesNotMatch(stderr, /lost/);
    assert.ok(peak > 0 && peak < MOST, `${Math.round(peak)} MB`);
    assert.equal(await depth(name), 0);
  });
}

test('a look at many messages that holds them all keeps no bodies that it has read', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue();
  for (let sent = 0; sent < 12_000; sent += 1_000) await publish(name, Array(1_000).fill(Buffer.alloc(4_000, 'x')));
  const child = spawn(process.execPath, [BIN, 'dlx', 'inspect', name, '--group-by', 'reason', '-o', 'json'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let [stdout, peak] = ['', 0];
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += String(chunk);
  });
  const watching = setInterval(() => {
    peak = Math.max(peak, peakOf(child.pid));
  }, 10);
  const [code] = (await once(child, 'close')) as [number];
  clearInterval(watching);
  assert.equal(code, 0);
  assert.match(stdout, /12000/);
  assert.ok(peak > 0 && peak < 100, `${Math.round(peak)} MB`);
});

test('TERM ends a consumer whose reader has stopped, also when its connection was lost meanwhile', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const { url, cut } = await proxy(t, brokerUrl());
  const name = await queue();
  const body = Buffer.alloc(SIZE, 'x');
  await publish(name, Array(100).fill(body));
  // A pipe of the shell's, whose reader stops after a byte.
  const line = '{ "$0" "$@" & echo "pid $!" >&2; wait $!; echo "code $?" >&2; } | { read -r -n 1 x; echo printing >&2; exec sleep 120; }';
  const shell = spawn('bash', ['-c', line, process.execPath, BIN, 'consume', name, '-u', url], { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  t.after(() => process.kill(-(shell.pid ?? 0), 'SIGKILL'));
  let said = '';
  let stopped = false;
  for await (const chunk of shell.stderr) {
    said += String(chunk);
    const pid = /^pid (\d+)$/m.exec(said)?.[1];
    if (pid !== undefined && !stopped && said.includes('printing')) {
      stopped = true;
      cut();
      process.kill(Number(pid), 'SIGTERM');
    }
    if (said.includes('code ')) break;
  }
  assert.match(said, /code 143/);
  while ((await depth(name)) < 90);
});
