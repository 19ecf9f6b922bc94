import * as z from 'zod/mini';
import { type DeadLetterFilter, deadLetterFilter, REASONS } from '../../../model/dead-letter/death.ts';
import type { Selection } from '../../../model/dead-letter/selection.ts';
import type { Emit } from '../../../model/event.ts';
import { option } from '../../../model/option.ts';
import { formatDuration } from '../../../model/quantity.ts';
import { nearest, quote } from '../../../model/text.ts';
import { fieldTable } from '../../names.ts';
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
  /** Why it died last. */
  reason: z.optional(z.array(reason)),
  /** In which queue it died last. */
  fromQueue: texts,
  /** Headers with exactly these values. */
  header: z.optional(fieldTable),
  /** By the time of its newest death. */
  olderThan: age,
  newerThan: age,
  /** Message ids. */
  id: texts,
  /** An expression in CEL that is true for those that are meant; it is read where the config is used. */
  where: z.optional(z.string().check(z.minLength(1))),
};

const FilterConfig = z.object(filterShape);
export type FilterConfig = z.output<typeof FilterConfig>;

/** What holds between the filters: for `check` of every config that has them. */
export const filterRules = [
  z.refine<FilterConfig>(({ olderThan, newerThan }) => olderThan === undefined || newerThan === undefined || olderThan < newerThan, {
    error: ({ input }) => {
      const { olderThan = 0, newerThan = 0 } = input as FilterConfig;
      return `${option('olderThan')} must be less than ${option('newerThan')}: no death is both longer ago than ${formatDuration(olderThan)} and not as long ago as ${formatDuration(newerThan)}`;
    },
  }),
] as const;

/**
 * Reads the expression of a filter, if it has one.
 *
 * @throws Failure `usage`, with the place of what is wrong
 */
export async function expressionOf({ where }: Pick<FilterConfig, 'where'>): Promise<Where | undefined> {
  // The language is loaded only by those who speak it.
  return where === undefined ? undefined : (await import('./where.ts')).compileWhere(where);
}

/**
 * Hands `use` the test that the filters of a config come to (without any, every message passes it), then tells of messages
 * that the expression could not judge: they are not meant. Those of a selection are meant whatever the filters say.
 *
 * @throws Failure `usage` for an expression that cannot be read, before anything else
 */
export async function filtering<T>(config: FilterConfig, emit: Emit, use: (isMeant: DeadLetterFilter) => Promise<T>, only?: Selection): Promise<T> {
  // Time has passed since they were chosen, of what the filters let through then.
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
    // That some lack what is asked for is usual; that all do is a slip of the pen.
    const messages = judged === 0 ? lacking + failed : failed;
    if (messages > 0) emit({ kind: 'unjudged', messages, all: judged === 0, reason: reasons.failed ?? reasons.lacking ?? '' });
  }
}

/** True when a config asks for some messages only. */
export function isFiltered(config: FilterConfig): boolean {
  return (Object.keys(filterShape) as (keyof FilterConfig)[]).some((key) => config[key] !== undefined);
}
