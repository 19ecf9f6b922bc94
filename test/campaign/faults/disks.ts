import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brokerUrl } from '../../support/broker.ts';
import type { Fault, Findings, Round } from '../fault.ts';
import { roles } from '../roles/index.ts';
import { ALL_SEEN, stageOf } from '../stage.ts';

/** Standard output goes to a file that never has room. */
async function full(round: Round): Promise<Findings> {
  const stage = await stageOf(round, brokerUrl());
  const act = await roles[round.role](stage);
  const ended = await round.start(['-u', stage.url, ...act.argv], { to: '/dev/full' }).ended;
  const findings = await act.judge({ ...ended, stdout: '' }, ALL_SEEN);
  return { ...findings, wrong: [...findings.wrong, ...(ended.code === 74 ? [] : [`exit ${ended.code} on a full disk`])] };
}

const KILOBYTES = 24;
const MORE = 200;

/** What the run writes is on a disk that becomes full in the middle. */
async function filling(round: Round): Promise<Findings> {
  const disk = join(round.directory, 'disk');
  await mkdir(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${KILOBYTES + round.random(MORE)}k`, 'tmpfs', disk]);
  round.after(() => execFileSync('umount', [disk]));
  const stage = await stageOf({ ...round, directory: disk }, brokerUrl());
  const act = await roles[round.role](stage);
  const prints = ['consume', 'subscribe', 'inspect'].includes(round.role);
  const file = join(disk, 'out');
  const ended = await round.start(['-u', stage.url, ...act.argv], prints ? { to: file } : {}).ended;
  return act.judge(prints ? { ...ended, stdout: await readFile(file, 'utf8') } : ended, ALL_SEEN);
}

export const disks: readonly Fault[] = [
  {
    name: 'standard output is full',
    group: 'disks',
    roles: ['consume', 'inspect', 'subscribe'],
    short: 2,
    missing: () => (existsSync('/dev/full') ? undefined : 'needs /dev/full'),
    round: full,
  },
  {
    name: 'the disk becomes full',
    group: 'disks',
    roles: ['consume', 'replay', 'export', 'inspect', 'subscribe'],
    short: 3,
    missing: () => (process.platform === 'linux' && process.getuid?.() === 0 ? undefined : 'needs root, to mount a small disk'),
    round: filling,
  },
];
