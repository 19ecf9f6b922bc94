import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { peer, unique } from '../support/broker.ts';
import { json, rmq, start } from '../support/rmq.ts';

const TIMEOUT = 120_000;

/** The address of a caller on a node that is no member of the cluster (any more). */
function ofGoneNode(): string {
  const node = Buffer.from(`reply@${randomBytes(3).readUIntBE(0, 3)}`);
  const pid = Buffer.concat([Buffer.from([131, 88, 118, 0, node.length]), node, randomBytes(12)]);
  return `amq.rabbitmq.reply-to.${pid.toString('base64')}.${randomBytes(16).toString('base64')}`;
}

const ADDRESSES = [
  'amq.rabbitmq.reply-to.g1h2AAAAAAAAAA.bogus',
  'amq.rabbitmq.reply-to.x.y',
  'amq.rabbitmq.reply-to.',
  'amq.rabbitmq.reply-to.none',
  ...Array.from({ length: 4 }, ofGoneNode),
];

for (const [speed, handler] of [
  ['at once', ['cat']],
  ['after a while', ['sh', '-c', 'sleep 0.2; cat']],
] as const) {
  test(`a reply that cannot be delivered costs nobody else anything, when it is made ${speed}`, async (t) => {
    const queue = unique('rpc');
    const { channel } = await peer(t);
    t.after(async () => (await peer(t)).channel.deleteQueue(queue));
    const server = start(['rpc', 'serve', queue, '--concurrency', '4', '--json', '--', ...handler], { timeout: TIMEOUT });
    t.after(() => server.child.kill('SIGKILL'));
    await server.until('stderr', `serving queue "${queue}"`);
    const numbers = Array.from({ length: 40 }, (_, index) => String(index));
    const calls = start(['rpc', 'call', queue, '--lines', '--concurrency', '4', '--timeout', '60s'], { input: `${numbers.join('\n')}\n`, timeout: TIMEOUT });
    for (const replyTo of ADDRESSES) channel.sendToQueue(queue, Buffer.from('nobody'), { replyTo });
    const { code, stdout, stderr } = await calls.result;
    assert.equal(code, 0, stderr);
    assert.deepEqual(stdout.trim().split('\n'), numbers);
    const last = await rmq(['rpc', 'call', queue, 'last', '--timeout', '60s'], { timeout: TIMEOUT });
    assert.equal(last.stdout, 'last\n', last.stderr);
    server.child.kill('SIGTERM');
    const ended = await server.result;
    assert.equal(ended.code, 0, ended.stderr);
    const { received, replied, unheard, unknown } = json<Record<string, number>>(ended);
    assert.deepEqual({ received, unknown, all: (replied ?? 0) + (unheard ?? 0) }, { received: 41 + ADDRESSES.length, unknown: 0, all: 41 + ADDRESSES.length });
    assert.ok((unheard ?? 0) >= 4, 'the addresses that no broker has made');
    assert.equal((await channel.checkQueue(queue)).messageCount, 0, 'no request comes back');
  });
}
