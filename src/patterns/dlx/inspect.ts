import * as z from 'zod/mini';
import type { Session } from '../../amqp/session.ts';
import { DeathGroups, GROUP_KEYS, type GroupKey } from '../../model/death-groups.ts';
import { Failure } from '../../model/failure.ts';
import type { Delivery } from '../../model/message.ts';
import { formatCount, formatNumber } from '../../model/quantity.ts';
import { queueName } from '../names.ts';
import { checkedCall } from '../options.ts';
import { filtering, filterRules, filterShape, isFiltered } from './filter.ts';
import { readThrough } from './read.ts';
import type { AskManagement, ReadSummary } from './read-options.ts';

const isGroupKey = (key: string): boolean => (GROUP_KEYS as readonly string[]).includes(key) || /^header:./s.test(key);

/** What `dlx inspect` takes. */
export const InspectConfig = z
  .strictObject({
    queue: queueName('QUEUE'),
    ...filterShape,
    /** At most as many messages. */
    count: z.optional(z.int().check(z.minimum(1))),
    /** Counts messages by what they have in common. */
    groupBy: z.optional(
      z.array(z.string().check(z.refine(isGroupKey, { error: `--group-by takes ${GROUP_KEYS.join(', ')} and header:NAME` }))).check(z.minLength(1)),
    ),
    /** One message by its number among those that are meant, from 1. */
    show: z.optional(z.int().check(z.minimum(1))),
    /** Looks where that may cost messages. */
    force: z._default(z.boolean(), false),
  })
  .check(
    ...filterRules,
    z.refine(({ groupBy, show, count }) => [groupBy, show, count].filter((one) => one !== undefined).length <= 1, {
      error: '--group-by, --show and --count exclude each other',
    }),
  );
export type InspectConfig = z.output<typeof InspectConfig>;

/** What was looked at. */
export interface Inspected extends ReadSummary {
  /** Messages that the filters let through. */
  readonly matched: number;
}

/**
 * Hands out the dead letters that are meant, each with its number among them, and leaves the queue as it is.
 *
 * @throws Failure `usage` for wrong options, and as `readThrough` does
 */
export async function inspect(
  session: Session,
  options: InspectConfig,
  now: number,
  onLetter: (delivery: Delivery, number: number) => Promise<void> | undefined,
  ask?: AskManagement,
): Promise<Inspected> {
  const config = checkedCall(session, InspectConfig, options, { onLetter });
  const { queue, count = Number.POSITIVE_INFINITY, force } = config;
  const reading = { force, ask, enough: () => matched >= count };
  let matched = 0;
  const summary = await filtering(config, session.emit, (isMeant) =>
    readThrough(session, queue, reading, (delivery) => {
      if (!isMeant(delivery, now)) return undefined;
      matched++;
      const looking: unknown = onLetter(delivery, matched);
      return looking instanceof Promise ? looking.then(() => undefined) : undefined;
    }),
  );
  return { ...summary, matched };
}

/**
 * Counts the dead letters that are meant by what they have in common.
 *
 * @throws Failure as `readThrough` does
 */
export async function inspectGroups(
  session: Session,
  config: InspectConfig & { readonly groupBy: readonly string[] },
  now: number,
  ask?: AskManagement,
): Promise<Inspected & { readonly groups: DeathGroups }> {
  const { queue, groupBy, force } = config;
  let groups = new DeathGroups(groupBy as GroupKey[]);
  let matched = 0;
  const restart = (): void => {
    groups = new DeathGroups(groupBy as GroupKey[]);
    matched = 0;
  };
  const summary = await filtering(config, session.emit, (isMeant) =>
    readThrough(session, queue, { force, ask, restart }, (delivery) => {
      if (!isMeant(delivery, now)) return undefined;
      matched++;
      groups.add(delivery);
      return undefined;
    }),
  );
  return { ...summary, matched, groups };
}

/**
 * Hands out one dead letter, by its number among those that are meant.
 *
 * @throws Failure `missing` when there are not as many, or as `readThrough` does
 */
export async function inspectOne(
  session: Session,
  config: InspectConfig & { readonly show: number },
  now: number,
  onLetter: (delivery: Delivery) => Promise<void>,
  ask?: AskManagement,
): Promise<ReadSummary> {
  const { queue, show, force } = config;
  const some = isFiltered(config);
  const options = { force, ask, enough: () => matched >= show };
  let matched = 0;
  const summary = await filtering(config, session.emit, (isMeant) =>
    readThrough(session, queue, options, (delivery) => {
      if (matched >= show || !isMeant(delivery, now)) return undefined;
      matched++;
      return matched === show ? onLetter(delivery).then(() => undefined) : undefined;
    }),
  );
  if (matched >= show) return summary;
  const held = `"${queue}" holds ${formatCount(summary.read, 'message')}`;
  throw new Failure(
    'missing',
    `there is no message ${show}: ${some ? `${formatCount(matched, 'message')} of the ${formatNumber(summary.read)} in "${queue}" match` : held}`,
  );
}
