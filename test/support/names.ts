import type { TestContext } from 'node:test';
import { type Channel, connect } from 'amqplib';
import { brokerUrl, unique } from './broker.ts';

/** The name of an exchange that something else declares; it is deleted when the test ends. */
export function exchangeName(t: TestContext, name = unique('exchange')): string {
  t.after(() => onOwnConnection((channel) => channel.deleteExchange(name)));
  return name;
}

/** The name of a queue that something else declares; it is deleted when the test ends. */
export function queueName(t: TestContext, name = unique('queue')): string {
  t.after(() => onOwnConnection((channel) => channel.deleteQueue(name)));
  return name;
}

export async function queueExists(name: string): Promise<boolean> {
  return onOwnConnection((channel) =>
    channel.checkQueue(name).then(
      () => true,
      // An exclusive queue of somebody else is refused otherwise (405).
      ({ code }: { code?: unknown }) => code !== 404,
    ),
  );
}

async function onOwnConnection<T>(use: (channel: Channel) => Promise<T>): Promise<T> {
  const model = await connect(brokerUrl());
  model.on('error', () => undefined);
  try {
    const channel = await model.createChannel();
    channel.on('error', () => undefined);
    return await use(channel);
  } finally {
    await model.close();
  }
}
