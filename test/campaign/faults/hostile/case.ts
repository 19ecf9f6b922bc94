import { join } from 'node:path';
import type { PublishCounts } from '../../../../src/model/event.ts';
import { type HostileClient, type Hostility, hostileBroker } from '../../../support/hostile-broker.ts';
import { CLEAN, type Fault, type Findings, type RoleName, type Round } from '../../fault.ts';
import type { Random } from '../../random.ts';
import { summaryOf } from '../../stage.ts';

/** A broker that breaks the rules. */
export interface HostileCase {
  readonly name: string;
  readonly roles: readonly RoleName[];
  readonly hostility: (random: Random) => Hostility;
  /** Messages that it confirms, at most. */
  readonly confirms?: number;
  /** True when a run may end well. */
  readonly mayDo?: boolean;
}

/** What takes messages, and what sends them. */
export const TAKING: readonly RoleName[] = ['consume', 'work', 'subscribe', 'inspect', 'replay', 'export', 'rpc serve'];
export const SENDING: readonly RoleName[] = ['publish'];
export const ANY: readonly RoleName[] = ['publish', 'consume', 'work', 'subscribe', 'rpc call', 'rpc serve', 'inspect', 'replay', 'export'];

const IMPATIENT = ['--max-reconnects', '1', '--reconnect-delay', '0ms..1ms', '--answer-timeout', '600ms', '--connect-timeout', '1s', '--blocked-timeout', '2s'];
const MESSAGES = 3;
const LINES = 'one\ntwo\nthree\n';
const MEMORY = 256 * 1_048_576;
const BOUND = 25_000;

/** A command of each role that deals with three messages. */
const argv = (role: RoleName, directory: string): readonly string[] =>
  ({
    publish: ['publish', '-r', 'q', '--lines', '--json', '--confirm-timeout', '1s', '--timeout', '8s'],
    consume: ['consume', 'q', '-n', '3', '-o', 'json', '--timeout', '5s'],
    work: ['work', 'run', 'q', '--drop-dead', '-n', '3', '--timeout', '5s', '--json', '--grace', '1s', '--', 'cat'],
    subscribe: ['fanout', 'subscribe', 'e', 's', '-n', '3', '--timeout', '5s'],
    'rpc call': ['rpc', 'call', 'q', 'hello', '--timeout', '3s'],
    'rpc serve': ['rpc', 'serve', 'q', '-n', '3', '--timeout', '5s', '--json', '--grace', '1s', '--', 'cat'],
    inspect: ['dlx', 'inspect', 'q', '-o', 'json'],
    replay: ['dlx', 'replay', 'q', '--to-queue', 't', '--json'],
    export: ['dlx', 'export', 'q', '-d', join(directory, 'exported')],
  })[role];

/** The case as a fault: the run ends by itself, says so, and claims nothing that the broker has not done. */
export function hostile({ name, roles, hostility, confirms = 0, mayDo = false }: HostileCase): Fault {
  return {
    name: `hostile: ${name}`,
    group: 'hostile',
    roles,
    short: 1,
    memory: MEMORY,
    bound: BOUND,
    round: async (round: Round): Promise<Findings> => {
      const { url } = await hostileBroker(round, hostility(round.random));
      const { code, stdout, stderr } = await round.start([...IMPATIENT, '-u', url, ...argv(round.role, round.directory)], {
        input: round.role === 'publish' ? LINES : '',
        env: { RABBITMQ_MANAGEMENT_URL: 'http://127.0.0.1:9/' },
      }).ended;
      const untrue: string[] = [];
      const wrong: string[] = [];
      if (round.role === 'publish') {
        const { published = 0, confirmed = 0, returned = 0, nacked = 0, unknown = 0 } = summaryOf<PublishCounts>(stdout) ?? {};
        if (confirmed > confirms) untrue.push(`${confirmed} confirmed, of ${confirms} at most`);
        if (published !== confirmed + returned + nacked + unknown) untrue.push('the counts do not add up');
        if (code === 0 && confirmed < MESSAGES) wrong.push('exit 0 without all confirms');
      }
      if (code === 0 && !mayDo && confirms < MESSAGES) wrong.push('exit 0');
      if (code !== 0 && stderr.trim() === '') wrong.push(`exit ${code} without a word`);
      if (CONTROLS.test(stderr)) untrue.push('control characters of the broker on standard error');
      return { ...CLEAN, untrue, wrong };
    },
  };
}

/** What would change a terminal. */
const CONTROLS = /[\x00-\x08\x0b-\x1f\x7f\x9b\u202e]/;

/** Does something again and again, until the client has gone. */
export function forEver(client: HostileClient, act: () => void, milliseconds = 2): void {
  const timer = setInterval(act, milliseconds);
  client.socket.once('close', () => clearInterval(timer));
}

/** Writes about as fast as the client reads, until it has gone. */
export function flood(client: HostileClient, bytes: Buffer): void {
  floodWith(client, () => bytes);
}

/** The same, with what is made anew each time. Other brokers of this process have their turns. */
export function floodWith({ socket }: HostileClient, next: () => Buffer): void {
  const more = (): void => {
    for (let size = 0; size < TURN && !socket.destroyed; ) {
      const bytes = next();
      size += bytes.length;
      if (!socket.write(bytes)) {
        socket.once('drain', more);
        return;
      }
    }
    if (!socket.destroyed) setImmediate(more);
  };
  more();
}

const TURN = 65_536;

/** So many bytes. */
export function noise(random: Random, size: number): Buffer {
  return Buffer.from(Array.from({ length: size }, () => random(256)));
}

/** A frame as bytes. */
export function frameOf(type: number, channel: number, payload: Buffer, end = 0xce): Buffer {
  const head = Buffer.alloc(7);
  head[0] = type;
  head.writeUInt16BE(channel, 1);
  head.writeUInt32BE(payload.length, 3);
  return Buffer.concat([head, payload, Buffer.from([end])]);
}

/** The payload of a method. */
export function methodOf(name: string, ...args: readonly Buffer[]): Buffer {
  const [group = 0, id = 0] = name.split('.').map(Number);
  return Buffer.concat([Buffer.from([group >> 8, group & 0xff, id >> 8, id & 0xff]), ...args]);
}
