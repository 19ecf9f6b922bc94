import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Broker } from '../../src/broker/broker.ts';
import { OpenPublisherConfig, openPublisher } from '../../src/patterns/publish/open-publisher.ts';
import { fill } from '../campaign/stage.ts';
import { brokerUrl, peer, unique } from '../support/broker.ts';
import { inside } from '../support/inside.ts';
import { bootBroker } from '../support/own-broker.ts';
import { json, rmq, start } from '../support/rmq.ts';
import { testSession } from '../support/session.ts';

const idsOf = (count: number): string[] => Array.from({ length: count }, (_, index) => `m${index}`);

/** Blocks whoever publishes. */
let broker: Broker;
let at: readonly [string, string];

before(async () => {
  broker = await bootBroker({ config: ['disk_free_limit.absolute = 100000GB'] });
  at = ['--url', broker.url];
});
after(() => broker?.stop());

test('an alarm of the broker blocks publishing, is reported, and is exit 75 after --blocked-timeout; consuming goes on', async () => {
  assert.equal((await rmq(['queue', 'declare', 'blocked', ...at])).code, 0);
  const result = await rmq(['publish', '-q', 'blocked', 'x', '--blocked-timeout', '1s', '--json', ...at]);
  assert.equal(result.code, 75, result.stderr);
  assert.match(result.stderr, /blocked/);
  const { published, unknown } = json<{ published: number; unknown: number }>(result);
  assert.deepEqual([published, unknown], [1, 1]);
  const consumed = await rmq(['consume', 'blocked', '--timeout', '500ms', ...at]);
  assert.equal(consumed.code, 124, consumed.stderr);
});

test('Ctrl-C ends a publish that an alarm blocks, and its message counts as unknown', async () => {
  assert.equal((await inside(['queue', 'declare', 'interrupted', ...at])).code, 0);
  const run = start(['publish', '-q', 'interrupted', 'x', '--json', ...at]);
  await run.until('stderr', 'blocked');
  run.child.kill('SIGINT');
  const result = await run.result;
  assert.equal(result.code, 130, result.stderr);
  assert.equal(json<{ unknown: number }>(result).unknown, 1);
});

test('a message of a library that waits for the end of an alarm is withdrawn in its time', async (t) => {
  const { session } = testSession(t, broker.url);
  const publisher = await openPublisher(session, OpenPublisherConfig.parse({ timeout: 500 }));
  const name = unique('alarm');
  await (await peer(t, broker.url)).channel.assertQueue(name);
  // The broker blocks whoever has published something.
  await assert.rejects(publisher.publish({ routingKey: name, body: 'unknown' }), { kind: 'unavailable' });
  await assert.rejects(publisher.publish({ routingKey: name, body: 'withdrawn' }), { kind: 'deadline' });
});

test('an rpc call whose request an alarm blocks ends in its timeout', async (t) => {
  const server = start(['rpc', 'serve', 'q', ...at, '--', 'cat'], { timeout: 120_000 });
  t.after(() => server.child.kill('SIGKILL'));
  await server.until('stderr', 'serving');
  const result = await inside(['rpc', 'call', 'q', 'x', '--timeout', '3s', ...at], { timeout: 120_000 });
  assert.equal(result.code, 124, result.stderr);
  assert.match(result.stderr, /the broker blocks publishers/);
});

test('check broker says that there is an alarm', async () => {
  const alarmed = await inside(['check', 'broker', ...at]);
  assert.equal(alarmed.code, 1, alarmed.stdout);
  assert.match(alarmed.stdout, /critical the broker accepts no messages: an alarm: /);
});

for (const [end, flags, code] of [
  ['TERM ends the run', [], 143],
  ['after --blocked-timeout it is exit 75', ['--blocked-timeout', '1s'], 75],
] as const) {
  test(`dlx move to a broker that blocks its publishers holds up nothing else: ${end}, and all is where it was`, async (t) => {
    const { queue, take, depth } = await peer(t);
    const dead = await queue({}, 'dead');
    const { channel } = await peer(t, broker.url);
    await channel.assertQueue('target', { durable: true });
    await fill(brokerUrl(), dead, idsOf(100));
    const running = start(['dlx', 'move', dead, 'target', '--to-url', broker.url, '--json', ...flags]);
    if (code === 143) {
      await running.until('stderr', 'the broker blocks publishers');
      running.child.kill('SIGTERM');
    }
    const result = await running.result;
    assert.equal(result.code, code, result.stderr);
    assert.equal(json<{ moved: number }>(result).moved, 0);
    assert.equal(await depth(dead), 100);
    assert.deepEqual(
      (await take(dead)).map(({ properties }) => properties.messageId as string),
      idsOf(100),
    );
  });
}
