import { type Broker, startBroker } from '../../src/broker/broker.ts';

const BOOT_TIMEOUT = 300_000;

const started = new Map<string, Promise<Broker>>();

/** A node of the campaign's own, for what would disturb others; started when it is first asked for. */
export function ownNode(): Promise<Broker> {
  return once('node', () => startBroker({ bootTimeout: BOOT_TIMEOUT }));
}

/** Two nodes that form a cluster. */
export function ownCluster(): Promise<Broker> {
  return once('cluster', () => startBroker({ bootTimeout: BOOT_TIMEOUT, nodes: 2 }));
}

function once(kind: string, start: () => Promise<Broker>): Promise<Broker> {
  const known = started.get(kind) ?? start();
  started.set(kind, known);
  return known;
}

/** Stops what was started. */
export async function stopNodes(): Promise<void> {
  const all = [...started.values()];
  started.clear();
  for (const broker of all) await (await broker.catch(() => undefined))?.stop();
}
