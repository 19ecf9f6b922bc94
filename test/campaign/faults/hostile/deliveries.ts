import {
  consumed,
  type HostileClient,
  type HostileDelivery,
  headers,
  long,
  longlong,
  longstr,
  nested,
  octet,
  on,
  short,
  shortstr,
  table,
} from '../../../support/hostile-broker.ts';
import { oneOf, type Random } from '../../random.ts';
import { flood, floodWith, forEver, frameOf, type HostileCase, methodOf, noise, TAKING } from './case.ts';

type Deliver = (client: HostileClient, channel: number, random: Random) => void;

const delivering = (name: string, act: Deliver, more: Partial<HostileCase> = {}): HostileCase => ({
  name,
  roles: TAKING,
  hostility: (random) => ({ script: consumed((client, channel) => act(client, channel, random)) }),
  ...more,
});

/** Three deliveries that are fine but for this; a run may well deal with them. */
const three = (name: string, delivery: (random: Random) => Partial<HostileDelivery>): HostileCase =>
  delivering(
    name,
    (client, channel, random) => {
      for (let tag = 1n; tag <= 3n; tag++) client.deliver(channel, { tag, ...delivery(random) });
    },
    { mayDo: true },
  );

/** A whole delivery in one piece. */
function whole(channel: number, tag: bigint, body = Buffer.from('body')): Buffer {
  return Buffer.concat([
    frameOf(1, channel, methodOf('60.60', shortstr('ctag'), longlong(tag), octet(0), shortstr(''), shortstr('q'))),
    frameOf(2, channel, Buffer.concat([short(60), short(0), longlong(BigInt(body.length)), short(0)])),
    frameOf(3, channel, body),
  ]);
}

/** Deliveries without an end, whatever was asked for. */
function deliverForEver(client: HostileClient, channel: number, size: number): void {
  let tag = 0n;
  const body = Buffer.alloc(size, 'x');
  floodWith(client, () => whole(channel, ++tag, body));
}

const tags: readonly (readonly [string, (random: Random) => readonly bigint[]])[] = [
  ['2^63', () => [1n << 63n]],
  ['2^64 - 1', () => [(1n << 64n) - 1n]],
  ['2^53 + 1', () => [(1n << 53n) + 1n]],
  ['0', () => [0n]],
  ['that leave some out', (random) => [1n, 3n + BigInt(random(100))]],
  ['that come twice', () => [1n, 1n, 2n]],
  ['that count down', () => [3n, 2n, 1n]],
  // Never 1, 2, 3.
  ['in any order', (random) => [BigInt(random(5)), BigInt(random(5)), BigInt(random(3))]],
];

/** What goes wrong with messages. */
export const deliveries: readonly HostileCase[] = [
  ...tags.map(([name, make]) =>
    delivering(`delivery tags ${name}`, (client, channel, random) => {
      const body = Buffer.alloc(oneOf(random, [0, 4, 200_000]), 'x');
      for (const tag of make(random)) client.deliver(channel, { tag, body });
    }),
  ),
  delivering('deliveries beyond the prefetch', (client, channel) => deliverForEver(client, channel, 10_000), { mayDo: true }),
  delivering('large deliveries beyond the prefetch', (client, channel) => deliverForEver(client, channel, 120_000), { mayDo: true }),
  delivering('empty deliveries beyond the prefetch', (client, channel) => deliverForEver(client, channel, 0), { mayDo: true }),
  delivering('a body of 2 GB', (client, channel) => client.deliver(channel, { tag: 1n, size: 2_000_000_000n, body: Buffer.alloc(1_000_000) })),
  delivering('a body of 2^64 - 1 bytes', (client, channel) => client.deliver(channel, { tag: 1n, size: (1n << 64n) - 1n })),
  delivering('a body of 100 MB that never ends', (client, channel) => {
    client.deliver(channel, { tag: 1n, size: 100_000_000n, body: Buffer.alloc(1_000) });
    forEver(client, () => client.frame(8, 0, Buffer.alloc(0)), 200);
  }),
  delivering('a body longer than announced', (client, channel) => client.deliver(channel, { tag: 1n, size: 2n, body: Buffer.from('a long body') })),
  delivering('a body of empty frames for ever', (client, channel) => {
    client.deliver(channel, { tag: 1n, size: 10n, body: Buffer.alloc(0) });
    flood(client, frameOf(3, channel, Buffer.alloc(0)));
  }),
  delivering(
    'a body byte by byte',
    (client, channel) => {
      for (let tag = 1n; tag <= 3n; tag++) {
        client.deliver(channel, { tag, size: 500n, body: Buffer.alloc(0) });
        for (let at = 0; at < 500; at++) client.frame(3, channel, Buffer.from('x'));
      }
    },
    { mayDo: true },
  ),
  delivering('deliveries of another consumer', (client, channel) => {
    for (let tag = 1n; tag <= 3n; tag++) client.method(channel, '60.60', shortstr('nobody'), longlong(tag), octet(0), shortstr(''), shortstr('q'));
  }),
  delivering('deliveries on another channel', (client, channel) => client.deliver(channel + 1, { tag: 1n })),
  {
    name: 'deliveries before the subscription is answered',
    roles: TAKING,
    mayDo: true,
    hostility: () => ({
      script: on('60.20', (client, { channel }) => {
        for (let tag = 1n; tag <= 3n; tag++) client.deliver(channel, { tag });
        client.method(channel, '60.21', shortstr('ctag'));
      }),
    }),
  },
  {
    name: 'deliveries after the subscription has ended',
    roles: TAKING,
    mayDo: true,
    hostility: () => ({
      script: (client, { method, channel }) => {
        if (method === '60.20') {
          client.method(channel, '60.21', shortstr('ctag'));
          for (let tag = 1n; tag <= 3n; tag++) client.deliver(channel, { tag });
          return true;
        }
        if (method !== '60.30') return undefined;
        client.method(channel, '60.31', shortstr('ctag'));
        for (let tag = 4n; tag <= 9n; tag++) client.deliver(channel, { tag });
        return true;
      },
    }),
  },
  ...(
    [
      ['a header table of a negative size', Buffer.concat([short(0x2000), long(0xffff_ffff)])],
      ['a header table that is cut off', Buffer.concat([short(0x2000), long(9_999)])],
      ['headers without a type', headers(Buffer.from('\xff', 'latin1'))],
      ['headers of an unknown type', headers(Buffer.concat([shortstr('a'), Buffer.from('?')]))],
      ['a header of 4 GB', headers(Buffer.concat([shortstr('a'), Buffer.from('S'), long(4_000_000_000)]))],
      ['a header array of a negative size', headers(Buffer.concat([shortstr('a'), Buffer.from('A'), long(0xffff_fff0)]))],
      ['headers 5,000 levels deep', headers(nested(5_000))],
      ['headers with the same name twice', headers(Buffer.concat(['1', '2'].map((text) => Buffer.concat([shortstr('a'), Buffer.from('S'), longstr(text)]))))],
      ['headers named __proto__', headers(Buffer.concat([shortstr('__proto__'), Buffer.from('F'), table()]))],
      ['property flags without values', short(0xfffc)],
      ['property flags that go on', Buffer.concat([short(1), short(1), short(1)])],
      ['half of the property flags', Buffer.from([0x80])],
      ['properties of control characters', Buffer.concat([short(0x8080), shortstr('\x1b[2J\u202e'), shortstr('\x1b]0;x\x07')])],
      ['properties that are no UTF-8', Buffer.concat([short(0x8080), octet(3), Buffer.from([0xff, 0xfe, 0xc0]), octet(2), Buffer.from([0xed, 0xa0])])],
    ] as const
  ).map(([name, properties]) => three(name, () => ({ properties }))),
  three('properties of noise', (random) => ({ properties: Buffer.concat([short(random(65_536) & 0xfffe), noise(random, random(200))]) })),
  three('headers of noise', (random) => ({ properties: headers(noise(random, random(300))) })),
  {
    name: 'keys and exchanges that are no UTF-8',
    roles: TAKING,
    mayDo: true,
    hostility: () => ({
      script: consumed((client, channel) => {
        for (let tag = 1n; tag <= 3n; tag++) {
          client.method(
            channel,
            '60.60',
            shortstr('ctag'),
            longlong(tag),
            octet(9),
            octet(2),
            Buffer.from([0xff, 0xfe]),
            octet(3),
            Buffer.from([0x1b, 0x5b, 0x4a]),
          );
          client.frame(2, channel, Buffer.concat([short(60), short(0), longlong(0n), short(0)]));
        }
      }),
    }),
  },
];
