import type { Command, CommandGroup } from '../command.ts';
import { exportCommand } from './export.ts';
import { importCommand } from './import.ts';
import { inspectCommand } from './inspect.ts';
import { dlxListCommand } from './list.ts';
import { purgeCommand } from './purge.ts';
import { moveCommand, replayCommand } from './replay.ts';
import { dlxSetupCommand } from './setup.ts';

export const dlxGroup: CommandGroup = { path: ['dlx'], summary: 'dead letters: set up, list, inspect, replay, export, purge' };

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
