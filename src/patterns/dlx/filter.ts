import * as z from 'zod/mini';
import { type DeadLetterFilter, deadLetterFilter } from '../../model/dead-filter.ts';
import type { FieldTable } from '../../model/message.ts';

const texts = (flag: string) => z.optional(z.array(z.string().check(z.minLength(1, { error: `${flag} must not be empty` }))));
const age = z.optional(z.int().check(z.minimum(1)));

/** Which dead letters a command is about; durations are milliseconds. */
export const filterShape = {
  /** Why it died last: `rejected`, `expired`, `maxlen`, `delivery_limit`. */
  reason: texts('--reason'),
  /** In which queue it died last. */
  fromQueue: texts('--from-queue'),
  /** Headers with exactly these values. */
  header: z.optional(z.custom<FieldTable>()),
  /** By the time of its newest death. */
  olderThan: age,
  newerThan: age,
  /** Message ids. */
  id: texts('--id'),
};

const FilterConfig = z.object(filterShape);
export type FilterConfig = z.output<typeof FilterConfig>;

/** What holds between the filters: for `check` of every config that has them. */
export const filterRules = [
  z.refine<FilterConfig>(({ olderThan, newerThan }) => olderThan === undefined || newerThan === undefined || olderThan < newerThan, {
    error: '--older-than must be less than --newer-than: nothing is both older than 1h and newer than 5m',
  }),
] as const;

/** The test that the filters of a config come to; without any, every message passes. */
export function filterOf(config: FilterConfig): DeadLetterFilter {
  return deadLetterFilter(config);
}

/** True when a config asks for some messages only. */
export function isFiltered(config: FilterConfig): boolean {
  return (Object.keys(filterShape) as (keyof FilterConfig)[]).some((key) => config[key] !== undefined);
}
