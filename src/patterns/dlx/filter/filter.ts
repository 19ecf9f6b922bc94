import * as z from 'zod/mini';
import type { Session } from '../../../amqp/connection/session.ts';
import { type DeadLetterFilter, deadLetterFilter, REASONS } from '../../../model/dead-letter/death.ts';
import type { Selection } from '../../../model/dead-letter/selection.ts';
import type { Emit } from '../../../model/event.ts';
import type { Delivery } from '../../../model/message/message.ts';
import { option } from '../../../model/option.ts';
import { formatDuration } from '../../../model/quantity.ts';
import { nearest, quote } from '../../../model/text.ts';
import type { OnDelivery, ReadOptions, ReadSummary } from '../../look/options.ts';
import { readThrough } from '../../look/read.ts';
import { fieldTable, queueName } from '../../names.ts';
import type { Where } from './where.ts';

const texts = z.optional(z.array(z.string().check(z.minLength(1))));
const reason = z.string().check(
  z.refine((text) => (REASONS as readonly string[]).includes(text), {
    error: ({ input }) => {
      const meant = nearest(String(input), REASONS);
      return `must be one of ${REASONS.join(', ')}, not ${quote(input)}${meant === undefined ? '' : `: did you mean "${meant}"?`}`;
    },
  }),
);
const age = z.optional(z.int().check(z.minimum(1)));

/** Which dead letters a command is about; durations are milliseconds. */
export const filterShape = {
  /** The reason of its last death. */
  reason: z.optional(z.array(reason)),
  /** The queue of its last death. */
  fromQueue: texts,
  /** Headers with exactly these values. */
  header: z.optional(fieldTable),
  /** By the time of its newest death. */
  olderThan: age,
  newerThan: age,
  id: texts,
  /** A CEL expression that is true for matching messages; parsed where the config is used. */
  where: z.optional(z.string().check(z.minLength(1))),
};

/** The dead letters of a queue that a command reads. */
export const lettersShape = {
  queue: queueName,
  ...filterShape,
  /** At most this many messages. */
  count: z.optional(z.int().check(z.minimum(1))),
  /** True: reads even where that may cost messages their place or their last return. */
  force: z._default(z.boolean(), false),
};

const FilterConfig = z.object(filterShape);
export type FilterConfig = z.output<typeof FilterConfig>;

/** Rules between the filters, for `check` of every config that has them. */
export const filterRules = [
  z.refine<FilterConfig>(({ olderThan, newerThan }) => olderThan === undefined || newerThan === undefined || olderThan < newerThan, {
    error: ({ input }) => {
      const { olderThan = 0, newerThan = 0 } = input as FilterConfig;
      return `${option('olderThan')} must be less than ${option('newerThan')}: no death is more than ${formatDuration(olderThan)} and less than ${formatDuration(newerThan)} ago`;
    },
  }),
] as const;

/**
 * Parses the expression of a filter, if it has one.
 *
 * @throws Failure `usage`, with the position of the error
 */
export async function expressionOf({ where }: Pick<FilterConfig, 'where'>): Promise<Where | undefined> {
  // The expression language is loaded only when it is used.
  return where === undefined ? undefined : (await import('./where.ts')).compileWhere(where);
}

/**
 * Hands `use` the test of a config's filters (without any, every message passes), then reports messages
 * on which the expression failed: they do not match. Selected messages match whatever the filters say.
 *
 * @throws Failure `usage` for an expression that cannot be parsed, before anything else
 */
export async function filtering<T>(config: FilterConfig, emit: Emit, use: (isMeant: DeadLetterFilter) => Promise<T>, only?: Selection): Promise<T> {
  // The filters chose what could be selected; ages have changed since.
  if (only !== undefined) return use(only.takes);
  const where = await expressionOf(config);
  const others = deadLetterFilter(config);
  if (where === undefined) return use(others);
  let [judged, lacking, failed] = [0, 0, 0];
  const reasons: { lacking?: string; failed?: string } = {};
  try {
    return await use((delivery, now) => {
      if (!others(delivery, now)) return false;
      const answer = where(delivery, now);
      if (typeof answer === 'boolean') {
        judged++;
        return answer;
      }
      if (answer.missing) lacking++;
      else failed++;
      reasons[answer.missing ? 'lacking' : 'failed'] ??= answer.reason;
      return false;
    });
  } finally {
    // It is usual that some messages lack a field; when all do, it is probably misspelt.
    const messages = judged === 0 ? lacking + failed : failed;
    if (messages > 0) emit({ kind: 'unjudged', messages, all: judged === 0, reason: reasons.failed ?? reasons.lacking ?? '' });
  }
}

/** Reads a queue as `readThrough` does, and hands out what the filters of a config let through; see {@link filtering}. */
export function readMatching(
  session: Session,
  config: FilterConfig & { readonly queue: string },
  options: ReadOptions,
  now: number,
  onMatch: (delivery: Delivery) => ReturnType<OnDelivery>,
  only?: Selection,
): Promise<ReadSummary> {
  const reading = (isMeant: DeadLetterFilter): Promise<ReadSummary> =>
    readThrough(session, config.queue, options, (delivery) => (isMeant(delivery, now) ? onMatch(delivery) : undefined));
  return filtering(config, session.emit, reading, only);
}

/** True when a config asks for some messages only. */
export function isFiltered(config: FilterConfig): boolean {
  return (Object.keys(filterShape) as (keyof FilterConfig)[]).some((key) => config[key] !== undefined);
}
