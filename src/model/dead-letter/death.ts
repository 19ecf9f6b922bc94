import { isDeepStrictEqual } from 'node:util';
import { numberIn } from '../message/field.ts';
import { type PlainValue, plainHeaders } from '../message/field-json.ts';
import type { Delivery, FieldTable, FieldValue } from '../message/message.ts';

/** Why messages die, as the broker names it. */
export const REASONS = ['rejected', 'expired', 'maxlen', 'delivery_limit'] as const;

/** One way in which a message died: of one reason in one queue, once or several times. */
export interface Death {
  readonly queue: string;
  /** One of `REASONS`, unless it is forged. */
  readonly reason: string;
  readonly count: number;
  /** When it died so for the first time, in seconds since 1970; undefined where that is not told. */
  readonly time: number | undefined;
  /** Where it had been published to when it came into the queue, and with which keys (the first one is its routing key). */
  readonly exchange: string;
  readonly routingKeys: readonly string[];
  /** The expiration, in milliseconds as digits, that the broker took off. */
  readonly originalExpiration: string | undefined;
}

/** What the headers of a message tell about its deaths. */
export interface DeathHistory {
  /** The newest first. */
  readonly deaths: readonly Death[];
  /** Where it died first: in the queue that it was meant for. Undefined when nothing is told. */
  readonly first: Death | undefined;
  /** How many entries are not what a broker writes: anybody can put such headers on a message. */
  readonly malformed: number;
}

/** More entries than any broker writes; what is beyond is not looked at. */
const MOST_ENTRIES = 1_000;
/** The year 10000, in seconds. */
const END_OF_TIME = 253_402_300_800;

/** Reads the `x-death` headers. They may be forged: nothing in them is taken for granted, and nothing makes this throw. */
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
  const first = deaths.find((death) => death.queue === queue && death.reason === reason) ?? deaths.at(-1);
  return { deaths, first, malformed: entries.length - deaths.length };
}

function readDeath(entry: FieldValue): Death | undefined {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return undefined;
  const { queue, reason, count, time, exchange, 'routing-keys': keys, 'original-expiration': expiration } = entry as FieldTable;
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

/** Which dead letters are meant. All that is said must hold; of several values for one thing, one must. */
export interface DeadLetterCriteria {
  /** Why it died last. */
  readonly reason?: readonly string[] | undefined;
  /** In which queue it died last. */
  readonly fromQueue?: readonly string[] | undefined;
  /** Headers with exactly these values; a text also means the number or the truth value that is written so. */
  readonly header?: FieldTable | undefined;
  /** Milliseconds since its newest death. */
  readonly olderThan?: number | undefined;
  readonly newerThan?: number | undefined;
  /** Message ids. */
  readonly id?: readonly string[] | undefined;
}

/** True for a dead letter, at a time in milliseconds since 1970. */
export type DeadLetterFilter = (delivery: Delivery, now: number) => boolean;

/** Turns criteria into a test. A message that does not tell what is asked for, such as when it died, is not meant. */
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
