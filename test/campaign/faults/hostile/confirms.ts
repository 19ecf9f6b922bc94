import { type HostileClient, longlong, octet, type Script, short, shortstr } from '../../../support/hostile-broker.ts';
import { oneOf, type Random } from '../../random.ts';
import { flood, forEver, frameOf, type HostileCase, methodOf, noise, SENDING } from './case.ts';

type Answer = (client: HostileClient, channel: number, tag: bigint, random: Random) => void;

/** Does something at each message that comes, which is the one with this tag. */
const at = (name: string, act: Answer, more: Partial<HostileCase> = {}): HostileCase => ({
  name,
  roles: SENDING,
  hostility: (random) => {
    const tags = new Map<HostileClient, bigint>();
    const script: Script = (client, { method, channel }) => {
      if (method !== '60.40') return undefined;
      const tag = (tags.get(client) ?? 0n) + 1n;
      tags.set(client, tag);
      act(client, channel, tag, random);
      return true;
    };
    return { script };
  },
  ...more,
});

const ack = (client: HostileClient, channel: number, tag: bigint, multiple = 0): void => client.method(channel, '60.80', longlong(tag), octet(multiple));
const nack = (client: HostileClient, channel: number, tag: bigint, multiple = 0): void =>
  client.method(channel, '60.120', longlong(tag), octet(multiple), octet(0));

function back(client: HostileClient, channel: number, key = 'q'): void {
  client.method(channel, '60.50', short(312), shortstr('NO_ROUTE'), shortstr(''), shortstr(key));
  client.frame(2, channel, Buffer.concat([short(60), short(0), longlong(3n), short(0)]));
  client.frame(3, channel, Buffer.from('one'));
}

/** What goes wrong with confirms. */
export const confirms: readonly HostileCase[] = [
  at('confirms never', () => undefined),
  at('confirms what was never sent', (client, channel, tag, random) => ack(client, channel, tag + 100n + BigInt(random(1_000)))),
  at('confirms all up to what was never sent', (client, channel, tag) => ack(client, channel, tag + 100n, 1)),
  at('confirms the message 0', (client, channel) => ack(client, channel, 0n)),
  at('confirms all, as the message 0 of many', (client, channel) => ack(client, channel, 0n, 1), { confirms: 3 }),
  at('confirms the message 2^63', (client, channel) => ack(client, channel, 1n << 63n, 1)),
  at('confirms the message 2^31', (client, channel) => ack(client, channel, 1n << 31n)),
  at(
    'confirms twice',
    (client, channel, tag) => {
      ack(client, channel, tag);
      ack(client, channel, tag);
    },
    { confirms: 3 },
  ),
  at('confirms for ever', (client, channel, tag) => flood(client, frameOf(1, channel, methodOf('60.80', longlong(tag), octet(0)))), { confirms: 3 }),
  at('confirms the first only', (client, channel) => ack(client, channel, 1n), { confirms: 3 }),
  at('confirms the last only', (client, channel, tag) => void (tag === 3n && ack(client, channel, tag)), { confirms: 1 }),
  at('confirms the last of all', (client, channel, tag) => void (tag === 3n && ack(client, channel, tag, 1)), { confirms: 3 }),
  at(
    'confirms, and refuses the same',
    (client, channel, tag) => {
      ack(client, channel, tag);
      nack(client, channel, tag);
    },
    { confirms: 3 },
  ),
  at('refuses, and confirms the same', (client, channel, tag) => {
    nack(client, channel, tag);
    ack(client, channel, tag);
  }),
  at('refuses all', (client, channel, tag) => nack(client, channel, tag)),
  at('confirms on another channel', (client, channel, tag) => ack(client, channel + 1, tag)),
  at('confirms without arguments', (client, channel) => client.method(channel, '60.80')),
  at('returns all, and confirms them', (client, channel, tag) => {
    back(client, channel);
    ack(client, channel, tag);
  }),
  at('returns what was never sent', (client, channel) => back(client, channel, 'elsewhere')),
  at(
    'returns after the confirm',
    (client, channel, tag) => {
      ack(client, channel, tag);
      back(client, channel);
    },
    { confirms: 3 },
  ),
  at('returns without a body', (client, channel) => client.method(channel, '60.50', short(312), shortstr('NO_ROUTE'), shortstr(''), shortstr('q'))),
  at('returns for ever', (client, channel) => forEver(client, () => back(client, channel))),
  at('returns noise', (client, channel, _, random) => client.method(channel, '60.50', noise(random, random(40)))),
  at('stops the flow for ever', (client, channel) => client.method(channel, '20.20', octet(0))),
  at('stops the flow and lets it go on, for ever', (client, channel, _, random) => forEver(client, () => client.method(channel, '20.20', octet(random(2))))),
  at('closes the channel at each message', (client, channel, _, random) =>
    client.method(channel, '20.40', short(oneOf(random, [541, 406, 404, 0, 65_535])), shortstr('\x1b[2JNO'), short(60), short(40)),
  ),
];
