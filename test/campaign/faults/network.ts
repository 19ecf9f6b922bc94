import { setTimeout as delay } from 'node:timers/promises';
import { brokerUrl } from '../../support/broker.ts';
import { BASIC_ACK, type FaultyProxy } from '../../support/faults.ts';
import { CLEAN, type Fault, type Findings, ROLES, type Round } from '../fault.ts';
import { ownNode } from '../nodes.ts';
import { passing } from '../passing.ts';
import type { Random } from '../random.ts';
import { ALL_SEEN } from '../stage.ts';

type Strike = (between: FaultyProxy, random: Random) => Promise<void> | void;

/** Something on the way between rmq and its broker, from some byte on. */
const onTheWay = (name: string, strike: Strike, more: Partial<Fault> = {}): Fault => ({
  name,
  group: 'network',
  roles: ROLES,
  short: 2,
  round: (round) => through(round, brokerUrl(), strike),
  ...more,
});

async function through(round: Round, url: string, strike: Strike): Promise<Findings> {
  return passing(round, url, async ({ between, random }) => {
    await strike(between, random);
    return ALL_SEEN;
  });
}

const SOON = 1_000;

/** One bit of a chunk, now and then. */
const flipped =
  (random: Random) =>
  (bytes: Buffer): Buffer => {
    if (random(3) > 0) return bytes;
    const copy = Buffer.from(bytes);
    const at = random(copy.length);
    copy[at] = (copy[at] as number) ^ (1 << random(8));
    return copy;
  };

const both = (between: FaultyProxy): void => between.stall();

export const network: readonly Fault[] = [
  onTheWay('cut', (between) => between.cut()),
  onTheWay('cut twice', async (between, random) => {
    between.cut();
    await delay(random(600));
    between.cut();
  }),
  onTheWay('cut again and again', async (between, random) => {
    for (let times = 0; times < 4; times++) {
      between.cut();
      await delay(50 + random(200));
    }
  }),
  onTheWay('reset', (between) => between.reset()),
  onTheWay('half a frame', (between) => between.halve()),
  onTheWay('refused for a while', async (between, random) => {
    await between.refuse();
    await delay(random(SOON));
    await between.admit();
  }),
  onTheWay('stalled', both),
  onTheWay('stalled, then cut', async (between, random) => {
    between.stall();
    await delay(random(SOON));
    between.cut();
  }),
  onTheWay('broker not heard any more', (between) => between.mute()),
  onTheWay('client not heard any more', (between) => between.deafen()),
  onTheWay('client not heard, then cut', async (between, random) => {
    between.deafen();
    await delay(random(SOON));
    between.cut();
  }),
  onTheWay('stalled with an acknowledgement, then cut', async (between) => {
    await Promise.race([between.stallOn(BASIC_ACK, 1), delay(SOON)]);
    between.cut();
  }),
  onTheWay('delayed', (between, random) => between.delay(1 + random(40))),
  onTheWay('dripped', (between, random) => between.chop(1 + random(64)), { short: 1 }),
  onTheWay('slow', (between, random) => between.throttle(200_000 + random(1_000_000)), { short: 1 }),
  // A changed byte may be a message, a name or a tag: only manners can be judged.
  onTheWay('corrupted by the broker', () => undefined, {
    round: async (round) => ({
      ...CLEAN,
      struck: (await through(round, brokerUrl(), (between, random) => between.spoil('broker', flipped(random)))).struck === true,
    }),
  }),
  onTheWay('corrupted by the client', () => undefined, {
    short: 0,
    alone: true,
    round: async (round) => ({
      ...CLEAN,
      struck: (await through(round, (await ownNode()).url, (between, random) => between.spoil('client', flipped(random)))).struck === true,
    }),
  }),
];
