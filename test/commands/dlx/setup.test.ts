import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { GetMessage } from 'amqplib';
import { type Peer, peer, unique } from '../../support/broker.ts';
import { inside } from '../../support/inside.ts';
import { exchangeName, queueExists, queueName } from '../../support/names.ts';
import { json, rmq } from '../../support/rmq.ts';

interface Step {
  readonly kind: string;
  readonly name: string;
  readonly action: string;
  readonly differences: readonly { readonly argument: string; readonly theirs: unknown; readonly ours: unknown }[];
}

interface Plan {
  readonly steps: readonly Step[];
}

interface Place {
  readonly queue: string;
  readonly dead: string;
  readonly dlx: string;
  /** The names as arguments of `rmq`. */
  readonly names: readonly string[];
}

/** Names of a queue, its dead-letter queue and the exchange in between; what has them is gone after the test. */
function place(t: TestContext): Place {
  const [queue, dead, dlx] = [queueName(t, unique('work')), queueName(t, unique('dead')), exchangeName(t)];
  return { queue, dead, dlx, names: [queue, '--dlx', dlx, '--dead-queue', dead] };
}

const actions = ({ steps }: Plan): Record<string, string> => Object.fromEntries(steps.map(({ kind, name, action }) => [`${kind} ${name}`, action]));

/** Resolves with what arrives in a queue, as soon as it does. */
async function arrival({ channel }: Peer, queue: string): Promise<{ reason: unknown; key: string; from: unknown; body: string }> {
  const arrived = new Promise<Awaited<ReturnType<typeof arrival>>>((resolve) => {
    void channel.consume(queue, (message) => {
      if (message === null) return;
      const [death] = (message.properties.headers?.['x-death'] ?? []) as { reason?: unknown; queue?: unknown }[];
      channel.ack(message);
      resolve({ reason: death?.reason, from: death?.queue, key: message.fields.routingKey, body: message.content.toString() });
    });
  });
  return arrived;
}

test('what a queue rejects, after a setup, is kept in the dead-letter queue for a week', async (t) => {
  const other = await peer(t);
  const { queue, dead, dlx, names } = place(t);
  const made = await rmq(['dlx', 'setup', ...names]);
  assert.equal(made.code, 0, made.stderr);
  // Another client finds everything as the defaults say: declaring it like that changes nothing.
  await other.channel.assertExchange(dlx, 'direct', { durable: true });
  await other.channel.assertQueue(dead, { durable: true, arguments: { 'x-queue-type': 'classic', 'x-message-ttl': 7 * 86_400_000 } });
  const shape = { 'x-message-ttl': 3_600_000, 'x-max-length': 100_000, 'x-dead-letter-exchange': dlx, 'x-dead-letter-routing-key': 'failed' };
  await other.channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'classic', ...shape } });
  await other.publish(queue, ['broken']);
  const message = await other.channel.get(queue);
  assert.ok(message);
  other.channel.reject(message, false);
  assert.deepEqual(await arrival(other, dead), { reason: 'rejected', from: queue, key: 'failed', body: 'broken' });
});

test('a plan touches nothing; a setup does what it says, and a second one nothing', async (t) => {
  const { queue, dead, dlx, names } = place(t);
  const planned = await inside(['dlx', 'setup', ...names, '--plan', '-o', 'json']);
  assert.equal(planned.code, 0, planned.stderr);
  const everything = [`exchange ${dlx}`, `queue ${dead}`, `queue ${queue}`, `binding ${dlx} → ${dead} (failed)`];
  assert.deepEqual(actions(json<Plan>(planned)), Object.fromEntries(everything.map((name) => [name, 'create'])));
  assert.equal(await queueExists(queue), false);
  assert.equal(await queueExists(dead), false);
  const text = await inside(['dlx', 'setup', ...names, '--plan']);
  assert.match(text.stdout, new RegExp(`create +queue "${queue}": .*dead-letter-exchange ${dlx}.*message-ttl 1 h`));
  assert.match(text.stdout, /^4 to create$/m);
  assert.deepEqual(actions(json<Plan>(await inside(['dlx', 'setup', ...names, '-o', 'json']))), Object.fromEntries(everything.map((name) => [name, 'create'])));
  const again = await inside(['dlx', 'setup', ...names, '-o', 'json']);
  assert.equal(again.code, 0, again.stderr);
  assert.deepEqual(actions(json<Plan>(again)), Object.fromEntries(everything.map((name) => [name, 'keep'])));
});

test('a conflict is found before anything is declared, and named argument by argument', async (t) => {
  const { channel } = await peer(t);
  const { queue, dead, dlx, names } = place(t);
  await channel.assertQueue(queue, { durable: true, arguments: { 'x-dead-letter-exchange': 'elsewhere', 'x-max-length': 7 } });
  const flags = [...names, '--max-length', '9'];
  for (const management of [process.env['RABBITMQ_MANAGEMENT_URL'], 'http://127.0.0.1:1']) {
    const env = { RABBITMQ_MANAGEMENT_URL: management };
    const refused = await inside(['dlx', 'setup', ...flags], { env });
    assert.equal(refused.code, 76);
    assert.match(refused.stderr, new RegExp(`x-dead-letter-exchange is "elsewhere" there, the setup wants "${dlx}"`));
    assert.match(refused.stderr, /x-dead-letter-routing-key is not set there, the setup wants "failed"/);
    assert.match(refused.stderr, /x-max-length is 7 there, the setup wants 9/);
    // Nobody asked for a TTL: what the queue has is kept.
    assert.doesNotMatch(refused.stderr, /x-message-ttl/);
    assert.equal(await queueExists(dead), false);
    const planned = await inside(['dlx', 'setup', ...flags, '--plan', '-o', 'json'], { env });
    assert.equal(planned.code, 1, planned.stderr);
    assert.deepEqual(
      json<Plan>(planned)
        .steps.find(({ name }) => name === queue)
        ?.differences.map(({ argument }) => argument),
      ['x-dead-letter-exchange', 'x-dead-letter-routing-key', 'x-max-length'],
    );
  }
});

test('an exchange of another type is a conflict, with and without the management API', async (t) => {
  const { channel } = await peer(t);
  const { queue, dlx, names } = place(t);
  await channel.assertExchange(dlx, 'topic', { durable: true });
  for (const management of [process.env['RABBITMQ_MANAGEMENT_URL'], 'http://127.0.0.1:1']) {
    const refused = await inside(['dlx', 'setup', ...names], { env: { RABBITMQ_MANAGEMENT_URL: management } });
    assert.equal(refused.code, 76);
    assert.match(refused.stderr, new RegExp(`exchange "${dlx}" exists with other arguments: type is "topic" there, the setup wants "direct"`));
    assert.equal(await queueExists(queue), false);
  }
});

test('a dead-letter queue that is there is used as it is, unless the flags want it otherwise', async (t) => {
  const { channel } = await peer(t);
  const { dead, names } = place(t);
  await channel.assertQueue(dead, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  const made = await inside(['dlx', 'setup', ...names]);
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stdout, /x-message-ttl is not set there, the setup wants 604800000: it is kept/);
  const wanted = await inside(['dlx', 'setup', ...names, '--dead-ttl', '1d']);
  assert.equal(wanted.code, 76);
  assert.match(wanted.stderr, /x-message-ttl is not set there, the setup wants 86400000/);
});

test('every flag reaches the broker: a quorum queue that loses no dead letter on its way', async (t) => {
  const { channel } = await peer(t);
  const { queue, dead, dlx, names } = place(t);
  const flags = ['--at-least-once', '--delivery-limit', '4', '--no-ttl', '--max-length', '50', '--dlx-routing-key', 'lost', '--dead-ttl', '2d'];
  const made = await inside(['dlx', 'setup', ...names, ...flags]);
  assert.equal(made.code, 0, made.stderr);
  await channel.assertQueue(dead, { durable: true, arguments: { 'x-queue-type': 'classic', 'x-message-ttl': 2 * 86_400_000 } });
  await channel.assertQueue(queue, {
    durable: true,
    arguments: {
      'x-queue-type': 'quorum',
      'x-dead-letter-exchange': dlx,
      'x-dead-letter-routing-key': 'lost',
      'x-dead-letter-strategy': 'at-least-once',
      'x-overflow': 'reject-publish',
      'x-delivery-limit': 4,
      'x-max-length': 50,
    },
  });
  assert.equal((await inside(['dlx', 'setup', ...names, ...flags])).code, 0);
  const other = await inside(['dlx', 'setup', ...names, ...flags.map((flag) => (flag === '4' ? '5' : flag))]);
  assert.equal(other.code, 76);
  assert.match(other.stderr, /x-delivery-limit is 4 there, the setup wants 5/);
});

test('flags that make no sense together are refused before anything is connected', async () => {
  const lines = [
    [['--at-least-once', '--queue-type', 'classic'], /--at-least-once is for quorum queues/],
    [['--delivery-limit', '3'], /--delivery-limit is for quorum queues/],
    [['--no-ttl', '--message-ttl', '1h'], /--no-ttl and --message-ttl exclude each other/],
    [['--retry', '10s,', '--plan'], /expected durations with commas/],
    [['--retry', '10s', '--message-ttl', '1h'], /--retry excludes --message-ttl/],
    [['--dead-queue', 'q'], /must not be the same queue/],
    [['--dlx', ''], /--dlx must not be empty/],
  ] as const;
  for (const [flags, wanted] of lines) {
    const refused = await inside(['dlx', 'setup', 'q', ...flags, '-u', 'amqp://127.0.0.1:1']);
    assert.deepEqual([flags, refused.code], [flags, 64], refused.stderr);
    assert.match(refused.stderr, wanted);
  }
});

test('a management API that was named must answer, and its password is never printed', async (t) => {
  const { names } = place(t);
  const closed = createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port } = closed.address() as AddressInfo;
  await new Promise((resolve) => closed.close(resolve));
  const refused = await rmq(['dlx', 'setup', ...names, '--plan', '-v', '--management-url', `http://me:s3cret@127.0.0.1:${port}`]);
  assert.equal(refused.code, 69);
  assert.match(refused.stderr, /the management API at http:\/\/127\.0\.0\.1:\d+ cannot be reached/);
  assert.doesNotMatch(refused.stderr + refused.stdout, /s3cret/);
  // One that is only in the environment is done without.
  const planned = await rmq(['dlx', 'setup', ...names, '--plan', '-v'], { env: { RABBITMQ_MANAGEMENT_URL: `http://me:s3cret@127.0.0.1:${port}` } });
  assert.equal(planned.code, 0, planned.stderr);
  assert.match(planned.stderr, /continuing without the management API/);
  assert.doesNotMatch(planned.stderr + planned.stdout, /s3cret/);
});

test('a policy gives a queue that is there its dead letters, keeps what the policy before said, and leaves its messages alone', async (t) => {
  const other = await peer(t);
  const { queue, dead, dlx, names } = place(t);
  t.after(() => Promise.all([`rmq-dlx-${queue}`, `before-${queue}`].map((name) => policy('DELETE', name))));
  await other.channel.assertQueue(queue, { durable: true });
  await other.publish(queue, ['kept']);
  await policy('PUT', `before-${queue}`, { pattern: `^${queue}$`, definition: { 'max-length': 12 }, 'apply-to': 'queues', priority: 3 });
  await policyHolds(queue, `before-${queue}`);
  const planned = await inside(['dlx', 'setup', ...names, '--policy', '--plan', '-o', 'json']);
  assert.equal(planned.code, 0, planned.stderr);
  assert.equal(actions(json<Plan>(planned))[`policy rmq-dlx-${queue}`], 'create');
  assert.equal(await policy('GET', `rmq-dlx-${queue}`), undefined);
  const made = await inside(['dlx', 'setup', ...names, '--policy']);
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stdout, /its settings are copied/);
  const set = (await policy('GET', `rmq-dlx-${queue}`)) as { definition: unknown; priority: unknown };
  assert.deepEqual(set.definition, { 'max-length': 12, 'dead-letter-exchange': dlx, 'dead-letter-routing-key': 'failed' });
  assert.equal(set.priority, 4);
  await policyHolds(queue, `rmq-dlx-${queue}`);
  assert.equal(actions(json<Plan>(await inside(['dlx', 'setup', ...names, '--policy', '-o', 'json'])))[`policy rmq-dlx-${queue}`], 'keep');
  const message = await other.channel.get(queue);
  assert.ok(message);
  other.channel.reject(message, false);
  assert.deepEqual(await arrival(other, dead), { reason: 'rejected', from: queue, key: 'failed', body: 'kept' });
});

test('a policy that the arguments of the queue overrule is a conflict; one for no queue at all is refused', async (t) => {
  const { channel } = await peer(t);
  const { queue, dead, dlx, names } = place(t);
  const missing = await inside(['dlx', 'setup', ...names, '--policy']);
  assert.equal(missing.code, 66);
  assert.match(missing.stderr, new RegExp(`there is no queue "${queue}" for a policy`));
  await channel.assertQueue(queue, { durable: true, arguments: { 'x-dead-letter-exchange': 'elsewhere' } });
  const refused = await inside(['dlx', 'setup', ...names, '--policy']);
  assert.equal(refused.code, 76);
  assert.match(refused.stderr, new RegExp(`x-dead-letter-exchange is "elsewhere" there, the setup wants "${dlx}"`));
  assert.equal(await queueExists(dead), false);
  const classic = await inside(['dlx', 'setup', ...names, '--policy', '--delivery-limit', '3']);
  assert.equal(classic.code, 76);
  assert.match(classic.stderr, /x-queue-type is "classic" there, the setup wants "quorum"/);
  const alone = await inside(['dlx', 'setup', ...names, '--policy'], { env: { RABBITMQ_MANAGEMENT_URL: 'http://127.0.0.1:1' } });
  assert.equal(alone.code, 69);
  assert.match(alone.stderr, /only be set through the management API/);
});

test('a policy that was made a moment before is seen: ours holds when the setup says so', async (t) => {
  const other = await peer(t);
  const { queue, dead, names } = place(t);
  t.after(() => Promise.all([`rmq-dlx-${queue}`, `a-${queue}`, `b-${queue}`].map((name) => policy('DELETE', name))));
  await other.channel.assertQueue(queue, { durable: true });
  // Two with the same priority: nobody but the broker knows which one it takes. A third one does not apply to this type of queue.
  for (const name of ['a', 'b'])
    await policy('PUT', `${name}-${queue}`, { pattern: `^${queue}$`, definition: { 'max-length': 12 }, 'apply-to': 'all', priority: 7 });
  await policy('PUT', `c-${queue}`, { pattern: `^${queue}$`, definition: { 'max-length': 1 }, 'apply-to': 'exchanges', priority: 900 });
  t.after(() => policy('DELETE', `c-${queue}`));
  const made = await inside(['dlx', 'setup', ...names, '--policy']);
  assert.equal(made.code, 0, made.stderr);
  assert.equal(((await manage('GET', `queues/%2F/${queue}`)) as { policy?: unknown }).policy, `rmq-dlx-${queue}`);
  const set = (await policy('GET', `rmq-dlx-${queue}`)) as { definition: Record<string, unknown>; priority: unknown };
  assert.deepEqual([set.definition['max-length'], set.priority], [12, 8]);
  await other.publish(queue, ['kept']);
  const message = await other.channel.get(queue);
  assert.ok(message);
  other.channel.reject(message, false);
  assert.equal((await arrival(other, dead)).body, 'kept');
});

test('what does not keep dead letters is a conflict, in the plan and in the setup, with and without the management API', async (t) => {
  const { channel } = await peer(t);
  const cases: readonly (readonly [what: string, difference: RegExp, make: (place: Place) => Promise<unknown>])[] = [
    ['exclusive', /exclusive is true there, the setup wants false/, ({ dead }) => channel.assertQueue(dead, { exclusive: true })],
    ['transient', /durable is false there, the setup wants true/, ({ dead }) => channel.assertQueue(dead, { durable: false })],
    ['auto-delete', /auto-delete is true there, the setup wants false/, ({ dead }) => channel.assertQueue(dead, { autoDelete: true })],
    ['expiring', /x-expires is 60000 there, the setup wants none/, ({ dead }) => channel.assertQueue(dead, { expires: 60_000 })],
    ['one-message', /x-max-length is 1 there, the setup wants none/, ({ dead }) => channel.assertQueue(dead, { maxLength: 1 })],
    ['transient exchange', /durable is false there, the setup wants true/, ({ dlx }) => channel.assertExchange(dlx, 'direct', { durable: false })],
    ['auto-delete exchange', /auto-delete is true there, the setup wants false/, ({ dlx }) => channel.assertExchange(dlx, 'direct', { autoDelete: true })],
    ['internal exchange', /internal is true there, the setup wants false/, ({ dlx }) => channel.assertExchange(dlx, 'direct', { internal: true })],
  ];
  for (const [what, difference, make] of cases) {
    for (const env of [{}, { RABBITMQ_MANAGEMENT_URL: 'http://127.0.0.1:1' }]) {
      const at = place(t);
      await make(at);
      const planned = await inside(['dlx', 'setup', ...at.names, '--plan'], { env });
      assert.equal(planned.code, 1, `${what}: ${planned.stdout}${planned.stderr}`);
      assert.match(planned.stdout, difference, what);
      const refused = await inside(['dlx', 'setup', ...at.names], { env });
      assert.equal(refused.code, 76, `${what}: ${refused.stderr}`);
      assert.match(refused.stderr, difference, what);
      assert.equal(await queueExists(at.queue), false, what);
    }
  }
  const at = place(t);
  t.after(() => policy('DELETE', `short-${at.dead}`));
  await channel.assertQueue(at.dead, { durable: true });
  await policy('PUT', `short-${at.dead}`, { pattern: `^${at.dead}$`, definition: { 'max-length': 1 }, 'apply-to': 'queues' });
  const refused = await inside(['dlx', 'setup', ...at.names]);
  assert.equal(refused.code, 76, refused.stderr);
  assert.match(refused.stderr, /max-length of the policy "short-.*" is 1 there, the setup wants none/);
});

async function manage(method: string, path: string, body?: object): Promise<unknown> {
  const { origin, username, password } = new URL(
    process.env['RABBITMQ_MANAGEMENT_URL'] ?? assert.fail('RABBITMQ_MANAGEMENT_URL is not set: run the tests with npm test'),
  );
  const response = await fetch(`${origin}/api/${path}`, {
    method,
    headers: { authorization: `Basic ${btoa(`${username}:${password}`)}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return response.ok && text !== '' ? JSON.parse(text) : undefined;
}

const policy = (method: string, name: string, body?: object): Promise<unknown> => manage(method, `policies/%2F/${encodeURIComponent(name)}`, body);

/** Resolves once a policy holds for a queue: it is applied after it has been set. */
async function policyHolds(queue: string, name: string): Promise<void> {
  while (((await manage('GET', `queues/%2F/${queue}`)) as { policy?: unknown } | undefined)?.policy !== name);
}

test('a ladder brings what is rejected back after each pause, and then lets it be dead: consumers do no more than reject', async (t) => {
  const other = await peer(t);
  const { channel } = other;
  const { queue, dead, names } = place(t);
  ladderIsGone(t, queue, '20ms-30ms', 2);
  const made = await inside(['dlx', 'setup', ...names, '--retry', '20ms,30ms']);
  assert.equal(made.code, 0, made.stderr);
  const again = await inside(['dlx', 'setup', ...names, '--retry', '20ms,30ms', '-o', 'json']);
  assert.deepEqual([...new Set(Object.values(actions(json<Plan>(again))))], ['keep'], again.stdout);
  const seen: string[] = [];
  await channel.consume(queue, (message) => {
    if (message === null) return;
    seen.push(message.content.toString());
    channel.reject(message, false);
  });
  const source = await other.exchange('topic');
  await channel.bindQueue(queue, source, 'order.#');
  channel.publish(source, 'order.placed', Buffer.from('never good'));
  const letter = await new Promise<GetMessage>((resolve) => {
    void channel.consume(dead, (message) => message !== null && resolve(message as unknown as GetMessage), { noAck: true });
  });
  assert.deepEqual(seen, ['never good', 'never good', 'never good']);
  assert.equal(letter.fields.routingKey, 'failed');
  const deaths = letter.properties.headers?.['x-death'] as { queue: string; reason: string; count: number; exchange: string; 'routing-keys': string[] }[];
  const [death] = deaths.filter((one) => one.queue === queue);
  assert.deepEqual([death?.reason, death?.count, death?.exchange, death?.['routing-keys']], ['rejected', 3, source, ['order.placed']]);
  assert.deepEqual(
    // RabbitMQ 3.10 does not keep the order of those that did not die last.
    deaths
      .filter(({ reason }) => reason === 'expired')
      .map((one) => `${one.queue} ${one.count}`)
      .sort(),
    [`${queue}.retry.20ms-30ms.1 1`, `${queue}.retry.20ms-30ms.2 1`],
  );
});

test('a quorum queue with a ladder has no delivery limit: the broker would drop what comes back after it', async (t) => {
  const { channel } = await peer(t);
  const { queue, names } = place(t);
  ladderIsGone(t, queue, '20ms', 1);
  const made = await inside(['dlx', 'setup', ...names, '--retry', '20ms', '--queue-type', 'quorum', '--verify']);
  assert.equal(made.code, 0, made.stderr);
  const shape = { 'x-queue-type': 'quorum', 'x-dead-letter-exchange': `${queue}.retry.20ms`, 'x-delivery-limit': 2_147_483_647 };
  await channel.assertQueue(queue, { durable: true, arguments: shape });
  const listed = await inside(['dlx', 'list', queue, `${queue}.retry.20ms.1`]);
  assert.equal(listed.code, 0, listed.stdout);
});

test('a message that expires on a ladder goes straight to the dead letters: back in its queue the broker would drop it', async (t) => {
  const other = await peer(t);
  const { queue, dead, names } = place(t);
  ladderIsGone(t, queue, '20ms', 1);
  assert.equal((await inside(['dlx', 'setup', ...names, '--retry', '20ms'])).code, 0);
  await other.publish(queue, ['late'], { expiration: '1' });
  assert.deepEqual(await arrival(other, dead), { reason: 'expired', from: queue, key: queue, body: 'late' });
});

test('a queue that lets messages die of age cannot have a ladder', async (t) => {
  const { channel } = await peer(t);
  const { queue, dlx, names } = place(t);
  ladderIsGone(t, queue, '10s', 1);
  assert.equal((await inside(['dlx', 'setup', ...names])).code, 0);
  const refused = await inside(['dlx', 'setup', ...names, '--retry', '10s']);
  assert.equal(refused.code, 76);
  assert.match(refused.stderr, new RegExp(`x-dead-letter-exchange is "${dlx}" there, the setup wants "${queue}.retry.10s"`));
  assert.match(refused.stderr, /x-dead-letter-routing-key is "failed" there, the setup wants none/);
  assert.match(refused.stderr, /x-message-ttl is 3600000 there, the setup wants none/);
  await assert.rejects(channel.checkExchange(`${queue}.retry.10s`));
});

/** Deletes the ladder of a queue when the test ends. */
function ladderIsGone(t: TestContext, queue: string, pauses: string, rungs: number): void {
  t.after(async () => {
    const { channel } = await peer(t);
    for (let rung = 1; rung <= rungs; rung++) await channel.deleteQueue(`${queue}.retry.${pauses}.${rung}`);
    for (const suffix of ['', '.first', '.back']) await channel.deleteExchange(`${queue}.retry.${pauses}${suffix}`);
  });
}

test('a plan tells bindings that differ only in the headers that they are about apart', async () => {
  const planned = await inside(['dlx', 'setup', unique('work'), '--retry', '10s,1m', '--plan']);
  assert.equal(planned.code, 0, planned.stderr);
  const lines = planned.stdout.split('\n').filter((line) => / binding /.test(line));
  assert.equal(new Set(lines).size, lines.length, planned.stdout);
  assert.match(planned.stdout, /binding .*\.first → dead\.letters: .*first-death-reason expired$/m);
});
