import type { Fault } from '../../fault.ts';
import { hostile } from './case.ts';
import { confirms } from './confirms.ts';
import { deliveries } from './deliveries.ts';
import { endings } from './endings.ts';
import { frames } from './frames.ts';
import { login } from './login.ts';

export const hostileBrokers: readonly Fault[] = [...login, ...frames, ...deliveries, ...confirms, ...endings].map(hostile);
