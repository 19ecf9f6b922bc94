import * as z from 'zod/mini';
import type { Session } from '../../amqp/connection/session.ts';
import { withLastingControl } from '../../amqp/topology/declare.ts';
import { lastOffset, queueType } from '../../amqp/topology/queue-facts.ts';
import type { ConsumeCounts, Emit } from '../../model/event.ts';
import { Failure } from '../../model/failure.ts';
import { option } from '../../model/option.ts';
import { ConsumeConfig, limitsShape } from '../consume/config.ts';
import { consume } from '../consume/consume.ts';
import type { ConsumeHandler, TakeOptions } from '../consume/limits.ts';
import { filterShape } from '../dlx/filter/filter.ts';
import { queueName } from '../names.ts';
import { matching } from './matching.ts';

export const PeekConfig = z
  .strictObject({
    queue: queueName,
    /** Stop after this many messages; of those that match, with `where`. */
    count: limitsShape.count,
    where: filterShape.where,
    /** Of a stream: begin this many messages before its end. */
    last: z.optional(z.int().check(z.minimum(1))),
    timeout: limitsShape.timeout,
  })
  .check(
    z.refine(({ count, last }) => count === undefined || last === undefined || count <= last, {
      error: () => `${option('count')} must not be more than ${option('last')}`,
    }),
  );
export type PeekConfig = z.output<typeof PeekConfig>;

/**
 * Hands the messages that are in a queue now to the handler, and returns all of them: `consume` with `requeue` and `drain`.
 *
 * @throws Failure as `consume` does, `usage` for a wrong expression, `refused` for `last` of a queue that is no stream
 */
export async function peek(session: Session, config: PeekConfig, handler: ConsumeHandler, options: TakeOptions = {}): Promise<ConsumeCounts> {
  const { queue, timeout, last, ...selection } = config;
  return matching(session, selection, handler, async (select, { count, selected, enough }) => {
    const offset = last === undefined ? undefined : await withLastingControl(session, (connection) => offsetBefore(connection, queue, last));
    const looking = ConsumeConfig.parse({ queue, requeue: true, drain: true, timeout, offset, count });
    const emit: Emit = (event) => session.emit(event.kind === 'consumed' ? { ...event, kind: 'peeked', selected: selected() } : event);
    return consume({ ...session, emit }, looking, select, { ...options, ...(enough !== undefined && { enough }) });
  });
}

async function offsetBefore(connection: Parameters<typeof queueType>[0], queue: string, last: number): Promise<string> {
  if ((await queueType(connection, queue)) !== 'stream') {
    throw new Failure('refused', `"${queue}" is no stream: only a stream can be read from a place near its end`, {
      hint: `leave out ${option('last')}; ${option('count')} looks at the first messages`,
    });
  }
  return String(Math.max(0, (await lastOffset(connection, queue)) - last + 1));
}
