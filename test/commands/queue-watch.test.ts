import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { sparkline } from '../../src/commands/listing/watch.ts';
import { test } from '../support/at-once.ts';
import { brokerUrl, type Peer, peer } from '../support/broker.ts';
import { deadPort, proxy } from '../support/faults.ts';
import { inside } from '../support/inside.ts';
import { jsonLines, start } from '../support/rmq.ts';

const OFTEN = ['--interval', '200ms'];

test('depths are bars, the highest as high as there is room; what is unknown is a gap', () => {
  assert.equal(sparkline([0, 1, 2, undefined, 7]), '▁▂▃ █');
  assert.equal(sparkline([0, 0]), '▁▁');
});

test('queue watch prints an object a line with the time, and ends once its expression is true', async (t) => {
  const { queue, publish, take } = await peer(t);
  const name = await queue();
  await publish(name, ['a', 'b']);
  const watching = start(['queue', 'watch', name, '--until', 'ready == 0', ...OFTEN, '--columns', 'name,consumers']);
  await watching.until('stdout', name);
  await take(name);
  const result = await watching.result;
  assert.equal(result.code, 0, result.stderr);
  const [first] = jsonLines<{ readonly at: string; readonly name: string; readonly consumers: number }>(result);
  assert.deepEqual([first?.name, first?.consumers], [name, 0]);
  assert.ok(Date.parse(first?.at ?? '') > 0);
});

test('queue watch leaves after --count looks, with exit 1 when its expression was not true', async (t) => {
  const { queue } = await peer(t);
  const name = await queue();
  const counted = await inside(['queue', 'watch', name, '--count', '3', ...OFTEN, '-o', 'json']);
  assert.equal(counted.code, 0, counted.stderr);
  assert.equal(jsonLines(counted).length, 3);
  const never = await inside(['queue', 'watch', name, '--count', '2', '--until', 'ready > 5', ...OFTEN]);
  assert.equal(never.code, 1, never.stderr);
  assert.match(never.stderr, /after 2 looks, this is still not true: ready > 5/);
  assert.match((await inside(['queue', 'watch', name, '--count', '1', '--until', 'ready > 5', ...OFTEN])).stderr, /after 1 look, this/);
  assert.equal((await inside(['queue', 'watch', name, '--until', 'redy > 5'])).code, 64);
  assert.equal((await inside(['queue', 'watch', `${name}.no`])).code, 66);
});

test('a queue that is deleted while it is watched is told of; without any queue left, the watch ends', async (t) => {
  const { queue, channel } = await peer(t);
  const [one, other] = [await queue(), await queue()];
  const watching = start(['queue', 'watch', one, other, ...OFTEN]);
  await watching.until('stdout', other);
  await channel.deleteQueue(one);
  await watching.until('stderr', `gone: "${one}"`);
  await channel.deleteQueue(other);
  assert.equal((await watching.result).code, 66);
});

test('queue watch goes on once a broker that went away is back', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue();
  const faulty = await proxy(t, brokerUrl());
  const env = { RABBITMQ_URL: faulty.url, RABBITMQ_MANAGEMENT_URL: 'http://127.0.0.1:1' };
  const watching = start(['queue', 'watch', name, '--until', 'ready == 1', ...OFTEN], { env });
  await watching.until('stdout', name);
  await faulty.refuse();
  faulty.cut();
  await watching.until('stderr', 'nothing is listening there; asking again');
  await publish(name, ['a']);
  await faulty.admit();
  const { code, stderr } = await watching.result;
  assert.equal(code, 0, stderr);
});

test('on a terminal, queue watch is a screen with bars, and q leaves it as it was', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue();
  const watching = start(['queue', 'watch', name, ...OFTEN], { terminal: true, columns: 100 });
  await watching.until('stdout', '▁▁');
  await publish(name, ['a', 'b', 'c']);
  // What changed is bold.
  await watching.until('stdout', '\x1b[1m3\x1b[22m');
  await watching.until('stdout', '▁█');
  watching.child.stdin.write('q');
  const { code, stdout } = await watching.result;
  assert.equal(code, 0, stdout);
  assert.ok(stdout.includes('\x1b[?1049h'), 'it has a screen of its own');
  assert.ok(stdout.lastIndexOf('\x1b[?1049l') > stdout.lastIndexOf('▁'), 'and leaves it');
});

test('who leaves before the expression of a watch is true gets exit 1', async (t) => {
  const { queue } = await peer(t);
  const watching = start(['queue', 'watch', await queue(), ...OFTEN, '--until', 'ready == 7'], { terminal: true, columns: 40 });
  await watching.until('stdout', 'q leaves');
  await watching.until('stdout', '▁▁');
  watching.child.stdin.write('q');
  const { code, stdout } = await watching.result;
  assert.equal(code, 1, stdout);
  assert.match(stdout, /this is still not true: ready == 7/);
});

test('a watch goes on over AMQP while the management API is away, and comes back to it', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue();
  const { hostname, port, username, password } = new URL(process.env['RABBITMQ_MANAGEMENT_URL'] ?? assert.fail('RABBITMQ_MANAGEMENT_URL is not set'));
  const sockets = new Set<Socket>();
  const way = createServer((near) => {
    const far = connect(Number(port), hostname);
    for (const socket of [near, far]) sockets.add(socket.on('error', () => undefined));
    near.pipe(far).pipe(near);
  });
  const away = (): void => {
    way.close();
    for (const socket of sockets) socket.destroy();
  };
  t.after(away);
  await once(way.listen(0, '127.0.0.1'), 'listening');
  const at = (way.address() as AddressInfo).port;
  const env = { RABBITMQ_MANAGEMENT_URL: `http://${username}:${password}@127.0.0.1:${at}` };
  const watching = start(['queue', 'watch', name, '--until', 'ready == 7 && unacked == 0', ...OFTEN], { env });
  await watching.until('stdout', '"unacked":0');
  away();
  await watching.until('stderr', 'only what AMQP tells is known');
  await publish(
    name,
    Array.from({ length: 7 }, () => 'x'),
  );
  // AMQP does not count what is unacknowledged.
  await watching.until('stdout', '"ready":7,"unacked":null');
  await once(way.listen(at, '127.0.0.1'), 'listening');
  const result = await watching.result;
  assert.equal(result.code, 0, result.stderr);
});

/** A quorum queue, and what waits until the management API tells this depth. */
async function quorumQueue({ queue }: Peer): Promise<{ readonly name: string; readonly counted: (depth: number) => Promise<void> }> {
  const name = await queue({ arguments: { 'x-queue-type': 'quorum' } });
  const { username, password, origin } = new URL(process.env['RABBITMQ_MANAGEMENT_URL'] ?? assert.fail('there is no management API'));
  const headers = { authorization: `Basic ${btoa(`${username}:${password}`)}` };
  const ready = async (): Promise<unknown> =>
    ((await (await fetch(`${origin}/api/queues/%2F/${name}`, { headers })).json()) as { messages_ready?: number }).messages_ready;
  return {
    name,
    counted: async (depth) => {
      while ((await ready()) !== depth) await pause(100);
    },
  };
}

test('a quorum queue is not told to be empty because the broker counts it only now and then', async (t) => {
  const client = await peer(t);
  const { name, counted } = await quorumQueue(client);
  await counted(0);
  await client.publish(name, ['a']);
  const { code, stderr } = await inside(['queue', 'watch', name, '--until', 'ready == 0', '--count', '1']);
  assert.equal(code, 1, stderr);
});

test('a consumer that has just come is counted: the statistics of the broker do not know it yet', async (t) => {
  const { queue, channel } = await peer(t);
  const name = await queue();
  const { username, password, origin } = new URL(process.env['RABBITMQ_MANAGEMENT_URL'] ?? assert.fail('there is no management API'));
  const headers = { authorization: `Basic ${btoa(`${username}:${password}`)}` };
  const consumers = async (): Promise<unknown> =>
    ((await (await fetch(`${origin}/api/queues/%2F/${name}`, { headers })).json()) as { consumers?: number }).consumers;
  while ((await consumers()) !== 0) await pause(100);
  await channel.consume(name, () => undefined);
  const { code, stderr } = await inside(['queue', 'watch', name, '--until', 'consumers == 0', '--count', '1']);
  assert.equal(code, 1, stderr);
});

test('where only the management API can be reached, a named queue is listed, and its consumers are unknown', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue();
  await publish(name, ['a']);
  const management = process.env['RABBITMQ_MANAGEMENT_URL'] ?? assert.fail('there is no management API');
  const flags = ['-u', `amqp://127.0.0.1:${await deadPort()}`, '--management-url', management];
  const listed = await inside(['queue', 'list', name, '--columns', 'name,ready,consumers', '-o', 'json', ...flags]);
  assert.equal(listed.code, 0, listed.stderr);
  assert.deepEqual(jsonLines(listed), [{ name, ready: 1, consumers: null }]);
});

test('messages that a consumer of a quorum queue has just got are not told to be acknowledged', async (t) => {
  const client = await peer(t);
  const { name, counted } = await quorumQueue(client);
  await client.publish(name, ['a', 'b', 'c']);
  await counted(3);
  for (let left = 3; left > 0; left--) await client.channel.get(name);
  const { code, stderr } = await inside(['queue', 'watch', name, '--until', 'ready == 0 && unacked == 0', '--count', '1']);
  assert.equal(code, 1, stderr);
});
