import { setTimeout as pause } from 'node:timers/promises';
import { greet } from './handshake.ts';

const STEP = 50;
const ANSWER_WITHIN = 5_000;

/** Resolves with the server's version once this port accepts an AMQP connection; rejects only when the signal aborts. */
export async function untilAccepting(port: number, signal: AbortSignal): Promise<string> {
  for (;;) {
    const greeting = await greet(port, ANSWER_WITHIN);
    if (greeting !== undefined) return greeting.version;
    await pause(STEP, undefined, { signal });
  }
}

/** Resolves once the management plugin answers and sees this many nodes of its cluster running. */
export async function untilManaged(managementUrl: string, nodes: number, signal: AbortSignal): Promise<void> {
  while ((await runningNodes(managementUrl)).filter(({ running }) => running).length < nodes) await pause(STEP, undefined, { signal });
}

/** A node as the management plugin describes it. */
export interface ClusterMember {
  readonly name: string;
  readonly running: boolean;
  /** Bytes. */
  readonly mem_used?: number;
}

/** The members of the cluster; none when the management plugin does not answer. */
export async function runningNodes(managementUrl: string): Promise<readonly ClusterMember[]> {
  const { username, password, origin } = new URL(managementUrl);
  try {
    const response = await fetch(`${origin}/api/nodes?columns=name,running,mem_used`, {
      headers: { authorization: `Basic ${btoa(`${username}:${password}`)}` },
      signal: AbortSignal.timeout(ANSWER_WITHIN),
    });
    return response.ok ? ((await response.json()) as ClusterMember[]) : [];
  } catch {
    return [];
  }
}
