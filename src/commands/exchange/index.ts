import { destructive } from '../asking.ts';
import { type Command, type CommandGroup, defineCommand } from '../command.ts';
import { argument, fields, text, toggle } from '../flags/flag.ts';
import { exchangeListCommand } from '../listing/index.ts';
import { exchangeBindCommands } from '../queue/bind.ts';

export const exchangeGroup: CommandGroup = { path: ['exchange'], summary: 'list, declare, bind and delete exchanges' };

const declareExchangeCommand = defineCommand({
  path: ['exchange', 'declare'],
  summary: 'declare a durable exchange',
  examples: [
    ['rmq exchange declare order.events --type topic', 'a topic exchange; twice changes nothing, another type is exit 76'],
    ['rmq exchange declare orders --type headers --alternate-exchange unrouted', 'what it cannot route goes to "unrouted"'],
  ],
  inputs: {
    exchange: argument('the exchange'),
    type: { ...text('direct, fanout, topic, headers, or the type of a plugin', { value: 'TYPE' }), suggests: ['direct', 'fanout', 'topic', 'headers'] },
    transient: toggle('it is gone when the broker restarts'),
    autoDelete: toggle('it is deleted with its last binding'),
    internal: toggle('only other exchanges publish to it'),
    alternateExchange: text('the exchange that gets what this one cannot route', { value: 'EXCHANGE' }),
    argument: fields('exchange argument; K:=JSON for numbers and booleans'),
  },
  load: async () => {
    const { DeclareExchangeConfig, declareExchange } = await import('../../patterns/queue/exchange.ts');
    return {
      config: DeclareExchangeConfig,
      run: async (config, { withSession, results }) => {
        await withSession((session) => declareExchange(session, config));
        const { exchange, type } = config;
        await results.report({ exchange, type }, `exchange "${exchange}" (${type}) exists`);
      },
    };
  },
});

const deleteExchangeCommand = defineCommand({
  path: ['exchange', 'delete'],
  summary: 'delete an exchange with its bindings; the queues stay',
  examples: [['rmq exchange delete order.events --if-unused', 'only when nothing is bound to it']],
  inputs: {
    exchange: argument('the exchange'),
    ifUnused: toggle('only when nothing is bound to it'),
  },
  load: async () => {
    const { DeleteExchangeConfig, deleteExchange } = await import('../../patterns/queue/exchange.ts');
    return {
      config: DeleteExchangeConfig,
      run: async ({ exchange, ifUnused }, context) => {
        const agree = destructive(context, { doing: `deleting the exchange "${exchange}"`, deletes: true });
        const loss = `This deletes "${exchange}" and its bindings`;
        await agree(ifUnused ? undefined : { what: 'exchange', name: exchange, loss, kept: `"${exchange}" was not deleted` });
        await context.withSession((session) => deleteExchange(session, exchange, { ifUnused }));
        await context.results.report({ exchange }, `exchange "${exchange}" is deleted`);
      },
    };
  },
});

export const exchangeCommands: readonly Command[] = [exchangeListCommand, declareExchangeCommand, ...exchangeBindCommands, deleteExchangeCommand];
