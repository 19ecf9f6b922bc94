import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peer } from '../support/broker.ts';
import { inside } from '../support/inside.ts';
import { json, jsonLines, rmq } from '../support/rmq.ts';

const BODIES = ['{"n":1}', '{"n":2}', '{"n":3}', '{"n":4}', '{"n":5}'];

for (const type of ['classic', 'quorum']) {
  test(`peek prints what a ${type} queue holds, and everything stays there in its order`, async (t) => {
    const { queue, publish, take } = await peer(t);
    const name = await queue({ arguments: { 'x-queue-type': type } });
    await publish(name, BODIES);
    const all = await inside(['peek', name]);
    assert.equal(all.code, 0, all.stderr);
    assert.equal(all.stdout, `${BODIES.join('\n')}\n`);
    assert.match(all.stderr, /nothing was removed/);
    assert.equal((await inside(['peek', name, '-n', '2'])).stdout, `${BODIES.slice(0, 2).join('\n')}\n`);
    assert.deepEqual(
      (await take(name)).map(({ content }) => content.toString()),
      BODIES,
    );
  });

  test(`peek --where prints the messages of a ${type} queue that match, -n as many of these`, async (t) => {
    const { queue, publish, depth } = await peer(t);
    const name = await queue({ arguments: { 'x-queue-type': type } });
    await publish(name, BODIES);
    const odd = await inside(['peek', name, '--where', 'int(json.n) % 2 == 1', '-n', '2', '-o', 'json']);
    assert.equal(odd.code, 0, odd.stderr);
    assert.deepEqual(
      jsonLines<{ body: string }>(odd).map(({ body }) => body),
      ['{"n":1}', '{"n":3}'],
    );
    assert.equal((await inside(['peek', name, '--where', 'json.n > 100'])).stdout, '');
    while ((await depth(name)) < BODIES.length);
  });
}

test('peek --last begins before the end of a stream, and asks for a stream', async (t) => {
  const { queue, publish } = await peer(t);
  const stream = await queue({ arguments: { 'x-queue-type': 'stream' } });
  await publish(stream, BODIES);
  assert.equal((await rmq(['peek', stream, '--last', '2'])).stdout, `${BODIES.slice(-2).join('\n')}\n`);
  assert.equal((await rmq(['peek', stream, '--last', '100'])).stdout, `${BODIES.join('\n')}\n`);
  assert.equal((await rmq(['peek', stream, '--last', '4', '--where', 'json.n > 3', '-n', '1'])).stdout, `${BODIES[3]}\n`);
  assert.equal(
    (await rmq(['peek', stream, '-n', '3', '-0'])).stdout,
    BODIES.slice(0, 3)
      .map((body) => `${body}\0`)
      .join(''),
  );
  const empty = await queue({ arguments: { 'x-queue-type': 'stream' } });
  assert.deepEqual((await rmq(['peek', empty, '--last', '2'])).stdout, '');
  const classic = await rmq(['peek', await queue(), '--last', '2']);
  assert.equal(classic.code, 76);
  assert.match(classic.stderr, /is no stream.*\n.*leave out --last/);
});

test('peek says what is wrong before it looks', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const name = await queue();
  await publish(name, ['a']);
  const wrong = await inside(['peek', name, '--where', 'json.n >']);
  assert.equal(wrong.code, 64);
  assert.match(wrong.stderr, /--where: .*\n.*json\.n >\n\s+\^/);
  assert.equal((await inside(['peek', `${name}.none`])).code, 66);
  assert.equal((await inside(['peek', name, '-n', '3', '--last', '2'])).code, 64);
  assert.equal(await depth(name), 1);
  const none = await inside(['peek', name, '--where', 'json.n > 1']);
  assert.match(none.stderr, /--where could judge none of 1 message/);
  assert.equal(none.code, 0);
  assert.equal(json<{ messages: number }>(await inside(['queue', 'status', name, '--json'])).messages, 1);
});
