import { setTimeout as delay } from 'node:timers/promises';
import { brokerUrl } from '../../support/broker.ts';
import { type Fault, ROLES } from '../fault.ts';
import { type Passing, passing } from '../passing.ts';
import type { Seen } from '../stage.ts';

const signalled = (name: string, strike: (passing: Passing) => Promise<void> | void, seen: Seen): Fault => ({
  name,
  group: 'signals',
  roles: ROLES,
  short: 1,
  round: (round) =>
    passing(round, brokerUrl(), async (one) => {
      await strike(one);
      return seen;
    }),
});

const SAYS: Seen = { stdout: true, end: true, stopped: true };
const SAYS_NOTHING: Seen = { stdout: true, end: false, stopped: true };

export const signals: readonly Fault[] = [
  signalled('TERM', ({ run }) => void run.child.kill('SIGTERM'), SAYS),
  signalled('INT', ({ run }) => void run.child.kill('SIGINT'), SAYS),
  signalled('HUP', ({ run }) => void run.child.kill('SIGHUP'), SAYS),
  signalled('PIPE', ({ run }) => void run.child.kill('SIGPIPE'), SAYS),
  signalled('KILL', ({ run }) => void run.child.kill('SIGKILL'), SAYS_NOTHING),
  signalled(
    'TERM twice',
    async ({ run, random }) => {
      run.child.kill('SIGTERM');
      await delay(random(300));
      run.child.kill('SIGTERM');
    },
    SAYS_NOTHING,
  ),
  signalled('reader of standard output goes away', ({ run }) => void run.child.stdout.destroy(), { stdout: false, end: true, stopped: true }),
  signalled(
    'TERM while the broker is not heard',
    async ({ run, between, random }) => {
      between.stall();
      await delay(random(500));
      run.child.kill('SIGTERM');
    },
    SAYS,
  ),
];
