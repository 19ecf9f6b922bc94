import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { attemptOf, retryCopy } from '../../src/model/dead-letter/attempt.ts';
import { movedCopy, replayCopy } from '../../src/model/dead-letter/replay.ts';
import { isOfDeath, isOfDelivery } from '../../src/model/message/broker-headers.ts';
import { formatEnvelope, parseEnvelope } from '../../src/model/message/envelope.ts';
import type { Delivery, FieldTable, Message, Properties } from '../../src/model/message/message.ts';
import { ConsumeConfig } from '../../src/patterns/consume/config.ts';
import { consume } from '../../src/patterns/consume/consume.ts';
import { SendingConfig, sendMessages } from '../../src/patterns/publish/send.ts';
import { properties } from '../model/message/fields.ts';
import { peer } from '../support/broker.ts';
import { testSession } from '../support/session.ts';

/** RabbitMQ has no NaN and no infinity. */
const holdable = properties.filter((one) => !/"(NaN|-?Infinity)"/.test(JSON.stringify(one.headers ?? {})));
const delivered = (given: Properties): Delivery => ({
  queue: 'q',
  exchange: 'e',
  routingKey: 'k',
  redelivered: false,
  properties: given,
  body: Buffer.from('x'),
});

/** The headers of a copy that are the publisher's; none is the same as an empty table. */
const published = ({ headers = {} }: Properties): FieldTable =>
  Object.fromEntries(
    Object.entries(headers).filter(([name]) => !/^x-rmq-/.test(name) && !isOfDeath(name) && !isOfDelivery(name) && name !== 'CC' && name !== 'BCC'),
  );

test('whatever the properties of a message are, each copy of it has them', () => {
  fc.assert(
    fc.property(holdable, (given) => {
      const original = delivered(given);
      const { userId: _, expiration: __, headers: ___, ...others } = given;
      for (const copy of [
        movedCopy(original, { exchange: '', routingKey: 'to' }),
        replayCopy(original, { exchange: '', routingKey: 'to' }, 'run'),
        retryCopy(original, 2, 'q.retry.1', 'worker'),
      ]) {
        assert.deepEqual(published(copy.properties), published(given));
        const { headers: _h, expiration: _e, userId: _u, ...rest } = copy.properties;
        assert.deepEqual(rest, others);
      }
      const line = formatEnvelope(original, { jsonBody: false });
      assert.deepEqual(parseEnvelope(line).properties, { deliveryMode: 1, ...given });
    }),
    { numRuns: 2_000 },
  );
});

test('a message that comes back from waiting for its next attempt is what was published', () => {
  fc.assert(
    fc.property(holdable, (given) => {
      const { headers, ...others } = given;
      const own = headers === undefined ? {} : published(given);
      const copy = retryCopy(delivered(given), 2, 'q.retry.1', 'worker');
      const back = { ...copy.properties, headers: { ...copy.properties.headers, 'x-death': [{ queue: 'q.retry.1', reason: 'expired' }] } };
      const { number, original } = attemptOf({ ...delivered(back), exchange: '', routingKey: 'q' }, 'worker');
      assert.deepEqual([number, original.exchange, original.routingKey], [2, 'e', 'k']);
      const { headers: restored = {}, ...rest } = original.properties;
      assert.deepEqual(rest, others);
      assert.deepEqual(published({ headers: restored }), own);
    }),
    { numRuns: 2_000 },
  );
});

test('whatever the properties of a message are, a broker hands them out as they were sent, be its body small or large', async (t) => {
  const { queue } = await peer(t);
  const name = await queue();
  const { session } = testSession(t);
  // What the broker itself reads: whose login it is, when a message expires, where else it goes.
  const some = fc.sample(holdable, 300).map(({ userId: _, expiration: __, ...rest }) => rest);
  const messages = some.map(
    (given, index): Message => ({ exchange: '', routingKey: name, properties: given, body: Buffer.alloc(index % 20 === 0 ? 400_000 : 10) }),
  );
  await sendMessages(session, SendingConfig.parse({}), messages);
  const back: Properties[] = [];
  await consume(session, ConsumeConfig.parse({ queue: name, drain: true }), async (delivery) => {
    back.push(delivery.properties);
    return 'ack';
  });
  assert.equal(back.length, some.length);
  for (const [index, given] of some.entries()) assert.deepEqual(back[index], given, `message ${index}`);
});
