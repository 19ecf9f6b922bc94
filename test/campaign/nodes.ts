import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
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

/** Why alarms cannot be set on the campaign's own node. */
export async function uncontrolled(): Promise<string | undefined> {
  const { server, nodes } = await ownNode();
  if (server.kind !== 'script' || nodes[0].pid === undefined || !existsSync(`/proc/${nodes[0].pid}/environ`)) return 'needs a node on this machine, and /proc';
  return undefined;
}

/** Runs rabbitmqctl for the campaign's own node, with its environment and where it finds its files. */
export async function control(...args: readonly string[]): Promise<void> {
  const { server, nodes } = await ownNode();
  const pid = String(nodes[0].pid);
  const env = Object.fromEntries(
    readFileSync(`/proc/${pid}/environ`, 'utf8')
      .split('\0')
      .filter((line) => line.includes('='))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  const beside = server.kind === 'script' ? join(dirname(server.path), 'rabbitmqctl') : '';
  const ctl = existsSync(beside) ? beside : '/usr/lib/rabbitmq/bin/rabbitmqctl';
  // A node may see other files than this process, such as those of another release.
  const inside = process.getuid?.() === 0 ? ['nsenter', '--mount', '--target', pid, ctl] : [ctl];
  const [program = '', ...first] = inside;
  await promisify(execFile)(program, [...first, ...args], { env });
}
