import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { peer } from '../support/broker.ts';
import { inside } from '../support/inside.ts';
import { scratchDirectory } from '../support/programs.ts';
import { json, type Result, rmq, start } from '../support/rmq.ts';
import { ownVhost } from '../support/users.ts';

const SHOP = `
exchanges:
  - { name: shop, type: topic }
  - name: dead
queues:
  - name: orders
    type: quorum
    arguments: { x-dead-letter-exchange: dead, x-delivery-limit: 5 }
  - name: letters
bindings:
  - { source: shop, destination: orders, routing_key: "order.#" }
  - { source: amq.headers, destination: orders, arguments: { x-match: all, kind: big } }
  - { source: dead, destination: letters, routing_key: orders }
  - { source: shop, destination: dead, destination_type: exchange, routing_key: "#" }
policies:
  - { name: keep, pattern: ^letters$, apply-to: queues, definition: { message-ttl: 86400000 } }
`;

interface Planned {
  readonly steps: readonly { readonly kind: string; readonly name: string; readonly action: string }[];
  readonly kept: number;
}

interface Place {
  readonly url: string;
  /** Runs rmq topology on a file with this content. */
  readonly run: (words: readonly string[], content: string, env?: Readonly<Record<string, string>>) => Promise<Result>;
  readonly file: (content: string) => Promise<string>;
}

/** An empty vhost. */
async function place(t: TestContext): Promise<Place> {
  const [url, directory] = [await ownVhost(t), await scratchDirectory(t)];
  const file = async (content: string): Promise<string> => {
    const path = join(directory, 'topology.yaml');
    await writeFile(path, content);
    return path;
  };
  return {
    url,
    file,
    run: async ([word = '', ...flags], content, env = {}) => inside(['topology', word, await file(content), ...flags, '--url', url], { env }),
  };
}

const NO_MANAGEMENT = { RABBITMQ_MANAGEMENT_URL: 'http://127.0.0.1:9/' };

test('a topology is planned, applied once, and exported so that it is planned no more', async (t) => {
  const { url, run } = await place(t);
  const planned = await run(['plan', '--json'], SHOP);
  assert.equal(planned.code, 1, planned.stderr);
  assert.deepEqual(
    json<Planned>(planned).steps.map(({ kind, action }) => `${action} ${kind}`),
    [...Array(2).fill('create exchange'), ...Array(2).fill('create queue'), ...Array(4).fill('create binding'), 'create policy'],
  );
  assert.equal((await rmq(['queue', 'status', 'orders', '--url', url])).code, 66);
  const applied = await run(['apply'], SHOP);
  assert.equal(applied.code, 0, applied.stderr);
  assert.match(applied.stdout, /^\+ created {3}queue "orders"/m);
  const again = await run(['plan', '--json'], SHOP);
  assert.deepEqual([again.code, json<Planned>(again)], [0, { planned: true, steps: [], kept: 9 }]);
  assert.match((await run(['apply'], SHOP)).stdout, /^everything is as it should be$/m);
  const piped = await rmq(['topology', 'plan', '-', '--url', url], { input: SHOP });
  assert.deepEqual([piped.code, piped.stdout], [0, 'everything is as it should be\n'], piped.stderr);
  for (const flags of [[], ['-o', 'json']]) {
    const exported = await rmq(['topology', 'export', ...flags, '--url', url]);
    assert.doesNotMatch(exported.stdout, /rmq\.topology|amq\.direct|password|users/);
    assert.equal((await run(['plan'], exported.stdout)).code, 0, exported.stdout);
    assert.equal((await rmq(['topology', 'export', ...flags, '--url', url])).stdout, exported.stdout);
  }
  // It routes.
  assert.equal((await rmq(['publish', '-e', 'shop', '-r', 'order.1', 'hello', '--url', url])).code, 0);
  assert.equal((await rmq(['consume', 'orders', '-n', '1', '--url', url])).stdout, 'hello\n');
});

test('what the broker exports itself can be applied, without its users', async (t) => {
  const { url, run } = await place(t);
  assert.equal((await run(['apply'], SHOP)).code, 0);
  const { username, password, origin } = new URL(process.env['RABBITMQ_MANAGEMENT_URL'] ?? '');
  const response = await fetch(`${origin}/api/definitions`, { headers: { authorization: `Basic ${btoa(`${username}:${password}`)}` } });
  const definitions = await response.text();
  const { stdout, stderr, code } = await run(['plan', '--json'], definitions);
  // The memory of the former apply is the only exchange that is not compared.
  assert.equal(code, 0, `${stdout}${stderr}`);
  const elsewhere = await place(t);
  const other = await elsewhere.run(['plan'], definitions);
  assert.match(other.stdout, /objects are of other vhosts/);
  assert.match(other.stdout, /users.* were left out/);
  assert.ok(!other.stdout.includes('password'));
  assert.equal(new URL(url).pathname.length > 1, true);
});

test('a conflict is named argument by argument, and nothing is touched', async (t) => {
  const { url, run } = await place(t);
  assert.equal((await run(['apply'], SHOP)).code, 0);
  const other = SHOP.replace('type: topic', 'type: fanout')
    .replace('x-delivery-limit: 5', 'x-delivery-limit: 6')
    .replace('- name: letters', '- name: first\n  - name: letters\n    durable: false');
  for (const env of [{}, NO_MANAGEMENT]) {
    const content = Object.keys(env).length === 0 ? other : other.replace(/policies:.*/s, '');
    for (const word of ['plan', 'apply']) {
      const { code, stderr } = await run([word], content, env);
      assert.equal(code, 76, stderr);
      assert.match(stderr, /the exchange "shop" exists with other arguments: type is "topic" there, the file says "fanout"/);
      assert.match(stderr, /the queue "letters" exists with other arguments: durable is true there, the file says false/);
    }
  }
  assert.match((await run(['plan'], other)).stderr, /x-delivery-limit is 5 there, the file says 6/);
  assert.equal((await inside(['queue', 'status', 'first', '--url', url])).code, 66);
});

test('a policy is changed only after a yes', async (t) => {
  const { run } = await place(t);
  assert.equal((await run(['apply'], SHOP)).code, 0);
  const shorter = SHOP.replace('86400000', '1000');
  const refused = await run(['apply'], shorter);
  assert.equal(refused.code, 64);
  assert.match(refused.stderr, /--yes/);
  const planned = await run(['plan'], shorter);
  assert.equal(planned.code, 1);
  assert.match(planned.stdout, /definition is \{"message-ttl":86400000\} there, the file says \{"message-ttl":1000\}/);
  assert.equal((await run(['apply', '-y'], shorter)).code, 0);
  assert.equal((await run(['plan'], shorter)).code, 0);
});

test('prune removes what a former apply made and nothing else, and tells of messages', async (t) => {
  const { url, run } = await place(t);
  for (const name of ['mine', 'letters']) assert.equal((await inside(['queue', 'declare', name, '--url', url])).code, 0);
  assert.equal((await run(['apply'], SHOP)).code, 0);
  assert.equal((await inside(['queue', 'declare', 'later', '--bind', 'shop:x', '--url', url])).code, 0);
  assert.equal((await inside(['publish', '-q', 'orders', 'a', '--url', url])).code, 0);
  const empty = 'exchanges:\n  - { name: shop, type: topic }\n';
  assert.equal((await run(['plan'], empty)).code, 0);
  const planned = await run(['plan', '--prune', '--json'], empty);
  assert.deepEqual(
    json<Planned>(planned).steps.map(({ kind, name, action }) => `${action} ${kind} ${name}`),
    ['delete queue orders', 'delete exchange dead', 'delete policy keep'],
  );
  assert.equal((await run(['apply', '--prune'], empty)).code, 64);
  const pruned = await run(['apply', '--prune', '-y'], empty);
  assert.equal(pruned.code, 0, pruned.stderr);
  assert.match(pruned.stdout, /^1 message went with deleted queues$/m);
  assert.equal((await run(['plan', '--prune'], empty)).code, 0);
  for (const [name, code] of Object.entries({ mine: 0, letters: 0, later: 0, orders: 66 })) {
    assert.equal((await inside(['queue', 'status', name, '--url', url])).code, code, name);
  }
  // A file with a name of its own removes nothing of another one.
  assert.equal((await run(['plan', '--prune'], 'name: other\n')).code, 0);
});

test('an apply that was killed is done again, and all of it is pruned', { timeout: 120_000 }, async (t) => {
  const { url, run, file } = await place(t);
  const own = await peer(t, url);
  const names = Array.from({ length: 300 }, (_, index) => `q${index}`);
  const many = `queues:\n${names.map((name) => `  - name: ${name}\n`).join('')}bindings:\n${names.map((name) => `  - { source: amq.fanout, destination: ${name} }\n`).join('')}`;
  const apply = start(['topology', 'apply', await file(many), '--url', url], { input: '' });
  const queues = async (): Promise<number> => (await exported(url)).queues.length;
  while ((await queues()) === 0);
  apply.child.kill('SIGKILL');
  await once(apply.child, 'close');
  assert.ok((await queues()) <= names.length);
  const again = await run(['apply'], many);
  assert.equal(again.code, 0, again.stderr);
  assert.equal((await run(['plan'], many)).code, 0);
  assert.equal(await own.depth('q299'), 0);
  assert.equal((await run(['apply', '--prune', '-y'], 'queues: []\n')).code, 0);
  assert.equal(await queues(), 0);
  // Nothing is left to be remembered.
  const { stdout } = await inside(['exchange', 'list', '-o', 'json', '--url', url]);
  assert.ok(!stdout.includes('rmq.topology'), stdout);
});

test('without the management API, exchanges, queues and bindings are applied, and the rest is refused', async (t) => {
  const { run } = await place(t);
  const policies = await run(['apply'], SHOP, NO_MANAGEMENT);
  assert.equal(policies.code, 69);
  assert.match(policies.stderr, /only the management API sets policies/);
  const without = SHOP.replace(/policies:.*/s, '');
  const applied = await run(['apply'], without, NO_MANAGEMENT);
  assert.equal(applied.code, 0, applied.stderr);
  const planned = await run(['plan'], without, NO_MANAGEMENT);
  assert.equal(planned.code, 1);
  assert.match(planned.stdout, /^4 to bind$/m);
  assert.equal((await run(['plan'], without)).code, 0);
  assert.equal((await run(['plan', '--prune'], without, NO_MANAGEMENT)).code, 69);
});

test('a first step that the broker refuses has done nothing; a later one may have done some of it', async (t) => {
  const { url, run } = await place(t);
  const policy = 'policies: [{ name: x, pattern: ^x, definition: { nonsense: 1 } }]\n';
  const first = await run(['apply'], policy);
  assert.equal(first.code, 76, first.stderr);
  assert.match(first.stderr, /\[\{<<"nonsense">>,1\}\] are not recognised/);
  assert.match(first.stderr, /nothing was done/);
  assert.doesNotMatch(first.stderr, /in the middle/);
  const second = await run(['apply'], `exchanges: [{ name: made }]\n${policy}`);
  assert.equal(second.code, 76, second.stderr);
  assert.match(second.stderr, /in the middle: some of it may be done/);
  assert.match((await inside(['topology', 'export', '--url', url])).stdout, /made/);
  const exchange = await run(['apply'], 'exchanges: [{ name: made2, type: absent }, { name: made3 }]\n');
  assert.match(exchange.stderr, /nothing was done/);
});

test('a wrong file is told by line and column', async (t) => {
  const { run } = await place(t);
  for (const [content, code, says] of [
    ['queues:\n  - name: a\n    durabel: true\n', 65, /line 3, column 5: there is no key "durabel": did you mean "durable"\?/],
    ['queus: []\n', 65, /line 1, column 1: there is no key "queus": did you mean "queues"\?/],
    ['queues:\n  - name: 5\n', 65, /line 2, column 11: queues\.0\.name must be of type string/],
    ['queues:\n  - { name: "" }\n', 65, /line 2, column 13: queues\.0\.name must not be empty/],
    ['queues:\n  - durable: true\n', 65, /line 2, column 5: queues\.0\.name is missing/],
    ['name: a b\n', 65, /name must have 1 to 60 letters/],
    ['queues:\n  - { name: a, type: quick }\n', 65, /line 2, column 22: queues\.0\.type must be one of "classic"/],
    ['{"queues": [{"name": "a"}, {"name": "a"}]}', 65, /line 1, column 28: "a" is there twice/],
    ['queues: [\n', 65, /line \d, column \d/],
    ['a: &a [1]\nb: *c\n', 65, /line/],
    ['bindings:\n  - { source: nowhere, destination: a }\n', 66, /neither the file nor the broker has: exchange "nowhere", queue "a"/],
  ] as const) {
    const { code: got, stderr } = await run(['plan'], content);
    assert.equal(got, code, `${content}\n${stderr}`);
    assert.match(stderr, says);
  }
  assert.equal((await inside(['topology', 'plan', '/nowhere/at/all'])).code, 66);
});

async function exported(url: string): Promise<{ readonly queues: readonly unknown[] }> {
  return json(await inside(['topology', 'export', '-o', 'json', '--url', url]));
}

test('an empty file is a mistake: it would prune everything', async (t) => {
  const { run } = await place(t);
  for (const content of ['', '# nothing\n']) {
    const { code, stderr } = await run(['apply', '--prune', '-y'], content);
    assert.equal(code, 65, stderr);
    assert.match(stderr, /is empty/);
  }
});
