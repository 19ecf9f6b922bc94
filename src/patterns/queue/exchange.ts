import * as z from 'zod/mini';
import type { Session } from '../../amqp/connection/session.ts';
import { withControlConnection } from '../../amqp/topology/declare.ts';
import { redeclareExchange } from '../../amqp/topology/ensure.ts';
import type { Emit } from '../../model/event.ts';
import { Failure } from '../../model/failure.ts';
import { option } from '../../model/option.ts';
import { exchangeName, fieldTable } from '../names.ts';

export const DeclareExchangeConfig = z
  .strictObject({
    exchange: exchangeName,
    /** One of AMQP's, or that of a plugin, such as `x-consistent-hash`. */
    type: z._default(z.string().check(z.minLength(1)), 'direct'),
    /** True: it is gone when the broker restarts. */
    transient: z._default(z.boolean(), false),
    /** True: it is deleted with its last binding. */
    autoDelete: z._default(z.boolean(), false),
    /** True: only other exchanges publish to it. */
    internal: z._default(z.boolean(), false),
    /** The exchange that gets what this one cannot route. */
    alternateExchange: z.optional(exchangeName),
    /** Further arguments. */
    argument: z._default(fieldTable, {}),
  })
  .check(
    z.refine(({ alternateExchange, argument }) => alternateExchange === undefined || argument['alternate-exchange'] === undefined, {
      error: () => `${option('alternateExchange')} sets the argument alternate-exchange`,
    }),
  );
export type DeclareExchangeConfig = z.output<typeof DeclareExchangeConfig>;

/**
 * Declares an exchange; doing it twice changes nothing.
 *
 * @throws Failure `refused` when it exists with another type or other arguments, or when the broker has no such type
 */
export async function declareExchange(session: Session, config: DeclareExchangeConfig): Promise<void> {
  const { exchange: name, type, transient, autoDelete, internal, alternateExchange, argument } = config;
  const args = { ...argument, ...(alternateExchange !== undefined && { 'alternate-exchange': alternateExchange }) };
  // The broker's reason to close the connection is told once, by the failure.
  const listen: Emit = (event) => event.kind !== 'disconnected' && session.emit(event);
  await withControlConnection({ ...session, open: (role, endless) => session.open(role, endless, listen) }, (connection) =>
    redeclareExchange(connection, { name, type, durable: !transient, autoDelete, internal, arguments: args }),
  ).catch((error: unknown) => {
    // The broker closes the connection (503) for a type that none of its plugins has.
    if (!(error instanceof Failure) || !/invalid exchange type|unknown exchange type/i.test(error.message)) throw error;
    throw new Failure('refused', `the broker has no exchanges of type "${type}"`, {
      cause: error,
      hint: 'it has direct, fanout, topic and headers; others come with plugins (rabbitmq-plugins list)',
    });
  });
}

export const DeleteExchangeConfig = z.strictObject({
  exchange: exchangeName,
  /** Only when nothing is bound to it. */
  ifUnused: z._default(z.boolean(), false),
});

export { deleteExchange } from '../../amqp/topology/declare.ts';
