import { isDeepStrictEqual } from 'node:util';
import { isTable, numberIn } from '../message/field.ts';
import { type PlainValue, plainHeaders } from '../message/field-json.ts';
import type { Delivery, FieldTable, FieldValue } from '../message/message.ts';

/** Why messages die, in the broker's words. */
export const REASONS = ['rejected', 'expired', 'maxlen', 'delivery_limit'] as const;

/** Deaths of a message in one queue for one reason. */
export interface Death {
  readonly queue: string;
  /** One of `REASONS`, unless it is forged. */
  readonly reason: string;
  readonly count: number;
  /** The first of these deaths, in seconds since 1970; undefined where unknown. */
  readonly time: number | undefined;
  /** Where it had been published to when it came into the queue, and with which keys (the first one is its routing key). */
  readonly exchange: string;
  readonly routingKeys: readonly string[];
  /** The expiration that the broker removed, in milliseconds as digits. */
  readonly originalExpiration: string | undefined;
}

/** The deaths that the headers of a message report. */
export interface DeathHistory {
  /** The newest first. */
  readonly deaths: readonly Death[];
  /** The first death, in the queue that the message was published to, with a delay or without. Undefined without any. */
  readonly first: Death | undefined;
  /** The number of entries that no broker writes: any publisher can set such headers. */
  readonly malformed: number;
}

/** More entries than any broker writes; further ones are ignored. */
const MOST_ENTRIES = 1_000;
/** The year 10000, in seconds. */
const END_OF_TIME = 253_402_300_800;

/** Reads the `x-death` headers. They may be forged: everything in them is checked, and nothing makes this throw. */
export function deathHistory(given?: FieldTable): DeathHistory {
  const headers = given ?? {};
  const { 'x-death': entries } = headers;
  if (entries === undefined) return { deaths: [], first: undefined, malformed: 0 };
  if (!Array.isArray(entries)) return { deaths: [], first: undefined, malformed: 1 };
  const deaths = (entries as readonly FieldValue[])
    .slice(0, MOST_ENTRIES)
    .map(readDeath)
    .filter((death) => death !== undefined);
  const [queue, reason] = [headers['x-first-death-queue'], headers['x-first-death-reason']];
  // A message that dies again moves its entry to the front: the last entry need not be the first death.
  const oldest = deaths.find((death) => death.queue === queue && death.reason === reason) ?? deaths.at(-1);
  // A wait that its publisher asked for is no failure: the first death is that behind it.
  const first = oldest === undefined || !isDelay(oldest) ? oldest : (deaths.findLast((death) => !isDelay(death)) ?? oldest);
  return { deaths, first, malformed: entries.length - deaths.length };
}

/** The end of a message's wait in the queue of a publisher's `delay`. */
function isDelay({ queue, reason }: Death): boolean {
  return reason === 'expired' && /\.delay\.\d+$/.test(queue);
}

function readDeath(entry: FieldValue): Death | undefined {
  if (!isTable(entry)) return undefined;
  const { queue, reason, count, time, exchange, 'routing-keys': keys, 'original-expiration': expiration } = entry;
  if (typeof queue !== 'string' || queue === '' || typeof reason !== 'string' || typeof exchange !== 'string') return undefined;
  if (!Array.isArray(keys) || !keys.every((key) => typeof key === 'string')) return undefined;
  if (![queue, exchange, (keys as readonly string[])[0] ?? ''].every(isShort)) return undefined;
  const times = numberIn(count);
  const seconds = numberIn(time);
  return {
    queue,
    reason,
    count: times !== undefined && Number.isSafeInteger(times) && times > 0 ? times : 1,
    time: seconds !== undefined && seconds >= 0 && seconds < END_OF_TIME ? seconds : undefined,
    exchange,
    routingKeys: keys as readonly string[],
    originalExpiration: typeof expiration === 'string' && /^\d{1,20}$/.test(expiration) ? expiration : undefined,
  };
}

/** Names and routing keys have 255 bytes at most. */
function isShort(text: string): boolean {
  return text.length <= 63 || (text.length <= 255 && Buffer.byteLength(text) <= 255);
}

/** Criteria for dead letters. All must hold; of several values for one criterion, one must. */
export interface DeadLetterCriteria {
  readonly reason?: readonly string[] | undefined;
  readonly fromQueue?: readonly string[] | undefined;
  /** Headers with exactly these values; a text also matches the number or boolean that is written the same. */
  readonly header?: FieldTable | undefined;
  /** Milliseconds since its newest death. */
  readonly olderThan?: number | undefined;
  readonly newerThan?: number | undefined;
  readonly id?: readonly string[] | undefined;
}

/** True for a matching dead letter, at a time in milliseconds since 1970. */
export type DeadLetterFilter = (delivery: Delivery, now: number) => boolean;

/** Turns criteria into a test. A message without the information, such as when it died, does not match. */
export function deadLetterFilter({ reason, fromQueue, header, olderThan, newerThan, id }: DeadLetterCriteria): DeadLetterFilter {
  const tests: DeadLetterFilter[] = [];
  if (id !== undefined) tests.push(({ properties }) => properties.messageId !== undefined && id.includes(properties.messageId));
  if (reason !== undefined || fromQueue !== undefined || olderThan !== undefined || newerThan !== undefined) {
    tests.push(({ properties }, now) => {
      const [newest] = deathHistory(properties.headers).deaths;
      if (newest === undefined) return false;
      if (reason !== undefined && !reason.includes(newest.reason)) return false;
      if (fromQueue !== undefined && !fromQueue.includes(newest.queue)) return false;
      if (olderThan === undefined && newerThan === undefined) return true;
      if (newest.time === undefined) return false;
      const age = now - newest.time * 1_000;
      return age > (olderThan ?? Number.NEGATIVE_INFINITY) && age < (newerThan ?? Number.POSITIVE_INFINITY);
    });
  }
  if (header !== undefined) {
    const wanted = Object.entries(plainHeaders(header));
    tests.push(({ properties: { headers = {} } }) =>
      wanted.every(([name, value]) => {
        const field = Object.hasOwn(headers, name) ? headers[name] : undefined;
        return field !== undefined && isMeant(plainHeaders({ field })['field'], value);
      }),
    );
  }
  return (delivery, now) => tests.every((test) => test(delivery, now));
}

function isMeant(found: PlainValue | undefined, wanted: PlainValue): boolean {
  if (typeof wanted === 'string' && (typeof found === 'number' || typeof found === 'boolean')) return String(found) === wanted;
  return isDeepStrictEqual(found, wanted);
}
