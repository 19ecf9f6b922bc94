import type { Command, CommandGroup } from '../command.ts';
import { queueListCommand } from '../listing/index.ts';
import { queueWatchCommand } from '../listing/watch.ts';
import { queueBindCommands } from './bind.ts';
import { declareQueueCommand } from './declare.ts';
import { deleteQueueCommand } from './delete.ts';
import { purgeQueueCommand } from './purge.ts';
import { queueStatusCommand } from './status.ts';

export const queueGroup: CommandGroup = { path: ['queue'], summary: 'list, watch, declare, bind, look at, purge and delete queues' };

export const queueCommands: readonly Command[] = [
  queueListCommand,
  queueWatchCommand,
  declareQueueCommand,
  queueStatusCommand,
  ...queueBindCommands,
  purgeQueueCommand,
  deleteQueueCommand,
];
