import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
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
    const greeting = await greet(port, ANSWER_WITHIN);
    if (greeting !== undefined) return greeting.version;
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

/** What a node tells a client that connects. */
export interface Greeting {
  readonly version: string;
}

const FRAME_END = 0xce;

const START = '10.10';
const TUNE = '10.30';
const OPEN_OK = '10.41';

/**
 * Logs in as `guest` and opens the virtual host `/`. A port that listens is not enough: a node that boots may listen and still turn clients away.
 *
 * @param timeout milliseconds
 * @returns undefined without an answer, or without an open connection
 */
export function greet(port: number, timeout: number, host = '127.0.0.1'): Promise<Greeting | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ port, host });
    let version = '';
    let received = Buffer.alloc(0);
    const end = (greeting?: Greeting): void => {
      socket.destroy();
      resolve(greeting);
    };
    socket.setTimeout(timeout, () => end());
    socket.on('error', () => end());
    socket.on('close', () => end());
    socket.on('connect', () => socket.write('AMQP\x00\x00\x09\x01', 'latin1'));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      for (;;) {
        // Anything but a method frame of channel 0 does not come from AMQP 0-9-1.
        if (received.length > 0 && received[0] !== 1) return end();
        if (received.length < 8) return;
        const size = received.readUInt32BE(3);
        if (received.length < size + 8) return;
        const payload = received.subarray(7, 7 + size);
        received = received.subarray(size + 8);
        const method = `${payload.readUInt16BE(0)}.${payload.readUInt16BE(2)}`;
        if (method === START) {
          version = serverVersion(payload);
          socket.write(frame(10, 11, Buffer.alloc(4), short('PLAIN'), long('\0guest\0guest'), short('en_US')));
        } else if (method === TUNE) {
          socket.write(Buffer.concat([frame(10, 31, payload.subarray(4)), frame(10, 40, short('/'), short(''), Buffer.alloc(1))]));
        } else if (method === OPEN_OK) {
          // A clean close keeps the node's log free of warnings; the answer does not matter.
          socket.end(frame(10, 50, Buffer.from([0, 200]), short('bye'), Buffer.alloc(4)));
          resolve({ version });
        } else return end();
      }
    });
  });
}

/** The value behind the key `version` of the server's properties: a long string, `S`. */
function serverVersion(start: Buffer): string {
  const key = start.indexOf('\x07versionS', 0, 'latin1');
  if (key < 0) return 'unknown';
  const at = key + 9;
  return start.toString('utf8', at + 4, at + 4 + start.readUInt32BE(at));
}

function frame(classId: number, methodId: number, ...args: readonly Buffer[]): Buffer {
  const payload = Buffer.concat([Buffer.from([0, classId, 0, methodId]), ...args]);
  const head = Buffer.alloc(7);
  head.writeUInt8(1, 0);
  head.writeUInt32BE(payload.length, 3);
  return Buffer.concat([head, payload, Buffer.from([FRAME_END])]);
}

function short(text: string): Buffer {
  return Buffer.from(String.fromCharCode(text.length) + text, 'latin1');
}

function long(text: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, Buffer.from(text, 'latin1')]);
}
