import type { Binding } from '../../model/topology.ts';
import type { BindConfig } from '../../patterns/queue/bind.ts';
import { destructive } from '../asking.ts';
import { type Command, defineCommand, type InputsFor, type Runnable } from '../command.ts';
import { argument, fields, rest, texts, toggle } from '../flags/flag.ts';
import { managementApi, managementExtras } from '../flags/globals.ts';

type Patterns = typeof import('../../patterns/queue/bind.ts');

const bindingInputs = {
  key: rest('routing keys or patterns, a binding each (the empty key)', { optional: true }),
  routingKey: texts('a KEY, as a flag', { short: 'r', value: 'KEY' }),
  match: fields('header that a message must have, for a headers exchange; K:=JSON for numbers and booleans'),
  matchAny: toggle('one of these headers is enough'),
};

/** `bind` and `unbind` of queues or of exchanges. */
function bindCommands<I extends object, C extends BindConfig>(
  kind: 'queue' | 'exchange',
  inputs: InputsFor<I>,
  schema: (patterns: Patterns) => Runnable<I, C, never>['config'],
  examples: Readonly<Record<'bind' | 'unbind', Command['examples']>>,
): readonly Command[] {
  return (['bind', 'unbind'] as const).map((verb) =>
    defineCommand<I, C, Partial<typeof managementExtras>>({
      path: [kind, verb],
      summary:
        verb === 'bind'
          ? `let ${kind === 'queue' ? 'a queue get messages from an exchange' : 'an exchange get messages from another one'}`
          : `remove bindings of ${kind === 'queue' ? 'a queue' : 'an exchange'}`,
      examples: examples[verb],
      inputs,
      extras: verb === 'unbind' ? managementExtras : {},
      load: async () => {
        const patterns = await import('../../patterns/queue/bind.ts');
        return {
          config: schema(patterns),
          run: async (config, context, { managementUrl }) => {
            const { emit, results } = context;
            const bindings = patterns.bindingsOf(config);
            const [way] = bindings as [Binding];
            const { source, destination } = way;
            const told = `${kind} "${destination}" is ${verb === 'bind' ? '' : 'not '}bound to "${source}"${verb === 'bind' ? '' : ' any more'}`;
            if (verb === 'bind') await context.withSession((session) => patterns.bind(session, bindings));
            else {
              await destructive(context, { doing: `unbinding "${destination}" from "${source}"`, deletes: false })();
              const find = await managementApi(managementUrl, context);
              const { wereThere, left } = await context.withSession((session) => patterns.unbind(session, bindings, find));
              if (!wereThere) emit({ kind: 'note', text: 'only the management API tells whether there was such a binding' });
              if (left === 0)
                emit({ kind: 'note', text: `no exchange routes to "${destination}" now${kind === 'queue' ? ', but the default one by its name' : ''}` });
            }
            const keys = bindings.map(({ key }) => key);
            const shown = keys.filter((key) => key !== '').map((key) => `"${key}"`);
            await results.report(
              { [kind]: destination, [kind === 'queue' ? 'exchange' : 'source']: source, keys, arguments: way.arguments },
              `${told}${shown.length === 0 ? '' : ` with ${shown.join(', ')}`}`,
            );
          },
        };
      },
    }),
  );
}

export const queueBindCommands = bindCommands(
  'queue',
  { queue: argument('the queue that gets messages'), exchange: argument('the exchange that they come from'), ...bindingInputs },
  ({ BindQueueConfig }) => BindQueueConfig,
  {
    bind: [
      [`rmq queue bind orders amq.topic 'order.#' 'invoice.*'`, 'two bindings: messages whose key matches either pattern'],
      ['rmq queue bind orders amq.headers --match region=eu --match priority:=1 --match-any', 'by headers, one of which is enough'],
    ],
    unbind: [
      [`rmq queue unbind orders amq.topic 'order.#'`, 'only the binding with this key'],
      ['rmq queue unbind orders amq.headers --match region=eu --match priority:=1 --match-any', 'the binding with exactly these headers'],
    ],
  },
);

export const exchangeBindCommands = bindCommands(
  'exchange',
  { exchange: argument('the exchange that gets messages'), sourceExchange: argument('the exchange that they come from'), ...bindingInputs },
  ({ BindExchangeConfig }) => BindExchangeConfig,
  {
    bind: [[`rmq exchange bind audit order.events 'order.#'`, '"audit" gets what is published to "order.events" with a matching key']],
    unbind: [[`rmq exchange unbind audit order.events 'order.#'`, '"audit" gets no more of it; other bindings stay']],
  },
);
