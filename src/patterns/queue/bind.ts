import * as z from 'zod/mini';
import type { Session } from '../../amqp/connection/session.ts';
import { changeBindings, checkEnds, withControlConnection } from '../../amqp/topology/declare.ts';
import { Failure } from '../../model/failure.ts';
import type { FieldValue } from '../../model/message/message.ts';
import { option } from '../../model/option.ts';
import type { Binding } from '../../model/topology.ts';
import type { FindManagementApi } from '../management.ts';
import { exchangeName, fieldTable, queueName, shortString } from '../names.ts';
import { unlessStopped } from './unacknowledged.ts';

const bindingShape = {
  /** Routing keys or patterns, a binding each; none: the empty one. */
  key: z._default(z.array(shortString), []),
  routingKey: z._default(z.array(shortString), []),
  /** Headers that a message must have, for a headers exchange. */
  match: z._default(fieldTable, {}),
  /** True: one of them is enough. */
  matchAny: z._default(z.boolean(), false),
};

const anyRule = z.refine<z.output<z.ZodMiniObject<typeof bindingShape>>>(({ match, matchAny }) => !matchAny || Object.keys(match).length > 0, {
  error: () => `${option('matchAny')} needs ${option('match')}: without a header, no message matches`,
});

/** An exchange and a queue that gets messages from it. */
export const BindQueueConfig = z.strictObject({ queue: queueName, exchange: exchangeName, ...bindingShape }).check(anyRule);
/** An exchange that gets messages from another one, its source. */
export const BindExchangeConfig = z.strictObject({ exchange: exchangeName, sourceExchange: exchangeName, ...bindingShape }).check(anyRule);
export type BindConfig = z.output<typeof BindQueueConfig> | z.output<typeof BindExchangeConfig>;

export function bindingsOf({ key, routingKey, match, matchAny, ...ends }: BindConfig): readonly Binding[] {
  const way =
    'sourceExchange' in ends
      ? { source: ends.sourceExchange, destination: ends.exchange, toExchange: true }
      : { source: ends.exchange, destination: ends.queue, toExchange: false };
  const args = { ...match, ...(matchAny && { 'x-match': 'any' }) };
  return [...new Set(key.length + routingKey.length === 0 ? [''] : [...key, ...routingKey])].map((one) => ({ ...way, key: one, arguments: args }));
}

/**
 * Binds; what is bound already stays.
 *
 * @throws Failure `missing` when one of the ends does not exist, `refused` as the broker does
 */
export async function bind(session: Session, bindings: readonly Binding[]): Promise<void> {
  await withControlConnection(session, (connection) => changeBindings(connection, 'bind', bindings));
}

/** What is known after bindings were removed. */
export interface Unbound {
  /** False where it is unknown whether the bindings were there: AMQP does not tell. */
  readonly wereThere: boolean;
  /** The other bindings of the same destination; undefined where they are unknown. */
  readonly left: number | undefined;
}

/**
 * Removes bindings.
 *
 * @throws Failure `missing` when one of the ends does not exist, or, where the management API tells, one of the bindings: nothing was removed then
 */
export async function unbind(session: Session, bindings: readonly Binding[], find: FindManagementApi): Promise<Unbound> {
  return withControlConnection(session, async (connection) => {
    const [{ destination, toExchange } = { destination: '', toExchange: false }] = bindings;
    await checkEnds(connection, bindings);
    const api = await find(connection);
    const known = await api?.bindings().catch(unlessStopped);
    const siblings = known?.filter((one) => one.destination === destination && one.toExchange === toExchange && one.source !== '');
    for (const binding of bindings) {
      if (siblings === undefined || siblings.some((one) => isSame(one, binding))) continue;
      const those = siblings.filter(({ source }) => source === binding.source).map(describe);
      throw new Failure('missing', `"${destination}" is not bound to "${binding.source}" with ${describe(binding)}`, {
        hint: those.length === 0 ? `nothing binds them` : `it is bound with ${those.slice(0, 10).join('; ')}`,
      });
    }
    await changeBindings(connection, 'unbind', bindings);
    return { wereThere: siblings !== undefined, left: siblings && siblings.length - bindings.length };
  });
}

/** As a flag is typed: `the key "" and x=1, x-match=any`. */
function describe({ key, arguments: args }: Binding): string {
  const typed = Object.entries(args).map(([name, value]) => `${name}${typeof value === 'string' ? `=${value}` : `:=${JSON.stringify(value)}`}`);
  return `the key "${key}"${typed.length === 0 ? '' : ` and ${typed.join(', ')}`}`;
}

function isSame(one: Binding, other: Binding): boolean {
  // The API tells values without their AMQP types.
  const plain = (value: FieldValue): unknown => (typeof value === 'object' && value !== null && '!' in value ? value.value : value);
  const sorted = ({ arguments: args }: Binding): string =>
    JSON.stringify(
      Object.keys(args)
        .sort()
        .map((name) => [name, plain(args[name] ?? null)]),
    );
  return one.source === other.source && one.key === other.key && sorted(one) === sorted(other);
}
