import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from '../../support/at-once.ts';
import { peer } from '../../support/broker.ts';
import { inside } from '../../support/inside.ts';
import { scratchDirectory } from '../../support/programs.ts';
import { rmq } from '../../support/rmq.ts';

async function file(t: TestContext, name: string, content: string | object): Promise<string> {
  const path = join(await scratchDirectory(t), name);
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content, null, 2));
  return path;
}

const ORDER = { type: 'object', required: ['id'], properties: { id: { type: 'integer', minimum: 1 }, mail: { format: 'email' } }, additionalProperties: false };

test('--match is 1 when a message does not satisfy each expression, and says what it found; all are taken', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const name = await queue();
  const args = ['consume', name, '--drain', '--match', 'json.total < 10', '--match', 'headers.tenant == "acme" && queue != "other"'];
  await publish(name, ['{"total":9.5}', '{"total":3}'], { headers: { tenant: 'acme' } });
  const good = await rmq(args);
  assert.equal(good.code, 0, good.stderr);
  const report = join(await scratchDirectory(t), 'report.xml');
  await publish(name, ['{"total":9}'], { headers: { tenant: 'acme' } });
  await publish(name, ['{"total":12}'], { messageId: 'm' });
  const { code, stdout, stderr } = await rmq([...args, '--junit', report]);
  assert.equal(code, 1, stderr);
  assert.equal(stdout, '{"total":9}\n{"total":12}\n');
  assert.match(stderr, /message 2 \(id "m"\) does not satisfy --match json\.total < 10: json\.total is 12\n/);
  assert.match(stderr, /message 2 \(id "m"\) does not satisfy --match headers\.tenant .*: No such key: tenant/);
  assert.match(stderr, /error: 1 message of 2 does not satisfy --match json\.total < 10/);
  assert.equal(await depth(name), 0);
  assert.match(await readFile(report, 'utf8'), /tests="2" failures="2".*[\s\S]*name="--match json\.total &lt; 10">\n +<failure message="message 2/);
});

test('--junit tells of --expect alone: a case that holds, or says what came', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue();
  const report = join(await scratchDirectory(t), 'report.xml');
  await publish(name, ['a', 'b']);
  const held = await inside(['consume', name, '--expect', '2', '--timeout', '10s', '--settle', '0s', '--junit', report]);
  assert.equal(held.code, 0, held.stderr);
  assert.match(await readFile(report, 'utf8'), /tests="1" failures="0" errors="0".*[\s\S]*name="--expect 2"\/>/);
  const unmet = await inside(['consume', name, '--expect', '1', '--drain', '--junit', report]);
  assert.equal(unmet.code, 1, unmet.stderr);
  assert.match(await readFile(report, 'utf8'), /tests="1" failures="1" errors="0".*[\s\S]*name="--expect 1">\n +<failure message="expected 1 message, got 0"/);
});

test('an expression that cannot be parsed is 64, with a caret below the place, before anything is taken', async (t) => {
  const { queue, publish, depth } = await peer(t);
  const name = await queue();
  await publish(name, ['x']);
  const { code, stderr } = await inside(['consume', name, '--match', 'size > 1 &&& true']);
  assert.equal(code, 64, stderr);
  assert.match(stderr, /error: --match: .*\n {2}size > 1 &&& true\n {2} {11}\^/);
  assert.equal(await depth(name), 1);
});

test('--schema is 1 for a body that does not fit, and says where', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue();
  const schema = await file(t, 'order.json', ORDER);
  const args = ['consume', name, '--drain', '--schema', schema];
  await publish(name, ['{"id":1,"mail":"a@example.com"}']);
  assert.equal((await inside(args)).code, 0);
  await publish(name, ['{"id":0,"mail":"no","x":1}', '{}', 'no JSON']);
  const { code, stderr } = await inside(args);
  assert.equal(code, 1, stderr);
  assert.match(
    stderr,
    /message 1 does not satisfy --schema .*: the body must not have "x"; id must be >= 1, and is 0; mail must match format "email", and is "no"/,
  );
  assert.match(stderr, /message 2 does not satisfy .*: the body must have required property 'id'/);
  assert.match(stderr, /message 3 does not satisfy .*: the body is not JSON/);
  assert.match(stderr, /3 messages of 3 do not satisfy --schema/);
});

test('what is no schema is 65 and names its line; other dialects, files beside it and what is ignored are told', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue();
  await publish(name, ['{"id":1}']);
  const run = async (content: string | object): Promise<readonly [number, string]> => {
    const { code, stderr } = await inside(['consume', name, '--drain', '--requeue', '--schema', await file(t, 'schema.json', content)]);
    return [code, stderr];
  };
  for (const [content, code, text] of [
    [
      '{\n  "type": "object",\n  "properties": {"id": {"type": "inte"}}\n}',
      65,
      /schema\.json, line 3: it is no schema: properties\.id\.type must be one of .*, and is "inte"/,
    ],
    ['{\n  "type": "object"\n  "x": 1}', 65, /schema\.json, line [23]: not JSON/],
    ['[]', 65, /a schema is a JSON object, or true or false/],
    [{ $schema: 'http://json-schema.org/draft-04/schema#' }, 65, /line 2: the dialect .*draft-04.* is not known/],
    [{ $ref: 'https://example.com/other.json' }, 65, /refers to https:\/\/example\.com\/other\.json, which is not in it/],
    [{ $ref: 'other.json' }, 65, /refers to other\.json, which cannot be read/],
    [{ $schema: 'http://json-schema.org/draft-07/schema#', properties: { id: { const: 1 } } }, 0, /consumed/],
    [{ $schema: 'https://json-schema.org/draft/2019-09/schema', properties: { id: { const: 2 } } }, 1, /id must be 2, and is 1/],
    [{ requird: ['x'], properties: { id: { format: 'int64' } } }, 0, /unknown keyword: "requird"[\s\S]*consumed/],
    ['false', 1, /does not satisfy/],
  ] as const) {
    const [exit, stderr] = await run(content);
    assert.equal(exit, code, stderr);
    assert.match(stderr, text);
  }
  assert.equal((await inside(['consume', name, '--schema', '/nowhere/schema.json'])).code, 66);
});

test('a schema may refer to a file beside it', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue();
  await publish(name, ['{"id":0}']);
  const schema = await file(t, 'schema.json', { $ref: 'order.json' });
  await writeFile(join(schema, '../order.json'), JSON.stringify(ORDER));
  const { code, stderr } = await inside(['consume', name, '--drain', '--schema', schema]);
  assert.equal(code, 1, stderr);
  assert.match(stderr, /id must be >= 1/);
});

test('messages that came before a deadline are judged: one that does not satisfy is 1, not 124', async (t) => {
  const { queue, publish } = await peer(t);
  const name = await queue();
  await publish(name, ['1', '2']);
  const { code, stderr } = await inside(['consume', name, '--match', 'body == "1"', '-n', '3', '--timeout', '5s']);
  assert.equal(code, 1, stderr);
  assert.match(stderr, /error: the deadline of 5 s passed: 2 messages of 3 came\n.*1 message of 2 does not satisfy --match/);
});

test('a schema that refers to itself without an end is 65', async (t) => {
  const { queue, depth } = await peer(t);
  const name = await queue();
  const path = join(await scratchDirectory(t), 'endless.json');
  await writeFile(path, '{"$ref":"#"}');
  const { code, stderr } = await inside(['publish', '-q', name, '--schema', path, '{}']);
  assert.equal(code, 65, stderr);
  assert.match(stderr, /endless\.json: the schema refers to itself/);
  assert.equal(await depth(name), 0);
});
