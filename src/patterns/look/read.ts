import { askOver, passes } from '../../amqp/connection/keep-alive.ts';
import type { Session } from '../../amqp/connection/session.ts';
import { Consumer } from '../../amqp/consumer/consumer.ts';
import type { WireDelivery } from '../../amqp/consumer/delivery.ts';
import { PutBack } from '../../amqp/consumer/put-back.ts';
import { untilReleased } from '../../amqp/consumer/queue-depth.ts';
import { learnStart, type ReturnRules } from '../../amqp/consumer/return-rules.ts';
import { lastOffset } from '../../amqp/topology/queue-facts.ts';
import { deferred, onAbort } from '../../model/async.ts';
import { abortFailure, Failure } from '../../model/failure.ts';
import { option } from '../../model/option.ts';
import { formatCount, formatDuration } from '../../model/quantity.ts';
import { type OnDelivery, type ReadOptions, type ReadSummary, strandedFailure } from './options.ts';
import { Reading } from './reading.ts';

/**
 * Hands out every message that is in the queue at the start, in order, and leaves all of them there; no other consumer gets them meanwhile. A
 * lost connection comes back, and no message is handed out twice, unless `restart` says that the reading begins anew.
 *
 * @throws Failure `missing` for a queue that does not exist, `refused` for one that hides returned messages, `denied` where a message at its delivery limit
 * could not be put back, `later` when the queue delivers nothing, `unavailable` when the connection is lost for good, or what stopped the session
 */
export async function readThrough(session: Session, queue: string, options: ReadOptions, onDelivery: OnDelivery): Promise<ReadSummary> {
  const { summary, failure } = await readHeld(session, queue, options, onDelivery);
  if (summary.copiedBack > 0) session.emit({ kind: 'note', text: describeCopied(summary.copiedBack, queue) });
  if (failure === undefined) return summary;
  const gone = strandedFailure(queue, summary);
  if (gone !== undefined) session.emit({ kind: 'note', text: gone.message });
  throw failure;
}

/** The same, with what was read also when the reading failed. */
export async function readHeld(
  session: Session,
  queue: string,
  options: ReadOptions,
  onDelivery: OnDelivery,
): Promise<{ readonly summary: ReadSummary; readonly failure: Failure | undefined }> {
  const link = session.open('consumer');
  let putBack: PutBack | undefined;
  let summary: ReadSummary = { type: undefined, depth: 0, read: 0, unread: 0, chosen: 0, copiedBack: 0, stranded: 0 };
  let failure: Failure | undefined;
  try {
    const first = await askOver(link, session.signal, async (on) => {
      await options.prepare?.(on);
      return learnStart(on, queue, options.ask);
    });
    const { messages: depth, consumers: others, type, rules } = first.answer;
    summary = { ...summary, type, depth };
    if (type === 'stream') {
      if (options.stream !== undefined) await options.stream();
      else {
        const last = await lastOffset(first.connection, queue);
        const { read, at } = await readStream(session, queue, last, options, onDelivery);
        summary = { ...summary, depth: read + last - at, read };
      }
      return { summary, failure };
    }
    putBack = await holdable(session, queue, rules, { force: options.force === true });
    const reading = new Reading(session, { queue, depth, rules, putBack, keepsOrder: type !== 'classic' }, options, onDelivery);
    try {
      const last = await passes(
        link,
        session.signal,
        first.connection,
        (connection) => reading.pass(connection),
        async (on, { silent }) => {
          await options.prepare?.(on);
          await untilReleased(on, queue, { others, least: reading.remaining, silent }, session.emit, session.signal);
          await reading.restart();
        },
      );
      failure = last.failure === undefined || last.connection.open ? last.failure : await last.connection.lost;
    } finally {
      summary = { ...summary, ...reading.summary };
      const missing = reading.passes > 1 && reading.ranDry ? reading.remaining - reading.delivered : 0;
      if (missing > 0 && failure === undefined) failure = missingFailure(missing, queue);
      if (!rules.isCertain && reading.unready > 0) {
        const unready = describeUnready(reading.unready, queue, rules);
        if (rules.limit === undefined || failure !== undefined) session.emit({ kind: 'note', text: unready });
        else failure = new Failure('partial', unready, { hint: 'look behind its dead-letter exchange; the management API tells the limits of a queue' });
      }
    }
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    failure = error;
  } finally {
    await putBack?.close();
    await link.close();
  }
  return { summary, failure };
}

/**
 * Finds out, before anything is taken, how messages can go back: resolves with what puts copies back where a return would be the last, or with undefined where none is needed.
 * `looks` is false for a run that returns messages only when something fails.
 *
 * @throws Failure `refused` for a queue that hides returned messages, `denied` for a user who may not put copies back; not when forced
 */
export async function holdable(
  session: Session,
  queue: string,
  { limit, isCertain, hiddenFor }: ReturnRules,
  { force, looks = true }: { readonly force: boolean; readonly looks?: boolean },
): Promise<PutBack | undefined> {
  if (hiddenFor !== undefined && looks && !force) {
    throw new Failure(
      'refused',
      `"${queue}" hides returned messages for at least ${formatDuration(hiddenFor)} (x-delayed-retry-type): looking would hide them`,
      {
        hint: `nothing was taken; ${option('force')} looks nevertheless, and the messages are back after that delay`,
      },
    );
  }
  if (limit === undefined) return undefined;
  const putBack = new PutBack(session);
  try {
    await putBack.connect();
    return putBack;
  } catch (error) {
    await putBack.close();
    if (!(error instanceof Failure) || error.kind !== 'denied') throw error;
    if (force) return undefined;
    const counted = isCertain
      ? `drops or dead-letters a message that is returned more than ${limit} times`
      : 'may have a delivery limit, which this user cannot see';
    throw new Failure('denied', `looking into "${queue}" could cost messages: the queue ${counted}, and this user may not put a copy back`, {
      cause: error,
      hint: `nothing was taken; grant the write permission on the exchange "amq.default", or look nevertheless with ${option('force')}`,
    });
  }
}

/** What is told of messages that a look could not return. */
export function describeCopied(copiedBack: number, queue: string): string {
  const [were, each] = copiedBack === 1 ? ['was', 'its copy is'] : ['were', 'copies of them are'];
  return `${formatCount(copiedBack, 'message')} of "${queue}" ${were} at the delivery limit and could not be returned: ${each} at the end of the queue`;
}

/** A lost connection is a return of everything that it held, and may have been the last one. */
function missingFailure(missing: number, queue: string): Failure {
  const [are, them] = missing === 1 ? ['is', 'it'] : ['are', 'them'];
  return new Failure(
    'partial',
    `${formatCount(missing, 'message')} of "${queue}" ${are} missing since the connection was lost: the queue has dead-lettered or dropped ${them} at the delivery limit, or another consumer has ${them}`,
    { hint: 'look for them behind the dead-letter exchange of the queue' },
  );
}

/** What may have become of messages that went back to a queue whose arguments are not visible. */
function describeUnready(unready: number, queue: string, { limit }: ReturnRules): string {
  const [are, them] = unready === 1 ? ['is', 'it'] : ['are', 'them'];
  const gone =
    limit === undefined ? 'hides returned messages for a while (x-delayed-retry-type)' : `has a delivery limit of 0 and has dead-lettered or dropped ${them}`;
  return `${formatCount(unready, 'message')} of "${queue}" ${are} not ready again: another consumer has taken ${them}, or the queue ${gone}`;
}

const PREFETCH = 2_000;

/**
 * Hands out the messages of a stream from its first to the offset `last`. The stream keeps them all. Resolves with their
 * number, and with the offset of the last one.
 *
 * @throws Failure `refused` when messages are to be removed, and as the consumer does
 */
export async function readStream(
  session: Session,
  queue: string,
  last: number,
  { take, enough }: ReadOptions,
  onDelivery: OnDelivery,
): Promise<{ readonly read: number; readonly at: number }> {
  if (take !== undefined) throw new Failure('refused', 'a stream keeps its messages until its retention drops them: none can be removed');
  let [read, at] = [0, -1];
  if (last < 0) return { read, at };
  const { promise: ended, resolve: end } = deferred<Failure | undefined>();
  const handle = async (delivery: WireDelivery, offset: number): Promise<void> => {
    try {
      await onDelivery(delivery, read);
    } catch (error) {
      end(error instanceof Failure ? error : new Failure('io', `reading stopped: ${error instanceof Error ? error.message : error}`, { cause: error }));
    }
    consumer.settle(delivery, 'ack');
    if (offset >= last || enough?.() === true) end(undefined);
  };
  const consumer = new Consumer(session, { queue, prefetch: PREFETCH, noAck: false, exclusive: false }, (delivery) => {
    const offset = delivery.offset ?? 0;
    if (offset > last || enough?.() === true) {
      end(undefined);
      return;
    }
    at = offset;
    read++;
    void handle(delivery, offset);
  });
  const ignore = onAbort(session.signal, () => end(abortFailure(session.signal)));
  try {
    await consumer.connect();
    void consumer.ended.then(end);
    await consumer.subscribe(Number.POSITIVE_INFINITY, { 'x-stream-offset': 'first' });
    const failure = await ended;
    if (failure !== undefined) throw failure;
    return { read, at };
  } finally {
    ignore();
    // Acknowledgements only give credit: a lost one costs nothing.
    await consumer.close().catch(() => undefined);
  }
}
