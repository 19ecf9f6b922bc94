import { destructive } from './asking.ts';
import { type CommandGroup, defineCommand } from './command.ts';
import { argument, toggle } from './flags/flag.ts';

export const exchangeGroup: CommandGroup = { path: ['exchange'], summary: 'delete exchanges' };

export const deleteExchangeCommand = defineCommand({
  path: ['exchange', 'delete'],
  summary: 'delete an exchange with its bindings; the queues stay',
  examples: [['rmq exchange delete order.events --if-unused', 'only when nothing is bound to it']],
  inputs: {
    exchange: argument('the exchange'),
    ifUnused: toggle('only when nothing is bound to it'),
  },
  load: async () => {
    const [{ DeleteExchangeConfig, removeExchange }, { withSession }] = await Promise.all([
      import('../patterns/queue/exchange.ts'),
      import('../patterns/connection.ts'),
    ]);
    return {
      config: DeleteExchangeConfig,
      run: async (config, context) => {
        const { connection, emit, signal, results } = context;
        const { exchange, ifUnused } = config;
        const agree = destructive(context, { doing: `deleting the exchange "${exchange}"`, deletes: true });
        const loss = `This deletes "${exchange}" and its bindings`;
        await agree(ifUnused ? undefined : { what: 'exchange', name: exchange, loss, kept: `"${exchange}" was not deleted` });
        await withSession(connection, (session) => removeExchange(session, config), emit, signal);
        await results.report({ exchange: config.exchange }, `exchange "${config.exchange}" is deleted`);
      },
    };
  },
});
