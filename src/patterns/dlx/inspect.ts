import * as z from 'zod/mini';
import type { Session } from '../../amqp/connection/session.ts';
import { DeathGroups, GROUP_KEYS, type GroupKey } from '../../model/dead-letter/groups.ts';
import type { JudgedOrigin } from '../../model/dead-letter/origin.ts';
import { Failure } from '../../model/failure.ts';
import type { Delivery } from '../../model/message/message.ts';
import { option } from '../../model/option.ts';
import { formatCount, formatNumber } from '../../model/quantity.ts';
import type { AskManagement, ReadSummary } from '../look/options.ts';
import type { FindManagementApi } from '../management.ts';
import { filterRules, isFiltered, lettersShape, readMatching } from './filter/filter.ts';
import { judging } from './replay/origins.ts';

const isGroupKey = (key: string): boolean => (GROUP_KEYS as readonly string[]).includes(key) || /^header:./s.test(key);

export const InspectConfig = z
  .strictObject({
    ...lettersShape,
    /** Counts messages by what they have in common. */
    groupBy: z.optional(z.array(z.string().check(z.refine(isGroupKey, { error: `takes ${GROUP_KEYS.join(', ')} and header:NAME` }))).check(z.minLength(1))),
    /** One message, by its number among those that match, from 1. */
    show: z.optional(z.int().check(z.minimum(1))),
  })
  .check(
    ...filterRules,
    z.refine(({ groupBy, show, count }) => [groupBy, show, count].filter((one) => one !== undefined).length <= 1, {
      error: () => `${option('groupBy')}, ${option('show')} and ${option('count')} exclude each other`,
    }),
  );
export type InspectConfig = z.output<typeof InspectConfig>;

/** The result of a look. */
export interface Inspected extends ReadSummary {
  /** Messages that match the filters. */
  readonly matched: number;
  /** Messages whose origin is only claimed; see `Origins`. For groups, only where they are about origins. */
  readonly claimed: number;
}

/** Sources of information beside the queue and its messages. */
export interface InspectOptions {
  /** Asked for the policies of the queue. */
  readonly ask?: AskManagement;
  /** Finds the management API, which knows whether the origin in a message can be true. */
  readonly api?: FindManagementApi;
}

/** Handles a dead letter; its origin is undefined where its headers have none. */
type OnLetter = (delivery: Delivery, number: number, origin: JudgedOrigin | undefined) => Promise<void> | undefined;

/** Hands out the matching dead letters, each with its number, and leaves the queue as it is. */
export async function inspect(session: Session, config: InspectConfig, now: number, onLetter: OnLetter, { ask, api }: InspectOptions = {}): Promise<Inspected> {
  const { count = Number.POSITIVE_INFINITY, force } = config;
  const reading = { force, ask, enough: () => matched >= count };
  const judged = judging(session, api);
  let matched = 0;
  let claimed = 0;
  const summary = await readMatching(session, config, reading, now, (delivery) => {
    const number = ++matched;
    return judged(delivery, (origin) => {
      if (origin?.claimed === true) claimed++;
      const looking: unknown = onLetter(delivery, number, origin);
      return looking instanceof Promise ? looking : undefined;
    })?.then(() => undefined);
  });
  return { ...summary, matched, claimed };
}

/** Counts the matching dead letters by what they have in common. */
export async function inspectGroups(
  session: Session,
  config: InspectConfig & { readonly groupBy: readonly string[] },
  now: number,
  { ask, api }: InspectOptions = {},
): Promise<Inspected & { readonly groups: DeathGroups }> {
  const { groupBy, force } = config;
  const isOfOrigin = groupBy.includes('exchange') || groupBy.includes('routingKey');
  const judged = judging(session, api);
  let groups = new DeathGroups(groupBy as GroupKey[]);
  let [matched, claimed] = [0, 0];
  const restart = (): void => {
    groups = new DeathGroups(groupBy as GroupKey[]);
    [matched, claimed] = [0, 0];
  };
  const add = (delivery: Delivery, origin?: JudgedOrigin): undefined => {
    if (origin?.claimed === true) claimed++;
    groups.add(delivery, origin);
  };
  const summary = await readMatching(session, config, { force, ask, restart }, now, (delivery) => {
    matched++;
    return isOfOrigin ? judged(delivery, (origin) => add(delivery, origin))?.then(() => undefined) : add(delivery);
  });
  return { ...summary, matched, claimed, groups };
}

/**
 * Hands out one dead letter, by its number among those that match.
 *
 * @throws Failure `missing` when fewer match, or as `readThrough` does
 */
export async function inspectOne(
  session: Session,
  config: InspectConfig & { readonly show: number },
  now: number,
  onLetter: (delivery: Delivery, origin: JudgedOrigin | undefined) => Promise<void>,
  options: InspectOptions = {},
): Promise<ReadSummary> {
  const { queue, show } = config;
  const only: OnLetter = (delivery, number, origin) => (number === show ? onLetter(delivery, origin) : undefined);
  const looked = await inspect(session, { ...config, count: show }, now, only, options);
  const { matched, read } = looked;
  if (matched >= show) return looked;
  const held = `"${queue}" holds ${formatCount(read, 'message')}`;
  throw new Failure(
    'missing',
    `there is no message ${show}: ${isFiltered(config) ? `${formatCount(matched, 'message')} of the ${formatNumber(read)} in "${queue}" match` : held}`,
  );
}
