import { consumed, type HostileClient, long, longlong, METHOD, octet, on, short, shortstr } from '../../../support/hostile-broker.ts';
import { oneOf, type Random } from '../../random.ts';
import { ANY, flood, forEver, frameOf, type HostileCase, methodOf, noise, TAKING } from './case.ts';

/** In the place of some answer that each role asks for. */
const instead = (name: string, act: (client: HostileClient, channel: number, random: Random) => void, more: Partial<HostileCase> = {}): HostileCase => ({
  name,
  roles: ANY,
  hostility: (random) => ({ script: on('20.10', (client, { channel }) => act(client, channel, random)) }),
  ...more,
});

/** Behind the answer to a subscription. */
const behind = (name: string, act: (client: HostileClient, channel: number, random: Random) => void): HostileCase => ({
  name,
  roles: TAKING,
  hostility: (random) => ({ script: consumed((client, channel) => act(client, channel, random)) }),
});

const OPENED = methodOf('20.11', Buffer.alloc(4));

/** What breaks the rules of frames and methods. */
export const frames: readonly HostileCase[] = [
  instead('a wrong frame end', ({ raw }, channel, random) => raw(frameOf(METHOD, channel, OPENED, random(0xce)))),
  instead('an answer on a channel that is not open', (client, channel) => client.method(channel + 1, '20.11', Buffer.alloc(4))),
  instead('an answer on channel 65,535', (client) => client.method(65_535, '20.11', Buffer.alloc(4))),
  instead('an answer on channel 0', (client) => client.method(0, '20.11', Buffer.alloc(4))),
  instead('an unknown class', (client, channel, random) => client.method(channel, `${200 + random(60_000)}.${random(200)}`)),
  instead('an unknown method', (client, channel, random) => client.method(channel, `${oneOf(random, [10, 20, 40, 50, 60, 85])}.${200 + random(50)}`)),
  instead('a method that only clients send', (client, channel, random) =>
    client.method(channel, oneOf(random, ['60.20', '60.40', '50.10', '20.10']), noise(random, 30)),
  ),
  instead('the answer to something else', (client, channel, random) =>
    client.method(channel, oneOf(random, ['50.11', '60.21', '60.11', '85.11', '60.31']), noise(random, 40)),
  ),
  instead('an answer twice', (client, channel) => {
    for (let times = 0; times < 2; times++) client.method(channel, '20.11', Buffer.alloc(4));
  }),
  instead('an answer for ever', (client, channel) => flood(client, frameOf(METHOD, channel, OPENED))),
  instead('methods of noise', (client, channel, random) => client.frame(METHOD, channel, noise(random, 4 + random(200)))),
  instead('a method of no bytes', (client, channel) => client.frame(METHOD, channel, Buffer.alloc(0))),
  instead('a method of two bytes', (client, channel) => client.frame(METHOD, channel, short(20))),
  instead('a frame of 4 GB', (client, channel) => {
    client.raw(Buffer.concat([octet(METHOD), short(channel), long(0xffff_ffff)]));
    flood(client, Buffer.alloc(65_536));
  }),
  instead('a frame of 60 MB that comes slowly', (client, channel) => {
    client.raw(Buffer.concat([octet(METHOD), short(channel), long(60_000_000)]));
    forEver(client, () => client.raw(Buffer.alloc(64)));
  }),
  instead('frames of unknown kinds', (client, channel, random) => forEver(client, () => client.frame(4 + random(4), channel, noise(random, 10)))),
  instead('a heartbeat with a body', (client, _, random) => client.frame(8, 0, noise(random, 100))),
  instead('heartbeats on the channel for ever', (client, channel) => flood(client, frameOf(8, channel, Buffer.alloc(0)))),
  instead('the protocol header', ({ raw }) => raw(Buffer.from('AMQP\0\0\x09\x01'))),
  instead('the end of the connection, half of a frame after', ({ raw, socket }, channel) => {
    raw(frameOf(METHOD, channel, OPENED).subarray(0, 9));
    socket.end();
  }),
  instead('a reset', ({ socket }) => socket.resetAndDestroy()),
  ...['20.10', '50.10', '60.10', '60.20', '85.10', '40.10'].map(
    (method): HostileCase => ({
      name: `no answer to ${method}`,
      roles: method === '85.10' || method === '40.10' ? ['publish', 'subscribe'] : ANY,
      hostility: () => ({ script: on(method, () => undefined) }),
    }),
  ),
  ...['50.11', '60.21', '60.11', '85.11'].map(
    (answer): HostileCase => ({
      name: `${answer} without its arguments`,
      roles: ANY,
      hostility: () => ({ script: on(`${answer.slice(0, -1)}0`, (client, { channel }) => client.method(channel, answer)) }),
    }),
  ),
  {
    name: 'the queue has 4 billion messages',
    roles: TAKING,
    hostility: () => ({ script: on('50.10', (client, { channel }) => client.method(channel, '50.11', shortstr('q'), long(0xffff_ffff), long(0xffff_ffff))) }),
  },
  {
    name: 'another queue was declared',
    roles: ANY,
    mayDo: true,
    hostility: () => ({ script: on('50.10', (client, { channel }) => client.method(channel, '50.11', shortstr('\x1b[2Jother'), long(0), long(0))) }),
  },
  {
    name: 'the name of the consumer is empty',
    roles: TAKING,
    hostility: () => ({ script: on('60.20', (client, { channel }) => client.method(channel, '60.21', shortstr(''))) }),
  },
  {
    name: 'the connection goes at each question in turn',
    roles: ANY,
    hostility: (random) => {
      const every = 1 + random(6);
      let asked = 0;
      return {
        script: (client, { channel }) => {
          if (channel === 0 || ++asked % every > 0) return undefined;
          client.socket.destroy();
          return true;
        },
      };
    },
  },
  behind('a body without anything before it', (client, channel, random) => client.frame(3, channel, noise(random, 50))),
  behind('a content header without anything before it', (client, channel) =>
    client.frame(2, channel, Buffer.concat([short(60), short(0), longlong(4n), short(0)])),
  ),
  behind('a content header of no bytes', (client, channel) => {
    client.method(channel, '60.60', shortstr('ctag'), longlong(1n), octet(0), shortstr(''), shortstr('q'));
    client.frame(2, channel, Buffer.alloc(0));
  }),
  behind('a method in the middle of a message', (client, channel) => {
    client.method(channel, '60.60', shortstr('ctag'), longlong(1n), octet(0), shortstr(''), shortstr('q'));
    client.method(channel, '60.11');
    client.frame(3, channel, Buffer.from('body'));
  }),
  behind('two messages at once on a channel', (client, channel) => {
    for (let tag = 1n; tag < 3n; tag++) client.method(channel, '60.60', shortstr('ctag'), longlong(tag), octet(0), shortstr(''), shortstr('q'));
    for (let tag = 1n; tag < 3n; tag++) client.frame(2, channel, Buffer.concat([short(60), short(0), longlong(4n), short(0)]));
  }),
  behind('a content header of another class', (client, channel) => {
    client.method(channel, '60.60', shortstr('ctag'), longlong(1n), octet(0), shortstr(''), shortstr('q'));
    client.frame(2, channel, Buffer.concat([short(10), short(7), longlong(4n), short(0)]));
    client.frame(3, channel, Buffer.from('body'));
  }),
  behind('a delivery without its arguments', (client, channel) => client.method(channel, '60.60')),
  behind('a name beyond its frame', (client, channel) => client.method(channel, '60.60', octet(255), Buffer.from('ctag'))),
  behind('a get that nobody asked for', (client, channel) => {
    client.method(channel, '60.71', longlong(1n), octet(0), shortstr(''), shortstr('q'), long(0));
    client.frame(2, channel, Buffer.concat([short(60), short(0), longlong(0n), short(0)]));
  }),
];
