import { abortFailure, Failure } from '../model/failure.ts';
import { formatDuration } from '../model/quantity.ts';
import type { Machine } from './node.ts';
import { untilAccepting, untilManaged } from './ready.ts';

/** Somebody else listens on a port that was free a moment ago. */
export class PortTaken extends Error {}

/** `http://guest:guest@127.0.0.1:…` */
export function managementUrl(port: number): string {
  return `http://guest:guest@127.0.0.1:${port}`;
}

/** Resolves with the version once all of these nodes take part; rejects when one ends, the time is up, or the signal aborts. */
export async function untilReady(machines: readonly Machine[], orphaned: Promise<void>, timeout: number, signal: AbortSignal): Promise<string> {
  const over = new AbortController();
  const abort = (): void => over.abort();
  const timer = setTimeout(abort, timeout);
  signal.addEventListener('abort', abort, { once: true });
  const stopped = new Promise<never>((_, reject) => over.signal.addEventListener('abort', () => reject(new Error('stopped waiting')), { once: true }));
  const ended = Promise.race([orphaned.then(() => undefined), ...machines.map((machine) => machine.ended.then(() => machine))]);
  const ready = Promise.all(machines.map(({ port }) => untilAccepting(port, over.signal))).then(async ([version = '']) => {
    await Promise.all(machines.map(({ managementPort }) => untilManaged(managementUrl(managementPort), machines.length, over.signal)));
    return version;
  });
  try {
    if (signal.aborted) abort();
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
    signal.removeEventListener('abort', abort);
    ready.catch(() => {});
    over.abort();
  }
}

async function bootFailure(machine: Machine, what: string): Promise<Error> {
  const output = await machine.output();
  if (/eaddrinuse|address already in use|port is already allocated|dist_port_already_used/i.test(output)) return new PortTaken();
  const said = excerpt(output);
  return new Failure('unavailable', `RabbitMQ ${what}${said === '' ? ', without a word' : `; the last that it printed:\n${said}`}`, {
    hint: 'A slow machine needs a longer --boot-timeout; RMQ_RABBITMQ_SERVER names another rabbitmq-server to try.',
  });
}

/** The end of what a node has printed, from where it says that its boot failed if it does. */
function excerpt(output: string): string {
  const failed = output.lastIndexOf('BOOT FAILED');
  const lines = (failed < 0 ? output : output.slice(failed)).split('\n').filter((line) => /[^\s=#]/.test(line));
  return (failed < 0 ? lines.slice(-12) : lines.slice(0, 12)).map((line) => `  ${line.trimEnd()}`).join('\n');
}
