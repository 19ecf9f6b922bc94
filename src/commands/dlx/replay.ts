import { defineCommand } from '../command.ts';
import { argument, integer, text, toggle } from '../flags/flag.ts';
import { filterInputs } from './filter-flags.ts';
import { transferExtras, transferInputs, transferring } from './transfer.ts';

export const replayCommand = defineCommand({
  path: ['dlx', 'replay'],
  summary: 'publish dead letters again, each to where it was first published',
  examples: [
    ['rmq dlx replay dead.letters --dry-run', 'what would go where; nothing is sent'],
    ['rmq dlx replay dead.letters --reason rejected --journal replay.ndjson', 'the rejected messages, with a line of JSON for each'],
    ['rmq dlx replay dead.letters -n 10 --rate 1', 'the first ten, slowly, to see whether the worker accepts them now'],
    ['rmq dlx replay dead.letters --newer-than 1h --select', 'messages that you select in a list, on a terminal'],
    ['rmq dlx replay dead.letters --id order-7 --edit -- jq .amount=0', 'one message, repaired'],
  ],
  inputs: {
    queue: argument('the queue with the dead letters'),
    ...filterInputs,
    toQueue: text('send all of them to this queue', { value: 'QUEUE' }),
    toExchange: text('send all of them to this exchange', { value: 'EXCHANGE' }),
    routingKey: text("with this key instead of each message's own", { short: 'r', value: 'KEY' }),
    toOriginQueue: toggle('send each to the queue that it died in first, and to no other queue of its exchange'),
    trustOrigin: toggle('also send messages back to origins that only their own headers name'),
    ...transferInputs,
    maxReplays: integer('leave messages that have been replayed N times'),
  },
  extras: transferExtras,
  load: transferring('replayed', async () => {
    const { ReplayConfig, replay } = await import('../../patterns/dlx/replay/replay.ts');
    return { config: ReplayConfig, transfer: replay };
  }),
});

export const moveCommand = defineCommand({
  path: ['dlx', 'move'],
  summary: 'move messages from one queue to another, unchanged',
  examples: [
    ['rmq dlx move dead.letters parked --older-than 7d', 'put old messages aside'],
    ['rmq dlx move orders copy', 'any queue: each message is acknowledged once its copy is confirmed'],
    ['rmq dlx move orders orders --to-url amqps://new.example.com', 'to another broker'],
  ],
  inputs: { queue: argument('the queue they are in'), toQueue: argument('the queue to send them to'), ...filterInputs, ...transferInputs },
  extras: transferExtras,
  load: transferring('moved', async () => {
    const { MoveConfig, move } = await import('../../patterns/dlx/replay/replay.ts');
    return { config: MoveConfig, transfer: move };
  }),
});
