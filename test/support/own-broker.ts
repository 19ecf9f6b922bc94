import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { connect } from 'amqplib';
import { type Broker, type BrokerOptions, startBroker } from '../../src/broker/broker.ts';
import type { Running } from './rmq.ts';

const BOOT_TIMEOUT = 300_000;

/** A broker for the tests of one file, which stops it: each boot costs some four seconds of a core. */
export function bootBroker(options: BrokerOptions = {}): Promise<Broker> {
  return startBroker({ bootTimeout: BOOT_TIMEOUT, ...options });
}

/** A broker of the test's own, for what would disturb others: kills, alarms, limits. */
export async function ownBroker(t: TestContext, options: BrokerOptions = {}): Promise<Broker> {
  const broker = await bootBroker(options);
  t.after(() => broker.stop());
  return broker;
}

/**
 * Resolves once the durable queues that were declared so far would survive a kill: a broker answers before they would.
 *
 * Mnesia writes that a transaction is committed only later, or before the next transaction; until then a restart takes it
 * back. And the name of a quorum queue's replica reaches its file only when that has been left alone for half a second;
 * without it, a restart puts an empty replica that never finds a leader in its place.
 */
export async function untilKept({ nodes, directory }: Broker): Promise<void> {
  if (directory === undefined) {
    for (const node of nodes) {
      await node.shutdown();
      await node.restart();
    }
    return;
  }
  const model = await connect(nodes[0].url);
  const channel = await model.createChannel();
  await channel.assertQueue('another transaction');
  await channel.deleteQueue('another transaction');
  await model.close();
  for (const { name } of nodes) while (!replicasAreNamed(join(directory, name, 'data', name, 'quorum', name))) await pause(50);
}

/** Resolves once a run has brought so many messages into a queue; rejects when it ends before. */
export async function untilHeld({ nodes }: Broker, queue: string, messages: number, { child, result }: Running): Promise<void> {
  const model = await connect(nodes[0].url);
  const channel = await model.createChannel();
  while ((await channel.checkQueue(queue)).messageCount < messages) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`rmq ended before ${queue} held ${messages}:\n${(await result).stderr}`);
    await pause(20);
  }
  await model.close();
}

/** Whether the file with the names of a node's replicas has each that keeps its log in a directory beside it. */
function replicasAreNamed(directory: string): boolean {
  const replicas = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return replicas.every(({ name }) => readFileSync(join(directory, 'names.dets')).includes(name));
}
