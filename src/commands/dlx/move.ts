import { defineCommand } from '../command.ts';
import { argument } from '../flag.ts';
import { filterInputs } from './filtering.ts';
import { transferExtras, transferInputs, transferring } from './transferring.ts';

export const moveCommand = defineCommand({
  path: ['dlx', 'move'],
  summary: 'take messages from one queue to another, as they are',
  examples: [
    ['rmq dlx move dead.letters parked --older-than 7d', 'put what is old aside'],
    ['rmq dlx move orders copy', 'any queue: each message is acknowledged once the other queue has confirmed it'],
    ['rmq dlx move orders orders --to-url amqps://new.example.com', 'to another broker'],
  ],
  inputs: { queue: argument('the queue they are in'), toQueue: argument('the queue to send them to'), ...filterInputs, ...transferInputs },
  extras: transferExtras,
  load: async () => {
    const [{ MoveConfig, move }, { expressionOf }] = await Promise.all([import('../../patterns/dlx/replay.ts'), import('../../patterns/dlx/filter.ts')]);
    return {
      config: MoveConfig,
      check: expressionOf,
      run: async (config, context, extras) => {
        await transferring(context, extras, config, config.copy ? 'copied' : 'moved', (source, target, options) => move(source, target, config, options));
        return undefined;
      },
    };
  },
});
