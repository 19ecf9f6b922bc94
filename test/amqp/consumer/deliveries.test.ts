import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Delivery, Properties } from '../../../src/model/message/message.ts';
import { ConsumeConfig } from '../../../src/patterns/consume/config.ts';
import { consume } from '../../../src/patterns/consume/consume.ts';
import { brokerUrl, peer } from '../../support/broker.ts';
import { proxy } from '../../support/faults.ts';
import { testSession } from '../../support/session.ts';

/** What fits into one frame with the limit that RabbitMQ sets. */
const FRAME = 131_072 - 8;
const SIZES = [0, 1, 7, 100, 2_000, FRAME - 1, FRAME, FRAME + 1, 300_000];
const PROPERTIES: readonly Pick<Properties, 'headers' | 'priority' | 'correlationId'>[] = [
  {},
  { headers: { text: 'ü'.repeat(50), nested: { list: [70_000, 'two', { three: 3.5 }] } } },
  { priority: 5, correlationId: 'c'.repeat(255), headers: {} },
];

interface Told {
  readonly exchange: string;
  readonly routingKey: string;
  readonly redelivered: boolean;
  readonly properties: Delivery['properties'];
  readonly body: string;
}

for (const [way, piece] of [
  ['as they come', Number.POSITIVE_INFINITY],
  ['in pieces of 61 bytes', 61],
  ['in pieces of 4,099 bytes', 4_099],
] as const) {
  test(`deliveries that arrive ${way} are read as they were published`, async (t) => {
    const { channel, queue, exchange } = await peer(t);
    const [name, topic] = [await queue(), await exchange('topic')];
    await channel.bindQueue(name, topic, '#');
    const expected: Told[] = [];
    // The large ones take a proxy long in small pieces.
    const sizes = piece < 100 ? SIZES.slice(0, 5) : SIZES;
    for (const [round, size] of [...sizes, ...sizes, ...sizes].entries()) {
      const given = PROPERTIES[round % PROPERTIES.length];
      const body = Buffer.alloc(size, `${round} `);
      const routingKey = `key.${'k'.repeat(round * 9)}`;
      channel.publish(topic, routingKey, body, { ...given, messageId: String(round) });
      const { headers = {}, ...properties } = { ...given };
      expected.push({
        exchange: topic,
        routingKey,
        redelivered: false,
        properties: { ...properties, headers, messageId: String(round) },
        body: body.toString(),
      });
    }
    const faulty = await proxy(t, brokerUrl());
    faulty.chop(piece);
    const { session } = testSession(t, faulty.url);
    const seen: Told[] = [];
    await consume(
      session,
      ConsumeConfig.parse({ queue: name, count: expected.length, timeout: 60_000 }),
      async ({ exchange: from, routingKey, redelivered, properties, body }) => {
        const { deliveryMode: _, ...rest } = properties;
        seen.push({ exchange: from, routingKey, redelivered, properties: rest, body: body.toString() });
        return 'ack';
      },
    );
    assert.deepEqual(seen, expected);
  });
}
