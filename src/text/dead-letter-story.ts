import { ATTEMPT_HEADER, EXIT_CODE_HEADER, REASON_HEADER, STDERR_HEADER } from '../model/dead-letter/attempt.ts';
import { type Death, deathHistory } from '../model/dead-letter/death.ts';
import type { JudgedOrigin } from '../model/dead-letter/origin.ts';
import { replaysOf } from '../model/dead-letter/replay.ts';
import { plainHeaders } from '../model/message/field-json.ts';
import type { Delivery } from '../model/message/message.ts';
import { formatCount, formatDuration } from '../model/quantity.ts';
import { visibleLine } from './escape.ts';

/** The `death` of an envelope: what the headers of a dead letter tell, for programs. */
export interface DecodedDeath {
  /** The newest first. */
  readonly deaths: readonly (Omit<Death, 'time' | 'originalExpiration'> & { readonly time?: string; readonly originalExpiration?: string })[];
  /** The queue of its first death, and where it had been published to. */
  readonly first?: { readonly queue: string; readonly reason: string; readonly exchange: string; readonly routingKey: string };
  /** Where it was published to, where only its own headers say so: any publisher may have written them. */
  readonly claimedOrigin?: { readonly queue: string } | { readonly exchange: string; readonly routingKey: string };
  /** How often it was replayed before. */
  readonly replays: number;
  /** Entries of `x-death` that no broker writes. */
  readonly malformed: number;
}

/** Reads the death of a message, whatever its headers hold. */
export function decodeDeath({ properties }: Delivery, origin?: JudgedOrigin): DecodedDeath {
  const { deaths, first, malformed } = deathHistory(properties.headers);
  return {
    deaths: deaths.map(({ time, originalExpiration, ...death }) => ({
      ...death,
      ...(time !== undefined && { time: isoTime(time) }),
      ...(originalExpiration !== undefined && { originalExpiration }),
    })),
    ...(first !== undefined && {
      first: { queue: first.queue, reason: first.reason, exchange: first.exchange, routingKey: first.routingKeys[0] ?? '' },
    }),
    ...(origin?.claimed === true && { claimedOrigin: claimOf(origin) }),
    replays: replaysOf(properties),
    malformed,
  };
}

function claimOf({ address: { exchange, routingKey } }: JudgedOrigin): NonNullable<DecodedDeath['claimedOrigin']> {
  return exchange === '' ? { queue: routingKey } : { exchange, routingKey };
}

/** The way of a dead letter from its first death to its present queue, for people. `now` is in milliseconds since 1970. */
export function deathStory(delivery: Delivery, now: number, origin?: JudgedOrigin): string {
  const { queue, exchange, routingKey, properties } = delivery;
  const { deaths, first, malformed } = deathHistory(properties.headers);
  const hops = inTime(deaths, first).map((death, index) => `${index + 1}. ${hop(death, now)}`);
  const lines = [
    ...hops,
    `${deaths.length === 0 ? 'Nothing tells that it died. It' : 'Then it'} came into ${name(queue)}, published to ${describeAddress(exchange, routingKey)}.`,
    ...(origin?.claimed === true ? [claim(origin)] : []),
    ...worker(delivery),
    ...replayed(replaysOf(properties)),
    ...(malformed > 0
      ? [`${formatCount(malformed, 'entry', 'entries')} of x-death ${malformed === 1 ? 'is' : 'are'} not what a broker writes, and may be forged`]
      : []),
  ];
  return `${lines.join('\n')}\n`;
}

function claim({ address: { exchange, routingKey } }: JudgedOrigin): string {
  return `Only its own headers say that it was first published to ${describeAddress(exchange, routingKey)}.`;
}

/** The oldest first, by the first time: where a message died several times, its newest entry may be the oldest. */
function inTime(deaths: readonly Death[], first: Death | undefined): readonly Death[] {
  const oldest = [...deaths].reverse();
  if (oldest.some(({ time }) => time === undefined)) return oldest;
  // Within one second, the order of the entries decides, and the broker's headers say which death was first.
  return oldest.sort((one, other) => (one.time ?? 0) - (other.time ?? 0) || Number(other === first) - Number(one === first));
}

function hop({ queue, reason, count, time, exchange, routingKeys, originalExpiration }: Death, now: number): string {
  const [key = '', ...copies] = routingKeys;
  const when = time === undefined ? '' : `, ${count > 1 ? 'first ' : ''}${isoTime(time)} (${formatDuration(Math.max(0, now - time * 1_000))} ago)`;
  const also = copies.length === 0 ? '' : `, and to ${copies.map(name).join(', ')} (CC)`;
  const expiration = originalExpiration === undefined ? '' : `; it carried an expiration of ${originalExpiration} ms`;
  return `Published to ${describeAddress(exchange, key)}${also}, it ${how(reason)} ${name(queue)}${times(count)}${when}${expiration}.`;
}

const HOW: Readonly<Record<string, string>> = {
  rejected: 'was rejected in',
  expired: 'expired in',
  maxlen: 'was pushed out of the full queue',
  delivery_limit: 'reached the delivery limit of',
};

function how(reason: string): string {
  return Object.hasOwn(HOW, reason) ? (HOW[reason] ?? '') : `died (${visibleLine(reason)}) in`;
}

function times(count: number): string {
  return count === 1 ? '' : count === 2 ? ' twice' : ` ${formatCount(count, 'time')}`;
}

/** What a worker left in the headers. */
function worker({ properties: { headers = {} } }: Delivery): string[] {
  const plain = plainHeaders(headers);
  const { [ATTEMPT_HEADER]: attempt, [REASON_HEADER]: reason, [EXIT_CODE_HEADER]: code, [STDERR_HEADER]: stderr } = plain;
  if (typeof reason !== 'string') return [];
  const which = typeof attempt === 'number' ? ` on attempt ${attempt}` : '';
  const exit = typeof code === 'number' && !reason.includes(`exit code ${code}`) ? ` (exit code ${code})` : '';
  const said = typeof stderr === 'string' ? [`  ${stderr.trimEnd().split('\n').map(visibleLine).join('\n  ')}`] : [];
  return [`Its worker gave up${which}: ${visibleLine(reason)}${exit}${said.length > 0 ? '; its last lines:' : '.'}`, ...said];
}

function replayed(replays: number): string[] {
  return replays === 0 ? [] : [`It was replayed${times(replays) || ' once'} before.`];
}

const name = (text: string): string => `"${visibleLine(text)}"`;
/** Where a message is published to, for people. */
export function describeAddress(exchange: string, key: string): string {
  return exchange === '' ? `the queue ${name(key)}` : `exchange ${name(exchange)} with key ${name(key)}`;
}

/** Seconds since 1970 as ISO 8601. */
export function isoTime(seconds: number): string {
  return new Date(seconds * 1_000).toISOString().replace('.000Z', 'Z');
}
