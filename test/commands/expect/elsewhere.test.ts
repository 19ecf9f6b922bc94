import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from '../../support/at-once.ts';
import { peer, unique } from '../../support/broker.ts';
import { inside } from '../../support/inside.ts';
import { scratchDirectory } from '../../support/programs.ts';
import { json, rmq, start } from '../../support/rmq.ts';

const SCHEMA = JSON.stringify({ type: 'object', required: ['id'], properties: { id: { type: 'integer' } } });

test('a subscriber judges what comes as consume does', async (t) => {
  const { exchange, channel } = await peer(t);
  const directory = await scratchDirectory(t);
  const want = join(directory, 'want.ndjson');
  await writeFile(want, '{"routingKey":"order.a","bodyJson":{"id":1}}\n{"routingKey":"order.b"}\n');
  for (const [command, type, keys] of [
    ['topic', 'topic', ['order.#']],
    ['fanout', 'fanout', []],
  ] as const) {
    const name = await exchange(type);
    for (const [bodies, code] of [
      [['{"id":1}', 'x'], 0],
      [['{"id":2}', 'x'], 1],
    ] as const) {
      const report = join(directory, 'report.xml');
      const run = start([command, 'subscribe', name, ...keys, '--expect-file', want, '--junit', report, '--timeout', '20s']);
      await run.until('stderr', 'listening');
      channel.publish(name, 'order.b', Buffer.from(bodies[1]));
      channel.publish(name, 'order.a', Buffer.from(bodies[0]));
      const result = await run.result;
      assert.equal(result.code, code, result.stderr);
      if (code === 1) assert.match(result.stderr, /line 1 did not come; the nearest is message 2:\n {2}- bodyJson\.id: 1\n {2}\+ bodyJson\.id: 2\n/);
      assert.match(await readFile(report, 'utf8'), new RegExp(`name="rmq subscribe ${name}" tests="2" failures="${code}"`));
    }
  }
  const withHandler = await rmq(['fanout', 'subscribe', unique('x'), '--match', 'true', '--', 'cat']);
  assert.equal(withHandler.code, 64, withHandler.stderr);
  assert.match(withHandler.stderr, /--match is for printing/);
});

test('a reply that does not satisfy is printed, and is 1; a handler that fails keeps its exit code', async (t) => {
  const { queue } = await peer(t);
  const name = await queue();
  const schema = join(await scratchDirectory(t), 'schema.json');
  await writeFile(schema, SCHEMA);
  const server = start(['rpc', 'serve', name, '--idle', '20s', '--', 'sh', '-c', 'read -r line; [ "$line" != fail ] || exit 7; echo "$line"']);
  await server.until('stderr', 'serving').catch(() => undefined);
  const call = (...args: string[]): ReturnType<typeof rmq> => inside(['rpc', 'call', name, ...args]);
  assert.equal((await call('{"id":1}', '--match', 'json.id == 1', '--schema', schema)).code, 0);
  const wrong = await call('{"id":"a"}', '--match', 'json.id == 1', '--schema', schema);
  assert.equal(wrong.code, 1, wrong.stderr);
  assert.equal(wrong.stdout, '{"id":"a"}\n');
  assert.match(wrong.stderr, /does not satisfy --match json\.id == 1: json\.id is "a"/);
  assert.match(wrong.stderr, /does not satisfy --schema .*: id must be integer, and is "a"/);
  assert.equal((await call('fail', '--match', 'true')).code, 7);
  const many = await inside(['rpc', 'call', name, '--lines', '--match', 'body != "b\\n"'], { input: 'a\nb\nc\n' });
  assert.equal(many.code, 1, many.stderr);
  assert.equal(many.stdout, 'a\nb\nc\n');
  assert.match(many.stderr, /1 message of 3 does not satisfy/);
  server.child.kill('SIGTERM');
  await server.result;
});

test('publish --schema sends nothing of a line that does not fit, names it, and sends the others', async (t) => {
  const { queue, take } = await peer(t);
  const name = await queue();
  const directory = await scratchDirectory(t);
  const schema = join(directory, 'schema.json');
  await writeFile(schema, SCHEMA);
  const sent = async (): Promise<string[]> => (await take(name)).map(({ content }) => content.toString());
  const lines = await inside(['publish', '-q', name, '--lines', '--schema', schema, '--json'], { input: '{"id":1}\n{"id":"x"}\n{"id":3}\n{}\n' });
  assert.equal(lines.code, 65, lines.stderr);
  assert.match(lines.stderr, /line 2 does not satisfy --schema .*: id must be integer, and is "x"/);
  assert.match(lines.stderr, /line 4 does not satisfy --schema .*: the body must have required property 'id'/);
  assert.equal(json<{ confirmed: number }>(lines).confirmed, 2);
  assert.deepEqual(await sent(), ['{"id":1}', '{"id":3}']);
  const envelopes = await inside(['publish', '-q', name, '--envelopes', '--schema', schema], { input: '{"bodyJson":{"id":1}}\n{"body":"x"}\n' });
  assert.equal(envelopes.code, 65, envelopes.stderr);
  assert.match(envelopes.stderr, /line 2 does not satisfy .*: the body is not JSON/);
  assert.deepEqual(await sent(), ['{"id":1}']);
  const one = await inside(['publish', '-q', name, '--schema', schema, '{"id":1.5}']);
  assert.equal(one.code, 65, one.stderr);
  assert.equal((await inside(['publish', '-q', name, '--schema', schema, '{"id":7}'])).code, 0);
  assert.deepEqual(await sent(), ['{"id":7}']);
  const rows = join(directory, 'rows.csv');
  await writeFile(rows, 'id\n1\nx\n');
  const filled = await inside(['work', 'publish', name, '--schema', schema, '--data', rows, '{"id":{{id}}}']);
  assert.equal(filled.code, 65, filled.stderr);
  assert.match(filled.stderr, /rows\.csv, line 3 does not satisfy/);
  assert.deepEqual(await sent(), ['{"id":1}']);
  await writeFile(schema, '{"type":5}');
  const broken = await inside(['publish', '-q', name, '--schema', schema, '{"id":1}']);
  assert.equal(broken.code, 65, broken.stderr);
  assert.match(broken.stderr, /schema\.json, line 1: it is no schema/);
  assert.deepEqual(await sent(), []);
});
