import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peer } from '../support/broker.ts';
import { inside } from '../support/inside.ts';
import { json, rmq } from '../support/rmq.ts';
import { restrictedUser } from '../support/users.ts';

test('a worker that may not see whether its queue dead-letters does not start, and never advises to drop', async (t) => {
  const { queue, publish, take, depth } = await peer(t);
  const dead = await queue({}, 'dead');
  const name = await queue({ deadLetterExchange: '', deadLetterRoutingKey: dead });
  await publish(name, ['a']);
  const env = { RABBITMQ_URL: await restrictedUser(t, { read: '.*', write: '.*' }) };
  const refused = await rmq(['work', 'run', name, '-n', '1', '--idle', '2s', '--', 'false'], { env });
  assert.equal(refused.code, 77, refused.stderr);
  assert.match(refused.stderr, /it is unknown whether the queue ".*" has a dead-letter exchange/);
  assert.match(refused.stderr, /lacks the configure permission/);
  assert.match(refused.stderr, /--policy-dlx if you know .* rabbitmqctl set_permissions -p '\/'/);
  assert.doesNotMatch(refused.stderr, /--drop-dead|has no dead-letter exchange/);
  assert.equal(await depth(name), 1);
  const worked = await rmq(['work', 'run', name, '--policy-dlx', '-n', '1', '--idle', '2s', '--json', '--', 'false'], { env });
  assert.equal(worked.code, 0, worked.stderr);
  assert.equal(json<{ dead: number }>(worked).dead, 1);
  assert.deepEqual(
    (await take(dead)).map(({ content }) => String(content)),
    ['a'],
  );
});

test('a dead-letter exchange that was named is used where the broker does not tell which one there is', async (t) => {
  const { queue, exchange, publish, take, channel } = await peer(t);
  const [dead, dlx] = [await queue({}, 'dead'), await exchange('direct')];
  await channel.bindQueue(dead, dlx, 'failed');
  const name = await queue({ deadLetterExchange: dlx, deadLetterRoutingKey: 'failed' });
  await publish(name, ['a']);
  const env = { RABBITMQ_URL: await restrictedUser(t, { read: '.*', write: '.*' }) };
  const worked = await inside(['work', 'run', name, '--dlx', dlx, '-n', '1', '--idle', '2s', '--json', '--', 'false'], { env });
  assert.equal(worked.code, 0, worked.stderr);
  const [letter] = await take(dead);
  assert.equal(letter?.properties.headers?.['x-rmq-reason'], 'exit code 1');
});

test('what a user may not do is refused with the permission that is missing, and with how to give it', async (t) => {
  const { queue, exchange } = await peer(t);
  const [name, target] = [await queue(), await exchange('topic')];
  const own = await queue({}, 'own');
  const RABBITMQ_URL = await restrictedUser(t, { configure: '^test\\.own', read: '^test\\.own', write: '^test\\.own' });
  const cases: readonly (readonly [args: readonly string[], right: string, on: string])[] = [
    [['publish', '-e', target, '-r', 'k', 'x'], 'write', `exchange "${target}"`],
    [['publish', '-q', name, 'x'], 'write', 'exchange "amq.default"'],
    [['consume', name, '-n', '1', '--idle', '1s'], 'read', `queue "${name}"`],
    [['queue', 'declare', `${name}.new`], 'configure', `queue "${name}.new"`],
    [['work', 'publish', `${own}.new`, 'x', '--dlx', target], 'write', `exchange "${target}"`],
    [['queue', 'delete', name, '-y'], 'configure', `queue "${name}"`],
    [['exchange', 'delete', target, '-y'], 'configure', `exchange "${target}"`],
  ];
  for (const [args, right, on] of cases) {
    const { code, stderr } = await inside(args, { env: { RABBITMQ_URL, RABBITMQ_MANAGEMENT_URL: 'http://127.0.0.1:1' } });
    assert.equal(code, 77, `${args.join(' ')}: ${stderr}`);
    assert.ok(stderr.includes(`it lacks the ${right} permission on the ${on}`), `${args.join(' ')}: ${stderr}`);
    assert.match(stderr, /rabbitmqctl set_permissions -p '\/' 'test\.user\.\w+' '….*' '….*' '….*'/, args.join(' '));
  }
});
