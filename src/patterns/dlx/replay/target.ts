import * as z from 'zod/mini';
import type { Session } from '../../../amqp/connection/session.ts';
import { withLastingControl } from '../../../amqp/topology/declare.ts';
import { exchangeExists } from '../../../amqp/topology/ensure.ts';
import { readyCount } from '../../../amqp/topology/queue-facts.ts';
import type { Aimless, JudgedOrigin } from '../../../model/dead-letter/origin.ts';
import type { PublishAddress } from '../../../model/dead-letter/replay.ts';
import { Failure } from '../../../model/failure.ts';
import { option } from '../../../model/option.ts';
import { queueName, shortString } from '../../names.ts';

/** Where messages go; with none of these, each goes back to where it was first published to. */
export const targetShape = {
  toQueue: z.optional(queueName),
  /** With each message's own key, unless one is given. */
  toExchange: z.optional(shortString),
  routingKey: z.optional(shortString),
  /** True: each goes to the queue that it died in first, and to no other queue of its exchange. */
  toOriginQueue: z._default(z.boolean(), false),
  /** True: messages go back also to an origin that only they claim; see `Origins`. */
  trustOrigin: z._default(z.boolean(), false),
};

const TargetConfig = z.object(targetShape);
export type TargetConfig = z.output<typeof TargetConfig>;

export const targetRules = [
  z.refine<TargetConfig>(({ toQueue, toExchange }) => toQueue === undefined || toExchange === undefined, {
    error: () => `${option('toQueue')} and ${option('toExchange')} exclude each other`,
  }),
  z.refine<TargetConfig>(({ toQueue, toExchange, toOriginQueue }) => !toOriginQueue || (toQueue ?? toExchange) === undefined, {
    error: () => `${option('toOriginQueue')} excludes ${option('toQueue')} and ${option('toExchange')}`,
  }),
  z.refine<TargetConfig>(({ trustOrigin, toQueue, toExchange }) => !trustOrigin || (toQueue ?? toExchange) === undefined, {
    error: () => `${option('trustOrigin')} excludes ${option('toQueue')} and ${option('toExchange')}: these send nothing back to its origin`,
  }),
  z.refine<TargetConfig>(({ toExchange, routingKey }) => routingKey === undefined || toExchange !== undefined, {
    error: () => `${option('routingKey')} needs ${option('toExchange')}`,
  }),
] as const;

/** The destination of a message; `claimed` where only the message itself says that it came from there. */
export interface Aim extends PublishAddress {
  readonly claimed: boolean;
}

/** The config's destination for every message; undefined when each has its own. */
export function fixedTarget({ toQueue, toExchange, routingKey }: Partial<TargetConfig>): PublishAddress | undefined {
  if (toQueue !== undefined) return { exchange: '', routingKey: toQueue };
  return toExchange === undefined || routingKey === undefined ? undefined : { exchange: toExchange, routingKey };
}

/** The destination of a message with this origin. The user chose a named exchange: only the key is the message's. */
export function targetOf({ address, queue, claimed, queueClaimed }: JudgedOrigin, { toExchange, toOriginQueue }: TargetConfig): Aim | Aimless {
  if (toOriginQueue) return queue === undefined ? 'originless' : { exchange: '', routingKey: queue, claimed: queueClaimed };
  return toExchange === undefined ? { ...address, claimed } : { exchange: toExchange, routingKey: address.routingKey, claimed: false };
}

/**
 * Checks a target that is the same for all messages. `queue` is their source, when that is on the same broker.
 *
 * @throws Failure `usage` when it is the queue itself, `missing` when it does not exist
 */
export async function checkTarget(target: Session, { toQueue, toExchange, routingKey }: Partial<TargetConfig>, queue: string | undefined): Promise<void> {
  if (queue !== undefined && (toQueue === queue || (toExchange === '' && routingKey === queue))) {
    throw new Failure('usage', `the messages would go from "${queue}" to "${queue}"`, { hint: 'name another target queue' });
  }
  if (toQueue === undefined && (toExchange ?? '') === '') return;
  await withLastingControl(target, async (connection) => {
    if (toQueue !== undefined) await readyCount(connection, toQueue);
    else if (toExchange !== undefined && !(await exchangeExists(connection, toExchange))) throw new Failure('missing', `there is no exchange "${toExchange}"`);
  });
}

/** The most questions to the broker for one dry run. */
const MOST_CHECKED = 200;
export const LONGEST_NAME = 255;

/**
 * Marks destinations that do not exist: no such exchange, or no such queue of the default exchange. Of many, the first 200 are checked.
 * A destination without permission to ask is not marked.
 */
export async function markMissing<A extends PublishAddress>(target: Session, places: readonly A[]): Promise<(A & { readonly missing?: true })[]> {
  if (places.length === 0) return [];
  return withLastingControl(target, async (connection) => {
    const exchanges = new Map<string, boolean>();
    const isThere = async ({ exchange, routingKey }: PublishAddress): Promise<boolean> => {
      // A forged history may hold names that no broker could have.
      if (Buffer.byteLength(exchange || routingKey) > LONGEST_NAME) return false;
      if (exchange === '') return exists(async () => (await readyCount(connection, routingKey)) >= 0);
      const known = exchanges.get(exchange) ?? (await exists(() => exchangeExists(connection, exchange)));
      exchanges.set(exchange, known);
      return known;
    };
    const marked: (A & { readonly missing?: true })[] = [];
    for (const [index, place] of places.entries()) {
      marked.push(index >= MOST_CHECKED || (await isThere(place)) ? place : { ...place, missing: true });
    }
    return marked;
  });
}

/** An unknown destination, without permission or exclusive to another connection, may exist. */
async function exists(ask: () => Promise<boolean>): Promise<boolean> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.kind === 'missing') return false;
    if (error.kind === 'denied' || error.kind === 'refused') return true;
    throw error;
  }
}
