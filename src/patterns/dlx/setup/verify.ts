import { onOwnChannel } from '../../../amqp/connection/channel.ts';
import type { Connection } from '../../../amqp/connection/connection.ts';
import type { Session } from '../../../amqp/connection/session.ts';
import { atLeast } from '../../../amqp/consumer/return-rules.ts';
import { passThrough } from '../../../amqp/topology/marked-message.ts';
import type { ManagementApi } from '../../../management/api.ts';
import { type Death, deathHistory } from '../../../model/dead-letter/death.ts';
import { Failure } from '../../../model/failure.ts';
import type { FieldTable } from '../../../model/message/message.ts';
import { option } from '../../../model/option.ts';
import { formatCount, formatDuration, formatNumber } from '../../../model/quantity.ts';
import { temporaryName, uniqueId } from '../../names.ts';
import type { DlxSetupConfig } from './config.ts';
import { queueState } from './plan.ts';
import type { DeadLetterSetup } from './topology.ts';

/** How the marked message reached the dead letters. */
export interface Verified {
  /** `twin`: a temporary queue with the dead-letter arguments of QUEUE replaced it, because it is in use. */
  readonly through: 'queue' | 'twin';
  readonly reason: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly milliseconds: number;
}

const PATIENCE = 10_000;
/** The most dead letters to hold for a moment, to reach the one that arrives after them. */
const MOST_HELD = 10_000;
const LONGEST_LADDER = 60_000;

/**
 * Sends a marked message through, rejects it, and takes it off the dead letters again. Real messages stay where they are: QUEUE
 * is used only while it is empty and has no consumers, otherwise a twin replaces it; earlier dead letters are held
 * for a moment and returned in order (their `redelivered` flag is then set).
 *
 * @throws Failure `negative` when it does not arrive as it should; `later` when the test is not possible now
 */
export async function verifySetup(
  session: Session,
  connection: Connection,
  api: ManagementApi | undefined,
  config: DlxSetupConfig,
  setup: DeadLetterSetup,
): Promise<Verified> {
  const climb = (config.retry ?? []).reduce((sum, pause) => sum + pause, 0);
  if (climb > LONGEST_LADDER) {
    throw new Failure(
      'later',
      `${option('verify')} would take ${formatDuration(climb)}, as long as the ladder, and keep consumers away from "${config.queue}" meanwhile`,
      {
        hint: 'try a ladder of shorter pauses on another queue; everything is set up',
      },
    );
  }
  const held = await holdable(connection, api, config.deadQueue);
  const isFree = await onOwnChannel(connection, async (channel) => {
    const { messageCount, consumerCount } = await channel.checkQueue(config.queue);
    return messageCount === 0 && consumerCount === 0;
  });
  if (!isFree && config.retry !== undefined) {
    throw new Failure(
      'later',
      `"${config.queue}" is in use, and its ladder leads back to it: ${option('verify')} could not keep the marked message from its consumers`,
      {
        hint: 'everything is set up; verify while the queue is empty and has no consumers',
      },
    );
  }
  const through = isFree ? config.queue : temporaryName(`${config.queue}.verify`);
  const start = performance.now();
  const passage = { into: through, outOf: config.deadQueue, held, id: uniqueId(), patience: PATIENCE + climb, signal: session.signal };
  const letter = await (isFree ? passThrough(connection, passage) : withTwin(connection, through, setup, () => passThrough(connection, passage)));
  if (held > 0)
    session.emit({ kind: 'note', text: `${formatCount(held, 'dead letter')} in "${config.deadQueue}" were held for a moment and are back in their place` });
  const death = deathHistory(letter.headers).deaths.find(({ queue }) => queue === through);
  const verified: Verified = {
    through: isFree ? 'queue' : 'twin',
    reason: death?.reason ?? 'unknown',
    exchange: letter.exchange,
    routingKey: letter.routingKey,
    milliseconds: Math.round(performance.now() - start),
  };
  return judged(verified, death, config, setup);
}

function judged(verified: Verified, death: Death | undefined, config: DlxSetupConfig, { queue }: DeadLetterSetup): Verified {
  const attempts = (config.retry?.length ?? 0) + 1;
  const wrong = [
    verified.reason === 'rejected' ? undefined : `its reason is ${verified.reason}, not rejected`,
    verified.routingKey === config.dlxRoutingKey ? undefined : `its key is "${verified.routingKey}", not "${config.dlxRoutingKey}"`,
    verified.exchange === queue.arguments['x-dead-letter-exchange'] ? undefined : `it came through the exchange "${verified.exchange}"`,
    death === undefined || death.count === attempts ? undefined : `it died ${formatCount(death.count, 'time')}, not ${formatNumber(attempts)}`,
  ].filter((one) => one !== undefined);
  if (wrong.length === 0) return verified;
  throw new Failure('negative', `the marked message arrived in "${config.deadQueue}", but ${wrong.join('; ')}`, {
    hint: `rmq dlx list ${config.queue} shows the way of its dead letters`,
  });
}

/** How many dead letters have to be held; refuses where that would harm them. */
async function holdable(connection: Connection, api: ManagementApi | undefined, name: string): Promise<number> {
  const { messageCount, consumerCount } = await onOwnChannel(connection, (channel) => channel.checkQueue(name));
  const no = (why: string): Failure =>
    new Failure('later', `"${name}" ${why}: ${option('verify')} cannot see its message arrive without disturbing others`, {
      hint: 'everything is set up, only not verified',
    });
  if (consumerCount > 0) throw no(`has ${formatCount(consumerCount, 'consumer')}`);
  if (messageCount > MOST_HELD) throw no(`holds ${formatCount(messageCount, 'dead letter')}`);
  if (messageCount === 0) return 0;
  const { arguments: args } = (await queueState(connection, api, name)) ?? { arguments: {} as FieldTable };
  const most = args['x-max-length'];
  // Held messages do not count for the limit: the marked message would arrive although the queue is full.
  if (typeof most === 'number' && messageCount >= most) {
    throw new Failure('negative', `"${name}" is full (${formatNumber(most)}): each further dead letter costs one`, {
      hint: 'rmq dlx replay and rmq dlx purge empty it',
    });
  }
  // Each look at a message of a quorum queue is an attempt; from 4.0 on there is a default limit.
  const limited = atLeast(connection.version, 4, 0) || args['x-delivery-limit'] !== undefined;
  if (args['x-queue-type'] === 'quorum' && limited)
    throw no(`is a quorum queue and holds ${formatCount(messageCount, 'dead letter')}, each of which would lose a delivery attempt`);
  if (args['x-queue-type'] === 'stream') throw no('is a stream');
  return messageCount;
}

async function withTwin<T>(connection: Connection, name: string, setup: DeadLetterSetup, use: () => Promise<T>): Promise<T> {
  await onOwnChannel(connection, (channel) => channel.assertQueue(name, twinOptions(setup)));
  try {
    return await use();
  } finally {
    // A twin that cannot be deleted expires, and proves nothing.
    await onOwnChannel(connection, (channel) => channel.deleteQueue(name)).catch(() => undefined);
  }
}

/** The twin dead-letters as QUEUE does; if it is not deleted, it expires. */
function twinOptions({ queue: { arguments: args } }: DeadLetterSetup): object {
  const same = ['x-queue-type', 'x-dead-letter-exchange', 'x-dead-letter-routing-key', 'x-dead-letter-strategy', 'x-overflow'];
  const kept = Object.entries(args).filter(([name]) => same.includes(name));
  return { durable: true, arguments: { ...Object.fromEntries(kept), 'x-expires': 120_000 } };
}
