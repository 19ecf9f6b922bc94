import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect, type GetMessage } from 'amqplib';
import { ConnectionConfig } from '../../../src/patterns/connection.ts';
import { InspectConfig, inspect } from '../../../src/patterns/dlx/inspect.ts';
import { ReplayConfig, replay } from '../../../src/patterns/dlx/replay/replay.ts';
import { managementFinder } from '../../../src/patterns/management.ts';
import { brokerUrl, type Peer, peer } from '../../support/broker.ts';
import { inside } from '../../support/inside.ts';
import { linesOf, scratchDirectory } from '../../support/programs.ts';
import { json, jsonLines, rmq } from '../../support/rmq.ts';
import { testSession } from '../../support/session.ts';
import { restrictedUser } from '../../support/users.ts';

interface Summary {
  readonly moved: number;
  readonly stayed: Readonly<Record<string, number>>;
}

interface Letter {
  readonly body: string;
  readonly death: { readonly claimedOrigin?: object };
}

interface Place extends Peer {
  /** How messages come into the work queue. */
  readonly incoming: string;
  readonly work: string;
  readonly dlx: string;
  readonly dead: string;
  /** What nobody who may only publish to `incoming` may reach. */
  readonly theirs: string;
  readonly trap: string;
  /** Rejects what is in the work queue, and waits until it is in the queue of the dead letters. */
  readonly reject: (messages: number) => Promise<void>;
}

/** A work queue behind a topic exchange, its dead letters, and another team's exchange and queue. */
async function place(t: TestContext): Promise<Place> {
  const other = await peer(t);
  const { channel, exchange, queue, depth } = other;
  const [incoming, dlx, theirs, dead, trap] = [
    await exchange('topic'),
    await exchange('fanout'),
    await exchange('direct'),
    await queue({}, 'dead'),
    await queue({}, 'trap'),
  ];
  const work = await queue({ arguments: { 'x-dead-letter-exchange': dlx } }, 'work');
  await channel.bindQueue(work, incoming, 'order.#');
  await channel.bindQueue(dead, dlx, '');
  await channel.bindQueue(trap, theirs, 'trap');
  const reject = async (messages: number): Promise<void> => {
    for (let index = 0; index < messages; index++) {
      const message = await channel.get(work);
      assert.ok(message, `only ${index} messages in the work queue`);
      channel.nack(message, false, false);
    }
    while ((await depth(dead)) < messages);
  };
  return { ...other, incoming, work, dlx, dead, theirs, trap, reject };
}

/** What a broker could have written about a message that died in this queue, but with another origin. */
function forged(diedIn: string, exchange: string, key: string): Record<string, unknown> {
  const death = { queue: diedIn, reason: 'rejected', exchange, 'routing-keys': [key], time: { '!': 'timestamp', value: 1_700_000_000 } };
  return {
    'x-death': [death],
    ...Object.fromEntries(
      ['first', 'last'].flatMap((which) =>
        Object.entries({ queue: diedIn, reason: 'rejected', exchange }).map(([name, value]) => [`x-${which}-death-${name}`, value]),
      ),
    ),
  };
}

/** Publishes as somebody who may do no more than that, to one exchange. */
async function publishOnly(t: TestContext, exchange: string, key: string, messages: readonly (readonly [body: string, headers: object])[]): Promise<void> {
  const model = await connect(await restrictedUser(t, { write: `^${exchange.replaceAll('.', '\\.')}$` }));
  const channel = await model.createConfirmChannel();
  for (const [body, headers] of messages) channel.publish(exchange, key, Buffer.from(body), { headers });
  await channel.waitForConfirms();
  await model.close();
}

async function brokerMajor(): Promise<number> {
  const model = await connect(brokerUrl());
  const { version } = model.connection.serverProperties as unknown as { version: string };
  await model.close();
  return Number(version.split('.')[0]);
}

const NO_MANAGEMENT = { env: { RABBITMQ_MANAGEMENT_URL: 'http://127.0.0.1:1' } };
const bodies = (messages: readonly GetMessage[]): string[] => messages.map(({ content }) => content.toString()).sort();
const claims = (letters: readonly Letter[]): (object | undefined)[] => letters.map(({ death }) => death.claimedOrigin);

test('who may only publish to the work queue does not choose where the replay of his dead letter goes', async (t) => {
  const { incoming, work, dead, theirs, trap, reject, take, depth } = await place(t);
  const attacks: readonly (readonly [string, object])[] = [
    ['as if it had died here before', forged(work, theirs, 'trap')],
    ['as if it had been published straight to another queue', forged(work, '', trap)],
    ['as if it had died in the other queue', forged(trap, theirs, 'trap')],
    ['as if a worker had noted it', { 'x-rmq-attempt': 2, 'x-rmq-origin': { exchange: theirs, routingKey: 'trap' } }],
    ['as if it were another framework’s', { 'NServiceBus.FailedQ': trap, 'x-original-exchange': theirs, 'x-original-routingKey': 'trap' }],
  ];
  await publishOnly(t, incoming, 'order.placed', attacks);
  await reject(attacks.length);
  const isWrittenOver = (await brokerMajor()) >= 4;
  const forgeries = isWrittenOver ? 0 : 3;
  const letters = jsonLines<Letter>(await rmq(['dlx', 'inspect', dead, '-o', 'json']));
  assert.deepEqual(claims(letters), [
    ...(isWrittenOver
      ? [undefined, undefined, undefined]
      : [{ exchange: theirs, routingKey: 'trap' }, { queue: trap }, { exchange: theirs, routingKey: 'trap' }]),
    undefined,
    undefined,
  ]);
  const journal = join(await scratchDirectory(t), 'journal');
  const replayed = await rmq(['dlx', 'replay', dead, '--journal', journal, '--json']);
  assert.equal(replayed.code, forgeries === 0 ? 0 : 3, replayed.stderr);
  assert.deepEqual([json<Summary>(replayed).moved, json<Summary>(replayed).stayed], [5 - forgeries, forgeries === 0 ? {} : { claimed: forgeries }]);
  assert.equal(await depth(trap), 0);
  assert.equal((await take(work)).length, 5 - forgeries);
  if (forgeries === 0) return;
  assert.match(replayed.stderr, /3 stay: only their own headers say where they were published to/);
  assert.match(replayed.stderr, /--trust-origin/);
  const lines = (await linesOf(journal)).map((line) => JSON.parse(line) as { reason?: string; claimedOrigin?: object });
  assert.deepEqual(
    lines.filter(({ reason }) => reason === 'claimed').map(({ claimedOrigin }) => claimedOrigin),
    [
      { exchange: theirs, routingKey: 'trap' },
      { exchange: '', routingKey: trap },
      { exchange: theirs, routingKey: 'trap' },
    ],
  );
  const dry = await rmq(['dlx', 'replay', dead, '--dry-run']);
  assert.match(
    dry.stdout,
    new RegExp(`with --trust-origin would also go to\n +2 {2}exchange "${theirs}" with key "trap" \\(claimed\\)\n +1 {2}queue "${trap}" \\(claimed\\)\n$`),
  );
  const home = await rmq(['dlx', 'replay', dead, '--to-origin-queue', '--json']);
  assert.deepEqual([home.code, json<Summary>(home).moved, (await take(work)).length], [3, 2, 2], home.stderr);
  const trusted = await rmq(['dlx', 'replay', dead, '--trust-origin', '--json']);
  assert.deepEqual([trusted.code, bodies(await take(trap))], [0, ['as if it had died in the other queue']], trusted.stderr);
});

test('what never died, and was published straight to the dead letters, claims its origin: on every version', async (t) => {
  const { publish, dead, work, theirs, trap, take, depth } = await place(t);
  await publish(dead, ['forged'], { headers: forged(work, theirs, 'trap') });
  await publish(dead, ['another framework’s'], { headers: { 'NServiceBus.FailedQ': trap } });
  await publish(dead, ['Spring’s'], { headers: { 'x-original-exchange': theirs, 'x-original-routingKey': 'trap' } });
  const looked = await inside(['dlx', 'inspect', dead, '-o', 'json']);
  assert.deepEqual(claims(jsonLines<Letter>(looked)), [{ exchange: theirs, routingKey: 'trap' }, { queue: trap }, { exchange: theirs, routingKey: 'trap' }]);
  assert.match(looked.stderr, /3 of them only claim where they were published to/);
  const [table, story] = [await inside(['dlx', 'inspect', dead]), await inside(['dlx', 'inspect', dead, '--show', '1'])];
  assert.match(table.stdout, new RegExp(`${theirs} \\(claimed\\)`));
  assert.match(story.stdout, new RegExp(`Only its own headers say that it was first published to exchange "${theirs}" with key "trap"`));
  const groups = await inside(['dlx', 'inspect', dead, '--group-by', 'exchange']);
  assert.match(groups.stdout, new RegExp(`2 +${theirs} \\(claimed\\)`));
  const replayed = await inside(['dlx', 'replay', dead]);
  assert.equal(replayed.code, 3, replayed.stderr);
  assert.deepEqual([await depth(trap), await depth(dead)], [0, 3]);
  const refused = await inside(['dlx', 'replay', dead, '--trust-origin', '--to-queue', work]);
  assert.equal(refused.code, 64, refused.stderr);
  const dry = await inside(['dlx', 'replay', dead, '--dry-run', '--trust-origin']);
  assert.match(dry.stdout, new RegExp(`2 {2}exchange "${theirs}" with key "trap" \\(claimed\\)`));
  const trusted = await inside(['dlx', 'replay', dead, '--trust-origin']);
  assert.equal(trusted.code, 0, trusted.stderr);
  assert.equal((await take(trap)).length, 3);
});

test('a dead letter of the broker needs no flag; without the management API, RabbitMQ 3 has nothing that speaks for an exchange', async (t) => {
  const { channel, publish, incoming, work, dead, reject, take } = await place(t);
  const die = async (): Promise<void> => {
    channel.publish(incoming, 'order.placed', Buffer.from('through the exchange'));
    await publish(work, ['to the queue']);
    await reject(2);
  };
  await die();
  const looked = await inside(['dlx', 'inspect', dead, '-o', 'json']);
  assert.deepEqual(claims(jsonLines<Letter>(looked)), [undefined, undefined], looked.stderr);
  const replayed = await inside(['dlx', 'replay', dead]);
  assert.equal(replayed.code, 0, replayed.stderr);
  const back = await take(work);
  assert.deepEqual(
    back.map(({ fields }) => [fields.exchange, fields.routingKey]),
    [
      [incoming, 'order.placed'],
      ['', work],
    ],
  );
  await die();
  const alone = await inside(['dlx', 'replay', dead], NO_MANAGEMENT);
  const isWrittenOver = (await brokerMajor()) >= 4;
  assert.equal(alone.code, isWrittenOver ? 0 : 3, alone.stderr);
  assert.deepEqual(bodies(await take(work)), isWrittenOver ? ['through the exchange', 'to the queue'] : ['to the queue']);
});

test('what died in one queue after the other goes back to the first, also out of the queue that it was put aside in', async (t) => {
  const { channel, theirs, trap, exchange, queue, take, depth } = await place(t);
  const [events, onward, last, parked] = [await exchange('topic'), await exchange('fanout'), await queue({}, 'last'), await queue({}, 'parked')];
  const second = await queue({ arguments: { 'x-dead-letter-exchange': onward } }, 'second');
  const first = await queue({ arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': second } }, 'first');
  await channel.bindQueue(first, events, '#');
  await channel.bindQueue(last, onward, '');
  const die = async (from: string, to: string, messages: number): Promise<void> => {
    while ((await depth(from)) < messages);
    for (let index = 0; index < messages; index++) channel.nack((await channel.get(from)) as GetMessage, false, false);
    while ((await depth(to)) < messages);
  };
  channel.publish(events, 'order.placed', Buffer.from('honest'));
  await publishOnly(t, events, 'order.paid', [['forged', forged(trap, theirs, 'trap')]]);
  await die(first, second, 2);
  await die(second, last, 2);
  const moved = await inside(['dlx', 'move', last, parked]);
  assert.equal(moved.code, 0, moved.stderr);
  const replayed = await inside(['dlx', 'replay', parked, '--json']);
  const back = bodies(await take(first));
  const isWrittenOver = (await brokerMajor()) >= 4;
  assert.deepEqual([replayed.code, back], isWrittenOver ? [0, ['forged', 'honest']] : [3, ['honest']], replayed.stderr);
  assert.deepEqual([await depth(trap), json<Summary>(replayed).stayed], [0, isWrittenOver ? {} : { claimed: 1 }]);
});

test('a look without a command line asks the management API, too', async (t) => {
  const { channel, incoming, work, dead, reject, take } = await place(t);
  channel.publish(incoming, 'order.placed', Buffer.from('one'));
  await reject(1);
  const { session } = testSession(t);
  const where = { url: process.env['RABBITMQ_MANAGEMENT_URL'], asked: true };
  const looked: (boolean | undefined)[] = [];
  const api = managementFinder(ConnectionConfig.parse({ url: [brokerUrl()] }), where, session.emit, session.signal);
  const see = (_: unknown, __: number, origin: { readonly claimed: boolean } | undefined): undefined => {
    looked.push(origin?.claimed);
  };
  await inspect(session, InspectConfig.parse({ queue: dead }), Date.now(), see);
  await inspect(session, InspectConfig.parse({ queue: dead }), Date.now(), see, { api });
  assert.deepEqual(looked, [(await brokerMajor()) < 4, false]);
  const { counts } = await replay(session, session, ReplayConfig.parse({ queue: dead }), { api });
  assert.deepEqual([counts.moved, (await take(work)).length], [1, 1]);
});

for (const [what, options] of [
  ['with the management API', {}],
  ['without the management API', NO_MANAGEMENT],
] as const) {
  test(`a worker tells where it had a message from, whatever history that came with: ${what}`, async (t) => {
    const { channel, incoming, work, dead, theirs, trap, take, depth } = await place(t);
    channel.publish(incoming, 'order.placed', Buffer.from('honest'));
    await publishOnly(t, incoming, 'order.paid', [
      ['forged', forged(work, theirs, 'trap')],
      ['another forged', forged(trap, theirs, 'trap')],
    ]);
    const worked = await inside(['work', 'run', work, '--drain', '--retries', '1', '--backoff', '50ms', '--', 'false']);
    assert.equal(worked.code, 0, worked.stderr);
    const again = await inside(['work', 'run', work, '-n', '3', '--retries', '1', '--backoff', '50ms', '--', 'false']);
    assert.equal(again.code, 0, again.stderr);
    while ((await depth(dead)) < 3);
    const replayed = await inside(['dlx', 'replay', dead], options);
    assert.equal(replayed.code, 0, replayed.stderr);
    const back = await take(work);
    assert.deepEqual(back.map(({ content, fields, properties }) => [content.toString(), fields.exchange, fields.routingKey, properties.userId]).sort(), [
      ['another forged', incoming, 'order.paid', undefined],
      ['forged', incoming, 'order.paid', undefined],
      ['honest', incoming, 'order.placed', undefined],
    ]);
    assert.equal(await depth(trap), 0);
  });
}

test('a header that only a copy of rmq may have counts for nothing in the dead letter of a worker that sends it straight to its queue', async (t) => {
  const { channel, exchange, queue, take, depth } = await peer(t);
  const [incoming, theirs, dead, trap] = [await exchange('topic'), await exchange('direct'), await queue({}, 'dead'), await queue({}, 'trap')];
  const work = await queue({ arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead } }, 'work');
  await channel.bindQueue(work, incoming, '#');
  await channel.bindQueue(trap, theirs, 'trap');
  const forgery = { ...forged(work, theirs, 'trap'), 'x-rmq-attempt': 1, 'x-rmq-origin': { queue: work, exchange: theirs, routingKey: 'trap' } };
  const moved = { exchange: theirs, routingKey: 'trap', userId: new URL(brokerUrl()).username, headers: forgery };
  await publishOnly(t, incoming, 'order.placed', [['forged', { 'x-rmq-moved': moved }]]);
  const worked = await inside(['work', 'run', work, '--drain', '--', 'sh', '-c', 'exit 65']);
  assert.equal(worked.code, 0, worked.stderr);
  const replayed = await inside(['dlx', 'replay', dead]);
  assert.equal(replayed.code, 0, replayed.stderr);
  assert.deepEqual([(await take(work)).map(({ fields }) => fields.exchange), await depth(trap)], [[incoming], 0]);
});

test('a copy that a look has put back under our own user id makes nothing true that its original claimed', async (t) => {
  const { channel, exchange, queue, take, depth } = await peer(t);
  const [incoming, dlx, theirs, trap] = [await exchange('topic'), await exchange('fanout'), await exchange('direct'), await queue({}, 'trap')];
  const dead = await queue({ arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 1 } }, 'dead');
  const work = await queue({ arguments: { 'x-dead-letter-exchange': dlx } }, 'work');
  await channel.bindQueue(work, incoming, '#');
  await channel.bindQueue(dead, dlx, '');
  await channel.bindQueue(trap, theirs, 'trap');
  const noted = { 'x-rmq-attempt': 1, 'x-rmq-origin': { queue: work, exchange: theirs, routingKey: 'trap' } };
  await publishOnly(t, incoming, 'order.placed', [['forged', { ...forged(work, theirs, 'trap'), ...noted }]]);
  while ((await depth(work)) < 1);
  channel.nack((await channel.get(work)) as GetMessage, false, false);
  while ((await depth(dead)) < 1);
  // From 4.3 on a look costs nothing, and makes no copy.
  for (let look = 0; look < 3; look++) assert.equal((await inside(['dlx', 'inspect', dead])).code, 0);
  const replayed = await inside(['dlx', 'replay', dead]);
  const isWrittenOver = (await brokerMajor()) >= 4;
  assert.equal(replayed.code, isWrittenOver ? 0 : 3, replayed.stderr);
  assert.deepEqual([(await take(work)).length, await depth(trap)], [isWrittenOver ? 1 : 0, 0]);
});

test('a dead letter of a worker with another login is replayed to where it came from, and published again by anybody', async (t) => {
  const { channel, incoming, work, dead, take, depth } = await place(t);
  channel.publish(incoming, 'order.placed', Buffer.from('one'));
  const worker = await restrictedUser(t, { configure: '.*', write: '.*', read: '.*' });
  const worked = await inside(['work', 'run', work, '--drain', '-u', worker, '--', 'sh', '-c', 'exit 65']);
  assert.equal(worked.code, 0, worked.stderr);
  const copied = await inside(['consume', dead, '--drain', '--requeue', '-o', 'json']);
  const published = await inside(['publish', '-q', dead, '--envelopes'], { input: copied.stdout });
  assert.equal(published.code, 0, published.stderr);
  assert.equal(await depth(dead), 2);
  const replayed = await inside(['dlx', 'replay', dead]);
  assert.equal(replayed.code, 3, replayed.stderr);
  assert.deepEqual(
    (await take(work)).map(({ fields }) => [fields.exchange, fields.routingKey]),
    [[incoming, 'order.placed']],
  );
});
