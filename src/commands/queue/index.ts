import type { Command, CommandGroup } from '../command.ts';
import { queueBindCommands } from './bind.ts';
import { declareQueueCommand } from './declare.ts';
import { deleteQueueCommand } from './delete.ts';
import { purgeQueueCommand } from './purge.ts';
import { queueStatusCommand } from './status.ts';

export const queueGroup: CommandGroup = { path: ['queue'], summary: 'declare, bind, look at, purge and delete queues' };

export const queueCommands: readonly Command[] = [declareQueueCommand, queueStatusCommand, ...queueBindCommands, purgeQueueCommand, deleteQueueCommand];
