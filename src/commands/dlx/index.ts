import type { Command, Group } from '../command.ts';
import { exportCommand } from './export.ts';
import { importCommand } from './import.ts';
import { inspectCommand } from './inspect.ts';
import { dlxListCommand } from './list.ts';
import { moveCommand } from './move.ts';
import { purgeCommand } from './purge.ts';
import { replayCommand } from './replay.ts';
import { dlxSetupCommand } from './setup.ts';

export const dlxGroup: Group = { path: ['dlx'], summary: 'dead letters: set up, list, inspect, replay, export, purge' };

export const dlxCommands: readonly Command[] = [
  dlxSetupCommand,
  dlxListCommand,
  inspectCommand,
  replayCommand,
  moveCommand,
  exportCommand,
  importCommand,
  purgeCommand,
];
