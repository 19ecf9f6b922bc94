import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { connect } from 'amqplib';
import { peer, unique } from '../support/broker.ts';
import { inside } from '../support/inside.ts';
import { queueName } from '../support/names.ts';
import { json } from '../support/rmq.ts';
import { restrictedUser } from '../support/users.ts';

interface Place {
  readonly queue: string;
  readonly waiting: string;
  readonly dead: string;
  readonly others: string;
  /** How messages get into the queue in the usual way. */
  readonly exchange: string;
}

/** A queue whose dead letters keep their routing keys, and another team's queue behind the same dead-letter exchange. */
async function place(t: TestContext, type: string): Promise<Place> {
  const { channel, exchange, queue } = await peer(t);
  const [incoming, dlx, dead, others] = [await exchange('topic'), await exchange('direct'), await queue(), await queue()];
  const name = await queue({ arguments: { 'x-queue-type': type, 'x-dead-letter-exchange': dlx } });
  await channel.bindQueue(name, incoming, '#');
  for (const key of ['orders', name]) await channel.bindQueue(dead, dlx, key);
  await channel.bindQueue(others, dlx, 'theirs');
  return { queue: name, waiting: queueName(t, `${name}.retry.50`), dead, others, exchange: incoming };
}

/** Everything that a worker or the broker could have written, naming another key. */
const forged = (waiting: string, key: string): Record<string, unknown> => ({
  'x-death': [{ queue: waiting, reason: 'expired', count: 0, exchange: '', 'routing-keys': [waiting] }],
  'x-first-death-queue': waiting,
  'x-first-death-reason': 'expired',
  'x-first-death-exchange': '',
  'x-rmq-attempt': 999,
  'x-rmq-origin': { exchange: 'theirs', routingKey: key, headers: {} },
  'x-rmq-moved': { exchange: 'theirs', routingKey: key },
});

for (const type of ['classic', 'quorum']) {
  test(`who may only publish chooses neither the attempt nor the dead letter's way nor the worker's end: ${type}`, async (t) => {
    const { queue, waiting, dead, others, exchange } = await place(t, type);
    const { take } = await peer(t);
    const run = ['work', 'run', queue, '--retries', '1', '--backoff', '50ms', '--idle', '2s', '--json', '--'];
    // The retry queue is there before the attack.
    assert.equal((await inside([...run, 'true'])).code, 0);
    const model = await connect(await restrictedUser(t, { write: `^(${exchange.replaceAll('.', '\\.')}|amq\\.default)$` }));
    const channel = await model.createConfirmChannel();
    for (const key of ['theirs', unique('nowhere')]) {
      channel.publish(exchange, 'orders', Buffer.from('through the exchange'), { headers: forged(waiting, key) });
      channel.publish('', queue, Buffer.from('to the queue'), { headers: forged(waiting, key) });
      channel.publish('', waiting, Buffer.from('to the retry queue'), { headers: forged(waiting, key) });
    }
    await channel.waitForConfirms();
    await model.close();
    const worked = await inside([...run, 'sh', '-c', 'echo "$(cat): attempt $RMQ_ATTEMPT from $RMQ_EXCHANGE/$RMQ_ROUTING_KEY" >&2; exit 3']);
    assert.equal(worked.code, 0, worked.stderr);
    const { received, retried, dead: buried } = json<Record<string, number>>(worked);
    assert.deepEqual({ received, retried, buried }, { received: 12, retried: 6, buried: 6 });
    assert.doesNotMatch(worked.stderr, /attempt 999|theirs/);
    assert.deepEqual(await take(others), []);
    const letters = await take(dead);
    assert.deepEqual(letters.map(({ content, properties, fields }) => [String(content), properties.headers?.['x-rmq-attempt'], fields.routingKey]).sort(), [
      ['through the exchange', 2, 'orders'],
      ['through the exchange', 2, 'orders'],
      ['to the queue', 2, queue],
      ['to the queue', 2, queue],
      ['to the retry queue', 2, queue],
      ['to the retry queue', 2, queue],
    ]);
  });
}
