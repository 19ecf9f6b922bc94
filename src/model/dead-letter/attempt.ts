import { isOfDeath, isOfDelivery, isOfLastDeath, partition } from '../message/broker-headers.ts';
import { isTable } from '../message/field.ts';
import { plainHeaders } from '../message/field-json.ts';
import type { Delivery, FieldTable, FieldValue, Message, Properties } from '../message/message.ts';
import { masked } from '../secrets.ts';
import type { Judgement } from '../verdict.ts';

/** The number of the attempt, from the second one on. */
export const ATTEMPT_HEADER = 'x-rmq-attempt';
/** What a retry copy cannot carry in its place; restored when it is delivered. */
export const ORIGIN_HEADER = 'x-rmq-origin';
/** What a message that was moved or put back could not carry in its place. */
export const MOVED_HEADER = 'x-rmq-moved';
/** Why a message was dead-lettered: the reason, and the exit code and last lines of its program. */
export const REASON_HEADER = 'x-rmq-reason';
export const EXIT_CODE_HEADER = 'x-rmq-exit-code';
export const STDERR_HEADER = 'x-rmq-stderr';

/** All headers must fit into one frame. */
const LONGEST_REASON = 4_096;

/** Headers that make the broker route a message to more queues. */
const CARBON_COPIES = ['CC', 'BCC'];

/** A delivery as it was before any retry, and the number of this attempt. */
export interface Attempt {
  readonly number: number;
  readonly original: Delivery;
}

/**
 * Undoes what `retryCopy` of this user did. Only a message that just came out of a retry queue of its own queue is on a further attempt: the headers
 * also travel on dead letters and on published copies of them, which are messages like any other. Any publisher can write all of these
 * headers, but not the user id: the broker refuses a message with another one than the publisher's own.
 */
export function attemptOf(delivery: Delivery, user: string): Attempt {
  const { [ATTEMPT_HEADER]: attempt, [ORIGIN_HEADER]: origin, ...headers } = delivery.properties.headers ?? {};
  if (attempt === undefined && origin === undefined) return { number: 1, original: delivery };
  const { queue, redelivered, body, exchange, routingKey, properties } = delivery;
  const waitedIn = pauseOf(delivery);
  if (waitedIn === 'ladder' && properties.userId === user && isTable(origin)) return { number: 1, original: fromLadder(delivery, origin, headers) };
  const isOwn = properties.userId === user && waitedIn === 'retry';
  if (!isOwn || typeof attempt !== 'number' || !Number.isInteger(attempt) || !isTable(origin)) {
    return { number: 1, original: { queue, redelivered, body, exchange, routingKey, properties: withHeaders(properties, headers) } };
  }
  const { userId, expiration, headers: kept } = origin;
  const { userId: _, ...others } = properties;
  const own = Object.fromEntries(Object.entries(headers).filter(([name]) => !isOfDeath(name)));
  return {
    number: Math.max(1, attempt),
    original: {
      queue,
      redelivered,
      body,
      exchange: typeof origin['exchange'] === 'string' ? origin['exchange'] : exchange,
      routingKey: typeof origin['routingKey'] === 'string' ? origin['routingKey'] : routingKey,
      properties: {
        ...withHeaders(others, isTable(kept) ? { ...own, ...kept } : own),
        ...(typeof userId === 'string' && { userId }),
        ...(typeof expiration === 'string' && { expiration }),
      },
    },
  };
}

/** Where a message waited that has just come back: in a retry queue, or on a ladder of `dlx setup`. */
function pauseOf({ queue, properties }: Delivery): 'retry' | 'ladder' | undefined {
  const deaths = properties.headers?.['x-death'];
  const last = Array.isArray(deaths) ? (deaths[0] as FieldValue | undefined) : undefined;
  if (!isTable(last) || last['reason'] !== 'expired' || typeof last['queue'] !== 'string') return undefined;
  const prefix = retryQueue(queue, '');
  if (!last['queue'].startsWith(prefix)) return undefined;
  return /^\d+$/.test(last['queue'].slice(prefix.length)) ? 'retry' : 'ladder';
}

/** A message that came back from a ladder, with the history that it went there with: RabbitMQ 4 replaces a published history with its own. The routing key counts the ladder's steps, and stays. */
function fromLadder(
  { queue, redelivered, body, exchange, routingKey, properties }: Delivery,
  { userId, headers: kept }: FieldTable,
  headers: FieldTable,
): Delivery {
  const before = isTable(kept) ? kept : {};
  const { userId: _, ...others } = properties;
  const since = entriesOf(headers);
  const earlier = entriesOf(before).filter((one) => !since.some((other) => isSameDeath(one, other)));
  return {
    queue,
    redelivered,
    body,
    exchange,
    routingKey,
    properties: {
      ...withHeaders(others, { ...headers, ...before, 'x-death': [...since, ...earlier] }),
      ...(typeof userId === 'string' && { userId }),
    },
  };
}

function entriesOf({ 'x-death': entries }: FieldTable): readonly FieldValue[] {
  return Array.isArray(entries) ? (entries as readonly FieldValue[]) : [];
}

function isSameDeath(one: FieldValue, other: FieldValue): boolean {
  return isTable(one) && isTable(other) && one['queue'] === other['queue'] && one['reason'] === other['reason'];
}

/** The retry queue of a queue for this pause in milliseconds. */
function retryQueue(queue: string, pause: number | ''): string {
  return `${queue}.retry.${pause}`;
}

/** The copy of a message that waits for its next attempt. A header keeps its user id, which may be another's, its expiration and headers that would route it elsewhere. The copy's user id is the worker's own, and proves who made it. */
export function retryCopy(original: Delivery, next: number, waitingIn: string, user: string): Message {
  const { userId, expiration, ...properties } = original.properties;
  const [, published] = partition(original.properties.headers ?? {}, isOfDelivery);
  // Headers that the next worker would believe, coming from this user, are kept inside.
  const [kept, own] = partition(published, (name) => isOfDeath(name) || CARBON_COPIES.includes(name) || name === MOVED_HEADER);
  const origin: FieldTable = {
    exchange: original.exchange,
    routingKey: original.routingKey,
    ...(userId !== undefined && { userId }),
    ...(expiration !== undefined && { expiration }),
    headers: kept,
  };
  return {
    exchange: '',
    routingKey: waitingIn,
    body: original.body,
    properties: {
      ...properties,
      userId: user,
      headers: { ...own, [ATTEMPT_HEADER]: next, [ORIGIN_HEADER]: origin },
    },
  };
}

/**
 * A message as a dead letter, with the history that the broker would have written for a rejection and with the
 * reason. The origin header keeps where the message came from, and what cannot be published again, such as another's user id.
 * The user id is the worker's own: it proves who wrote this, whatever history the message arrived with.
 */
export function deadLetter(
  attempt: Attempt,
  to: Pick<Message, 'exchange' | 'routingKey'>,
  judgement: Judgement,
  { seconds, user }: { readonly seconds: number; readonly user: string | undefined },
): Message {
  const { original, number } = attempt;
  const { userId, expiration, ...properties } = original.properties;
  // Statements about an earlier failure, or about this delivery, are not true of the dead letter.
  const [, said] = partition(
    original.properties.headers ?? {},
    (name) => name === EXIT_CODE_HEADER || name === STDERR_HEADER || isOfDelivery(name) || isOfLastDeath(name),
  );
  // Headers that would be believed, coming from this user, are kept inside, like those that would route it elsewhere.
  const [copies, headers] = partition(said, (name) => CARBON_COPIES.includes(name) || name === MOVED_HEADER);
  const history = died(original, expiration, seconds);
  const isLadder = to.exchange.startsWith(retryQueue(original.queue, ''));
  const kept: FieldTable = isLadder ? { ...copies, ...partition({ ...headers, ...history }, isOfDeath)[0] } : copies;
  const origin: FieldTable = {
    queue: original.queue,
    exchange: original.exchange,
    routingKey: original.routingKey,
    ...(userId !== undefined && { userId }),
    ...(Object.keys(kept).length > 0 && { headers: kept }),
  };
  const { reason, exitCode, stderr } = judgement;
  return {
    ...to,
    body: original.body,
    properties: {
      ...properties,
      ...(user !== undefined && { userId: user }),
      headers: {
        ...headers,
        ...history,
        [ATTEMPT_HEADER]: number,
        ...(reason !== undefined && { [REASON_HEADER]: masked(reason).slice(0, LONGEST_REASON) }),
        ...(exitCode !== undefined && { [EXIT_CODE_HEADER]: exitCode }),
        ...(stderr !== undefined && stderr !== '' && { [STDERR_HEADER]: masked(stderr) }),
        [ORIGIN_HEADER]: origin,
      },
    },
  };
}

/** A dead letter without the user id of its worker, which no other user could publish. */
export function withoutSignature(properties: Properties): Properties {
  const { userId, ...others } = properties;
  const { headers = {} } = properties;
  return userId !== undefined && headers[ORIGIN_HEADER] !== undefined && headers[ATTEMPT_HEADER] !== undefined ? others : properties;
}

/** The death headers after a rejection: newest first, one entry for each queue and reason. As with the broker, an existing entry keeps its first time and counts on. */
function died({ queue, exchange, routingKey, properties }: Delivery, expiration: string | undefined, seconds: number): FieldTable {
  const { headers = {} } = properties;
  const before = entriesOf(headers);
  const isSame = (entry: FieldValue): boolean => isTable(entry) && entry['queue'] === queue && entry['reason'] === 'rejected';
  const same = before.find(isSame);
  const carbonCopies = Array.isArray(headers['CC']) ? (headers['CC'] as readonly FieldValue[]) : [];
  const told: FieldTable = isTable(same) ? same : expiration === undefined ? {} : { 'original-expiration': expiration };
  const entry: FieldTable = {
    reason: 'rejected',
    queue,
    time: { '!': 'timestamp', value: seconds },
    exchange,
    'routing-keys': [routingKey, ...carbonCopies],
    ...told,
    count: { '!': 'int64', value: countOf(same) + 1 },
  };
  const first = { 'x-first-death-exchange': exchange, 'x-first-death-queue': queue, 'x-first-death-reason': 'rejected' };
  return { ...(headers['x-first-death-queue'] === undefined && first), 'x-death': [entry, ...before.filter((one) => !isSame(one))] };
}

function countOf(entry: FieldValue | undefined): number {
  const count = isTable(entry) ? entry['count'] : undefined;
  const value = isTable(count) ? count['value'] : count;
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0;
}

function withHeaders({ headers, ...properties }: Properties, own: FieldTable): Properties {
  return headers === undefined || Object.keys(own).length === 0 ? properties : { ...properties, headers: own };
}

/** The reason that a worker gives when it knows only how its program ended. */
const ONLY_EXIT_CODE = /^exit code \d+$/;

/**
 * Why a worker gave a message up: its reason or, where that is only an exit code, the last line that the program wrote to
 * its standard error. Undefined when the headers have neither.
 */
export function whyOf({ headers = {} }: Properties): string | undefined {
  const { [REASON_HEADER]: reason, [STDERR_HEADER]: stderr } = headers;
  if (reason === undefined && stderr === undefined) return undefined;
  const told = plainHeaders({ ...(reason !== undefined && { reason }), ...(stderr !== undefined && { stderr }) });
  const said = typeof told['reason'] === 'string' ? told['reason'] : '';
  const lines = typeof told['stderr'] === 'string' ? told['stderr'].split('\n').filter((line) => line.trim() !== '') : [];
  const last = lines.at(-1)?.trim();
  return (ONLY_EXIT_CODE.test(said) ? (last ?? said) : said || last) || undefined;
}
