import type { Fault } from '../fault.ts';
import { hostileBrokers } from './hostile/index.ts';
import { kills } from './kills.ts';
import { manyLooks } from './looks.ts';
import { network } from './network.ts';

export const faults: readonly Fault[] = [...network, ...hostileBrokers, ...kills, ...manyLooks];
