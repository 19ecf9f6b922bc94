import { setTimeout as delay } from 'node:timers/promises';
import type { Fault, Findings, Round } from '../fault.ts';
import { control, ownNode, uncontrolled } from '../nodes.ts';
import { passing } from '../passing.ts';
import { ALL_SEEN } from '../stage.ts';

/** How an alarm is set off, and how it ends. */
const ALARMS: Readonly<Record<string, readonly [set: readonly string[], lift: readonly string[]]>> = {
  memory: [
    ['set_vm_memory_high_watermark', '0.0000001'],
    ['set_vm_memory_high_watermark', '0.8'],
  ],
  disk: [
    ['set_disk_free_limit', '1000000GB'],
    ['set_disk_free_limit', '1MB'],
  ],
};

const SOON = 1_500;
/** Slow enough for an alarm to come in the middle. */
const RATE = 150_000;

async function alarmed(round: Round, kind: string, lifts: boolean): Promise<Findings> {
  const [set, lift] = ALARMS[kind] ?? [[], []];
  const { nodes, managementUrl } = await ownNode();
  let lifted: Promise<void> | undefined;
  const calm = (): Promise<void> => {
    lifted ??= control(...lift);
    return lifted;
  };
  round.after(calm);
  return passing(
    round,
    nodes[0].url,
    async ({ random, run }) => {
      await control(...set);
      if (lifts) await delay(random(SOON));
      else await run.ended;
      await calm();
      return ALL_SEEN;
    },
    { rate: RATE, options: { env: { RABBITMQ_MANAGEMENT_URL: managementUrl } }, flags: ['--blocked-timeout', lifts ? '60s' : '1s'] },
  );
}

export const alarms: readonly Fault[] = Object.keys(ALARMS).flatMap((kind): Fault[] => [
  {
    name: `a ${kind} alarm that lifts`,
    group: 'alarms',
    roles: ['publish', 'consume', 'work', 'inspect', 'replay', 'export'],
    alone: true,
    missing: uncontrolled,
    round: (round) => alarmed(round, kind, true),
  },
  {
    name: `a ${kind} alarm that stays`,
    group: 'alarms',
    roles: ['publish', 'consume', 'work', 'inspect', 'replay', 'export'],
    alone: true,
    missing: uncontrolled,
    round: (round) => alarmed(round, kind, false),
  },
]);
