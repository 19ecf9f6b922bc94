import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { brokerUrl, peer, unique } from '../support/broker.ts';
import { inside } from '../support/inside.ts';
import { rmq } from '../support/rmq.ts';

/** A password that must not be seen anywhere. */
const SECRET = 'hunter2';

/** An address where nothing listens, told from others by its user. */
const nowhere = (user: string): string => `amqp://${user}:${SECRET}@127.0.0.1:1`;

const VARIABLES = ['RMQ_URL', 'RABBITMQ_URL', 'AMQP_URL', 'CLOUDAMQP_URL'] as const;

function scratch(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'rmq-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

/** Publishes in an environment with these variables alone, and without a node in the background. */
async function publishIn(t: TestContext, env: Record<string, string>, ...flags: string[]): ReturnType<typeof inside> {
  const cleared = Object.fromEntries(VARIABLES.map((name) => [name, undefined]));
  const result = await inside(['publish', '-q', unique('nowhere'), 'x', ...flags], { env: { ...cleared, XDG_STATE_HOME: scratch(t), ...env } });
  assert.ok(!`${result.stdout}${result.stderr}`.includes(SECRET), result.stderr);
  return result;
}

test('the URL comes from the first variable that is set, and -v says from which', async (t) => {
  for (const [index, winner] of VARIABLES.entries()) {
    const env = Object.fromEntries(VARIABLES.slice(index).map((name) => [name, nowhere(name.toLowerCase())]));
    const result = await publishIn(t, env, '-v');
    assert.equal(result.code, 69, result.stderr);
    assert.ok(result.stderr.includes(`broker URL from ${winner}\n`), result.stderr);
    assert.ok(result.stderr.includes(`amqp://${winner.toLowerCase()}@127.0.0.1:1/`), result.stderr);
  }
});

test('a variable that is empty counts as not set', async (t) => {
  const result = await publishIn(t, { RMQ_URL: '', AMQP_URL: nowhere('second') }, '-v');
  assert.match(result.stderr, /broker URL from AMQP_URL\n/);
});

test('without any URL it is the local broker', async (t) => {
  const result = await publishIn(t, {}, '-v');
  assert.match(result.stderr, /broker URL from the default\n/);
  assert.match(result.stderr, /connecting to amqp:\/\/guest@localhost:5672\/ /);
});

test('--url and --uri win over every variable, before and after the command', async (t) => {
  const env = Object.fromEntries(VARIABLES.map((name) => [name, nowhere('variable')]));
  for (const flag of ['-u', '--url', '--uri']) {
    const result = await publishIn(t, env, '-v', flag, nowhere('flag'));
    assert.equal(result.code, 69, result.stderr);
    assert.match(result.stderr, /broker URL from --url\n/);
    assert.doesNotMatch(result.stderr, /variable@/);
  }
  const before = await rmq(['--url', nowhere('flag'), 'publish', '-q', 'q', 'x'], { env });
  assert.match(before.stderr, /flag@127\.0\.0\.1/);
});

test('without -v nothing is said about where the URL comes from', async (t) => {
  assert.doesNotMatch((await publishIn(t, { RMQ_URL: nowhere('user') })).stderr, /broker URL from/);
});

test('several URLs, in flags and with commas, are all tried', async (t) => {
  const result = await publishIn(t, {}, '-u', `${nowhere('a')},${nowhere('b')}`, '--uri', nowhere('c'));
  for (const user of ['a', 'b', 'c']) assert.match(result.stderr, new RegExp(`${user}@127\\.0\\.0\\.1:1/: nothing is listening`));
});

test('--url-file holds the URL, wins over variables, and may end with a newline', async (t) => {
  const { queue, depth } = await peer(t);
  const name = await queue();
  const file = join(scratch(t), 'url');
  writeFileSync(file, `${brokerUrl()}\n`);
  const result = await rmq(['publish', '-q', name, 'x', '-v', '--url-file', file], { env: { RMQ_URL: nowhere('variable') } });
  assert.equal(result.code, 0, result.stderr);
  assert.ok(result.stderr.includes(`broker URL from ${file}\n`), result.stderr);
  assert.equal(await depth(name), 1);
});

test('--url-file - reads the URL from standard input where that is not the body', async (t) => {
  const { queue, depth } = await peer(t);
  const name = await queue();
  const result = await rmq(['publish', '-q', name, 'x', '--url-file', '-'], { input: brokerUrl() });
  assert.equal(result.code, 0, result.stderr);
  assert.equal(await depth(name), 1);
});

test('--url-file - where standard input is the body is wrong usage', async (t) => {
  const { queue, depth } = await peer(t);
  const name = await queue();
  for (const flags of [[], ['--lines'], ['--envelopes'], ['-f', '-']]) {
    const result = await inside(['publish', '-q', name, '--url-file', '-', ...flags], { input: brokerUrl() });
    assert.equal(result.code, 64, `${flags.join(' ')} ${result.stderr}`);
    assert.match(result.stderr, /--url-file/);
  }
  assert.equal(await depth(name), 0);
});

test('a --url-file that does not exist, is empty or is a directory is named', async (t) => {
  const directory = scratch(t);
  const empty = join(directory, 'empty');
  writeFileSync(empty, ' \n');
  for (const [path, code] of [
    [join(directory, 'none'), 66],
    [empty, 65],
    [directory, 74],
  ] as const) {
    const result = await publishIn(t, {}, '--url-file', path);
    assert.equal(result.code, code, result.stderr);
    assert.match(result.stderr, /--url-file/);
    assert.ok(result.stderr.includes(path), result.stderr);
    assert.doesNotMatch(result.stderr, /^ +at /m);
  }
});

test('--url and --url-file together are wrong usage', async (t) => {
  const result = await publishIn(t, {}, '--url', nowhere('a'), '--url-file', '/nowhere');
  assert.equal(result.code, 64);
  assert.match(result.stderr, /--url and --url-file exclude each other/);
});

test('an unsupported parameter of the URL is noted, and the run goes on', async (t) => {
  const { queue } = await peer(t);
  const url = new URL(brokerUrl());
  url.search = '?frobnicate=1&heartbeat=10';
  const result = await rmq(['publish', '-q', await queue(), 'x', '--url', url.href]);
  assert.equal(result.code, 0, result.stderr);
  assert.match(result.stderr, /"frobnicate" is not supported/);
  assert.doesNotMatch(result.stderr, /heartbeat/);
});

test('a flag wins over the same parameter of the URL', async (t) => {
  const result = await publishIn(t, {}, '--url', `${nowhere('a')}?heartbeat=x`);
  assert.equal(result.code, 64);
  assert.match(result.stderr, /heartbeat in the URL/);
});

const urls: readonly (readonly [url: string, says: RegExp])[] = [
  [`http://user:${SECRET}@host`, /amqp:\/\/ or amqps:\/\//],
  [`user:${SECRET}@host:5672`, /amqp:\/\/ or amqps:\/\//],
  [`amqp://user:${SECRET}/x@host`, /percent-encode/],
  [`amqp://user:${SECRET}%zz@host`, /percent-encod/],
  [`amqp://user:a@${SECRET}#x@host:5672/`, /has a #[\s\S]*percent-encode/],
  [`amqp://user:a#${SECRET}@host:5672/`, /has a #[\s\S]*percent-encode/],
  [`amqp://user:1234?${SECRET}@host:5672/`, /has an @ behind a \?[\s\S]*percent-encode/],
  [`amqp://user:${SECRET}@host/#`, /has a #[\s\S]*percent-encode/],
  [`amqp://user:a@${SECRET}/x@host:5672/`, /an @ behind a \/[\s\S]*percent-encode/],
  [`amqp://user:${SECRET}@host:99999`, /host or port/],
  [`amqp://user:${SECRET}@host:0`, /port/],
  [`amqp://user:${SECRET}@host/${'v'.repeat(256)}`, /vhost.*255/],
  [`amqp://user:${SECRET}@host?verify=perhaps`, /verify_peer/],
];
for (const [url, says] of urls) {
  test(`the URL ${url.slice(0, 60)} is wrong usage, without its password in the message`, async (t) => {
    for (const verbose of [[], ['-v']]) {
      for (const [flags, env] of [
        [['--url', url], {}],
        [[], { AMQP_URL: url }],
      ] as const) {
        const result = await publishIn(t, env, ...flags, ...verbose);
        assert.equal(result.code, 64, result.stderr);
        assert.match(result.stderr, says);
      }
    }
  });
}

test('a # in the management URL is wrong usage, without what may be a password in the message', async () => {
  for (const url of [`http://guest:a@${SECRET}#x@127.0.0.1:1/`, `http://guest:a#${SECRET}@127.0.0.1:1/`, `http://guest:a@${SECRET}/x@127.0.0.1:1/`]) {
    for (const [flags, env] of [
      [['--management-url', url], {}],
      [[], { RABBITMQ_MANAGEMENT_URL: url }],
    ] as const) {
      const { code, stdout, stderr } = await inside(['queue', 'list', '-v', ...flags], { env });
      assert.equal(code, 64, stderr);
      assert.match(stderr, /the management URL has an? [#@][\s\S]*percent-encode/);
      assert.ok(!`${stdout}${stderr}`.includes(SECRET), stderr);
    }
  }
});

test('a password with a comma is no second URL', async (t) => {
  const result = await publishIn(t, {}, '--url', `amqp://user:${SECRET},more@127.0.0.1:1`);
  assert.equal(result.code, 69, result.stderr);
});

test('spaces around the commas between URLs do no harm', async (t) => {
  const result = await publishIn(t, {}, '--url', ` ${nowhere('a')} , ${nowhere('b')} `);
  assert.equal(result.code, 69, result.stderr);
});
