import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { peer } from '../support/broker.ts';
import { inside } from '../support/inside.ts';
import { scratchDirectory } from '../support/programs.ts';
import { json, rmq } from '../support/rmq.ts';
import { ownVhost } from '../support/users.ts';

const SHOP = `
exchanges:
  - { name: shop, type: topic, arguments: { alternate-exchange: unheard } }
  - { name: unheard, type: fanout }
  - { name: failed }
queues:
  - { name: orders, type: classic, arguments: { x-dead-letter-exchange: failed, x-dead-letter-routing-key: orders } }
  - { name: orders.retry.1000, type: classic, arguments: { x-dead-letter-exchange: "", x-dead-letter-routing-key: orders, x-message-ttl: 1000 } }
  - { name: letters, type: classic, arguments: { x-dead-letter-exchange: gone } }
  - { name: 'a"b]<i>', type: classic }
bindings:
  - { source: shop, destination: orders, routing_key: "order.#" }
  - { source: failed, destination: letters, routing_key: orders }
  - { source: failed, destination: 'a"b]<i>', routing_key: 'x"y' }
`;

test('a graph has bindings, dead letters and retries, and marks what is wrong, as a tree, as mermaid and as dot', async (t) => {
  const [url, directory] = [await ownVhost(t), await scratchDirectory(t)];
  const file = join(directory, 'shop.yaml');
  await writeFile(file, SHOP);
  const empty = await rmq(['topology', 'graph', '--url', url]);
  assert.match(empty.stdout, /^the vhost has no queues/);
  assert.equal((await rmq(['topology', 'apply', file, '--url', url])).code, 0);
  const tree = await rmq(['topology', 'graph', '--url', url]);
  assert.equal(tree.code, 0, tree.stderr);
  for (const lines of [
    'exchange "failed" (direct)\n├─ x"y → queue "a"b]<i>"\n└─ orders → queue "letters"\n',
    'exchange "gone" (missing)\n└─ ! it does not exist\n',
    'exchange "shop" (topic)\n├─ without a route ⇢ exchange "unheard"\n└─ order.# → queue "orders"\n',
    'exchange "unheard" (fanout)\n└─ ! nothing is bound to it: what is published there is lost\n',
    'queue "letters" (classic)\n├─ ! there is no exchange "gone"\n└─ dead ⇢ exchange "gone" (MISSING)\n',
    'queue "orders" (classic)\n└─ dead: orders ⇢ exchange "failed"\n',
    'queue "orders.retry.1000" (classic)\n└─ dead, or after 1 s ⇢ queue "orders"\n',
  ]) {
    assert.ok(tree.stdout.includes(lines), `${lines}\n${tree.stdout}`);
  }
  const mermaid = await rmq(['topology', 'graph', '-o', 'mermaid', '--url', url]);
  assert.match(mermaid.stdout, /^flowchart LR\n {2}n0\{\{"failed \(direct\)"\}\}\n/);
  assert.match(mermaid.stdout, /^ {2}n\d\[\("a#34;b#93;#60;i#62; \(classic\)"\)\]$/m);
  assert.match(mermaid.stdout, /^ {2}n0 -->\|"orders"\| n\d$/m);
  assert.match(mermaid.stdout, /^ {2}class n\d,n\d,n\d problem$/m);
  const dot = await rmq(['topology', 'graph', '-o', 'dot', '--url', url]);
  assert.match(dot.stdout, /^digraph topology \{\n/);
  assert.match(dot.stdout, /^ {2}"exchange failed" -> "queue a\\"b\]<i>" \[label="x\\"y"\];$/m);
  assert.match(dot.stdout, /^ {2}"queue orders\.retry\.1000" -> "queue orders" \[label="dead, or after 1 s", style=dashed\];$/m);
  for (const flags of [['-o', 'json'], ['--json']]) {
    const { edges } = json<{ edges: readonly unknown[] }>(await rmq(['topology', 'graph', ...flags, '--url', url]));
    assert.equal(edges.length, 7);
  }
  assert.equal((await rmq(['topology', 'graph', '--url', url])).stdout, tree.stdout);
  assert.equal((await rmq(['topology', 'graph', '-o', 'raw', '--url', url])).code, 64);
});

test('no name or key of a graph breaks its lines, in any drawing', async (t) => {
  const url = await ownVhost(t);
  const { channel } = await peer(t, url);
  const [name, key] = ['a\x1b[31mb', 'k\n\x07y'];
  await channel.assertExchange('from', 'topic');
  await channel.assertQueue(name);
  await channel.bindQueue(name, 'from', key);
  await channel.assertQueue('letters', { deadLetterExchange: 'gone\u2028x', deadLetterRoutingKey: key });
  for (const drawing of ['tree', 'mermaid', 'dot']) {
    const { code, stdout, stderr } = await inside(['topology', 'graph', '-o', drawing, '--url', url]);
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stdout, /[\0-\x09\x0b-\x1f\u2028]|^y/m, drawing);
  }
  const { stdout } = await inside(['topology', 'graph', '--url', url]);
  assert.ok(stdout.includes('exchange "from" (topic)\n└─ k\\n\\x07y → queue "a\\x1b[31mb"\n'), stdout);
  assert.ok(stdout.includes('! there is no exchange "gone\\u2028x"\n'), stdout);
  assert.ok((await inside(['topology', 'graph', '-o', 'dot', '--url', url])).stdout.includes('label="k\\\\n\\\\x07y"'));
  assert.ok((await inside(['topology', 'graph', '-o', 'mermaid', '--url', url])).stdout.includes('|"k#92;n#92;x07y"|'));
});
