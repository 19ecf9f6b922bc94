import { isDeepStrictEqual } from 'node:util';
import { deathHistory } from './death.ts';
import type { Delivery, FieldTable } from './message.ts';
import { type PlainValue, plainHeaders } from './plain-headers.ts';

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
