import { describeTransfer } from '../model/dead-letter/transfer.ts';
import type { ConsumeCounts, Event, PublishCounts, WorkCounts } from '../model/event.ts';
import { type Place, placeOf } from '../model/message/message.ts';
import { formatCount, formatDuration, formatMilliseconds, formatNumber } from '../model/quantity.ts';
import type { CallCounts, ServeCounts } from '../model/rpc.ts';
import type { RoundTrips } from '../model/stopwatch.ts';

/** A line for standard error, and how much it matters. */
export interface Remark {
  /** `difference`: lines that begin with `- ` or `+ ` have their own colours. */
  readonly weight: 'warning' | 'difference' | 'note' | 'detail';
  readonly text: string;
}

/** A remark for every kind of event; undefined for those that only drive the progress display. */
type Remarks = { readonly [K in Event['kind']]: (event: Extract<Event, { readonly kind: K }>) => Remark | undefined };

const warning = (text: string): Remark => ({ weight: 'warning', text });
const note = (text: string): Remark => ({ weight: 'note', text });
const detail = (text: string): Remark => ({ weight: 'detail', text });

/** Milliseconds of an outage without its duration in the report. */
const SHORT_OUTAGE = 5_000;

const REMARKS: Remarks = {
  connecting: ({ role, address }) => detail(`connecting to ${address} (${role})`),
  connected: ({ role, address, broker }) => detail(`connected to ${address} (${role})${broker === '' ? '' : `, broker version ${broker}`}`),
  disconnected: ({ role, failure }) => warning(`lost the ${role} connection: ${failure.message}`),
  reconnecting: ({ role, attempt, delay, since, repeated, failure }) => {
    const soFar = since < SHORT_OUTAGE ? '' : ` without success for ${formatDuration(since)};`;
    const text = `${role} connection:${soFar} attempt ${attempt} ${delay === 0 ? 'now' : `in ${formatDuration(delay)}`}: ${failure.message}`;
    return repeated ? detail(text) : warning(text);
  },
  lost: ({ role, failure }) => warning(`the ${role} gave up: ${failure.message}`),
  subscribed: ({ text }) => note(text),
  blocked: ({ reason }) =>
    warning(`the broker blocks publishers, because of a memory or disk alarm: ${reason}; waiting until it lifts or --blocked-timeout passes`),
  unblocked: () => note('the broker accepts messages again'),
  returned: ({ exchange, routingKey, messageId, reply, from }) =>
    warning(`${message(messageId, from)} was returned: ${noQueue(exchange, routingKey)} (${reply})`),
  nacked: ({ exchange, routingKey, messageId, from }) =>
    warning(`${message(messageId, from)} to ${address(exchange, routingKey)} was refused by the broker (nack)`),
  broken: ({ failure }) => warning(failure.message),
  refused: ({ messageId, record, failure, from }) => warning(`${message(messageId, from, record)} was refused: ${failure.message}`),
  cancelled: ({ queue, timedOut }) =>
    warning(
      timedOut === true
        ? `the broker took back messages that this consumer of "${queue}" held unacknowledged for too long (consumer_timeout, or x-consumer-timeout of the queue); subscribing again`
        : `the broker cancelled the consumer of "${queue}": the queue was deleted or its node went away`,
    ),
  publishing: () => undefined,
  published: ({ counts, refused, seconds, target, confirms }) => {
    const all = formatCount(counts.published, 'message');
    const which = refused === 0 ? all : `${counts.published === refused ? 'none' : formatNumber(counts.published - refused)} of ${all}`;
    return note(`published ${which}${target === undefined ? '' : ` to ${target}`}: ${published(counts, refused, confirms)}, in ${formatSeconds(seconds)}`);
  },
  'returns-kept': ({ file }) => note(`${file} has what was returned: rmq publish --envelopes -f ${file} sends it again`),
  consuming: () => undefined,
  consumed: ({ counts, seconds, queue }) =>
    note(`consumed ${formatCount(counts.received, 'message')} from "${queue}" in ${formatSeconds(seconds)}${consumed(counts)}`),
  peeked: ({ counts: { received, acknowledged, requeued, copiedBack = 0 }, selected, seconds, queue }) => {
    const copies = copiedBack === 0 ? '' : `, ${formatNumber(copiedBack)} at the delivery limit and now at its end, as copies`;
    const kept = received === acknowledged + requeued ? '; nothing was removed' : '';
    return note(`looked at ${formatCount(received, 'message')} of "${queue}"${matching(selected)} in ${formatSeconds(seconds)}${copies}${kept}`);
  },
  tapped: ({ counts: { received }, selected, dropped, certain, seconds, from }) => {
    const lost = `${certain ? '' : 'at least '}${formatCount(dropped, 'older copy', 'older copies')} ${dropped === 1 ? 'was' : 'were'} dropped`;
    const told = `copied ${formatCount(received, 'message')} of ${from}${matching(selected)} in ${formatSeconds(seconds)}`;
    return dropped === 0 && certain ? note(told) : warning(`${told}; ${lost}: they came faster than they were printed`);
  },
  retried: ({ messageId, attempt, delay, reason }) =>
    warning(`${message(messageId)} failed (attempt ${attempt}): ${reason}; the next attempt is in ${formatDuration(delay)}`),
  requeued: ({ messageId, attempt, reason }) => warning(`${message(messageId)} goes back to the queue (attempt ${attempt}): ${reason}`),
  'copied-back': ({ queue, messageId }) =>
    note(`${message(messageId)} was put back as a copy at the end of "${queue}": it is at the delivery limit, where one more return would have been its last`),
  dead: ({ messageId, attempt, reason, target }) =>
    warning(`${message(messageId)} failed for good (attempt ${attempt}): ${reason}; ${target === undefined ? 'it is dropped' : `dead-lettered to ${target}`}`),
  worked: ({ counts, seconds, queue }) =>
    note(`handled ${formatCount(counts.received, 'message')} from "${queue}" in ${formatSeconds(seconds)}${worked(counts)}`),
  'request-failed': ({ messageId, reason }) => warning(`the request${messageId === undefined ? '' : ` (id "${messageId}")`} failed: ${reason}`),
  served: ({ counts, seconds, queue }) =>
    note(`served ${formatCount(counts.received, 'request')} from "${queue}" in ${formatSeconds(seconds)}${served(counts)}`),
  replied: ({ roundTrip }) => note(`reply after ${formatMilliseconds(roundTrip)}`),
  'call-failed': ({ call, reason, stderr }) => warning(`call ${formatNumber(call)} failed: ${reason}${stderr === '' ? '' : `\n${stderr}`}`),
  called: ({ counts, roundTrips, seconds, queue }) =>
    note(`made ${formatCount(counts.calls, 'call')} to "${queue}" in ${formatSeconds(seconds)}${called(counts, roundTrips)}`),
  transferring: () => undefined,
  transferred: ({ counts, seconds, queue, verb }) => note(`${describeTransfer(counts, queue, verb)}, in ${formatSeconds(seconds)}`),
  unjudged: ({ messages, all, reason }) =>
    warning(
      `--where ${all ? 'could judge none of' : 'could not judge'} ${formatCount(messages, 'message')}, which count as not matching: ${reason}${messages === 1 ? '' : ' (the first)'}`,
    ),
  unmet: ({ text }) => ({ weight: 'difference', text }),
  waiting: ({ for: missing }) => detail(`waiting: ${missing.join('; ')}`),
  'handler-output': () => undefined,
  note: ({ text }) => note(text),
  detail: ({ text }) => detail(text),
};

export function remarkOn<K extends Event['kind']>(event: Extract<Event, { readonly kind: K }>): Remark | undefined {
  return REMARKS[event.kind as K](event);
}

/** How long something took, to a tenth of a second. */
export function formatSeconds(seconds: number): string {
  return seconds < 59.95 ? `${seconds.toFixed(1)} s` : formatDuration(seconds * 1_000);
}

function message(id: string | undefined, from?: Place, record?: number): string {
  const which = from?.line !== undefined ? placeOf(from) : record === undefined ? 'a message' : `message ${record}`;
  return id === undefined ? which : `${which} (id "${id}")`;
}

function noQueue(exchange: string, routingKey: string): string {
  return exchange === '' ? `there is no queue "${routingKey}"` : `no queue is bound to exchange "${exchange}" for key "${routingKey}"`;
}

function address(exchange: string, routingKey: string): string {
  return exchange === '' ? `queue "${routingKey}"` : `exchange "${exchange}" with key "${routingKey}"`;
}

function list(parts: readonly (readonly [count: number, what: string])[]): string[] {
  return parts.filter(([count]) => count > 0).map(([count, what]) => `${formatNumber(count)} ${what}`);
}

function published({ confirmed, returned, nacked, unknown }: PublishCounts, refused: number, confirms: boolean): string {
  const parts = list([
    [confirmed, 'confirmed'],
    [returned, 'returned'],
    [nacked - refused, 'nacked'],
    [refused, 'refused'],
    [unknown, 'unknown'],
  ]);
  if (!confirms) parts.unshift('not confirmed, as asked');
  return parts.length === 0 ? 'none confirmed' : parts.join(', ');
}

/** These messages come again, unless the answer arrived after all. */
const LOST = 'unknown (the connection or the queue was lost before their answer was certain: what is still in the queue comes again)';

function worked({ acknowledged, retried, dead, dropped, requeued, copiedBack, unknown, returned, waiting = 0 }: WorkCounts): string {
  const parts = list([
    [acknowledged, 'acknowledged'],
    [retried, 'retried'],
    [dead, 'dead-lettered'],
    [dropped, 'dropped'],
    [requeued, 'requeued'],
    [copiedBack, 'put back as a copy'],
    [unknown, LOST],
    [returned, 'returned unseen'],
  ]);
  const later = waiting === 0 ? '' : `; ${formatCount(waiting, 'message')} ${waiting === 1 ? 'waits' : 'wait'} for another attempt`;
  return `${parts.length === 0 ? '' : `: ${parts.join(', ')}`}${later}`;
}

function served({ replied, failed, unaddressed, unheard, returned, unknown }: ServeCounts): string {
  const parts = list([
    [replied, 'answered'],
    [failed, 'answered with an error'],
    [unaddressed, 'without a reply address'],
    [unheard, 'answered when the caller had gone'],
    [returned, 'returned to the queue'],
    [unknown, LOST],
  ]);
  return parts.length === 0 ? '' : `: ${parts.join(', ')}`;
}

function called({ replied, failed, unanswered }: CallCounts, roundTrips: RoundTrips | undefined): string {
  const parts = list([
    [replied, 'answered'],
    [failed, 'answered with an error'],
    [unanswered, 'without an answer'],
  ]);
  if (roundTrips === undefined) return parts.length === 0 ? '' : `: ${parts.join(', ')}`;
  const { p50, p99, max } = roundTrips;
  return `: ${parts.join(', ')}; round trip p50 ${formatMilliseconds(p50)}, p99 ${formatMilliseconds(p99)}, max ${formatMilliseconds(max)}`;
}

function matching(selected: number | undefined): string {
  return selected === undefined ? '' : `, of which ${formatNumber(selected)} ${selected === 1 ? 'matches' : 'match'},`;
}

function consumed({ acknowledged, rejected, requeued, unknown, returned, copiedBack = 0 }: ConsumeCounts): string {
  const parts = list([
    [acknowledged, 'acknowledged'],
    [rejected, 'rejected'],
    [requeued, 'requeued'],
    [unknown, LOST],
    [returned, 'returned unseen'],
    [copiedBack, 'of them as copies at the end of the queue'],
  ]);
  return parts.length === 0 ? '' : `: ${parts.join(', ')}`;
}
