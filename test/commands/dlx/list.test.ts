import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { test } from '../../support/at-once.ts';
import { brokerUrl, type Peer, peer, unique } from '../../support/broker.ts';
import { inside } from '../../support/inside.ts';
import { json, jsonLines, rmq } from '../../support/rmq.ts';

interface Listed {
  readonly problems: number;
  readonly queues: readonly {
    readonly queue: string;
    readonly exchange: string | null;
    readonly routingKey: string | null;
    readonly by: string | null;
    readonly policy: string | null;
    readonly targets: readonly { readonly queue: string; readonly depth: number | null; readonly ttl: number | null; readonly maxLengthBytes: number | null }[];
    readonly problems: readonly { readonly kind: string; readonly text: string }[];
    readonly advice: readonly { readonly kind: string; readonly text: string }[];
  }[];
}

const MANAGEMENT = (): string => process.env['RABBITMQ_MANAGEMENT_URL'] ?? assert.fail('RABBITMQ_MANAGEMENT_URL is not set: run the tests with npm test');

async function manage(method: 'PUT' | 'DELETE', path: string, body?: object): Promise<void> {
  const { origin, username, password } = new URL(MANAGEMENT());
  const response = await fetch(`${origin}/api/${path}`, {
    method,
    headers: { authorization: `Basic ${btoa(`${username}:${password}`)}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  assert.ok(response.ok || method === 'DELETE', `${method} ${path}: ${response.status} ${await response.text()}`);
}

/** A vhost of the test's own: what others do is not listed there. */
async function vhost(t: TestContext): Promise<Peer & { readonly name: string; readonly list: (...args: string[]) => ReturnType<typeof inside> }> {
  const name = unique('vhost/%');
  await manage('PUT', `vhosts/${encodeURIComponent(name)}`, {});
  t.after(() => manage('DELETE', `vhosts/${encodeURIComponent(name)}`));
  const { username } = new URL(brokerUrl());
  await manage('PUT', `permissions/${encodeURIComponent(name)}/${username}`, { configure: '.*', write: '.*', read: '.*' });
  const url = Object.assign(new URL(brokerUrl()), { pathname: `/${encodeURIComponent(name)}` }).href;
  return { ...(await peer(t, url)), name, list: (...args) => inside(['dlx', 'list', '-u', url, ...args]) };
}

const week = { arguments: { 'x-message-ttl': 7 * 86_400_000 } };

test('a vhost in which nothing dead-letters is in order', async (t) => {
  const { list, queue } = await vhost(t);
  await queue();
  const listed = await list('-o', 'json');
  assert.equal(listed.code, 0, listed.stderr);
  assert.deepEqual(json<Listed>(listed).queues, []);
  assert.match((await list()).stdout, /no queue in the vhost ".*" dead-letters/);
});

test('--problems lists only what is wrong, and says of how many', async (t) => {
  const { list, queue } = await vhost(t);
  const target = await queue(week);
  const fine = await queue({ arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': target } });
  const healthy = await list('--problems');
  assert.deepEqual([healthy.code, healthy.stdout], [0, '1 queue, no problems\n'], healthy.stderr);
  const broken = await queue({ arguments: { 'x-dead-letter-exchange': unique('nowhere') } });
  const listed = await list('--problems', '-o', 'json');
  assert.equal(listed.code, 1, listed.stderr);
  assert.deepEqual(
    json<Listed>(listed).queues.map((one) => one.queue),
    [broken],
  );
  const shown = (await list('--problems')).stdout;
  assert.ok(!shown.includes(fine), shown);
  assert.match(shown, /^1 of 2 queues with problems$/m);
});

test('queues that dead-letter by argument and by policy are listed with where to and the depth there', async (t) => {
  const { name, list, channel, publish } = await vhost(t);
  await channel.assertExchange('dlx', 'direct', { durable: true });
  await channel.assertQueue('dead', week);
  await channel.bindQueue('dead', 'dlx', 'failed');
  await channel.assertQueue('by-argument', { deadLetterExchange: 'dlx', deadLetterRoutingKey: 'failed' });
  await channel.assertQueue('by-policy', { arguments: { 'x-queue-type': 'quorum' } });
  await channel.assertQueue('neither');
  await manage('PUT', `policies/${encodeURIComponent(name)}/letters`, {
    pattern: '^by-policy$',
    definition: { 'dead-letter-exchange': 'dlx', 'dead-letter-routing-key': 'failed' },
    'apply-to': 'queues',
  });
  await publish('dead', ['one', 'two']);
  // The depth is one that the broker has counted some seconds ago.
  let listed = await list('-o', 'json');
  while (json<Listed>(listed).queues.length < 2 || json<Listed>(listed).queues[0]?.targets[0]?.depth !== 2) listed = await list('-o', 'json');
  assert.equal(listed.code, 0, listed.stderr);
  const targets = [{ queue: 'dead', depth: 2, ttl: 7 * 86_400_000, maxLength: null, maxLengthBytes: null }];
  const same = { exchange: 'dlx', routingKey: 'failed', targets, problems: [], advice: [] };
  assert.deepEqual(json<Listed>(listed).queues, [
    { queue: 'by-argument', type: 'classic', by: 'argument', policy: null, ...same },
    { queue: 'by-policy', type: 'quorum', by: 'policy', policy: 'letters', ...same },
  ]);
  const table = await list();
  assert.match(table.stdout, /^QUEUE +BY +EXCHANGE +KEY +TO +DEPTH +KEPT$/m);
  assert.match(table.stdout, /^by-policy +policy letters +dlx +failed +dead +2 +7 d$/m);
  assert.match(table.stdout, /^2 queues, no problems$/m);
});

test('each problem is named in its way, and ends the run with 1', async (t) => {
  const { list, channel } = await vhost(t);
  await channel.assertExchange('dlx', 'direct', { durable: true });
  await channel.assertQueue('dead', week);
  await channel.bindQueue('dead', 'dlx', 'failed');
  const lost: Record<string, { readonly to: readonly [string, string?]; readonly kind: string; readonly text: RegExp }> = {
    a: { to: ['gone', 'failed'], kind: 'no-exchange', text: /there is no exchange "gone"/ },
    b: { to: ['dlx', 'else'], kind: 'no-binding', text: /no queue is bound to "dlx" for the key "else"/ },
    c: { to: ['', 'nowhere'], kind: 'no-queue', text: /there is no queue "nowhere"/ },
    e: { to: [''], kind: 'own-queue', text: /no dead-letter routing key/ },
  };
  for (const [name, { to }] of Object.entries(lost)) {
    await channel.assertQueue(name, { arguments: { 'x-dead-letter-exchange': to[0], ...(to[1] !== undefined && { 'x-dead-letter-routing-key': to[1] }) } });
  }
  await channel.assertQueue('sound', { deadLetterExchange: 'dlx', deadLetterRoutingKey: 'failed' });
  const listed = await list('-o', 'json');
  assert.equal(listed.code, 1, listed.stderr);
  const { queues, problems } = json<Listed>(listed);
  assert.equal(problems, 4);
  for (const [name, { kind, text }] of Object.entries(lost)) {
    const told = queues.find(({ queue }) => queue === name)?.problems ?? [];
    assert.deepEqual([name, told.map((one) => one.kind)], [name, [kind]]);
    assert.match(told[0]?.text ?? '', text);
  }
  const table = await list();
  assert.equal(table.code, 1);
  assert.match(table.stdout, /^a +argument +gone +failed .*\n +! there is no exchange "gone"$/m);
  assert.match(table.stdout, /^4 of 5 queues with problems$/m);
  assert.equal((await list('sound')).code, 0);
  const plain = await list('dead', '-o', 'json');
  assert.equal(plain.code, 1);
  assert.deepEqual(
    json<Listed>(plain).queues.map((one) => one.problems.map(({ kind }) => kind)),
    [['no-dead-lettering']],
  );
  assert.equal((await list('absent')).code, 66);
});

test('a full dead-letter queue is a problem', async (t) => {
  const { list, channel, publish } = await vhost(t);
  await channel.assertQueue('dead', { arguments: { 'x-message-ttl': 60_000, 'x-max-length': 2 } });
  await channel.assertQueue('work', { deadLetterExchange: '', deadLetterRoutingKey: 'dead' });
  assert.equal((await list()).code, 0);
  await publish('dead', ['one', 'two']);
  let listed = await list();
  while (listed.code === 0) listed = await list();
  assert.match(listed.stdout, /! "dead" is full \(2\): each further dead letter pushes out the oldest one/);
});

test('a full work queue to which messages come back from a pause is no dead-letter problem', async (t) => {
  const { list, channel, publish } = await vhost(t);
  await channel.assertQueue('work', { arguments: { 'x-max-length': 1 } });
  await channel.assertQueue('work.retry.60000', { messageTtl: 60_000, deadLetterExchange: '', deadLetterRoutingKey: 'work' });
  await publish('work', ['one']);
  let listed = await list();
  while (!listed.stdout.includes('is full')) listed = await list();
  assert.equal(listed.code, 0, listed.stdout);
  assert.match(listed.stdout, /"work" is full \(1\): each further message pushes out the oldest one/);
  assert.doesNotMatch(listed.stdout, /!/);
});

for (const type of ['classic', 'quorum']) {
  test(`a dead-letter queue whose bytes are bounded is full when one more has no room: ${type}`, async (t) => {
    const { list, channel, publish } = await vhost(t);
    await channel.assertQueue('dead', { arguments: { 'x-queue-type': type, 'x-message-ttl': 600_000, 'x-max-length-bytes': 25 } });
    await channel.assertQueue('work', { deadLetterExchange: '', deadLetterRoutingKey: 'dead' });
    const empty = await list();
    assert.equal(empty.code, 0, empty.stdout);
    await publish('dead', ['0123456789', '0123456789']);
    let listed = await list('-o', 'json');
    while (listed.code === 0) listed = await list('-o', 'json');
    const [work] = json<Listed>(listed).queues;
    assert.deepEqual([work?.targets[0]?.maxLengthBytes, work?.problems.map(({ kind }) => kind)], [25, ['full']]);
    assert.match(work?.problems[0]?.text ?? '', /^"dead" is full \(25 B\): each further dead letter pushes out the oldest one$/);
  });
}

test('a dead-letter queue without a TTL is no problem, and what is said of it depends on its other bounds', async (t) => {
  const { list, channel } = await vhost(t);
  const bounds = { a: {}, b: { 'x-max-length': 9 }, c: { 'x-max-length-bytes': 9_000, 'x-overflow': 'reject-publish' } };
  for (const [name, args] of Object.entries(bounds)) {
    await channel.assertQueue(`dead-${name}`, { arguments: args });
    await channel.assertQueue(name, { deadLetterExchange: '', deadLetterRoutingKey: `dead-${name}` });
  }
  const listed = await list('-o', 'json');
  assert.match((await list()).stdout, /^ +i "dead-a" has no TTL: .*$(?:\n.*)*\n3 queues, no problems$/m);
  assert.equal(listed.code, 0, 'advice is no problem');
  assert.deepEqual(
    json<Listed>(listed).queues.map(({ advice }) => advice.map(({ kind, text }) => `${kind}: ${text}`)),
    [
      ['no-ttl: "dead-a" has no TTL: dead letters pile up until the disk is full'],
      ['no-ttl: "dead-b" has no TTL: dead letters stay until it is full, and then each further dead letter pushes out the oldest one'],
      ['no-ttl: "dead-c" has no TTL: dead letters stay until it is full, and then it refuses further dead letters'],
    ],
  );
});

test('queues of rmq in which messages wait make no place of dead letters of the queue to which they come back', async (t) => {
  const { name, list, channel, queue, exchange, publish } = await vhost(t);
  const url = Object.assign(new URL(brokerUrl()), { pathname: `/${encodeURIComponent(name)}` }).href;
  const run = async (...args: string[]): Promise<void> => {
    const { code, stderr } = await inside(['-u', url, ...args]);
    assert.equal(code, 0, stderr);
  };
  const [retried, delayed, behind, dead, ladder] = [await queue(), await queue(), await queue(), await queue(), unique('ladder')];
  const events = await exchange('fanout');
  await channel.bindQueue(behind, events, '');
  await publish(retried, ['a']);
  await run('work', 'run', retried, '--retries', '1', '--backoff', '10m..10m', '--drop-dead', '-n', '1', '--', 'false');
  await run('publish', '-q', delayed, '--delay', '10m', 'a');
  await run('publish', '-e', events, '--delay', '10m', 'a');
  await run('dlx', 'setup', ladder, '--retry', '10m,20m');
  // A queue of somebody else that looks much like them.
  await channel.assertQueue(`${dead}.5`, { arguments: { 'x-message-ttl': 5, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead } });
  for (const one of [retried, delayed, behind, ladder, dead]) await publish(one, ['b', 'c']);
  channel.reject((await channel.get(ladder)) || assert.fail(), false);
  const rung = `${ladder}.retry.10m-20m.1`;
  const waited = await inside(['wait', '-u', url, '--queue', rung, '--messages', '1']);
  assert.equal(waited.code, 0, waited.stderr);
  const checked = await inside(['check', 'dlx', '-u', url, '-o', 'json']);
  assert.equal(checked.code, 1, checked.stderr);
  assert.deepEqual(
    jsonLines<{ queue: string; value: number }>(checked).map((one) => [one.queue, one.value]),
    [
      ['dead.letters', 0],
      [dead, 2],
    ],
  );
  const { queues } = json<Listed>(await list('-o', 'json'));
  assert.deepEqual(
    queues.map((one) => one.queue),
    [`${dead}.5`, ladder, `${rung.slice(0, -1)}2`, rung, `${delayed}.delay.600000`, `${events}.delay.600000`, `${retried}.retry.600000`].sort(),
  );
  assert.deepEqual(
    [...new Set(queues.flatMap(({ advice }) => advice.map(({ text }) => text)))],
    [`"${dead}" has no TTL: dead letters pile up until the disk is full`],
  );
});

test('a queue whose dead letters come back into it is a problem', async (t) => {
  const { list, channel } = await vhost(t);
  await channel.assertQueue('round', { deadLetterExchange: '', deadLetterRoutingKey: 'round' });
  const listed = await list();
  assert.equal(listed.code, 1);
  assert.match(listed.stdout, /! its dead letters come back into it/);
});

test('an exchange of any type is followed, and a policy counts where the broker applies it', async (t) => {
  const { name, list, channel } = await vhost(t);
  await channel.assertQueue('dead', week);
  for (const [type, key] of [
    ['fanout', 'anything'],
    ['topic', '#.failed'],
    ['headers', ''],
  ] as const) {
    await channel.assertExchange(type, type);
    await channel.bindQueue('dead', type, key, { 'x-match': 'all', tenant: 'acme' });
    await channel.assertQueue(type, { deadLetterExchange: type, deadLetterRoutingKey: 'order.failed' });
  }
  await channel.assertQueue('by-all', { arguments: { 'x-queue-type': 'quorum' } });
  await channel.assertQueue('by-none');
  await channel.assertQueue('by-half');
  const policy = (of: string, applyTo: string, more: object = {}): Promise<void> =>
    manage('PUT', `policies/${encodeURIComponent(name)}/${of}`, {
      pattern: `^${of}$`,
      definition: { 'dead-letter-exchange': 'fanout', ...more },
      'apply-to': applyTo,
    });
  await policy('by-all', 'all');
  await policy('by-none', 'exchanges');
  // A classic queue does not know that key, and then takes nothing of the policy.
  await policy('by-half', 'queues', { 'delivery-limit': 3 });
  let listed = await list('-o', 'json');
  while (json<Listed>(listed).queues.length < 4) listed = await list('-o', 'json');
  assert.equal(listed.code, 0, listed.stdout);
  assert.deepEqual(
    json<Listed>(listed).queues.map(({ queue, by, targets }) => [queue, by, targets.map((target) => target.queue)]),
    [
      ['by-all', 'policy', ['dead']],
      ['fanout', 'argument', ['dead']],
      ['headers', 'argument', ['dead']],
      ['topic', 'argument', ['dead']],
    ],
  );
});

test('dead letters are followed through exchanges, topics and alternate exchanges; a station on the way needs no TTL', async (t) => {
  const { list, channel } = await vhost(t);
  await channel.assertExchange('topics', 'topic');
  await channel.assertExchange('rest', 'fanout');
  await channel.assertExchange('first', 'direct', { alternateExchange: 'rest' });
  await channel.bindExchange('topics', 'first', 'order.failed');
  await channel.assertQueue('dead', week);
  await channel.assertQueue('others', week);
  await channel.assertQueue('pause', { deadLetterExchange: 'first', deadLetterRoutingKey: 'order.failed' });
  await channel.bindQueue('dead', 'topics', 'order.#');
  await channel.bindQueue('others', 'rest', '');
  await channel.assertQueue('a', { deadLetterExchange: 'first', deadLetterRoutingKey: 'order.failed' });
  await channel.assertQueue('b', { deadLetterExchange: 'first', deadLetterRoutingKey: 'unknown' });
  await channel.assertQueue('c', { deadLetterExchange: '', deadLetterRoutingKey: 'pause' });
  const listed = await list('a', 'b', 'c', '-o', 'json');
  assert.equal(listed.code, 0, listed.stdout);
  assert.deepEqual(
    json<Listed>(listed).queues.map(({ queue, targets }) => [queue, targets.map((target) => target.queue)]),
    [
      ['a', ['dead']],
      ['b', ['others']],
      ['c', ['pause']],
    ],
  );
});

test('each way in which the management API says no has words of its own, and no password in them', async (t) => {
  const user = unique('user');
  const base = new URL(MANAGEMENT());
  const as = (name: string, password: string): string => Object.assign(new URL(base), { username: name, password }).href;
  const told = async (url: string, ...args: string[]): Promise<{ code: number; stderr: string }> => {
    const { code, stderr, stdout } = await rmq(['dlx', 'list', '-v', '--management-url', url, ...args]);
    assert.doesNotMatch(stderr + stdout, /s3cret/);
    return { code, stderr };
  };
  await manage('PUT', `users/${user}`, { password: 's3cret', tags: '' });
  t.after(() => manage('DELETE', `users/${user}`));
  const wrong = await told(as(user, 's3cret-not'));
  assert.equal(wrong.code, 77);
  assert.match(wrong.stderr, new RegExp(`refused the user "${user}" or the password`));
  const untagged = await told(as(user, 's3cret'));
  assert.equal(untagged.code, 77);
  assert.match(untagged.stderr, new RegExp(`may not use the management API.*\\n(.*\\n)*.*set_user_tags ${user} management`));
  await manage('PUT', `users/${user}`, { password: 's3cret', tags: 'management' });
  const outside = await told(as(user, 's3cret'));
  assert.equal(outside.code, 77);
  assert.match(outside.stderr, /may not do that in the vhost "\/"|shows this user no vhost "\/"/);
  const absent = await told(base.href, '-u', Object.assign(new URL(brokerUrl()), { pathname: `/${unique('vhost')}` }).href);
  assert.equal(absent.code, 66);
  assert.match(absent.stderr, /has no such object in the vhost "test\.vhost/);
  const closed = createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port } = closed.address() as AddressInfo;
  await new Promise((resolve) => closed.close(resolve));
  const unreachable = await told(`http://me:s3cret@127.0.0.1:${port}`);
  assert.equal(unreachable.code, 69);
  assert.match(unreachable.stderr, /at http:\/\/127\.0\.0\.1:\d+ cannot be reached: nothing is listening there/);
  for (const url of ['amqp://me:s3cret@localhost', 'me:s3cret@localhost', 'http://me:s3cret%@localhost']) assert.equal((await told(url)).code, 64);
});

test('what answers but is not the management API is told from it', async (t) => {
  const answers = { status: 200, body: '<html>hello</html>' };
  const server = createServer((_, response) => response.writeHead(answers.status).end(answers.body));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const list = (): ReturnType<typeof inside> => inside(['dlx', 'list', '--management-url', url]);
  const page = await list();
  assert.equal(page.code, 69);
  assert.match(page.stderr, /is not RabbitMQ's management API/);
  Object.assign(answers, { body: '{"hello":1}' });
  assert.equal((await list()).code, 69);
  Object.assign(answers, { status: 503, body: '' });
  assert.match((await list()).stderr, /answered with 503/);
  Object.assign(answers, { status: 403, body: '' });
  const forbidden = await list();
  assert.equal(forbidden.code, 77);
  assert.match(forbidden.stderr, /may not do that/);
});
