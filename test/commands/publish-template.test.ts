import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { peer, unique } from '../support/broker.ts';
import { inside } from '../support/inside.ts';
import { scratchDirectory } from '../support/programs.ts';
import { json, rmq } from '../support/rmq.ts';

async function dataFile(t: TestContext, name: string, content: string | Buffer): Promise<string> {
  const path = join(await scratchDirectory(t), name);
  await writeFile(path, content);
  return path;
}

test('--template fills number, id, time and random numbers in body, headers and key, anew for each message', async (t) => {
  const { channel, queue, exchange, take } = await peer(t);
  const [name, events] = [await queue(), await exchange('topic')];
  await channel.bindQueue(name, events, '#');
  const body = '{"n":{{n}},"id":"{{uuid}}","at":"{{ now }}","of":{{random 1 3}}}';
  const typed = ['-H', 'next:={{n}}', '-H', 'wide:={"!":"int64","value":"{{n}}"}'];
  const flags = ['--template', '-n', '20', ...typed, '-H', 'number=no {{n}}', '-H', 'deep:={"list":["{{n}}"]}', '--correlation-id', 'c{{n}}'];
  const { code, stderr } = await rmq(['publish', '-e', events, '-r', 'order.{{n}}', ...flags, body]);
  assert.equal(code, 0, stderr);
  const taken = await take(name);
  const bodies = taken.map(({ content }) => JSON.parse(content.toString()) as { n: number; id: string; at: string; of: number });
  const numbers = Array.from({ length: 20 }, (_, index) => index + 1);
  assert.deepEqual(
    bodies.map(({ n }) => n),
    numbers,
  );
  assert.deepEqual(
    taken.map(({ fields }) => fields.routingKey),
    numbers.map((n) => `order.${n}`),
  );
  assert.deepEqual(
    taken.map(({ properties: { headers, correlationId } }) => [headers, correlationId]),
    numbers.map((n) => [{ next: n, wide: n, number: `no ${n}`, deep: { list: [String(n)] } }, `c${n}`]),
  );
  const [open, unfit] = [
    await inside(['publish', '-q', name, '-H', 'a:={{n}}', 'x']),
    await inside(['publish', '-q', name, '--template', '-H', 'a:={{uuid}}', 'x']),
  ];
  assert.deepEqual([open.code, unfit.code], [64, 64]);
  for (const { stderr: why } of [open, unfit]) assert.match(why, /the value of "a" is not JSON/);
  assert.equal(new Set(bodies.map(({ id }) => id)).size, 20);
  for (const { id, at, of } of bodies) {
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.equal(new Date(at).toISOString(), at);
    assert.ok([1, 2, 3].includes(of), String(of));
  }
  assert.equal(new Set(taken.map(({ properties }) => properties.messageId as string)).size, 20);
});

test('without --template the same text is sent as it stands', async (t) => {
  const { queue, take } = await peer(t);
  const name = await queue();
  assert.equal((await inside(['publish', '-q', name, '-H', 'a={{n}}', '{{n}} {{'])).code, 0);
  const [message] = await take(name);
  assert.equal(message?.content.toString(), '{{n}} {{');
  assert.equal(message?.properties.headers?.['a'], '{{n}}');
});

test('a template may come from a file or standard input', async (t) => {
  const { queue, take } = await peer(t);
  const name = await queue();
  assert.equal((await inside(['publish', '-q', name, '--template', '-f', await dataFile(t, 'body', 'file {{n}}\n'), '--chomp'])).code, 0);
  assert.equal((await inside(['publish', '-q', name, '--template', '-n', '2'], { input: 'in {{n}}' })).code, 0);
  assert.deepEqual(
    (await take(name)).map(({ content }) => content.toString()),
    ['file 1', 'in 1', 'in 2'],
  );
});

test('a template that makes no sense is wrong usage: its place is shown, and nothing is sent', async (t) => {
  const { queue, depth } = await peer(t);
  const name = await queue();
  for (const [flags, what] of [
    [['ab {{n'], 'BODY: a {{ that is not closed, at character 4\n  ab {{n\n     ^'],
    [['one\ntwo {{what}}'], 'BODY: {{what}} is not known, at character 9\n  two {{what}}\n      ^'],
    [['{{random 3 1}}'], 'BODY: {{random 3 1}} is not known, at character 1'],
    [['-H', 'key=a{{}}', 'x'], 'key: {{}} is not known, at character 2'],
    [['{{toString}}'], 'BODY: {{toString}} is not known, at character 1'],
  ] as const) {
    const { code, stderr } = await inside(['publish', '-q', name, '--template', ...flags]);
    assert.equal(code, 64, stderr);
    assert.ok(stderr.includes(`error: ${what}`), stderr);
  }
  const key = await inside(['publish', '-e', 'amq.topic', '-r', 'a.{{b}}', '--template', 'x']);
  assert.deepEqual([key.code, key.stderr.includes('--routing-key: {{b}} is not known')], [64, true]);
  for (const flag of ['--lines', '--envelopes']) assert.equal((await inside(['publish', '-q', name, '--template', flag], { input: 'x\n' })).code, 64);
  assert.equal(await depth(name), 0);
});

for (const [file, content] of [
  ['rows.csv', '\ufeffid,full name,note\r\n1,Ann,"a ""quoted"", text"\r\n\r\n2,Bob,"two\nlines"\r\n90071992547409931,Cy,\r\n'],
  [
    'rows.ndjson',
    '{"id":1,"full name":"Ann","note":"a \\"quoted\\", text"}\n\n{"id":2,"full name":"Bob","note":"two\\nlines"}\n{"id":90071992547409931,"full name":"Cy","note":""}\n',
  ],
] as const) {
  test(`--data ${file} sends a message a row, with its fields in body, headers and key`, async (t) => {
    const { channel, queue, exchange, take } = await peer(t);
    const [name, events] = [await queue(), await exchange('topic')];
    await channel.bindQueue(name, events, '#');
    const data = await dataFile(t, file, content);
    const result = await inside(['topic', 'publish', events, 'row.{{id}}', '--data', data, '-H', 'name={{full name}}', '{{n}} {{ id }} {{note}}', '--json']);
    assert.equal(result.code, 0, result.stderr);
    assert.equal(json<{ confirmed: number }>(result).confirmed, 3);
    assert.deepEqual(
      (await take(name)).map(({ content: body, fields, properties }) => [body.toString(), fields.routingKey, properties.headers?.['name']]),
      [
        ['1 1 a "quoted", text', 'row.1', 'Ann'],
        ['2 2 two\nlines', 'row.2', 'Bob'],
        ['3 90071992547409931 ', 'row.90071992547409931', 'Cy'],
      ],
    );
    assert.equal((await inside(['publish', '-q', name, '--data', data, '-n', '2', '{{id}}'])).code, 0);
    assert.deepEqual(
      (await take(name)).map(({ content: body }) => body.toString()),
      ['1', '2'],
    );
  });
}

test('a row that cannot be filled is bad data, told with its line; the others are sent', async (t) => {
  const { queue, take } = await peer(t);
  const name = await queue();
  for (const [file, content, lines, sent] of [
    ['rows.csv', 'id,name\n1,a\n2\n"x\ny",c\n4,d,e\n', ['line 3: 1 field, and there are 2 columns', 'line 6: 3 fields'], ['a', 'c']],
    ['rows.jsonl', '{"name":"a"}\n{"nome":"b"}\n\nno\n[1]\n', ['line 2: there is no field "name"', 'line 4: not JSON', 'line 5: a JSON object'], ['a']],
  ] as const) {
    const { code, stderr } = await inside(['publish', '-q', name, '--data', await dataFile(t, file, content), '{{name}}']);
    assert.equal(code, 65, stderr);
    for (const line of lines) assert.ok(stderr.includes(`${file}, ${line}`), stderr);
    assert.deepEqual(
      (await take(name)).map((message) => message.content.toString()),
      sent,
    );
  }
});

test('what every object of JavaScript has is no field', async (t) => {
  const { queue, depth, take } = await peer(t);
  const name = await queue();
  for (const [file, content] of [
    ['rows.csv', 'id,name\n1,a\n'],
    ['rows.ndjson', '{"id":1}\n'],
  ] as const) {
    const data = await dataFile(t, file, content);
    for (const word of ['toString', 'hasOwnProperty', '__proto__', 'constructor', 'length']) {
      const { code, stderr } = await inside(['publish', '-q', name, '--data', data, `[{{${word}}}]`]);
      assert.equal(code, 65, stderr);
      assert.ok(stderr.includes(`there is no field "${word}"`), stderr);
    }
  }
  assert.equal(await depth(name), 0);
  const named = await dataFile(t, 'named.ndjson', '{"__proto__":"p","toString":"t"}\n');
  assert.equal((await inside(['publish', '-q', name, '--data', named, '{{__proto__}}{{toString}}'])).code, 0);
  assert.equal((await take(name))[0]?.content.toString(), 'pt');
});

test('data that cannot be read says why', async (t) => {
  const { queue, depth } = await peer(t);
  const name = await queue();
  for (const [file, content, exit, what] of [
    ['rows.txt', 'a\n', 64, /neither a \.csv nor a \.ndjson/],
    ['rows.csv', 'a,a\n1,2\n', 65, /line 1: the column "a" is there twice/],
    ['rows.constructor', 'a\n', 64, /neither a \.csv nor a \.ndjson/],
    ['rows.csv', '', 65, /rows\.csv is empty/],
    ['rows.csv', '\n', 65, /rows\.csv is empty/],
    ['rows.jsonl', '', 65, /rows\.jsonl is empty/],
    ['rows.csv', 'a\n"b\n', 65, /rows\.csv: Quote Not Closed.* line 2/],
    ['rows.csv', Buffer.from('a\n\xff\n', 'latin1'), 65, /not valid UTF-8/],
  ] as const) {
    const { code, stderr } = await inside(['publish', '-q', name, '--data', await dataFile(t, file, content), '{{a}}']);
    assert.equal(code, exit, stderr);
    assert.match(stderr, what);
  }
  assert.equal((await inside(['publish', '-q', name, '--data', join(await scratchDirectory(t), 'none.csv'), '{{a}}'])).code, 66);
  assert.equal(await depth(name), 0);
});

test('a key that is too long once it is filled costs no other message', async (t) => {
  const { queue, take } = await peer(t);
  const name = await queue();
  const data = await dataFile(t, 'rows.ndjson', `{"queue":"${'x'.repeat(300)}"}\n{"queue":"${name}"}\n`);
  const { code, stderr } = await inside(['publish', '-r', '{{queue}}', '--data', data, 'body']);
  assert.equal(code, 65, stderr);
  assert.equal((await take(name)).length, 1);
  assert.notEqual((await inside(['publish', '-q', unique('none'), '--data', data, 'body {{queue}}'])).code, 0);
});
