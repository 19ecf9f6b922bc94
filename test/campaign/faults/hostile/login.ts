import { type HostileClient, long, longstr, METHOD, nested, octet, on, START, short, shortstr, table } from '../../../support/hostile-broker.ts';
import { oneOf } from '../../random.ts';
import { ANY, flood, forEver, frameOf, type HostileCase, methodOf, noise } from './case.ts';

const opening = (name: string, open: (client: HostileClient, random: (below: number) => number) => void): HostileCase => ({
  name,
  roles: ANY,
  hostility: (random) => ({ opening: (client) => open(client, random) }),
});

const greeting = (name: string, bytes: Buffer): HostileCase => ({ name, roles: ANY, hostility: () => ({ greeting: bytes }) });

const tuned = (name: string, ...args: readonly Buffer[]): HostileCase => ({
  name,
  roles: ANY,
  hostility: () => ({ script: on('10.11', (client) => client.method(0, '10.30', ...args)) }),
});

const LOGIN = [longstr('PLAIN'), longstr('en_US')];
const start = (client: HostileClient): void => client.method(0, '10.10', octet(0), octet(9), START);
const entry = (name: string, type: string, value: Buffer): Buffer => Buffer.concat([shortstr(name), Buffer.from(type), value]);

/** What goes wrong before anything was asked. */
export const login: readonly HostileCase[] = [
  opening('says nothing', () => undefined),
  opening('closes at once', ({ socket }) => socket.destroy()),
  opening('speaks HTTP', ({ raw, socket }) => {
    raw(Buffer.from('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'));
    socket.end();
  }),
  opening('speaks another version', ({ raw, socket }) => {
    raw(Buffer.from('AMQP\0\x01\0\0'));
    socket.end();
  }),
  opening('sends noise', ({ raw }, random) => raw(noise(random, 1 + random(5_000)))),
  opening('floods with zeros', (client) => flood(client, Buffer.alloc(65_536))),
  opening('greets on another channel', (client, random) => client.method(1 + random(65_535), '10.10', octet(0), octet(9), START)),
  opening('greets with another version', (client) => client.method(0, '10.10', octet(8), octet(0), START)),
  opening('greets twice', (client) => {
    start(client);
    start(client);
  }),
  opening('greets for ever', (client) => flood(client, frameOf(METHOD, 0, methodOf('10.10', octet(0), octet(9), START)))),
  opening('greets byte by byte and never ends', (client) => forEver(client, () => client.raw(octet(1)), 20)),
  opening('greets without an end', (client) => {
    client.raw(Buffer.concat([octet(METHOD), short(0), long(60_000_000)]));
    flood(client, Buffer.alloc(65_536));
  }),
  opening('greets with a frame of an unknown kind', (client, random) => client.frame(9 + random(200), 0, noise(random, 20))),
  opening('greets with half a frame', ({ raw, socket }) => {
    raw(frameOf(METHOD, 0, methodOf('10.10', octet(0), octet(9), START)).subarray(0, 60));
    socket.end();
  }),
  greeting('greeting nests 20,000 levels', Buffer.concat([longstr(nested(20_000)), ...LOGIN])),
  greeting('greeting has a table of a negative size', Buffer.concat([long(0xffff_ffff), ...LOGIN])),
  greeting('greeting is cut off', Buffer.concat([long(2_000), Buffer.from('\x07version')])),
  greeting('greeting has an unknown field type', Buffer.concat([table(entry('a', '?', Buffer.alloc(0))), ...LOGIN])),
  greeting('greeting has no mechanisms', Buffer.concat([table(), longstr(''), longstr('en_US')])),
  greeting('greeting has other mechanisms', Buffer.concat([table(), longstr('GSSAPI \x1b[31mRED'), longstr('en_US')])),
  greeting('greeting has a version that is a table', Buffer.concat([table(entry('version', 'F', table())), ...LOGIN])),
  greeting('greeting has a version of control characters', Buffer.concat([table(entry('version', 'S', longstr('\x1b]0;x\x07\u202e4'))), ...LOGIN])),
  greeting('greeting is empty', Buffer.alloc(0)),
  tuned('tunes frames of no size', short(2_047), long(0), short(0)),
  tuned('tunes frames of 8 bytes', short(2_047), long(8), short(0)),
  tuned('tunes frames of 4 GB', short(2_047), long(0xffff_ffff), short(0)),
  tuned('tunes one channel', short(1), long(131_072), short(0)),
  tuned('tunes a heartbeat of 18 hours', short(2_047), long(131_072), short(65_535)),
  tuned('tunes nothing at all'),
  {
    name: 'asks for secrets for ever',
    roles: ANY,
    hostility: () => ({
      script: (client, { method }) => {
        if (method !== '10.11' && method !== '10.21') return undefined;
        client.method(0, '10.20', longstr('and?'));
        return true;
      },
    }),
  },
  {
    name: 'tunes twice',
    roles: ANY,
    hostility: () => ({
      script: on('10.11', (client) => {
        for (let times = 0; times < 2; times++) client.method(0, '10.30', short(2_047), long(131_072), short(0));
      }),
    }),
  },
  { name: 'never opens the vhost', roles: ANY, hostility: () => ({ script: on('10.40', () => undefined) }) },
  { name: 'opens the vhost before it tunes', roles: ANY, hostility: () => ({ script: on('10.11', (client) => client.method(0, '10.41', shortstr(''))) }) },
  {
    name: 'refuses the login in control characters',
    roles: ANY,
    hostility: (random) => ({
      script: on(oneOf(random, ['10.11', '10.40']), (client) =>
        client.method(0, '10.50', short(oneOf(random, [403, 530, 541, 0])), shortstr('\x1b[2J\u202eNO\x07\r\n'), short(0), short(0)),
      ),
    }),
  },
  {
    name: 'sends heartbeats only',
    roles: ANY,
    hostility: () => ({ script: on('20.10', (client) => forEver(client, () => client.frame(8, 0, Buffer.alloc(0)))) }),
  },
];
