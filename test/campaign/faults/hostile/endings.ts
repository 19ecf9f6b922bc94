import { consumed, type HostileClient, octet, on, short, shortstr } from '../../../support/hostile-broker.ts';
import { oneOf, type Random } from '../../random.ts';
import { ANY, flood, forEver, frameOf, type HostileCase, methodOf, TAKING } from './case.ts';

const CANCEL = methodOf('60.30', shortstr('ctag'), octet(1));
const BLOCKED = frameOf(1, 0, methodOf('10.60', shortstr('low on \x1b[2Jmemory')));
const UNBLOCKED = frameOf(1, 0, methodOf('10.61'));

type Act = (client: HostileClient, channel: number, random: Random) => void;

/** Behind the first answer that each role gets. */
const opened = (name: string, act: Act): HostileCase => ({
  name,
  roles: ANY,
  hostility: (random) => ({
    script: on('20.10', (client, { channel }) => {
      client.method(channel, '20.11', Buffer.alloc(4));
      act(client, channel, random);
    }),
  }),
});

/** In its place. */
const unanswered = (name: string, act: Act): HostileCase => ({
  name,
  roles: ANY,
  hostility: (random) => ({ script: on('20.10', (client, { channel }) => act(client, channel, random)) }),
});

const subscribed = (name: string, act: Act): HostileCase => ({
  name,
  roles: TAKING,
  hostility: (random) => ({ script: consumed((client, channel) => act(client, channel, random)) }),
});

/** How connections, channels and subscriptions end, and what is told of them. */
export const endings: readonly HostileCase[] = [
  opened('closes the connection without a reason', (client) => client.method(0, '10.50', short(0), shortstr(''), short(0), short(0))),
  opened('closes the connection for any reason', (client, _, random) =>
    client.method(
      0,
      '10.50',
      short(oneOf(random, [200, 320, 501, 503, 504, 505, 530, 540, 541, 65_535])),
      shortstr('\x1b[2J\r\nNO\x07'),
      short(random(100)),
      short(random(100)),
    ),
  ),
  opened('closes the connection and does not end', (client) => client.method(0, '10.50', short(320), shortstr('CONNECTION_FORCED'), short(0), short(0))),
  opened('closes the connection without arguments', (client) => client.method(0, '10.50')),
  opened('says that the connection was closed', (client) => client.method(0, '10.51')),
  opened('says that the channel was closed', (client, channel) => client.method(channel, '20.41')),
  opened('closes the channel without a reason', (client, channel) => client.method(channel, '20.40', short(0), shortstr(''), short(0), short(0))),
  opened('closes the channel for any reason', (client, channel, random) =>
    client.method(
      channel,
      '20.40',
      short(oneOf(random, [200, 311, 403, 404, 405, 406, 540, 541, 65_535])),
      shortstr('\x1b[2J\u202eNO\x07'),
      short(random(100)),
      short(random(100)),
    ),
  ),
  opened('closes the channel for ever', (client, channel) =>
    flood(client, frameOf(1, channel, methodOf('20.40', short(541), shortstr('NO'), short(60), short(20)))),
  ),
  opened('is blocked for ever', (client) => client.raw(BLOCKED)),
  opened('is blocked and unblocked for ever', (client) => flood(client, Buffer.concat([BLOCKED, UNBLOCKED]))),
  unanswered('floods with blocked', (client) => flood(client, BLOCKED)),
  unanswered('floods with unblocked', (client) => flood(client, UNBLOCKED)),
  unanswered('is blocked and unblocked, and answers nothing', (client) => flood(client, Buffer.concat([BLOCKED, UNBLOCKED]))),
  unanswered('is blocked and unblocked now and then, and answers nothing', (client) => {
    let blocked = false;
    forEver(
      client,
      () => {
        blocked = !blocked;
        client.raw(blocked ? BLOCKED : UNBLOCKED);
      },
      50,
    );
  }),
  {
    name: 'never answers that a connection or a channel is closed',
    roles: ANY,
    hostility: () => ({ script: (_, { method }) => (method === '10.50' || method === '20.40' ? true : undefined) }),
  },
  subscribed('cancels each subscription', (client, channel) => client.frame(1, channel, CANCEL)),
  subscribed('cancels for ever', (client, channel) => flood(client, frameOf(1, channel, CANCEL))),
  subscribed('cancels somebody else', (client, channel) => client.method(channel, '60.30', shortstr('nobody'), octet(1))),
  subscribed('cancels in the middle of a message', (client, channel) => {
    client.deliver(channel, { tag: 1n, size: 100n, body: Buffer.alloc(10) });
    client.frame(1, channel, CANCEL);
  }),
  subscribed('closes the channel after a message', (client, channel) => {
    client.deliver(channel, { tag: 1n });
    client.method(channel, '20.40', short(541), shortstr('INTERNAL_ERROR'), short(60), short(20));
  }),
  subscribed('goes after a message', (client, channel, random) => {
    for (let tag = 1n; tag <= BigInt(1 + random(2)); tag++) client.deliver(channel, { tag });
    client.socket.end();
  }),
];
