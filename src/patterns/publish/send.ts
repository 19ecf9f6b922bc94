import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod/mini';
import type { Session } from '../../amqp/connection/session.ts';
import type { Outcome } from '../../amqp/publisher/outcomes.ts';
import { Publisher } from '../../amqp/publisher/publisher.ts';
import { deferred, onAbort } from '../../model/async.ts';
import { fewOf, type PublishCounts } from '../../model/event.ts';
import { abortFailure, Failure } from '../../model/failure.ts';
import type { Message } from '../../model/message/message.ts';
import { option } from '../../model/option.ts';
import { formatCount, MAX_TIMER } from '../../model/quantity.ts';
import { untilStopped } from './input.ts';
import type { ReturnedFile } from './returned-file.ts';

/** How any publishing command sends. */
export const sendingShape = {
  /** Messages a second. */
  rate: z.optional(z.number().check(z.gt(0), z.maximum(1_000_000))),
  /** Unconfirmed messages in flight. */
  window: z._default(z.int().check(z.minimum(1), z.maximum(100_000)), 2_000),
  /** False: the broker is not asked for confirms. */
  confirm: z._default(z.boolean(), true),
  /** True: the broker silently drops a message that no queue is bound for. */
  allowUnroutable: z._default(z.boolean(), false),
  /** Milliseconds without any confirm after which the publisher connects again. */
  confirmTimeout: z._default(z.int().check(z.minimum(1), z.maximum(MAX_TIMER)), 30_000),
  /** Milliseconds for the whole run. */
  timeout: z.optional(z.int().check(z.minimum(1), z.maximum(MAX_TIMER))),
  /** A file to which each unroutable message is added as an envelope. */
  returned: z.optional(z.string().check(z.minLength(1))),
};

/** Rules between them, for `check` of every config that has them. */
export const sendingRules = [
  z.refine<Pick<SendingConfig, 'returned' | 'confirm' | 'allowUnroutable'>>(
    ({ returned, confirm, allowUnroutable }) => returned === undefined || (confirm && !allowUnroutable),
    {
      error: () => `${option('returned')} needs confirms and returned messages: it excludes ${option('confirm', false)} and ${option('allowUnroutable')}`,
    },
  ),
] as const;

/** How messages are sent; see `sendingShape`. */
export const SendingConfig = z.strictObject(sendingShape).check(...sendingRules);
export type SendingConfig = z.output<z.ZodMiniObject<typeof sendingShape>>;

/** Milliseconds to wait for confirms once the run is stopped. */
const STOP_GRACE = 5_000;
/** Milliseconds of this wait before it is reported. */
const STOP_SILENCE = 500;

/** Messages, or batches of them as they become known. A failure stands for an invalid message: the others are sent. */
export type MessageBatches = Iterable<Message> | AsyncIterable<readonly (Message | Failure)[]>;

/** What a caller learns about each message. */
export interface Watch {
  /** It is sent now; not called when it is sent again. */
  readonly sending?: ((message: Message) => void) | undefined;
  readonly settled?: ((message: Message, outcome: Outcome) => void) | undefined;
}

/** Messages that were not sent: refused by the broker, or invalid. */
interface Unsent {
  readonly refused: Failure[];
  readonly broken: { first: Failure | undefined; count: number };
}

/**
 * Publishes messages, and resolves when the broker has taken responsibility for each and each has reached a queue.
 *
 * @throws Failure with what failed, after everything else was sent: `unroutable`, `later` (nacked), `refused`,
 * `unavailable`, `data` for a message that is invalid or cannot be encoded, or what the session's signal was aborted with
 */
export async function sendMessages(
  session: Session,
  config: SendingConfig,
  messages: MessageBatches,
  target?: string,
  watch: Watch = {},
): Promise<PublishCounts> {
  const started = performance.now();
  const publisher = new Publisher(session, {
    window: config.window,
    confirm: config.confirm,
    mandatory: !config.allowUnroutable,
    oneExchange: target !== undefined,
    confirmTimeout: config.confirmTimeout,
  });
  const returned = config.returned === undefined ? undefined : await openReturned(config.returned, publisher);
  const unsent: Unsent = { refused: [], broken: { first: undefined, count: 0 } };
  const stage: { now: Stage } = { now: 'connecting' };
  const timer =
    config.timeout === undefined ? undefined : setTimeout(() => publisher.abandon(deadlineFailure(stage.now, publisher.unconfirmed)), config.timeout);
  let failure: unknown;
  let unwritten: Failure | undefined;
  try {
    await unlessStopped(session.signal, publisher, async () => {
      await publisher.connect();
      await sendAll(session, publisher, config, messages, { unsent, returned }, stage, watch);
      await publisher.idle();
    });
  } catch (error) {
    failure = error;
    await settleWithin(session, publisher);
  } finally {
    clearTimeout(timer);
    await publisher.close();
    unwritten = await returned?.close();
    failure = unwritten ?? failure;
  }
  if (stage.now === 'connecting') throw failure;
  const { counts } = publisher;
  const seconds = (performance.now() - started) / 1_000;
  session.emit({ kind: 'published', counts, refused: unsent.refused.length, seconds, target, confirms: config.confirm });
  if (counts.returned > 0 && returned !== undefined && unwritten === undefined) {
    session.emit({ kind: 'returns-kept', file: config.returned ?? '' });
  }
  const verdict = judge(counts, unsent, failure);
  if (verdict !== undefined) throw verdict;
  return counts;
}

async function openReturned(path: string, publisher: Publisher): Promise<ReturnedFile> {
  const { openReturnedFile } = await import('./returned-file.ts');
  return openReturnedFile(path, (failure) => publisher.abandon(failure));
}

async function sendAll(
  session: Session,
  publisher: Publisher,
  config: SendingConfig,
  batches: MessageBatches,
  { unsent: { refused, broken }, returned }: { readonly unsent: Unsent; readonly returned: ReturnedFile | undefined },
  stage: { now: Stage },
  watch: Watch,
): Promise<void> {
  const { signal } = session;
  const pace = pacing(config.rate, signal);
  const complain = fewOf(session.emit, 'further broken lines are only counted');
  const progress = { at: performance.now() };
  const settled = (outcome: Outcome, message: Message): void => {
    if (outcome.kind === 'refused') refused.push(outcome.failure);
    else if (outcome.kind === 'returned') returned?.add(message, outcome.reply);
    watch.settled?.(message, outcome);
  };
  stage.now = 'reading';
  for await (const batch of untilStopped(batchesOf(batches), publisher)) {
    stage.now = 'sending';
    for (const message of batch) {
      if (message instanceof Failure) {
        broken.first ??= message;
        broken.count++;
        complain({ kind: 'broken', failure: message });
        continue;
      }
      if (!publisher.isReadyFor(message)) await publisher.readyFor(message);
      if (pace !== undefined) await pace();
      if (signal.aborted) throw abortFailure(signal);
      watch.sending?.(message);
      publisher.send(message, settled);
      if (performance.now() - progress.at > 100) {
        progress.at = performance.now();
        session.emit({ kind: 'publishing', counts: publisher.counts });
      }
    }
    stage.now = 'reading';
  }
  stage.now = 'sending';
}

async function* batchesOf(batches: MessageBatches): AsyncGenerator<readonly (Message | Failure)[]> {
  if (Symbol.asyncIterator in batches) yield* batches;
  else for (const message of batches) yield [message];
}

/** Milliseconds by which timers are late as a rule: what that costs is caught up. */
const LATE = 20;

/** Spaces messages evenly; a source that fell further behind does not catch up in a burst. */
export function pacing(rate: number | undefined, signal: AbortSignal): (() => Promise<void>) | undefined {
  if (rate === undefined) return undefined;
  const interval = 1_000 / rate;
  const behind = Math.max(interval, LATE);
  let next = performance.now();
  return async () => {
    const now = performance.now();
    const due = Math.max(next, now - behind);
    next = due + interval;
    // Timers count whole milliseconds: shorter waits add up until one is worth it.
    if (due - now >= 1) await delay(due - now, undefined, { signal }).catch(() => Promise.reject(abortFailure(signal)));
  };
}

/** Does the work; rejects at once with the failure that ends it, wherever it waits. */
async function unlessStopped(signal: AbortSignal, publisher: Publisher, work: () => Promise<void>): Promise<void> {
  if (signal.aborted) throw abortFailure(signal);
  const stopped = deferred<Failure>();
  const ignore = onAbort(signal, () => stopped.resolve(abortFailure(signal)));
  void publisher.stopped.then(stopped.resolve);
  try {
    const failure = await Promise.race([work(), stopped.promise]);
    if (failure !== undefined) throw failure;
  } finally {
    ignore();
  }
}

/** Waits for confirms under way; there are none while an alarm blocks the connection. */
async function settleWithin({ emit }: Session, publisher: Publisher): Promise<void> {
  const { unconfirmed } = publisher;
  if (unconfirmed === 0 || publisher.failure !== undefined || publisher.blocked) return;
  const said = setTimeout(() => emit({ kind: 'note', text: `waiting for ${formatCount(unconfirmed, 'confirm')}; Ctrl-C leaves at once` }), STOP_SILENCE);
  const timer = setTimeout(() => publisher.abandon(new Failure('unavailable', 'the broker did not confirm in time')), STOP_GRACE);
  await publisher.idle().catch(() => undefined);
  clearTimeout(timer);
  clearTimeout(said);
}

/** What a run waits for, besides confirms. */
type Stage = 'connecting' | 'reading' | 'sending';

/** The failure names what the time was spent on: a slow input is not a slow broker. */
function deadlineFailure(stage: Stage, unconfirmed: number): Failure {
  if (stage === 'connecting') return new Failure('deadline', `the deadline passed before there was a connection (${option('timeout')})`);
  if (unconfirmed > 0) return new Failure('deadline', `the deadline passed with ${formatCount(unconfirmed, 'message')} on the way (${option('timeout')})`);
  if (stage === 'sending') return new Failure('deadline', `the deadline passed before everything was sent (${option('timeout')})`);
  return new Failure('deadline', `the deadline passed before the input ended (${option('timeout')})`, {
    hint: 'the broker has answered for every message that was read',
  });
}

/** The failure of a run: what stopped it, or what the broker refused; several reasons are `partial`. */
function judge(counts: PublishCounts, { refused, broken }: Unsent, failure: unknown): unknown {
  if (failure !== undefined) return failure;
  const reasons: Failure[] = [];
  const nacked = counts.nacked - refused.length;
  if (counts.returned > 0) {
    reasons.push(
      new Failure('unroutable', `no queue is bound for ${formatCount(counts.returned, 'message')}`, {
        hint: `declare the queue, or bind one for that exchange and routing key; ${option('allowUnroutable')} accepts the loss`,
      }),
    );
  }
  if (nacked > 0)
    reasons.push(
      new Failure('later', `the broker refused ${formatCount(nacked, 'message')} (nack)`, {
        hint: 'a full queue with overflow=reject-publish does this; try again later',
      }),
    );
  const [first] = refused;
  if (first !== undefined)
    reasons.push(refused.length === 1 ? first : first.saying(`${formatCount(refused.length, 'message')} refused; the first one: ${first.message}`));
  if (broken.first !== undefined) {
    const text = `${formatCount(broken.count, 'line')} could not be sent; the first one: ${broken.first.message}`;
    reasons.push(broken.count === 1 ? broken.first : broken.first.saying(text));
  }
  if (reasons.length <= 1) return reasons[0];
  return new Failure('partial', reasons.map(({ message }) => message).join('\n'));
}
