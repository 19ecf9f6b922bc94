import type { TestContext } from 'node:test';
import { type Broker, type BrokerOptions, startBroker } from '../../src/broker/broker.ts';

/** A broker of the test's own, for what would disturb others: kills, alarms, limits. */
export async function ownBroker(t: TestContext, options: BrokerOptions = {}): Promise<Broker> {
  const broker = await startBroker(options);
  t.after(() => broker.stop());
  return broker;
}
