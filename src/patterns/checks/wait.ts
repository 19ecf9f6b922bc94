import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod/mini';
import { onOwnChannel } from '../../amqp/connection/channel.ts';
import type { Connection } from '../../amqp/connection/connection.ts';
import { endless, type Session, withDeadline } from '../../amqp/connection/session.ts';
import { certainCounts, type QueueCounts, queueCounts, queueType } from '../../amqp/topology/queue-facts.ts';
import { abortFailure, Failure, orElse } from '../../model/failure.ts';
import { option } from '../../model/option.ts';
import { formatCount, formatDuration, formatNumber } from '../../model/quantity.ts';
import { exchangeName, milliseconds, queueName } from '../names.ts';

/** How often the broker is asked, in milliseconds. */
const INTERVAL = 100;

export const WaitConfig = z
  .strictObject({
    /** Queues that have to exist; the other conditions hold for each of them. */
    queue: z._default(z.array(queueName), []),
    exchange: z._default(z.array(exchangeName), []),
    /** Consumers at the least. */
    consumers: z.optional(z.int().check(z.minimum(1))),
    /** Messages that are ready, at the least. */
    messages: z.optional(z.int().check(z.minimum(1))),
    /** No message is ready. */
    empty: z._default(z.boolean(), false),
    /** Milliseconds. */
    timeout: z._default(milliseconds(), 60_000),
  })
  .check(
    z.refine(({ queue, consumers, messages, empty }) => queue.length > 0 || (consumers === undefined && messages === undefined && !empty), {
      error: () => `${option('consumers')}, ${option('messages')} and ${option('empty')} need a ${option('queue')}`,
    }),
    z.refine(({ messages, empty }) => messages === undefined || !empty, { error: () => `${option('messages')} and ${option('empty')} exclude each other` }),
  );
export type WaitConfig = z.output<typeof WaitConfig>;

/** What was there when all conditions held. */
export interface Waited {
  readonly queues: readonly { readonly queue: string; readonly messages: number; readonly consumers: number }[];
  readonly exchanges: readonly string[];
  readonly seconds: number;
}

/**
 * Waits until the broker is up and all conditions hold at the same time. What does not exist yet is waited for.
 *
 * @throws Failure `deadline` with what is missing, `denied` at once for a login or a permission that is refused
 */
export async function waitFor(session: Session, config: WaitConfig): Promise<Waited> {
  const started = performance.now();
  let missing: readonly string[] = [];
  const note = (now: readonly string[]): void => {
    if (now.join() === missing.join()) return;
    missing = now;
    session.emit({ kind: 'waiting', for: now });
  };
  const deadline = withDeadline(session, config.timeout, () => undefined);
  const { signal } = deadline.session;
  const link = endless(deadline.session).open('control');
  try {
    for (let because: Failure | undefined; ; ) {
      try {
        const answer = await untilAllHold(await link.connect(signal, because), config, note, signal);
        return { ...answer, seconds: Math.round(performance.now() - started) / 1_000 };
      } catch (error) {
        if (!(error instanceof Failure) || !error.transient || signal.aborted) throw error;
        because = error;
        note([error.message]);
        await pause(signal);
      }
    }
  } catch (error) {
    if (!(error instanceof Failure) || error.kind !== 'deadline' || missing.length === 0) throw error;
    throw new Failure('deadline', `not ready after ${formatDuration(config.timeout)}: ${missing.join('; ')}`);
  } finally {
    deadline.clear();
    await link.close();
  }
}

type Answer = Omit<Waited, 'seconds'>;

async function untilAllHold(connection: Connection, config: WaitConfig, note: (missing: readonly string[]) => void, signal: AbortSignal): Promise<Answer> {
  for (;;) {
    const queues: (Answer['queues'][number] | undefined)[] = [];
    for (const queue of config.queue) queues.push(await found(async () => ({ queue, ...(await countsOf(connection, queue, config)) })));
    const exchanges: (string | undefined)[] = [];
    for (const exchange of config.exchange) {
      exchanges.push(await found(async () => onOwnChannel(connection, async (channel) => channel.checkExchange(exchange).then(() => exchange))));
    }
    const missing = [
      ...config.queue.map((name, index) => missingOf(name, queues[index], config)),
      ...config.exchange.map((name, index) => (exchanges[index] === undefined ? `exchange "${name}" does not exist` : undefined)),
    ].filter((what) => what !== undefined);
    if (missing.length === 0) return { queues: queues.filter((one) => one !== undefined), exchanges: config.exchange };
    note(missing);
    await pause(signal);
    if (signal.aborted) throw abortFailure(signal);
  }
}

/** A quorum queue that has no leader seems to be empty. */
async function countsOf(connection: Connection, queue: string, { empty }: WaitConfig): Promise<QueueCounts> {
  const counts = await queueCounts(connection, queue);
  if (!empty || counts.messages > 0 || counts.consumers > 0) return counts;
  return certainCounts(connection, queue, await queueType(connection, queue));
}

function missingOf(queue: string, counts: QueueCounts | undefined, { consumers = 0, messages = 0, empty }: WaitConfig): string | undefined {
  if (counts === undefined) return `queue "${queue}" does not exist`;
  const lacks = [
    ...(counts.consumers < consumers ? [`${formatCount(counts.consumers, 'consumer')} of ${formatNumber(consumers)}`] : []),
    ...(counts.messages < messages ? [`${formatCount(counts.messages, 'message')} of ${formatNumber(messages)}`] : []),
    ...(empty && counts.messages > 0 ? [`${formatCount(counts.messages, 'message')}, not none`] : []),
  ];
  return lacks.length === 0 ? undefined : `queue "${queue}" has ${lacks.join(' and ')}`;
}

/** What a question finds; undefined for what does not exist. */
async function found<T>(question: () => Promise<T>): Promise<T | undefined> {
  return question().catch(orElse('missing', undefined));
}

async function pause(signal: AbortSignal): Promise<void> {
  await delay(INTERVAL, undefined, { signal }).catch(() => undefined);
}

/** What is there, for people. */
export function waitedText({ queues, exchanges }: Waited): string {
  const parts = [
    ...queues.map(({ queue, messages, consumers }) => `queue "${queue}" has ${formatCount(messages, 'message')} and ${formatCount(consumers, 'consumer')}`),
    ...exchanges.map((name) => `exchange "${name}" is there`),
  ];
  return parts.length === 0 ? 'the broker is up' : parts.join('; ');
}
