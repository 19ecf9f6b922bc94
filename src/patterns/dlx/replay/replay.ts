import * as z from 'zod/mini';
import type { Session } from '../../../amqp/connection/session.ts';
import type { AskManagement } from '../../../amqp/consumer/return-rules.ts';
import type { Aimless, JudgedOrigin } from '../../../model/dead-letter/origin.ts';
import { movedCopy, type PublishAddress, replayCopy, replayedBy, replaysOf } from '../../../model/dead-letter/replay.ts';
import type { Selection } from '../../../model/dead-letter/selection.ts';
import { Failure } from '../../../model/failure.ts';
import { bytesOf } from '../../../model/message/body.ts';
import type { Body, Delivery, Message } from '../../../model/message/message.ts';
import type { FindManagementApi } from '../../management.ts';
import { queueName, uniqueId } from '../../names.ts';
import { expressionOf, filtering, filterRules, filterShape, isFiltered } from '../filter/filter.ts';
import { type Destination, Destinations } from './destinations.ts';
import type { Transferred, TransferVerdict } from './job.ts';
import { Origins } from './origins.ts';
import { type Beside, Rooms } from './rooms.ts';
import { type Aim, checkTarget, fixedTarget, markMissing, targetOf, targetRules, targetShape } from './target.ts';
import { transfer } from './transfer.ts';

/** How messages are moved from one queue to another. */
export const transferShape = {
  /** At most this many chosen messages. */
  count: z.optional(z.int().check(z.minimum(1))),
  /** Messages a second. */
  rate: z.optional(z.number().check(z.gt(0), z.maximum(1_000_000))),
  /** True: sends nothing; only finds out where everything would go. */
  dryRun: z._default(z.boolean(), false),
  /** True: the originals stay. */
  copy: z._default(z.boolean(), false),
  /** True: returns messages of a quorum queue even where that costs them one of their last attempts, and sends messages that push others out of a full queue. */
  force: z._default(z.boolean(), false),
  /** True: also publishes the headers that a broker wrote. */
  keepBrokerHeaders: z._default(z.boolean(), false),
  /** A file with a line for each chosen message and what became of it. */
  journal: z.optional(z.string().check(z.minLength(1))),
};

export const ReplayConfig = z
  .strictObject({
    queue: queueName,
    ...filterShape,
    ...targetShape,
    ...transferShape,
    /** A message that has been replayed this often stays. */
    maxReplays: z._default(z.int().check(z.minimum(1), z.maximum(1_000_000)), 3),
  })
  .check(...filterRules, ...targetRules);
export type ReplayConfig = z.output<typeof ReplayConfig>;

export const MoveConfig = z.strictObject({ queue: queueName, toQueue: queueName, ...filterShape, ...transferShape }).check(...filterRules);
export type MoveConfig = z.output<typeof MoveConfig>;

/** Options of a transfer that are not part of a config. */
export interface TransferOptions {
  /** True when the target is another broker, where the same names mean other objects. */
  readonly elsewhere?: boolean;
  /** The new body of a message; undefined when there is none, and the message stays. */
  readonly edit?: (delivery: Delivery) => Promise<Body | undefined>;
  /** Asked for the policies of the queue. */
  readonly ask?: AskManagement;
  /** Finds the management API, which knows whether the origin in a message can be true. */
  readonly api?: FindManagementApi;
  /** Both for the broker of the target, when that is another one. */
  readonly beside?: Beside;
  /** The messages selected one by one, instead of the filters. */
  readonly only?: Selection | undefined;
}

export interface Replayed extends Transferred {
  /** The most frequent first. */
  readonly destinations: readonly Destination[];
  /** The claimed origins of messages that stay; see `Origins`. */
  readonly claimedOrigins: readonly Destination[];
}

/**
 * Publishes dead letters again, each to its origin unless the config names a destination, and removes those from their queue that have arrived.
 * They begin anew: without their history, at their first attempt. A message whose origin is only claimed stays, unless the config trusts such claims
 * or names a target; `Origins` says which origins are believed.
 *
 * @throws Failure `usage` for a target that is the queue itself, `missing`, and what `transfer` throws
 */
export async function replay(source: Session, target: Session, config: ReplayConfig, options: TransferOptions = {}): Promise<Replayed> {
  const { elsewhere = false } = options;
  const { queue, maxReplays, keepBrokerHeaders } = config;
  await expressionOf(config);
  await checkTarget(target, config, elsewhere ? undefined : queue);
  const run = uniqueId();
  const origins = new Origins(source, options.api);
  const fixed = fixedTarget(config);
  const aimed = (delivery: Delivery, to: Aim | Aimless): Decision => {
    if (typeof to === 'string') return to;
    const { claimed, ...address } = to;
    if (!elsewhere && to.exchange === '' && to.routingKey === queue) return 'circular';
    const message = replayCopy(delivery, address, run, keepBrokerHeaders);
    return claimed ? { claim: address, verdict: config.trustOrigin ? message : 'claimed' } : message;
  };
  return transferTo(source, target, config, run, options, (delivery) => {
    // Sent again after another consumer has taken what was there before it: it would circulate without end.
    if (replayedBy(delivery.properties) === run) return 'again';
    if (replaysOf(delivery.properties) >= maxReplays) return 'exhausted';
    if (fixed !== undefined) return aimed(delivery, { ...fixed, claimed: false });
    const aim = (origin: JudgedOrigin | Aimless): Decision => aimed(delivery, typeof origin === 'string' ? origin : targetOf(origin, config));
    const origin = origins.judge(delivery);
    return origin instanceof Promise ? origin.then(aim) : aim(origin);
  });
}

/** What becomes of a message; and the origin that it claims, where nothing confirms that. */
type Decision = TransferVerdict | { readonly claim: PublishAddress; readonly verdict: TransferVerdict };

/** What follows from a value: at once, unless it has to be awaited. */
function after<T, R>(value: T | Promise<T>, use: (value: T) => R | Promise<R>): R | Promise<R> {
  return value instanceof Promise ? value.then(use) : use(value);
}

/** Moves messages from a queue to another one as they are, with the history of how they died. */
export async function move(source: Session, target: Session, config: MoveConfig, options: TransferOptions = {}): Promise<Replayed> {
  const { queue, toQueue, keepBrokerHeaders } = config;
  await expressionOf(config);
  await checkTarget(target, { toQueue }, options.elsewhere === true ? undefined : queue);
  return transferTo(source, target, config, uniqueId(), options, (delivery) => movedCopy(delivery, { exchange: '', routingKey: toQueue }, keepBrokerHeaders));
}

async function transferTo(
  source: Session,
  target: Session,
  config: ReplayConfig | MoveConfig,
  run: string,
  { edit, only, ask, api, elsewhere = false, beside = {} }: TransferOptions,
  decide: (delivery: Delivery) => Decision | Promise<Decision>,
): Promise<Replayed> {
  const [places, claimed] = [new Destinations(), new Destinations()];
  const claims = new WeakMap<Delivery, PublishAddress>();
  const rooms = config.force ? undefined : new Rooms(target, elsewhere ? beside : { ask, api }, config);
  const now = Date.now();
  const decided = (delivery: Delivery): Decision | Promise<Decision> => {
    try {
      return decide(delivery);
    } catch (error) {
      // Untrusted headers must never end the run.
      if (error instanceof Failure && error.kind === 'data') return 'malformed';
      throw error;
    }
  };
  const done = (delivery: Delivery, decision: Decision, idle?: () => Promise<void>): TransferVerdict | Promise<TransferVerdict> => {
    const isClaim = typeof decision === 'object' && 'claim' in decision;
    const verdict = isClaim ? decision.verdict : decision;
    if (isClaim) claims.set(delivery, decision.claim);
    if (isClaim && verdict === 'claimed') claimed.add(decision.claim);
    if (typeof verdict === 'string') return verdict;
    const fitting = (message: Message): TransferVerdict | Promise<TransferVerdict> =>
      after(rooms?.take(message, idle) ?? 'fits', (prospect) => {
        if (prospect !== 'fits') return prospect;
        if (config.dryRun) places.add(message, isClaim);
        return message;
      });
    if (edit === undefined || config.dryRun) return fitting(verdict);
    return edit(delivery).then((body) => (body === undefined ? 'unedited' : fitting({ ...verdict, body: bytesOf(body) })));
  };
  const transferred = await filtering(
    config,
    source.emit,
    (isMeant) =>
      transfer(source, target, {
        ...config,
        run,
        ask,
        restart: () => {
          places.clear();
          claimed.clear();
          rooms?.clear();
        },
        all: only === undefined && !isFiltered(config),
        isChosen: (delivery) => isMeant(delivery, now),
        claimOf: (delivery) => claims.get(delivery),
        decide: (delivery, idle) => after(decided(delivery), (decision) => done(delivery, decision, idle)),
      }),
    only,
  );
  // When the run ended early, open questions end too, and what is known is reported.
  const destinations = transferred.failure === undefined ? await markMissing(target, places.sorted) : places.sorted;
  return { ...transferred, destinations, claimedOrigins: claimed.sorted };
}
