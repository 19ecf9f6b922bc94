import type { Fault } from '../fault.ts';
import { alarms } from './alarms.ts';
import { brokers } from './brokers.ts';
import { disks } from './disks.ts';
import { hostileBrokers } from './hostile/index.ts';
import { kills } from './kills.ts';
import { manyLooks } from './looks.ts';
import { network } from './network.ts';
import { poison } from './poison.ts';
import { signals } from './signals.ts';

export const faults: readonly Fault[] = [...network, ...signals, ...disks, ...poison, ...hostileBrokers, ...kills, ...manyLooks, ...alarms, ...brokers];
