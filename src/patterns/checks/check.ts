import { randomUUID } from 'node:crypto';
import * as z from 'zod/mini';
import { type Session, withDeadline } from '../../amqp/connection/session.ts';
import { type AskManagement, learnReturnRules } from '../../amqp/consumer/return-rules.ts';
import { withControlConnection } from '../../amqp/topology/declare.ts';
import { certainCounts, type QueueCounts, queueType } from '../../amqp/topology/queue-facts.ts';
import { whyOf } from '../../model/dead-letter/attempt.ts';
import { deathHistory, REASONS } from '../../model/dead-letter/death.ts';
import { Failure } from '../../model/failure.ts';
import type { Delivery } from '../../model/message/message.ts';
import { option } from '../../model/option.ts';
import type { Finding } from '../../text/checks.ts';
import { visibleLine } from '../../text/escape.ts';
import { readThrough } from '../look/read.ts';
import { milliseconds, queueName } from '../names.ts';
import { SendingConfig, sendMessages } from '../publish/send.ts';
import { type Findings, type Limits, measured, stated, unknown } from './finding.ts';

const number = z.optional(z.int().check(z.minimum(0)));
const age = z.optional(milliseconds());
/** Milliseconds for all of it. */
const timeout = z._default(milliseconds(), 10_000);

/** What workers say is any number of texts: the limits of those told apart, and of each. */
const [MOST_WHYS, LONGEST_WHY] = [100, 120];

/** Limits of queues; those that begin with `warn` only warn. Durations are milliseconds. */
export const CheckQueueConfig = z.strictObject({
  queue: z.array(queueName).check(z.minLength(1)),
  maxDepth: number,
  minDepth: number,
  minConsumers: number,
  /** Of the oldest message. */
  maxAge: age,
  warnMaxDepth: number,
  warnMinDepth: number,
  warnMinConsumers: number,
  warnMaxAge: age,
  timeout,
});
export type CheckQueueConfig = z.output<typeof CheckQueueConfig>;

/** Limits of dead letters; without any, none may be there. */
export const CheckDlxConfig = z.strictObject({
  /** Absent: every queue in which dead letters arrive. */
  queue: z.optional(queueName),
  max: number,
  /** Since its last death. */
  maxAge: age,
  warnMax: number,
  warnMaxAge: age,
  /** The limits are for each reason of death, or for each answer of a worker that gave messages up. */
  by: z.optional(z.enum(['reason', 'why'])),
  timeout,
});
export type CheckDlxConfig = z.output<typeof CheckDlxConfig>;

export const CheckBrokerConfig = z.strictObject({ timeout });
export type CheckBrokerConfig = z.output<typeof CheckBrokerConfig>;

/** Compares queues with their limits; over AMQP, and with a look at the oldest message where its age has one. */
export async function checkQueues(session: Session, config: CheckQueueConfig, ask?: AskManagement): Promise<Findings> {
  const { maxDepth, minDepth, minConsumers, maxAge, warnMaxDepth, warnMinDepth, warnMinConsumers, warnMaxAge } = config;
  return within(session, config.timeout, async (bounded, found) => {
    for (const queue of config.queue) {
      const of = { check: 'queue', queue } as const;
      await found(
        async () => {
          const { messages, consumers } = await countsOf(bounded, queue);
          const depth: Limits = {
            max: ['maxDepth', maxDepth],
            min: ['minDepth', minDepth],
            warnMax: ['warnMaxDepth', warnMaxDepth],
            warnMin: ['warnMinDepth', warnMinDepth],
          };
          return [
            measured({ ...of, what: 'depth' }, messages, depth),
            measured({ ...of, what: 'consumers' }, consumers, { min: ['minConsumers', minConsumers], warnMin: ['warnMinConsumers', warnMinConsumers] }),
          ];
        },
        (failure) => unknown({ ...of, what: 'depth' }, failure),
      );
      if ((maxAge ?? warnMaxAge) === undefined) continue;
      await found(
        async () => {
          const value = await oldest(bounded, queue, ask);
          return [measured({ ...of, what: 'age' }, value, { max: ['maxAge', maxAge], warnMax: ['warnMaxAge', warnMaxAge] })];
        },
        (failure) => unknown({ ...of, what: 'age' }, failure),
      );
    }
  });
}

/** Compares dead letters with their limits. `targets` finds the queues in which they arrive, where none is named. */
export async function checkDeadLetters(
  session: Session,
  config: CheckDlxConfig,
  targets: () => Promise<readonly string[]>,
  ask?: AskManagement,
): Promise<Findings> {
  const { queue: named, maxAge, warnMaxAge, warnMax, by } = config;
  const max = config.max ?? ((maxAge ?? warnMaxAge ?? warnMax) === undefined ? 0 : undefined);
  const depth: Limits = { max: ['max', max], warnMax: ['warnMax', warnMax] };
  const ages: Limits = { max: ['maxAge', maxAge], warnMax: ['warnMaxAge', warnMaxAge] };
  const aged = (maxAge ?? warnMaxAge) !== undefined;
  return within(session, config.timeout, async (bounded, found) => {
    let queues = named === undefined ? [] : [named];
    if (named === undefined) {
      await found(
        async () => {
          queues = [...(await targets())];
          return [];
        },
        (failure) => unknown({ check: 'dlx', what: 'depth' }, failure),
      );
    }
    for (const queue of queues) {
      const of = { check: 'dlx', queue } as const;
      await found(
        async () => {
          if (by === undefined) return [measured({ ...of, what: 'depth' }, (await countsOf(bounded, queue)).messages, depth)];
          const groups = new Map<string, { count: number; age: number | undefined }>();
          await lookAt(bounded, queue, ask, (delivery) => {
            const told = by === 'why' ? visibleLine(whyOf(delivery.properties) ?? 'none').slice(0, LONGEST_WHY) : reasonOf(delivery);
            const key = groups.has(told) || groups.size < MOST_WHYS ? told : 'other';
            const { count = 0, age = 0 } = groups.get(key) ?? {};
            const own = ageOf(delivery);
            groups.set(key, { count: count + 1, age: own === undefined ? undefined : Math.max(age ?? 0, own) });
            return false;
          });
          if (groups.size === 0) return [measured({ ...of, what: 'depth' }, 0, depth)];
          return [...groups].flatMap(([group, { count, age: most }]) => {
            const one = { ...of, [by]: group };
            const age = { ...one, what: 'age' } as const;
            const aging = most === undefined ? unknown(age, noTime(queue)) : measured(age, most, ages);
            return [measured({ ...one, what: 'depth' }, count, depth), ...(aged ? [aging] : [])];
          });
        },
        (failure) => unknown({ ...of, what: 'depth' }, failure),
      );
      if (!aged || by !== undefined) continue;
      await found(
        async () => [measured({ ...of, what: 'age' }, await oldest(bounded, queue, ask), ages)],
        (failure) => unknown({ ...of, what: 'age' }, failure),
      );
    }
  });
}

/** Logs in, and publishes messages that reach no queue, one after the other: a broker with an alarm confirms the first one, and reads no more. */
export async function checkBroker(session: Session, config: CheckBrokerConfig): Promise<Findings> {
  return within(session, config.timeout, async (bounded, found) => {
    let answers = false;
    await found(
      async () => {
        await withControlConnection(bounded, async () => undefined);
        answers = true;
        return [stated('answers', 'ok', 1, 'answers')];
      },
      ({ message }) => stated('answers', 'critical', null, `does not answer: ${message}`),
    );
    if (!answers) return;
    const alarm = new AbortController();
    const listening: Session = {
      ...bounded,
      signal: AbortSignal.any([bounded.signal, alarm.signal]),
      emit: () => undefined,
      open: (role, endless) =>
        bounded.open(role, endless, (event) => {
          if (event.kind === 'blocked') alarm.abort(new Failure('later', `an alarm: ${event.reason}`));
        }),
    };
    const nowhere = { exchange: '', routingKey: `rmq.check.${randomUUID()}`, properties: { deliveryMode: 1 }, body: Buffer.alloc(0) };
    await found(
      async () => {
        await sendMessages(listening, SendingConfig.parse({ allowUnroutable: true, window: 1 }), [nowhere, { ...nowhere }]);
        return [stated('accepts', 'ok', 1, 'accepts messages')];
      },
      ({ message, kind }) =>
        alarm.signal.aborted || kind === 'deadline'
          ? stated('accepts', 'critical', 0, `accepts no messages: ${message}`)
          : stated('accepts', 'unknown', null, `may accept messages or not: ${message}`),
    );
  });
}

type Found = (question: () => Promise<readonly Finding[]>, otherwise: (failure: Failure) => Finding) => Promise<void>;

/** Collects findings until the deadline; what a question failed with is one of them. */
async function within(session: Session, milliseconds: number, use: (bounded: Session, found: Found) => Promise<void>): Promise<Findings> {
  const deadline = withDeadline(session, milliseconds, () => undefined);
  const findings: Finding[] = [];
  let failure: Failure | undefined;
  try {
    await use(deadline.session, async (question, otherwise) => {
      try {
        findings.push(...(await question()));
      } catch (error) {
        if (session.signal.aborted || !(error instanceof Failure)) throw error;
        findings.push(otherwise(error));
        failure ??= error;
      }
    });
  } finally {
    deadline.clear();
  }
  return { findings, failure };
}

/** What a publisher wrote there is no reason of a broker, and may be any number of texts. */
function reasonOf({ properties }: Delivery): string {
  const { reason = 'none' } = deathHistory(properties.headers).deaths[0] ?? {};
  return (REASONS as readonly string[]).includes(reason) ? reason : 'other';
}

async function countsOf(session: Session, queue: string): Promise<QueueCounts> {
  return withControlConnection(session, async (connection) => certainCounts(connection, queue, await queueType(connection, queue)));
}

/** The age of the message that comes next; 0 for an empty queue. */
async function oldest(session: Session, queue: string, ask: AskManagement | undefined): Promise<number> {
  let found: number | undefined;
  let any = false;
  await lookAt(session, queue, ask, (delivery) => {
    if (!any) found = ageOf(delivery);
    any = true;
    return true;
  });
  if (any && found === undefined) throw noTime(queue);
  return found ?? 0;
}

const noTime = (queue: string): Failure =>
  new Failure('data', `the age of the oldest message of ${JSON.stringify(queue)} is unknown: it has neither a timestamp nor a death`);

/** Hands out the messages of a queue, and leaves them there in their order; true ends it. */
async function lookAt(session: Session, queue: string, ask: AskManagement | undefined, take: (delivery: Delivery) => boolean): Promise<void> {
  const { rules } = await withControlConnection(session, (connection) => learnReturnRules(connection, queue, ask));
  // A check comes again and again: at the limit, a look would put messages at the end of the queue.
  if (rules.limit !== undefined) {
    throw new Failure('refused', `looking into ${JSON.stringify(queue)} again and again would bring its messages to the delivery limit of ${rules.limit}`, {
      hint: `its depth has no such limit: leave out ${option('maxAge')} and ${option('by')}, or let the queue have no delivery limit`,
    });
  }
  let enough = false;
  await readThrough(session, queue, { ask, enough: () => enough }, (delivery) => {
    enough = take(delivery);
    return false;
  });
}

/** Milliseconds since its last death, else since its timestamp; undefined without either. */
function ageOf({ properties: { headers, timestamp } }: Delivery): number | undefined {
  const seconds = deathHistory(headers).deaths[0]?.time ?? (timestamp === undefined ? undefined : Number(timestamp));
  return seconds === undefined ? undefined : Math.max(0, Date.now() - seconds * 1_000);
}
