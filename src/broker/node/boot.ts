import { setTimeout as pause } from 'node:timers/promises';
import { openByHand } from '../../amqp/connection/handshake.ts';
import { onAbort } from '../../model/async.ts';
import { abortFailure, Failure } from '../../model/failure.ts';
import { formatDuration } from '../../model/quantity.ts';
import type { Machine } from './node.ts';

/** Another program listens on a port that was free a moment ago. */
export class PortTaken extends Error {}

/** `http://guest:guest@127.0.0.1:…` */
export function managementUrl(port: number): string {
  return `http://guest:guest@127.0.0.1:${port}`;
}

/** Resolves with the version once all of these nodes take part; rejects when one ends, the time is up, or the signal aborts. */
export async function untilNodesReady(machines: readonly Machine[], orphaned: Promise<void>, timeout: number, signal: AbortSignal): Promise<string> {
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), timeout);
  const ignore = onAbort(signal, () => over.abort());
  const stopped = new Promise<never>((_, reject) => onAbort(over.signal, () => reject(new Error('stopped waiting'))));
  const ended = Promise.race([orphaned.then(() => undefined), ...machines.map((machine) => machine.ended.then(() => machine))]);
  const ready = Promise.all(machines.map(({ port }) => untilAccepting(port, over.signal))).then(async ([version = '']) => {
    await Promise.all(machines.map(({ managementPort }) => untilManaged(managementUrl(managementPort), machines.length, over.signal)));
    return version;
  });
  try {
    const first = await Promise.race([ready, ended, stopped]);
    if (typeof first === 'string') return first;
    // All that epmd does at first is to listen on its port.
    throw first === undefined ? new PortTaken() : await bootFailure(first, 'ended while it booted');
  } catch (error) {
    if (signal.aborted) throw abortFailure(signal);
    if (!over.signal.aborted) throw error;
    throw await bootFailure(machines[0] as Machine, `did not accept connections within ${formatDuration(timeout)}`);
  } finally {
    clearTimeout(timer);
    ignore();
    ready.catch(() => {});
    over.abort();
  }
}

async function bootFailure(machine: Machine, what: string): Promise<Error> {
  const output = await machine.output();
  if (/eaddrinuse|address already in use|port is already allocated|dist_port_already_used/i.test(output)) return new PortTaken();
  const said = excerpt(output);
  return new Failure('unavailable', `RabbitMQ ${what}${said === '' ? ' and printed nothing' : `; the last that it printed:\n${said}`}`, {
    hint: 'A slow machine needs a longer --boot-timeout; RMQ_RABBITMQ_SERVER names another rabbitmq-server to try.',
  });
}

/** The end of what a node has printed, from where it says that its boot failed if it does. */
function excerpt(output: string): string {
  const failed = output.lastIndexOf('BOOT FAILED');
  const lines = (failed < 0 ? output : output.slice(failed)).split('\n').filter((line) => /[^\s=#]/.test(line));
  return (failed < 0 ? lines.slice(-12) : lines.slice(0, 12)).map((line) => `  ${line.trimEnd()}`).join('\n');
}

const STEP = 50;
const ANSWER_WITHIN = 5_000;

/** Resolves with the server's version once this port accepts an AMQP connection; rejects only when the signal aborts. */
async function untilAccepting(port: number, signal: AbortSignal): Promise<string> {
  for (;;) {
    const version = await greet(port, ANSWER_WITHIN);
    if (version !== undefined) return version;
    await pause(STEP, undefined, { signal });
  }
}

/** Resolves once the management plugin answers and sees this many nodes of its cluster running. */
async function untilManaged(managementUrl: string, nodes: number, signal: AbortSignal): Promise<void> {
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

/**
 * The version of a node that lets `guest` open the virtual host `/`; undefined for one that does not, or that does not answer within this many milliseconds. A
 * port that listens is not enough: a node that boots may listen and still turn clients away.
 */
export async function greet(port: number, timeout: number): Promise<string | undefined> {
  const guest = { host: '127.0.0.1', port, username: 'guest', password: 'guest', vhost: '/', mechanism: 'plain' } as const;
  const reply = await openByHand(guest, undefined, AbortSignal.timeout(timeout));
  return reply?.code === 200 ? reply.version : undefined;
}
