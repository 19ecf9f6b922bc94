import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test as alone } from 'node:test';
import type { TlsOptions } from 'node:tls';
import type { PublishCounts } from '../../src/model/event.ts';
import { test } from '../support/at-once.ts';
import { brokerUrl, peer } from '../support/broker.ts';
import { makeAuthority } from '../support/certificates.ts';
import { BASIC_ACK, BASIC_PUBLISH, type FaultyProxy, proxy } from '../support/faults.ts';
import { inside } from '../support/inside.ts';
import { json, type Result, rmq } from '../support/rmq.ts';

// A run that hangs is killed by its own time limit, which fails the test.
const timeout = 120_000;

const lines = (count: number): string[] => Array.from({ length: count }, (_, index) => `line ${index}`);

const distinct = (output: string): Set<string> => new Set(output.split('\n').filter((line) => line !== ''));

const counts = (result: Result): number[] => {
  const { published, confirmed, returned, nacked, unknown } = json<PublishCounts>(result);
  return [published, confirmed, returned, nacked, unknown];
};

const connections = ({ stderr }: Result): number => stderr.match(/^connected to /gm)?.length ?? 0;

const SILENT: Record<string, (between: FaultyProxy) => void> = {
  'a broker that takes messages and confirms none': (between) => between.leaveOut(BASIC_ACK),
  'a network that goes silent with the first message': (between) => between.stallOn(BASIC_PUBLISH),
};

for (const [what, spoil] of Object.entries(SILENT)) {
  test(`${what} is exit 75 after three connections, and every message counts as unknown`, async (t) => {
    const { queue } = await peer(t);
    const name = await queue();
    const between = await proxy(t, brokerUrl());
    spoil(between);
    const line = ['publish', '-q', name, '--lines', '--json', '-v', '--confirm-timeout', '1s', '--url', between.url];
    const result = await inside(line, { input: lines(300).join('\n'), timeout });
    assert.equal(result.code, 75, result.stderr);
    assert.match(result.stderr, /confirmed nothing for 1 s, 3 times in a row/);
    assert.deepEqual(counts(result), [300, 0, 0, 0, 300]);
    assert.equal(connections(result), 3, result.stderr);
  });
}

test('a broker that goes silent is exit 75 at once where no other connection may be tried', async (t) => {
  const { queue } = await peer(t);
  const name = await queue();
  for (const flags of [['--no-reconnect'], ['--max-reconnects', '0']]) {
    const between = await proxy(t, brokerUrl());
    between.stallOn(BASIC_PUBLISH);
    const result = await rmq(['publish', '-q', name, '--json', '--confirm-timeout', '1s', '--url', between.url, ...flags, 'x'], { timeout });
    assert.equal(result.code, 75, result.stderr);
    assert.match(result.stderr, /confirmed nothing for 1 s, and reconnecting is off/);
    assert.deepEqual(counts(result), [1, 0, 0, 0, 1]);
  }
});

test('when the next connection brings confirms again, all is confirmed, and nothing is missing from the queue', async (t) => {
  const { queue } = await peer(t);
  const name = await queue();
  const between = await proxy(t, brokerUrl());
  between.leaveOut(BASIC_ACK, 1);
  // More than the window: what was not yet sent follows what is sent again.
  const bodies = lines(5_000);
  const line = ['publish', '-q', name, '--lines', '--json', '-v', '--confirm-timeout', '5s', '--url', between.url];
  const result = await inside(line, { input: bodies.join('\n'), timeout });
  assert.equal(result.code, 0, result.stderr);
  assert.deepEqual(counts(result), [5_000, 5_000, 0, 0, 0]);
  assert.equal(connections(result), 2, result.stderr);
  const consumed = await inside(['consume', name, '--drain', '--url', brokerUrl()], { timeout });
  assert.deepEqual(distinct(consumed.stdout), new Set(bodies));
});

/** The largest message that RabbitMQ 4 takes without being told so has 16 MiB. */
const SIZE = 16_000_000;

alone('a large message that takes longer than --confirm-timeout on a slow network is no silence, with TLS or without', async (t) => {
  const authority = makeAuthority('An Authority');
  t.after(authority.remove);
  const { cert, key } = authority.issue('server', { names: 'IP:127.0.0.1' });
  const { queue } = await peer(t);
  const publish = async (tls?: TlsOptions): Promise<void> => {
    const name = await queue();
    const between = await proxy(t, brokerUrl(), tls === undefined ? {} : { tls });
    between.throttle(1_200_000);
    const line = ['publish', '-q', name, '--json', '-v', '--confirm-timeout', '10s', '--cacert', authority.cacert, '--url', between.url];
    const result = await inside(line, { input: Buffer.alloc(SIZE, 'x'), timeout });
    assert.equal(result.code, 0, result.stderr);
    assert.deepEqual(counts(result), [1, 1, 0, 0, 0]);
    assert.equal(connections(result), 1, result.stderr);
  };
  await Promise.all([publish(), publish({ cert: readFileSync(cert), key: readFileSync(key) })]);
});
