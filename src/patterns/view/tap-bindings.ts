import type { Connection } from '../../amqp/connection/connection.ts';
import { exchangeType } from '../../amqp/topology/ensure.ts';
import type { ManagementApi } from '../../management/api.ts';
import { Failure } from '../../model/failure.ts';
import type { FieldTable } from '../../model/message/message.ts';
import { option } from '../../model/option.ts';

/** Where copies come from. */
export interface Source {
  readonly exchange: string;
  readonly key: string;
  readonly arguments: FieldTable;
}

/** Exchanges that send a message to every binding that matches. Others share messages out: one more binding would take some away. */
const COPYING = ['direct', 'fanout', 'topic', 'headers'];

const everything = (exchange: string): readonly Source[] => [{ exchange, key: '#', arguments: {} }];

/**
 * The bindings that copy what an exchange routes: by patterns, or everything. A direct exchange has no binding for everything: the keys that are bound now
 * stand for it, which the management API tells.
 *
 * @throws Failure `usage` for patterns that the exchange does not know, or none where it needs some; `refused` for an exchange that shares its messages out
 */
export async function sourcesOf(
  connection: Connection,
  exchange: string,
  patterns: readonly string[],
  manage: () => Promise<ManagementApi | undefined>,
  note: (text: string) => void,
): Promise<readonly Source[]> {
  const type = (await exchangeType(connection, exchange)) ?? (await (await manage())?.exchange(exchange))?.type;
  checkCopies(exchange, type);
  if (patterns.length > 0) {
    if (type === 'fanout' || type === 'headers') {
      throw new Failure(
        'usage',
        `the ${type} exchange "${exchange}" does not route by keys: it has no use for ${patterns.map((one) => `"${one}"`).join(', ')}`,
        {
          hint:
            type === 'fanout' ? `${option('where')} 'routingKey == "KEY"' selects by key` : `${option('where')} 'headers["NAME"] == "VALUE"' selects by header`,
        },
      );
    }
    return patterns.map((key) => ({ exchange, key, arguments: {} }));
  }
  if (type === undefined) note(`this user may not see the type of "${exchange}"; a direct exchange needs its routing keys behind its name`);
  if (type !== 'direct') return everything(exchange);
  const keys = [...new Set((await (await manage())?.bindingsFrom(exchange))?.map(({ key }) => key))].sort();
  if (keys.length === 0) {
    throw new Failure('usage', `"${exchange}" is a direct exchange: the routing keys to copy must stand behind its name`, {
      hint: 'without them, the keys that are bound now are copied; there are none, or the management API does not tell them',
    });
  }
  note(
    `"${exchange}" is a direct exchange: messages with the ${keys.length === 1 ? 'key' : `${keys.length} keys`} that are bound now are copied, and no others`,
  );
  return keys.map((key) => ({ exchange, key, arguments: {} }));
}

/**
 * The bindings of a queue. What is sent to the queue by its name cannot be copied: nothing can be bound to the default exchange.
 *
 * @throws Failure `missing` for a queue that does not exist, `refused` for one that only the default exchange sends to, or one behind an exchange that shares its messages out
 */
export async function sourcesOfQueue(api: ManagementApi, queue: string): Promise<readonly Source[]> {
  const [facts, bindings] = await Promise.all([api.queue(queue), api.bindings()]);
  if (facts === undefined) throw new Failure('missing', `there is no queue "${queue}" in the vhost "${api.vhost}"`);
  const sources = bindings.filter(({ destination, toExchange, source }) => destination === queue && !toExchange && source !== '');
  if (sources.length === 0) {
    throw new Failure('refused', `no exchange is bound to "${queue}": what is sent to a queue by its name cannot be copied on its way`, {
      hint: `rmq peek ${queue} looks at what waits there`,
    });
  }
  for (const name of new Set(sources.map(({ source }) => source))) checkCopies(name, (await api.exchange(name))?.type);
  return sources.map(({ source, key, arguments: args }) => ({ exchange: source, key, arguments: args }));
}

function checkCopies(exchange: string, type: string | undefined): void {
  if (type === undefined || COPYING.includes(type)) return;
  throw new Failure('refused', `"${exchange}" is of the type ${type}: one more binding could take messages away from others`, {
    hint: `exchanges that can be tapped are of the types ${COPYING.join(', ')}`,
  });
}
