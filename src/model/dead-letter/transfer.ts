import { Failure, type FailureKind } from '../failure.ts';
import { option } from '../option.ts';
import { formatCount, formatDuration, formatNumber } from '../quantity.ts';

/** Why a chosen message stays where it is. */
export type StayReason =
  /** No queue is bound for its destination. */
  | 'unroutable'
  /** The broker refused it: its queue is full. */
  | 'nacked'
  /** Its queue is full, and would drop another message for it. */
  | 'full'
  /** The exchange is missing or forbidden, or the message is too large. */
  | 'refused'
  /** Its headers do not say where it was published to. */
  | 'originless'
  /** Only its own headers say where it was published to. */
  | 'claimed'
  /** Its death headers cannot be read. */
  | 'malformed'
  /** Its destination is the queue that it is in. */
  | 'circular'
  /** It has been replayed too often. */
  | 'exhausted'
  /** This run has replayed it already. */
  | 'again'
  /** The program that was to edit it failed. */
  | 'unedited';

/** What became of the messages of a transfer. */
export interface TransferCounts {
  /** Messages in the queue at the start: no other is touched. */
  readonly depth: number;
  /** Messages looked at. */
  readonly seen: number;
  readonly chosen: number;
  /** Chosen, and returned to the queue without having been sent. */
  readonly unsent: number;
  /** Confirmed by the target, and acknowledged unless the originals stay. */
  readonly moved: number;
  /** Confirmed by the target, and delivered again because a connection was lost before the originals were off the queue: sent once more, and twice in the target. */
  readonly doubled: number;
  /** Confirmed by the target when the run ended, while the originals may still be in the queue: possibly in both places. */
  readonly inBoth: number;
  /** Sent again over a new connection, because it was unknown whether they had arrived: the target may have them twice. Part of the other counts. */
  readonly resent: number;
  /** It is unknown whether the target has them; the originals stay. */
  readonly unknown: number;
  readonly stayed: Readonly<Partial<Record<StayReason, number>>>;
  /** Messages that stay and could not be returned once more: a copy of each is at the end of their queue. Part of those not chosen, not sent, or staying. */
  readonly copiedBack: number;
  /** Messages that stay and could be neither returned nor copied: their queue dropped or dead-lettered them. */
  readonly stranded: number;
}

/** Why a message is not sent that would push another one out of its queue; and what to do then. */
export const FULL = 'the target queue is full, and would drop its oldest message';
export const whenFull = (): string => `wait until its consumers have made room, or raise its limit; ${option('force')} sends nevertheless, and others are lost`;

const WORDS: Readonly<Record<StayReason, () => string>> = {
  unroutable: () => 'no queue is bound for it',
  nacked: () => 'refused by the broker (nack)',
  full: () => FULL,
  refused: () => 'not accepted by the broker',
  originless: () => 'the headers name no origin',
  claimed: () => 'only their own headers say where they were published to, and any publisher can write those',
  malformed: () => 'the death headers cannot be read',
  circular: () => 'the destination is this same queue',
  exhausted: () => `replayed too often already (${option('maxReplays')})`,
  again: () => 'replayed by this run already, and dead-lettered again',
  unedited: () => 'the program that edits it failed or printed nothing',
};

/** The kind of the failure when there is only this reason. */
const KINDS: Readonly<Partial<Record<StayReason, FailureKind>>> = { unroutable: 'unroutable', nacked: 'later', full: 'later', circular: 'usage' };
const HINTS: Readonly<Partial<Record<StayReason, () => string>>> = {
  unroutable: () => `bind a queue there, or name a destination with ${option('toQueue')}`,
  nacked: () => 'the target queue is full and refuses more (overflow=reject-publish): try again later',
  full: () => whenFull(),
  originless: () => `name a destination with ${option('toQueue')}, or ${option('toExchange')} and ${option('routingKey')}`,
  claimed: () =>
    `${option('dryRun')} shows what they claim; the management API (${option('managementUrl')}) may confirm it; ${option('trustOrigin')} sends them there without proof, ${option('toQueue')} to a queue that you name`,
  malformed: () => `name a destination with ${option('toQueue')}, or ${option('toExchange')} and ${option('routingKey')}`,
  exhausted: () => `find out why they come back; ${option('maxReplays', 'N')} raises the limit`,
  circular: () => `name a destination with ${option('toQueue')}, or ${option('toExchange')} and ${option('routingKey')}`,
};

/** The reasons in words, the most frequent first. */
export function describeStayed(stayed: TransferCounts['stayed']): string[] {
  return reasonsOf(stayed).map(([reason, count]) => `${formatNumber(count)} ${count === 1 ? 'stays' : 'stay'}: ${WORDS[reason]()}`);
}

/** One line for people. */
export function describeTransfer(
  { depth, seen, chosen, unsent, moved, doubled, inBoth, resent, unknown, stayed, copiedBack }: TransferCounts,
  queue: string,
  verb: string,
): string {
  const parts = [
    ...(chosen < seen ? [`${formatNumber(seen - chosen)} not chosen`] : []),
    ...describeStayed(stayed),
    ...(unsent > 0 ? [`${formatNumber(unsent)} not sent`] : []),
    ...(inBoth > 0 ? [`${formatNumber(inBoth)} arrived, and may still be here as well: they could not be removed`] : []),
    ...(unknown > 0 ? [`${formatNumber(unknown)} may or may not have arrived`] : []),
    ...(seen < depth ? [`${formatNumber(depth - seen)} not looked at`] : []),
  ];
  // These are counted above already.
  const asides = [
    ...(doubled > 0 ? [`${formatNumber(doubled)} came again after they had arrived (the connection to this queue was lost), and may be there twice`] : []),
    ...(resent > 0 ? [`${formatNumber(resent)} ${resent === 1 ? 'was' : 'were'} sent again over a new connection, and may be there twice`] : []),
    ...(copiedBack > 0
      ? [`of those that stay, ${formatNumber(copiedBack)} ${copiedBack === 1 ? 'is now a copy' : 'are now copies'} at the end of the queue (delivery limit)`]
      : []),
  ];
  const told = [parts.join(', '), ...asides].filter((one) => one !== '').join('; ');
  return `${verb} ${formatNumber(moved)} of ${formatCount(depth, 'message')} in "${queue}"${told === '' ? '' : `: ${told}`}`;
}

/** How far a transfer has come, how fast, and how long it will take at that rate. More may be seen than there were at the start: messages that came later. */
export function describeProgress({ moved, seen, total }: { readonly moved: number; readonly seen: number; readonly total: number }, seconds: number): string {
  const left = Math.max(0, total - seen);
  const far = `moved ${formatNumber(moved)}, seen ${formatNumber(seen)} of ${formatNumber(seen + left)}`;
  if (seconds < 0.5 || seen === 0) return far;
  const rate = seen / seconds;
  return `${far}, ${formatNumber(Math.round(rate))}/s, ${formatDuration((left / rate) * 1_000)} left`;
}

/** The failure for chosen messages that stay; undefined when there are none. The first refusal of the broker tells why. */
export function transferFailure({ moved, unknown, stayed }: TransferCounts, refusal: Failure | undefined): Failure | undefined {
  const reasons = reasonsOf(stayed);
  const [first] = reasons;
  if (first === undefined) return unknown === 0 ? undefined : inDoubt(unknown, refusal);
  const [reason] = first;
  const all = reasons.reduce((sum, [, count]) => sum + count, 0);
  const told = refusal === undefined ? '' : `; the first one that the broker did not accept: ${refusal.message}`;
  const message = `${formatCount(all, 'message')} that ${all === 1 ? 'was' : 'were'} chosen ${all === 1 ? 'is' : 'are'} still there: ${describeStayed(stayed).join(', ')}${told}`;
  const hint = HINTS[reason]?.() ?? refusal?.hint;
  const detail = { hint, cause: refusal };
  if (reasons.length > 1 || (moved > 0 && reason !== 'unroutable')) return new Failure('partial', message, detail);
  return new Failure((reason === 'refused' ? refusal?.kind : KINDS[reason]) ?? 'partial', message, detail);
}

function inDoubt(unknown: number, refusal: Failure | undefined): Failure {
  const what = `${formatCount(unknown, 'message')} may have arrived, and ${unknown === 1 ? 'is' : 'are'} still here as well`;
  return new Failure('partial', refusal === undefined ? what : `${what}: ${refusal.message}`, { cause: refusal });
}

function reasonsOf(stayed: TransferCounts['stayed']): (readonly [StayReason, number])[] {
  return (Object.entries(stayed) as [StayReason, number][]).filter(([, count]) => count > 0).sort(([, a], [, b]) => b - a);
}
